"""A store: one dataset in a folder, with one or more splits, written as a stream and read through memory maps.

```
STORE/store.json                     format version, name, skeleton, licence, citation
STORE/train/split.json               made by what, number of samples, the shards, whether complete
STORE/train/shard-00000.arrow ...    samples as Arrow record batches
```
Every file is written aside and renamed, the shard before the list that names it, so that at any moment the folder
holds a whole number of good shards and an interrupted split can be gone on with.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from prepose.body.skeleton import Skeleton
from prepose.data.columns import Block, Blocks, pack, read_block, write_block
from prepose.data.dataset import PoseDataset
from prepose.data.sample import PoseSample
from prepose.errors import DataError

FORMAT_VERSION = 1
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
        progress: Called with (samples written, total) after each sample.

    Raises:
        DataError: the folder holds something else, or this split already; or a sample is not valid.
        ValueError: `resume_from` is not where the split was interrupted.
    """
    folder = Path(folder)
    _check_split_name(split)
    finished = finished_samples(folder, split, description)
    if resume_from != finished:
        raise ValueError(f"{folder}: split {split!r} has {finished} finished samples, resume_from is {resume_from}")
    _write_json(folder / "store.json", _identity(description))
    state = _read_split(folder, split) or {"complete": False, "samples": 0, "shards": []}
    state |= {"total": total, "made_by": _plain(description.made_by)}
    _write_json(folder / split / "split.json", state)
    counted = _counted(samples, description.skeleton, finished, total, progress)
    for shard in _shards(counted, shard_size):
        state["shards"].append(_write_shard(folder / split, len(state["shards"]), shard, description.skeleton))
        state["samples"] += len(shard)
        _write_json(folder / split / "split.json", state)
    if total is not None and state["samples"] != total:
        raise DataError(f"{folder}: split {split!r} was announced with {total} samples, {state['samples']} came")
    _write_json(folder / split / "split.json", state | {"complete": True})


def finished_samples(folder: Path, split: str, description: StoreDescription) -> int:
    """How many samples of an interrupted split of this description are safely there; 0 where there is none.

    Raises:
        DataError: the folder holds something else, the split is complete, or it was made by other means.
    """
    folder = Path(folder)
    if not (folder / "store.json").exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise DataError(f"{folder}: is not empty and not a store; choose another --out")
        return 0
    there, wanted = _read_identity(folder), _identity(description)
    if there != wanted:
        differing = ", ".join(key for key in wanted if there.get(key) != wanted[key])
        raise DataError(
            f"{folder}: holds another dataset, {there['name']!r} ({differing} differ); choose another --out"
        )
    state = _read_split(folder, split)
    if state is None:
        return 0
    if state["complete"]:
        raise DataError(
            f"{folder}: split {split!r} is complete with {state['samples']} samples; choose another --out or delete it"
        )
    if state["made_by"] != _plain(description.made_by):
        raise DataError(
            f"{folder}: split {split!r} was interrupted after {state['samples']} samples of {state['made_by']}, which "
            f"is not {_plain(description.made_by)}; run the first command again to go on, or choose another --out"
        )
    return state["samples"]


def open_store(folder: Path, split: str) -> PoseDataset:
    """A split of a store, memory-mapped.

    Raises:
        DataError: there is no such store or split, its format is another, it was interrupted, or a shard is broken.
    """
    folder = Path(folder)
    summary = describe_store(folder)
    if split not in summary.splits:
        raise DataError(f"{folder}: has no split {split!r}; it has {', '.join(summary.splits) or 'none'}")
    found = summary.splits[split]
    if not found.complete:
        of = f" of {found.total}" if found.total is not None else ""
        raise DataError(
            f"{folder}: split {split!r} was interrupted after {found.samples}{of} samples; run the command that "
            f"writes it again to go on: {json.dumps(dict(found.made_by))}"
        )
    skeleton = summary.description.skeleton
    state = _read_split(folder, split)
    assert state is not None
    return PoseDataset(
        name=summary.description.name,
        split=split,
        skeleton=skeleton,
        licence=summary.description.licence,
        citation=summary.description.citation,
        columns=Blocks(_open_shard(folder / split, shard, skeleton) for shard in state["shards"]),
        rows=np.arange(found.samples),
        folder=folder,
    )


def store_splits(folder: Path) -> tuple[str, ...]:
    """The names of a store's splits, interrupted ones included.

    Raises:
        DataError: there is no store.
    """
    return tuple(describe_store(folder).splits)


def describe_store(folder: Path) -> StoreSummary:
    """What a store holds.

    Raises:
        DataError: there is no store, or its format is another.
    """
    folder = Path(folder)
    identity = _read_identity(folder)
    description = StoreDescription(
        identity["name"], _skeleton_from(identity["skeleton"]), identity["licence"], identity["citation"]
    )
    states = {path.parent.name: _read_split(folder, path.parent.name) for path in sorted(folder.glob("*/split.json"))}
    splits = {
        name: SplitSummary(state["samples"], state["total"], state["complete"], MappingProxyType(state["made_by"]))
        for name, state in states.items()
        if state is not None
    }
    return StoreSummary(description, MappingProxyType(splits))


def verify_store(folder: Path, split: str) -> None:
    """Compare every byte of a split with the checksums taken when it was written.

    Raises:
        DataError: a shard has changed.
    """
    open_store(folder, split)
    state = _read_split(Path(folder), split)
    assert state is not None
    for shard in state["shards"]:
        path = Path(folder) / split / shard["file"]
        if _digest(path) != shard["sha256"]:
            raise DataError(f"{path}: its bytes have changed since it was written; write the store again")


def _identity(description: StoreDescription) -> dict[str, Any]:
    skeleton = description.skeleton
    return {
        "format_version": FORMAT_VERSION,
        "name": description.name,
        "licence": description.licence,
        "citation": description.citation,
        "skeleton": {
            "name": skeleton.name,
            "joints": list(skeleton.joints),
            "bones": [list(bone) for bone in skeleton.bones],
            "root": skeleton.root,
            "variants": dict(skeleton.variants),
        },
    }


def _skeleton_from(plain: Mapping[str, Any]) -> Skeleton:
    bones = tuple((parent, child) for parent, child in plain["bones"])
    return Skeleton(plain["name"], tuple(plain["joints"]), bones, plain["root"], plain["variants"])


def _read_identity(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such store")
    path = folder / "store.json"
    if not path.exists():
        raise DataError(f"{folder}: is not a store (it has no store.json)")
    identity = _read_json(path)
    if identity.get("format_version") != FORMAT_VERSION:
        raise DataError(
            f"{folder}: is a store of format version {identity.get('format_version')}, this version of prepose reads "
            f"{FORMAT_VERSION}; write the store again"
        )
    return identity


def _read_split(folder: Path, split: str) -> dict[str, Any] | None:
    path = folder / split / "split.json"
    return _read_json(path) if path.exists() else None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); write the store again") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: holds no JSON object; write the store again")
    return content


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".partial")
    aside.write_text(json.dumps(content, indent=1))
    _settle(aside, path)


def _settle(aside: Path, path: Path) -> None:
    """Rename a finished file into place, its bytes on the disk first."""
    with aside.open("rb+") as file:
        os.fsync(file.fileno())
    aside.replace(path)


def _plain(made_by: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(dict(made_by)))


def _check_split_name(split: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", split):
        raise ValueError(f"a split's name is letters, digits, '_', '.' and '-', found {split!r}")


def _write_shard(folder: Path, number: int, samples: list[PoseSample], skeleton: Skeleton) -> dict[str, Any]:
    path = folder / f"shard-{number:05d}.arrow"
    aside = path.with_suffix(".partial")
    write_block(aside, pack(samples, len(skeleton)))
    entry = {"file": path.name, "samples": len(samples), "bytes": aside.stat().st_size, "sha256": _digest(aside)}
    _settle(aside, path)
    return entry


def _open_shard(folder: Path, shard: Mapping[str, Any], skeleton: Skeleton) -> Block:
    path = folder / shard["file"]
    size = path.stat().st_size if path.exists() else 0
    if size != shard["bytes"]:
        raise DataError(f"{path}: is broken, {size} bytes long instead of {shard['bytes']}; write the store again")
    return read_block(path, len(skeleton))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _counted(
    samples: Iterable[PoseSample], skeleton: Skeleton, first: int, total: int | None, progress: Progress | None
) -> Iterator[PoseSample]:
    for number, sample in enumerate(samples, start=first):
        _check_sample(sample, skeleton, number)
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


def _check_sample(sample: PoseSample, skeleton: Skeleton, number: int) -> None:
    where = f"sample {number} ({sample.source or 'of unknown source'})"
    if sample.skeleton != skeleton:
        raise DataError(f"{where}: its skeleton is {sample.skeleton.name}, the store's {skeleton.name}")
    if np.isinf(sample.joints_img).any() or np.isinf(sample.joints_cam).any():
        raise DataError(f"{where}: a joint is infinite; a joint that is not labelled must be NaN")
    if not np.isfinite(sample.box_xywh).all() or (sample.box_xywh[2:] <= 0).any():
        raise DataError(f"{where}: the box must be finite with positive sides, found {sample.box_xywh.tolist()}")
