"""What is on this disk: stores, and folders of original files that could become one. No image is decoded."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prepose.data.entry import CatalogEntry, lies_in, looks_like
from prepose.data.picture import image_size
from prepose.data.store import SplitSummary, describe_store, open_store
from prepose.errors import DataError
from prepose.files import parse_json, read_regular_file

# A place holds stores, or folders of stores such as `quickstart/stores/lab`.
DEPTH = 3
MOST_FOLDERS = 2000
# Pictures of a split whose size is looked at, spread over it.
LOOKED_AT = 5
# Where commands and recipes put stores, from the folder one works in.
USUAL_PLACES = ("data", "quickstart")
RECIPES = ("*.json", "runs/*/recipe.json", "quickstart/runs/*/recipe.json")
MOST_RECIPE_BYTES = 2**20


@dataclass(frozen=True)
class SplitOnDisk:
    """A split of a store.

    Attributes:
        name: Its name.
        samples: Samples that are safely there.
        total: Samples that were announced, where that was known.
        complete: Whether it was finished; else the command that wrote it goes on with it.
        images: `inside`, `by reference` or `person chips`, where the command that wrote it says so.
        picture_wh: Width and height of pictures looked at, px: the smallest and the largest; none where none is there.
        command: What wrote it.
    """

    name: str
    samples: int
    total: int | None
    complete: bool
    images: str
    picture_wh: tuple[tuple[int, int], ...]
    command: str


@dataclass(frozen=True)
class StoreOnDisk:
    """A store.

    Attributes:
        folder: Where it lies.
        dataset: The dataset's name, empty where it cannot be read.
        skeleton: Its skeleton's name.
        splits: Its splits.
        disk_bytes: The size of its files.
        trouble: Why it cannot be read, else empty.
    """

    folder: Path
    dataset: str
    skeleton: str
    splits: tuple[SplitOnDisk, ...]
    disk_bytes: int
    trouble: str = ""


@dataclass(frozen=True)
class OriginalFiles:
    """A folder that looks like a dataset, and the file by which it does."""

    folder: Path
    dataset: str
    sign: Path


def usual_places(folder: Path) -> tuple[Path, ...]:
    """Where stores are looked for unless places are named: `data/`, `quickstart/`, and where recipes nearby point.

    Recipes are those in the folder itself and those of runs in `runs/` and `quickstart/runs/`; what they name is taken
    from the folder, as training does.
    """
    named = [folder / name for pattern in RECIPES for path in sorted(folder.glob(pattern)) for name in _stores_of(path)]
    places = [folder / name for name in USUAL_PLACES]
    return tuple(dict.fromkeys(place for place in (*places, *named) if place.is_dir()))


def find_stores(places: Iterable[Path]) -> tuple[StoreOnDisk, ...]:
    """The stores that are one of the places, or lie up to three levels below, each once, in the order of the places."""
    found: dict[Path, StoreOnDisk] = {}
    for place in places:
        for folder in _folders_below(place, DEPTH):
            if (folder / "store.json").is_file() and folder.resolve() not in found:
                found[folder.resolve()] = _store(folder)
    return tuple(found.values())


def find_original_files(places: Iterable[Path], entries: Sequence[CatalogEntry]) -> tuple[OriginalFiles, ...]:
    """Datasets that lie in the places or in the folders right below them; else those that a place seems to hold."""
    found: list[OriginalFiles] = []
    for place in places:
        here = _original_files(place, lies_in(place, entries))
        folders = [folder for folder in _folders_below(place, 1) if folder != place]
        below = [one for folder in folders for one in _original_files(folder, lies_in(folder, entries))]
        known = {one.dataset for one in here}
        below = [one for one in below if one.dataset not in known]
        found += [*here, *below] or _original_files(place, looks_like(place, entries))
    return tuple(dict.fromkeys(found))


def _original_files(folder: Path, signs: Mapping[str, Path]) -> list[OriginalFiles]:
    is_store = (folder / "store.json").is_file()
    return [] if is_store else [OriginalFiles(folder, name, sign) for name, sign in signs.items()]


def _folders_below(place: Path, depth: int) -> Iterator[Path]:
    """The place and its folders, not those inside a store, hidden ones or links."""
    for seen, (root, folders, _) in enumerate(os.walk(place), start=1):
        folder = Path(root)
        yield folder
        level = len(folder.relative_to(place).parts)
        inside = (folder / "store.json").is_file()
        if inside or level == depth or seen >= MOST_FOLDERS:
            folders.clear()
        folders[:] = sorted(name for name in folders if not name.startswith("."))


def _store(folder: Path) -> StoreOnDisk:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    try:
        summary = describe_store(folder)
    except DataError as error:
        return StoreOnDisk(folder, "", "", (), size, str(error))
    splits = tuple(_split(folder, name, split) for name, split in summary.splits.items())
    description = summary.description
    return StoreOnDisk(folder, description.name, description.skeleton.name, splits, size)


def _split(folder: Path, name: str, split: SplitSummary) -> SplitOnDisk:
    made_by = split.made_by
    pictures = _picture_sizes(folder, name) if split.complete else ()
    return SplitOnDisk(
        name=name,
        samples=split.samples,
        total=split.total,
        complete=split.complete,
        images=str(made_by.get("images", "inside")),
        picture_wh=pictures,
        command=str(made_by.get("command", "")),
    )


def _picture_sizes(folder: Path, split: str) -> tuple[tuple[int, int], ...]:
    """The smallest and the largest of some pictures, by their area; nothing where none can be read."""
    try:
        dataset = open_store(folder, split)
        if not len(dataset):
            return ()
        rows = np.unique(np.linspace(0, len(dataset) - 1, LOOKED_AT).astype(int))
        sizes = sorted({image_size(dataset.image_bytes(row)) for row in rows.tolist()}, key=lambda wh: wh[0] * wh[1])
    except DataError:
        return ()
    return tuple(dict.fromkeys((sizes[0], sizes[-1])))


def _stores_of(recipe: Path) -> tuple[str, ...]:
    """What a JSON file names as `store`, at any depth; nothing where it is no recipe."""
    try:
        content = parse_json(read_regular_file(recipe)) if _may_be_recipe(recipe) else None
    except (OSError, ValueError):
        return ()
    return tuple(dict.fromkeys(_named_stores(content))) if isinstance(content, Mapping) else ()


def _may_be_recipe(path: Path) -> bool:
    # A named pipe never ends.
    return path.is_file() and path.stat().st_size <= MOST_RECIPE_BYTES


def _named_stores(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("store"), str):
            yield value["store"]
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _named_stores(part)
