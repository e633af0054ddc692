"""The files of a store: what each holds, and writing them so that no interruption leaves half of one.

```
STORE/store.json                     format version, name, skeleton, licence, citation
STORE/train/split.json               made by what, number of samples, the shards, whether complete
STORE/train/shard-00000.arrow ...    samples as Arrow record batches
```
Every file is written aside and renamed, the shard before the list that names it, so that at any moment the folder
holds a whole number of good shards and an interrupted split can be resumed.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import SKELETONS
from prepose.data.columns import Block, check_values, pack, read_block, write_block
from prepose.data.sample import PoseSample
from prepose.errors import DataError
from prepose.files import inside, read_object, read_object_if_any, whole_file, write_whole
from prepose.specs.fields import from_json

FORMAT_VERSION = 1

R = TypeVar("R", bound=BaseModel)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SkeletonRecord(_Record):
    """A skeleton in full, so that a store can be read without knowing its skeleton's name."""

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[str, str], ...]
    root: str | None
    variants: dict[str, str]


class StoreRecord(_Record):
    """The content of `store.json`."""

    format_version: int
    name: str
    licence: str
    citation: str
    skeleton: SkeletonRecord


class ShardRecord(_Record):
    """A shard's file, its number of samples, its size and its SHA-256."""

    file: str
    samples: int
    bytes: int
    sha256: str


class SplitRecord(_Record):
    """The content of `split.json`."""

    complete: bool
    total: int | None
    made_by: dict[str, Any]
    shards: tuple[ShardRecord, ...] = ()

    @property
    def samples(self) -> int:
        """Samples that are safely there."""
        return sum(shard.samples for shard in self.shards)


def record_skeleton(skeleton: Skeleton) -> SkeletonRecord:
    """A skeleton as plain data."""
    return SkeletonRecord(
        name=skeleton.name,
        joints=skeleton.joints,
        bones=skeleton.bones,
        root=skeleton.root,
        variants=dict(skeleton.variants),
    )


def recorded_skeleton(record: SkeletonRecord, folder: Path) -> Skeleton:
    """The skeleton of a store.

    Raises:
        DataError: it is not valid, or not what this version of prepose knows by that name.
    """
    try:
        skeleton = Skeleton(record.name, record.joints, record.bones, record.root, record.variants)
    except ValueError as error:
        raise DataError(f"{folder}: store.json is damaged ({error}); write the store again") from error
    known = SKELETONS.get(record.name)
    if known is not None and known != skeleton:
        raise DataError(
            f"{folder}: its skeleton {record.name} is not the one this version knows; write the store again"
        )
    return skeleton


def read_store_record(folder: Path) -> StoreRecord:
    """The content of `store.json`.

    Raises:
        DataError: there is no such store, it is of another format version, or the file is damaged.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder}: there is no such store; make it by `prepose data add` or `prepose synthesize`, or name another"
        )
    path = folder / "store.json"
    if not path.exists():
        raise DataError(f"{folder}: is not a store (it has no store.json)")
    content = read_object(path, advice="write the store again")
    version = content.get("format_version")
    if version != FORMAT_VERSION:
        raise DataError(
            f"{folder}: is a store of format version {version}, this version of prepose reads {FORMAT_VERSION}; "
            "write the store again"
        )
    return _validated(StoreRecord, content, path)


def read_split_record(folder: Path, split: str) -> SplitRecord | None:
    """The content of a split's `split.json`; None where there is no such split.

    Raises:
        DataError: the file is damaged, or the split is a link.
    """
    path = inside(folder, f"{split}/split.json")
    content = read_object_if_any(path, advice="write the store again")
    return None if content is None else _validated(SplitRecord, content, path)


def write_record(path: Path, record: BaseModel) -> None:
    """Write a record, whole or not at all.

    Raises:
        DataError: the disk is full or may not be written.
    """
    with _disk(path):
        write_whole(path, record.model_dump_json(indent=1))


def write_shard(folder: Path, number: int, samples: list[PoseSample], skeleton: Skeleton) -> ShardRecord:
    """Write a shard, whole or not at all.

    Raises:
        DataError: the disk is full or may not be written.
    """
    path = folder / f"shard-{number:05d}.arrow"
    with _disk(path), whole_file(path) as aside:
        write_block(aside, pack(samples, len(skeleton)))
        size, digest = aside.stat().st_size, sha256_of(aside)
    return ShardRecord(file=path.name, samples=len(samples), bytes=size, sha256=digest)


def open_shard(folder: Path, shard: ShardRecord, skeleton: Skeleton) -> Block:
    """A shard, memory-mapped.

    Raises:
        DataError: it is missing, truncated, not a shard, or holds invalid numbers.
    """
    path = check_shard(folder, shard)
    block = read_block(path, len(skeleton))
    if len(block) != shard.samples:
        raise DataError(f"{path}: holds {len(block)} samples instead of {shard.samples}; write the store again")
    try:
        check_values(block)
    except ValueError as error:
        raise DataError(f"{path}: {error}; write the store again") from error
    return block


def check_shard(folder: Path, shard: ShardRecord) -> Path:
    """The path of a shard whose file has the size it was written with.

    Raises:
        DataError: it is missing or truncated, or `split.json` names a file elsewhere.
    """
    path = inside(folder, shard.file, named_by=folder / "split.json")
    size = path.stat().st_size if path.is_file() else None
    if size != shard.bytes:
        found = "is missing" if size is None else f"is {size} bytes long instead of {shard.bytes}"
        raise DataError(f"{path}: the shard {found}; copy or write the store again")
    return path


def differing_facts(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What two accounts of how a split was made say differently."""
    keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    return {key: one.get(key) for key in keys}, {key: other.get(key) for key in keys}


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _validated(kind: type[R], content: Mapping[str, Any], path: Path) -> R:
    try:
        return from_json(kind, content)
    except ValueError as error:
        raise DataError(f"{path}: is damaged ({error}); write the store again") from error


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error}); what was finished is safe: make room and run the "
            "same command again"
        ) from error
