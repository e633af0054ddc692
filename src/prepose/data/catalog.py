"""The datasets that prepose can read, and the one function that turns a dataset on disk into a store."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from prepose.data.adapters import (
    coco,
    coco_style,
    custom,
    cvat,
    flic,
    h36m,
    label_studio,
    lsp,
    mpi_inf_3dhp,
    mpii,
    mupots_3d,
    occlusion_person,
    penn_action,
    threedpw,
    yolo_pose,
)
from prepose.data.chip import Chips, embed
from prepose.data.entry import CatalogEntry, FoundDataset, SplitMissing, with_hint
from prepose.data.store import StoreDescription, finished_samples, is_complete, write_store
from prepose.errors import DataError, unknown_name
from prepose.files import LOCK, locked

# Each adapter's file holds its ENTRIES; the order is that of `prepose data list`.
_ADAPTERS = (
    lsp,
    mpii,
    flic,
    coco,
    coco_style,
    penn_action,
    h36m,
    occlusion_person,
    mpi_inf_3dhp,
    mupots_3d,
    threedpw,
    yolo_pose,
    cvat,
    label_studio,
    custom,
)

DATASETS: Mapping[str, CatalogEntry] = MappingProxyType(
    {entry.name: entry for adapter in _ADAPTERS for entry in adapter.ENTRIES}
)


@dataclass(frozen=True)
class AddedSplit:
    """What `add_dataset` did for one split.

    Attributes:
        split: Its name.
        samples: Samples now in the store.
        resumed_from: Samples that were there already; all of them where the split was complete.
        expected: Samples of the complete dataset.
        notes: What was left out, mended or is otherwise worth knowing, with counts.
    """

    split: str
    samples: int
    resumed_from: int
    expected: int | None
    notes: tuple[str, ...]


def get_dataset(name: str) -> CatalogEntry:
    """The catalogue's entry of that name.

    Raises:
        DataError: there is none.
    """
    if name in DATASETS:
        return DATASETS[name]
    raise DataError(unknown_name("dataset", name, DATASETS))


def add_dataset(  # noqa: PLR0913 - the options of one command
    name: str,
    root: Path,
    out: Path,
    *,
    splits: Sequence[str] = (),
    partial: bool = False,
    by_reference: bool = False,
    chips: Chips | None = None,
    workers: int = 1,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> tuple[AddedSplit, ...]:
    """Find a dataset on disk and write it into a store; run again after an interruption, it goes on where it was.

    Args:
        name: The dataset's name in the catalogue.
        root: The folder into which the original files were unpacked.
        out: The store to write.
        splits: The splits to add; none for the usual ones.
        partial: Whether labels without image and images without label are left out, and counted, instead of refused;
            and of the usual splits those of which nothing is there.
        by_reference: Whether images stay where they are, the store keeping their paths, instead of being copied in.
        chips: How to cut person chips, which the store keeps instead of the images; None for the whole images.
        workers: Processes that read, cut and encode images; the store is the same for any number of them.
        progress: Called with (split, samples done, samples in all).

    Raises:
        DataError: the dataset, a split or the files are not what they should be, or the store holds something else.
        PoseError: a worker process died.
        ValueError: chips and references are both asked for, or a number of workers below 1.
    """
    if by_reference and chips is not None:
        raise ValueError("a store keeps person chips or references to the whole images, not both")
    if workers < 1:
        raise ValueError(f"workers must be at least 1, found {workers}")
    entry = get_dataset(name)
    wanted = _wanted_splits(entry, root, splits)
    made_by = {"command": f"prepose data add {name}", "root": str(root.resolve()), "partial": partial}
    made_by |= {"images": "by reference" if by_reference else "inside"}
    if chips is not None:
        made_by |= {"images": "person chips", "size": chips.size, "margin": chips.margin}
    found = _find_all(entry, root, wanted, partial=partial, may_lack=partial and not splits)

    def write(split: str, description: StoreDescription, done: int) -> None:
        samples = found[split].samples(done, found[split].total)
        write_store(
            out,
            description,
            split,
            samples if by_reference else embed(samples, chips=chips, workers=workers),
            total=found[split].total,
            resume_from=done,
            progress=None if progress is None else _named(progress, split),
        )

    added, was_there = [], True
    with locked(out / LOCK, f"is writing the store {out}"):
        for split, each in found.items():
            facts = made_by | {"split": split} | each.facts
            description = StoreDescription(entry.name, each.skeleton, entry.licence, entry.citation, facts)
            is_there = is_complete(out, split, description)
            was_there = was_there and is_there
            done = each.total if is_there else finished_samples(out, split, description)
            # Not `done < each.total`: all samples may be there, and the mark that the split is complete, written last,
            # not.
            if not is_there:
                write(split, description, done)
            added.append(AddedSplit(split, each.total, done, entry.expected.get(split), each.notes))
    if was_there:
        raise DataError(f"{out}: holds {name} ({', '.join(wanted)}) already; choose another --out or delete it")
    return tuple(added)


def _wanted_splits(entry: CatalogEntry, root: Path, splits: Sequence[str]) -> tuple[str, ...]:
    unknown = [split for split in splits if split not in entry.splits]
    if unknown:
        raise DataError(f"{entry.name} has no split {unknown[0]!r}; it has {', '.join(entry.splits)}")
    if not root.is_dir() and not (root.is_file() and entry.root_may_be_file):
        raise DataError(f"{root}: there is no such folder; unpack {entry.title} there ({entry.home})")
    if splits or entry.splits_at is None:
        return tuple(splits) or entry.splits[: entry.default_splits]
    try:
        return entry.splits_at(root)
    except DataError as error:
        raise with_hint(error, entry.name, root, DATASETS.values()) from error


def _find_all(
    entry: CatalogEntry, root: Path, splits: Sequence[str], *, partial: bool, may_lack: bool
) -> dict[str, FoundDataset]:
    """All of the splits, before any is written: a refusal leaves nothing behind.

    Args:
        entry: The dataset.
        root: The folder of its files.
        splits: Which splits.
        partial: As `add_dataset` has it.
        may_lack: Whether splits of which nothing is there are left out, which the first other one's notes then say.

    Raises:
        DataError: a split cannot be read, or is not there and must be, or none is there.
    """
    found: dict[str, FoundDataset] = {}
    missing: dict[str, SplitMissing] = {}
    for split in splits:
        try:
            found[split] = entry.adapter(root, split, partial=partial)
        except SplitMissing as error:
            missing[split] = error
        except DataError as error:
            raise with_hint(error, entry.name, root, DATASETS.values()) from error
    if missing and (not may_lack or not found):
        error = next(iter(missing.values()))
        way_out = DataError(f"{error}; or pass --partial to add {', '.join(found)} alone")
        raise with_hint(way_out if found and not partial else error, entry.name, root, DATASETS.values()) from error
    if missing:
        first = next(iter(found))
        told = tuple(f"split {split} is not there and is left out ({error})" for split, error in missing.items())
        found[first] = replace(found[first], notes=(*told, *found[first].notes))
    return found


def _named(progress: Callable[[str, int, int | None], None], split: str) -> Callable[[int, int | None], None]:
    return lambda done, total: progress(split, done, total)
