"""What there is, for the terminal and for machines: the datasets that can be read, and what of them is on this disk."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding

from prepose.data.catalog import DATASETS, get_dataset
from prepose.data.entry import CatalogEntry
from prepose.data.on_disk import (
    OriginalFiles,
    SplitOnDisk,
    StoreOnDisk,
    find_original_files,
    find_stores,
    usual_places,
)
from prepose.errors import DataError, unknown_name


@dataclass(frozen=True)
class Listing:
    """What `prepose data list` shows.

    Attributes:
        entries: Datasets.
        in_full: Whether those were asked for by name, and are shown with all that is known.
        places: Where stores and original files were looked for.
        stores: Stores found there.
        original_files: Folders there that look like a dataset.
    """

    entries: tuple[CatalogEntry, ...]
    in_full: bool
    places: tuple[Path, ...]
    stores: tuple[StoreOnDisk, ...]
    original_files: tuple[OriginalFiles, ...]


def list_data(asked: Sequence[str], folder: Path) -> Listing:
    """Find what is asked for.

    Args:
        asked: Names of datasets and folders to look into; nothing for every dataset and the usual places. Of a word
            that is both, the dataset is meant; `./coco` is the folder.
        folder: Where the user stands.

    Raises:
        DataError: a word is neither.
    """
    names = [one for one in asked if one in DATASETS]
    places = tuple(folder / one for one in asked if one not in DATASETS)
    for place, one in zip(places, (one for one in asked if one not in DATASETS), strict=True):
        if not place.is_dir():
            _neither(one)
    if not asked:
        places = usual_places(folder)
    entries = tuple(DATASETS.values() if not asked else (DATASETS[name] for name in names))
    originals = find_original_files(places, tuple(DATASETS.values())) if asked else ()
    return Listing(entries, bool(names), places, find_stores(places), originals)


def as_plain(listing: Listing) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "datasets": [_plain_entry(entry) for entry in listing.entries],
        "places": [str(place) for place in listing.places],
        "stores": [_plain_store(store) for store in listing.stores],
        "original_files": [
            {
                "folder": str(one.folder),
                "looks_like": one.dataset,
                "sign": str(one.sign),
                "command": _command(one),
            }
            for one in listing.original_files
        ],
    }


def print_listing(listing: Listing, console: Console | None = None) -> None:
    """Datasets first, then what is on this disk, then what to type."""
    console = console or Console()
    for entry in listing.entries:
        console.print(f"[bold]{entry.name}[/bold]  {entry.title}", highlight=False)
        for line in _full_lines(entry) if listing.in_full else _lines(entry):
            _indented(console, line)
        for line in _to_copy(entry) if listing.in_full else ():
            _whole(console, line)
    if listing.places or not listing.in_full:
        _print_disk(listing, console)
    if not listing.in_full and listing.entries:
        console.print(
            "`prepose data add NAME ROOT --out STORE` reads one, `prepose data list NAME` tells more of it, "
            "`prepose data list FOLDER` looks into a folder; `prepose synthesize` needs no files.",
            highlight=False,
        )


def _neither(word: str) -> None:
    if Path(word).name == word and not Path(word).exists():
        get_dataset(word)
    raise DataError(f"{word}: there is no such folder, and {unknown_name('dataset', word, DATASETS)}")


def _print_disk(listing: Listing, console: Console) -> None:
    where = ", ".join(f"{place}" for place in listing.places)
    if not listing.stores and not listing.original_files:
        console.print(f"[bold]On this disk[/bold]  nothing found in {where or 'data/ or quickstart/'}", highlight=False)
        return
    console.print(f"[bold]On this disk[/bold]  in {where}", highlight=False)
    for store in listing.stores:
        name = f"{store.dataset}, {store.skeleton}" if not store.trouble else "cannot be read"
        _indented(console, f"{store.folder}: {name}, {disk_size(store.disk_bytes)}")
        for line in [store.trouble] if store.trouble else [_split_line(split) for split in store.splits]:
            _indented(console, line, 8)
    for one in listing.original_files:
        _indented(console, f"{one.folder}: looks like {one.dataset} (by {one.sign.relative_to(one.folder)})")
        _whole(console, _command(one), 8)


def _indented(console: Console, line: str, by: int = 4) -> None:
    console.print(Padding(line, (0, 0, 0, by), expand=False), highlight=False, markup=False)


def _whole(console: Console, line: str, by: int = 4) -> None:
    """A line that can be copied: never broken."""
    console.print(" " * by + line, highlight=False, markup=False, soft_wrap=True)


def _lines(entry: CatalogEntry) -> list[str]:
    labels = "3D" if entry.has_3d else "2D"
    skeleton = (
        "your own skeleton" if entry.skeleton is None else f"{entry.skeleton.name} ({len(entry.skeleton)} joints)"
    )
    counts = ", ".join(f"{count:,} {split}" for split, count in entry.expected.items())
    return [
        entry.about,
        f"{labels} labels, {skeleton}" + (f"; {counts}" if counts else ""),
        f"size: {entry.size}",
        f"terms: {entry.licence}",
        *([f"from: {entry.home}"] if entry.home else []),
        *(f"reads: {layout}" for layout in entry.layouts),
    ]


def _full_lines(entry: CatalogEntry) -> list[str]:
    usual = entry.splits[: entry.default_splits]
    further = entry.splits[entry.default_splits :]
    splits = f"splits: {', '.join(usual)}" + (f"; by --split: {', '.join(further)}" if further else "")
    counts = ", ".join(f"{split} {entry.expected[split]:,}" for split in entry.splits if split in entry.expected)
    joints = "your own" if entry.skeleton is None else ", ".join(entry.skeleton.joints)
    return [
        *_lines(entry),
        f"cite: {entry.citation}",
        f"joints: {joints}",
        splits,
        f"expected: {counts or 'the authors state no number of samples; what is there is counted when it is added'}",
    ]


def _to_copy(entry: CatalogEntry) -> list[str]:
    tree = (f"    {line}" for line in entry.tree)
    return ["unpack as:", *tree, f"then: prepose data add {entry.name} {entry.tree[0]} --out data/{entry.name}"]


def _split_line(split: SplitOnDisk) -> str:
    of = f" of {split.total:,}" if split.total is not None and not split.complete else ""
    state = "complete" if split.complete else f"interrupted; `{split.command or 'the command that wrote it'}` goes on"
    sizes = " to ".join(f"{width} x {height}" for width, height in split.picture_wh)
    shown = (
        f"pictures {sizes} px" if sizes else "no picture can be read" if split.complete else "pictures not looked at"
    )
    kept = "" if split.images == "inside" else f" ({split.images})"
    return f"{split.name}: {split.samples:,}{of} samples, {shown}{kept}, {state}"


def disk_size(count: int) -> str:
    """A number of bytes for people to read: decimal units, as disks are sold."""
    size, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.5 or unit == "TB":
            break
        size /= 1000
    return f"{size:.3g} {unit}"


def _command(one: OriginalFiles) -> str:
    return f"prepose data add {one.dataset} {shlex.quote(str(one.folder))} --out data/{one.dataset}"


def _plain_entry(entry: CatalogEntry) -> dict[str, Any]:
    texts = ("name", "title", "about", "has_3d", "licence", "citation", "home", "size")
    lists = ("layouts", "tree", "splits")
    return {
        **{key: getattr(entry, key) for key in texts},
        **{key: list(getattr(entry, key)) for key in lists},
        "usual_splits": list(entry.splits[: entry.default_splits]),
        "expected": dict(entry.expected),
        "skeleton": entry.skeleton.name if entry.skeleton else None,
        "joints": list(entry.skeleton.joints) if entry.skeleton else None,
    }


def _plain_store(store: StoreOnDisk) -> dict[str, Any]:
    splits = [{**vars(split), "picture_wh": [list(size) for size in split.picture_wh]} for split in store.splits]
    return {**vars(store), "folder": str(store.folder), "splits": splits}
