"""A store: one dataset in a folder, with one or more splits, written as a stream and read through memory maps.

`store_files` says which files there are and why an interruption does no harm.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from prepose.body.skeleton import Skeleton
from prepose.data.columns import Blocks
from prepose.data.dataset import PoseDataset
from prepose.data.sample import PoseSample, check_sample
from prepose.data.store_files import (
    FORMAT_VERSION,
    SplitRecord,
    StoreRecord,
    check_shard,
    differing_facts,
    open_shard,
    read_split_record,
    read_store_record,
    record_skeleton,
    recorded_skeleton,
    sha256_of,
    write_record,
    write_shard,
)
from prepose.errors import DataError
from prepose.files import is_left_over

__all__ = [
    "FORMAT_VERSION",
    "SplitSummary",
    "StoreDescription",
    "StoreSummary",
    "describe_store",
    "finished_samples",
    "is_complete",
    "open_store",
    "store_splits",
    "verify_store",
    "write_store",
]

SHARD_BYTES = 128 * 2**20  # a shard of large images ends before `shard_size`, so that memory stays flat

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class StoreDescription:
    """What a store holds and how it came to be.

    Attributes:
        name: The dataset's name.
        skeleton: The skeleton of every sample.
        licence: On which terms it may be used.
        citation: What to cite.
        made_by: The command and its parameters, as JSON values; belongs to a split, the rest to the store.
    """

    name: str
    skeleton: Skeleton
    licence: str = ""
    citation: str = ""
    made_by: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SplitSummary:
    """How far a split is.

    Attributes:
        samples: Samples that are safely there.
        total: Samples that were announced, where that was known.
        complete: Whether the split was finished.
        made_by: The command and its parameters.
    """

    samples: int
    total: int | None
    complete: bool
    made_by: Mapping[str, Any]


@dataclass(frozen=True)
class StoreSummary:
    """A store's description (its `made_by` empty: that is a matter of each split) and its splits."""

    description: StoreDescription
    splits: Mapping[str, SplitSummary]


def write_store(  # noqa: PLR0913 - a stream and how to write it
    folder: Path,
    description: StoreDescription,
    split: str,
    samples: Iterable[PoseSample],
    *,
    total: int | None = None,
    shard_size: int = 1024,
    resume_from: int = 0,
    progress: Progress | None = None,
) -> None:
    """Write one split of a store, never holding more than one shard.

    Args:
        folder: The store; made where it does not exist.
        description: What is written; where the store exists, its own.
        split: The name of the split.
        samples: The samples, from number `resume_from` on.
        total: Number of samples of the whole split; the split does not count as complete with any other number.
        shard_size: Samples a shard at most.
        resume_from: The result of `finished_samples`, to go on with an interrupted split.
        progress: Called with (samples read, total) after each sample.

    Raises:
        DataError: the folder holds something else, or this split already; a sample is not valid; the disk is full.
        ValueError: `resume_from` is not where the split was interrupted, or a size or name is not valid.
    """
    _check_split_name(split)
    if shard_size < 1:
        raise ValueError(f"a shard holds at least one sample, shard_size is {shard_size}")
    finished = finished_samples(folder, split, description)
    if resume_from != finished:
        raise ValueError(f"{folder}: split {split!r} has {finished} finished samples, resume_from is {resume_from}")
    there = read_split_record(folder, split)
    shards = list(there.shards) if there is not None else []
    write_record(folder / "store.json", _record(description))
    record = SplitRecord(complete=False, total=total, made_by=_plain(description.made_by), shards=tuple(shards))
    write_record(folder / split / "split.json", record)
    checked = _checked(samples, description.skeleton, finished, total, progress)
    for shard in _shards(checked, shard_size):
        shards.append(write_shard(folder / split, len(shards), shard, description.skeleton))
        record = record.model_copy(update={"shards": tuple(shards)})
        write_record(folder / split / "split.json", record)
    if total is not None and record.samples != total:
        raise DataError(f"{folder}: split {split!r} was announced with {total} samples, {record.samples} came")
    write_record(folder / split / "split.json", record.model_copy(update={"complete": True}))


def finished_samples(folder: Path, split: str, description: StoreDescription) -> int:
    """How many samples of an interrupted split of this description are safely there; 0 where there is none.

    Raises:
        DataError: the folder holds something else, the split is complete, or it was made by another command.
    """
    if not (folder / "store.json").exists():
        # A process killed in its very first write leaves nothing but the record it was writing, and its lock.
        empty = not folder.exists() or (folder.is_dir() and all(map(is_left_over, folder.iterdir())))
        if not empty:
            raise DataError(f"{folder}: is not empty and not a store; choose another --out")
        return 0
    there, wanted = read_store_record(folder), _record(description)
    if there != wanted:
        differing = ", ".join(key for key in StoreRecord.model_fields if getattr(there, key) != getattr(wanted, key))
        raise DataError(f"{folder}: holds another dataset, {there.name!r} (other {differing}); choose another --out")
    split_there = read_split_record(folder, split)
    if split_there is None:
        return 0
    made, asked = differing_facts(split_there.made_by, _plain(description.made_by))
    if split_there.complete:
        of = f" of {json.dumps(made)}, not of {json.dumps(asked)}" if made != asked else ""
        raise DataError(
            f"{folder}: split {split!r} is complete already, with {split_there.samples} samples{of}; choose another "
            "--out or delete it"
        )
    # What has no sample yet binds nobody: a first try that failed does not stand in the way of a second.
    if made != asked and split_there.shards:
        raise DataError(
            f"{folder}: split {split!r} was interrupted after {split_there.samples} samples of "
            f"{json.dumps(made)}, not of {json.dumps(asked)}; run the first command again to go on, or choose "
            "another --out"
        )
    for shard in split_there.shards:
        check_shard(folder / split, shard)
    return split_there.samples


def is_complete(folder: Path, split: str, description: StoreDescription) -> bool:
    """Whether a split is there in full and was made as described, so that a command need not write it again.

    Raises:
        DataError: the folder holds a store of another format version, or a damaged one.
    """
    if not (folder / "store.json").exists() or read_store_record(folder) != _record(description):
        return False
    there = read_split_record(folder, split)
    return there is not None and there.complete and there.made_by == _plain(description.made_by)


def open_store(folder: Path, split: str) -> PoseDataset:
    """A split of a store, memory-mapped.

    Raises:
        DataError: there is no such store or split, its format is another, it was interrupted, or a shard is broken.
    """
    identity = read_store_record(folder)
    skeleton = recorded_skeleton(identity.skeleton, folder)
    record = _complete_split(folder, split)
    return PoseDataset(
        name=identity.name,
        split=split,
        skeleton=skeleton,
        licence=identity.licence,
        citation=identity.citation,
        columns=Blocks(open_shard(folder / split, shard, skeleton) for shard in record.shards),
        rows=np.arange(record.samples),
        folder=folder,
    )


def store_splits(folder: Path) -> tuple[str, ...]:
    """The names of a store's splits, interrupted ones included.

    Raises:
        DataError: there is no store, or its format is another.
    """
    read_store_record(folder)
    return tuple(path.parent.name for path in sorted(folder.glob("*/split.json")))


def describe_store(folder: Path) -> StoreSummary:
    """What a store holds.

    Raises:
        DataError: there is no store, its format is another, or a file is damaged.
    """
    identity = read_store_record(folder)
    skeleton = recorded_skeleton(identity.skeleton, folder)
    records = {split: read_split_record(folder, split) for split in store_splits(folder)}
    splits = {
        split: SplitSummary(record.samples, record.total, record.complete, MappingProxyType(record.made_by))
        for split, record in records.items()
        if record is not None
    }
    description = StoreDescription(identity.name, skeleton, identity.licence, identity.citation)
    return StoreSummary(description, MappingProxyType(splits))


def verify_store(folder: Path, split: str) -> None:
    """Compare every byte of a split with the checksums taken when it was written.

    Raises:
        DataError: a shard has changed, or as `open_store`.
    """
    for shard in _complete_split(folder, split).shards:
        path = check_shard(folder / split, shard)
        if sha256_of(path) != shard.sha256:
            raise DataError(f"{path}: its bytes have changed since it was written; copy or write the store again")


def _complete_split(folder: Path, split: str) -> SplitRecord:
    splits = store_splits(folder)
    record = read_split_record(folder, split) if split in splits else None
    if record is None:
        raise DataError(f"{folder}: has no split {split!r}; it has {', '.join(splits) or 'none'}")
    if not record.complete:
        of = f" of {record.total}" if record.total is not None else ""
        raise DataError(
            f"{folder}: split {split!r} was interrupted after {record.samples}{of} samples; to go on, run the command "
            f"that wrote it again: {json.dumps(record.made_by)}"
        )
    if record.total is not None and record.samples != record.total:
        raise DataError(
            f"{folder}: split {split!r} is complete with {record.total} samples by its split.json, and its shards hold "
            f"{record.samples}; copy or write the store again"
        )
    return record


def _record(description: StoreDescription) -> StoreRecord:
    return StoreRecord(
        format_version=FORMAT_VERSION,
        name=description.name,
        licence=description.licence,
        citation=description.citation,
        skeleton=record_skeleton(description.skeleton),
    )


def _plain(made_by: Mapping[str, Any]) -> dict[str, Any]:
    # As it will be read; half of a surrogate pair, which a path that is not UTF-8 has, becomes its escape.
    text = json.dumps(dict(made_by), ensure_ascii=False)
    halves = "".join(f"\\\\u{ord(sign):04x}" if "\ud800" <= sign <= "\udfff" else sign for sign in text)
    return json.loads(halves)


def _check_split_name(split: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", split):
        raise ValueError(f"a split's name is letters, digits, '_', '.' and '-', found {split!r}")


def _checked(
    samples: Iterable[PoseSample], skeleton: Skeleton, first: int, total: int | None, progress: Progress | None
) -> Iterator[PoseSample]:
    for number, sample in enumerate(samples, start=first):
        check_sample(sample, skeleton, f"sample {number} ({sample.source or 'of unknown source'})")
        yield sample
        if progress is not None:
            progress(number + 1, total)


def _shards(samples: Iterator[PoseSample], shard_size: int) -> Iterator[list[PoseSample]]:
    shard: list[PoseSample] = []
    held = 0
    for sample in samples:
        shard.append(sample)
        held += len(sample.image) if isinstance(sample.image, bytes) else 0
        if len(shard) == shard_size or held >= SHARD_BYTES:
            yield shard
            shard, held = [], 0
    if shard:
        yield shard
