"""How samples lie in Arrow: one column for each fact, fixed shapes, missing numbers as NaN.

A block of samples is one `pyarrow.RecordBatch`. Reading one is zero-copy: numpy views onto the memory-mapped file, of
which only the pages that are touched are ever read.
"""

import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from prepose.body.skeleton import Skeleton
from prepose.camera.camera import Camera
from prepose.data.sample import JointState, PoseSample
from prepose.errors import DataError

# Text columns; `image` (bytes) and `image_path` come beside them and exclude each other.
TEXTS = ("subject", "action", "source", "details", "camera_name")
# Only blocks that hold a person chip have this column; elsewhere every picture is the full one.
CHIP_COLUMN = "full_from_img"
# Only blocks that hold a sample of this kind have this column; elsewhere all 2D joints are labels.
PROJECTED_COLUMN = "projected"


def number_columns(num_joints: int) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """The shape of a row and the number type of each numeric column.

    Joints and boxes are single precision (5 m in float32 is exact to 0.0005 mm); cameras keep double.
    """
    single, double = np.dtype(np.float32), np.dtype(np.float64)
    return {
        "joints_img": ((num_joints, 2), single),
        "joints_cam": ((num_joints, 3), single),
        "states": ((num_joints,), np.dtype(np.uint8)),
        "box_xywh": ((4,), single),
        "head_box_xywh": ((4,), single),
        "frame": ((), np.dtype(np.int64)),
        "camera_K": ((3, 3), double),
        "camera_rotation": ((3, 3), double),
        "camera_translation": ((3,), double),
        "camera_distortion": ((5,), double),
        "camera_size_wh": ((2,), np.dtype(np.int32)),
        CHIP_COLUMN: ((3, 3), double),
        PROJECTED_COLUMN: ((), np.dtype(np.uint8)),
    }


def schema_of(num_joints: int, columns: Collection[str] = ()) -> pa.Schema:
    """The Arrow schema of samples with that many joints; `columns` names those that only some blocks have."""
    fields = [pa.field("image", pa.large_binary()), pa.field("image_path", pa.string())]
    fields += [pa.field(name, pa.string(), nullable=False) for name in TEXTS]
    for name, (shape, dtype) in _present(num_joints, columns).items():
        kind = pa.from_numpy_dtype(dtype)
        fields.append(pa.field(name, pa.list_(kind, int(np.prod(shape))) if shape else kind, nullable=False))
    return pa.schema(fields)


def pack(samples: Sequence[PoseSample], num_joints: int) -> pa.RecordBatch:
    """Samples as one block."""
    columns = {CHIP_COLUMN} if any((sample.full_from_img != np.eye(3)).any() for sample in samples) else set()
    columns |= {PROJECTED_COLUMN} if any(sample.projected for sample in samples) else set()
    schema = schema_of(num_joints, columns)
    embedded = [None if isinstance(sample.image, Path) else sample.image for sample in samples]
    paths = [sample.image.as_posix() if isinstance(sample.image, Path) else None for sample in samples]
    arrays: list[pa.Array] = [pa.array(embedded, pa.large_binary()), pa.array(paths, pa.string())]
    rows = [_facts(sample) for sample in samples]
    arrays += [pa.array([row[name] for row in rows], pa.string()) for name in TEXTS]
    for name, (shape, dtype) in _present(num_joints, columns).items():
        flat = pa.array(np.asarray([row[name] for row in rows], dtype).reshape(-1))
        arrays.append(pa.FixedSizeListArray.from_arrays(flat, int(np.prod(shape))) if shape else flat)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _present(num_joints: int, columns: Collection[str]) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    optional = {CHIP_COLUMN, PROJECTED_COLUMN} - set(columns)
    return {name: kind for name, kind in number_columns(num_joints).items() if name not in optional}


def _facts(sample: PoseSample) -> dict[str, object]:
    camera = sample.camera
    nothing = np.full((3, 3), np.nan)
    return {
        **{name: getattr(sample, name) for name in ("subject", "action", "source", "details", "frame")},
        **{name: getattr(sample, name) for name in ("joints_img", "joints_cam", "states", "box_xywh", "head_box_xywh")},
        CHIP_COLUMN: sample.full_from_img,
        PROJECTED_COLUMN: sample.projected,
        "camera_name": camera.name if camera else "",
        "camera_K": camera.K if camera else nothing,
        "camera_rotation": camera.rotation if camera else nothing,
        "camera_translation": camera.translation if camera else nothing[0],
        "camera_distortion": camera.distortion if camera else np.full(5, np.nan),
        "camera_size_wh": camera.size_wh if camera else (0, 0),
    }


class Block:
    """One record batch with numpy views onto its columns; one that lies in a file is pickled as the file's path."""

    def __init__(self, batch: pa.RecordBatch, num_joints: int, file: Path | None = None) -> None:
        self.batch = batch
        self._num_joints = num_joints
        self._file = file
        self._shapes = number_columns(num_joints)
        self._images = batch.column("image")
        self._paths = batch.column("image_path")

    def __len__(self) -> int:
        return self.batch.num_rows

    def __reduce__(self) -> tuple:
        if self._file is not None:
            return read_block, (self._file, self._num_joints)
        return Block, (self.batch, self._num_joints)

    @cached_property
    def numbers(self) -> dict[str, np.ndarray]:
        """Column name -> (rows, ...) read-only view."""
        return {name: self._view(name, shape) for name, (shape, _) in self._shapes.items()}

    @cached_property
    def texts(self) -> dict[str, pa.Array]:
        """Column name -> Arrow strings."""
        return {name: self.batch.column(name) for name in TEXTS}

    def _view(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name not in self.batch.schema.names:
            nothing = np.eye(3) if name == CHIP_COLUMN else np.uint8(0)
            return np.broadcast_to(nothing, (len(self), *shape))
        column = self.batch.column(name)
        values = column.flatten() if shape else column
        return values.to_numpy(zero_copy_only=True).reshape(len(self), *shape)

    def image(self, row: int) -> bytes | str:
        """The encoded picture, or the path under which it was kept."""
        data = self._images[row].as_py()
        return self._paths[row].as_py() if data is None else data

    def sample(self, row: int, skeleton: Skeleton, folder: Path) -> PoseSample:
        """One row as a sample; relative image paths are taken from `folder`."""
        image = self.image(row)
        numbers = self.numbers
        return PoseSample(
            image=folder / image if isinstance(image, str) else image,
            skeleton=skeleton,
            box_xywh=numbers["box_xywh"][row].copy(),
            joints_img=numbers["joints_img"][row].copy(),
            joints_cam=numbers["joints_cam"][row].copy(),
            states=numbers["states"][row].copy(),
            camera=self.camera(row),
            head_box_xywh=numbers["head_box_xywh"][row].copy(),
            frame=int(numbers["frame"][row]),
            subject=self.texts["subject"][row].as_py(),
            action=self.texts["action"][row].as_py(),
            source=self.texts["source"][row].as_py(),
            details=self.texts["details"][row].as_py(),
            full_from_img=numbers[CHIP_COLUMN][row].copy(),
            projected=bool(numbers[PROJECTED_COLUMN][row]),
        )

    def camera(self, row: int) -> Camera | None:
        """The camera of one row.

        Raises:
            DataError: its numbers are not a camera's.
        """
        numbers = self.numbers
        width, height = numbers["camera_size_wh"][row].tolist()
        if width == 0:
            return None
        try:
            return Camera(
                K=numbers["camera_K"][row].copy(),
                size_wh=(width, height),
                rotation=numbers["camera_rotation"][row].copy(),
                translation=numbers["camera_translation"][row].copy(),
                distortion=numbers["camera_distortion"][row].copy(),
                name=self.texts["camera_name"][row].as_py(),
            )
        except ValueError as error:
            where = self._file or "a dataset in memory"
            raise DataError(f"{where}: row {row}: {error}; correct the camera and add the dataset again") from error


def write_block(file: Path, batch: pa.RecordBatch) -> None:
    """One block as an Arrow stream, the form that `datasets.Dataset.from_file` opens too."""
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)


def read_block(file: Path, num_joints: int) -> Block:
    """The block of a file, memory-mapped and validated.

    Arrow trusts the offsets in a file and reads wherever they point, so a damaged file ends the process unless it is
    validated first. That reads all columns but the image bytes, of which only the offsets are read.

    Raises:
        DataError: the file is not a block of samples with that many joints.
    """
    try:
        with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as reader:
            # Before any batch is read: a schema may ask for dictionaries, which come first.
            if not reader.schema.equals(schema_of(num_joints, reader.schema.names)):
                raise DataError(f"{file}: not a block of samples with {num_joints} joints; write the store again")
            _refuse_compression(source)
            batch = reader.read_next_batch()
            batch.validate(full=True)
            _check_nulls(batch)
            if next(reader, None) is not None:
                raise ValueError("it holds more than one block")
    except (OSError, EOFError, ValueError, LookupError, struct.error, pa.ArrowException, StopIteration) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise DataError(f"{file}: not a readable Arrow file ({reason}); write the store again") from error
    return Block(batch, num_joints, file)


def check_values(block: Block) -> None:
    """Make sure that the numbers of a block are such as `check_sample` and `Camera` let into a store.

    Raises:
        ValueError: a joint is infinite, a state unknown, or a box or a camera invalid; says of which sample.
    """
    numbers = block.numbers
    boxes, size_wh = numbers["box_xywh"], numbers["camera_size_wh"]
    valid = {
        "joints_img": ~np.isinf(numbers["joints_img"]).any(axis=(1, 2)),
        "joints_cam": ~np.isinf(numbers["joints_cam"]).any(axis=(1, 2)),
        "states": (numbers["states"] <= max(JointState)).all(axis=1),
        "box_xywh": np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > 0).all(axis=1),
        "head_box_xywh": ~np.isinf(numbers["head_box_xywh"]).any(axis=1),
        "camera_size_wh": (size_wh > 0).all(axis=1) | (size_wh == 0).all(axis=1),
        CHIP_COLUMN: np.isfinite(numbers[CHIP_COLUMN]).all(axis=(1, 2)),
    }
    has_camera = size_wh[:, 0] > 0
    for name, is_valid in _camera_validity(numbers).items():
        valid[name] = is_valid | ~has_camera
    for name, is_valid in valid.items():
        if not is_valid.all():
            raise ValueError(f"sample {int(np.argmin(is_valid))} has an invalid {name}")


def _camera_validity(numbers: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Column name -> (rows,) bool: whether `Camera` accepts the row, if it has one."""
    K, rotation = numbers["camera_K"], numbers["camera_rotation"]
    with np.errstate(all="ignore"):
        off = np.abs(rotation @ rotation.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
        turned = np.asarray(np.linalg.det(rotation) > 0)
        return {
            "camera_K": np.isfinite(K).all(axis=(1, 2)) & (K[:, [0, 1], [0, 1]] > 0).all(axis=1),
            # As `Camera` has it: 1e-4, and 1e-5 of the diagonal's 1.
            "camera_rotation": (off <= 1.1e-4) & turned,
            "camera_translation": np.isfinite(numbers["camera_translation"]).all(axis=1),
            "camera_distortion": np.isfinite(numbers["camera_distortion"]).all(axis=1),
        }


def _refuse_compression(source: pa.MemoryMappedFile) -> None:
    """Make sure that the next batch is stored as it is: a compressed one may claim any size, and ours never are.

    Source: Arrow's Message.fbs; a table's field is found through its vtable, and is absent where that says 0.
    """
    at = source.tell()
    metadata = pa.ipc.read_message(source).metadata.to_pybytes()
    source.seek(at)
    batch = _field(metadata, struct.unpack_from("<I", metadata)[0], 2)
    if batch is None or _field(metadata, batch + struct.unpack_from("<I", metadata, batch)[0], 3) is not None:
        raise ValueError("its samples are compressed or missing")


def _field(flatbuffer: bytes, table: int, number: int) -> int | None:
    """Where a field of a table lies in a flatbuffer; None where the table does not have it."""
    vtable = table - struct.unpack_from("<i", flatbuffer, table)[0]
    if 4 + 2 * number >= struct.unpack_from("<H", flatbuffer, vtable)[0]:
        return None
    offset = struct.unpack_from("<H", flatbuffer, vtable + 4 + 2 * number)[0]
    return table + offset if offset else None


def _check_nulls(batch: pa.RecordBatch) -> None:
    """Make sure that only an image or its path is missing, and one of them for each sample."""
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if not field.nullable and (
            column.null_count or (pa.types.is_fixed_size_list(field.type) and column.values.null_count)
        ):
            raise ValueError(f"values of {field.name} are missing")
    if (_present_rows(batch.column("image")) == _present_rows(batch.column("image_path"))).any():
        raise ValueError("a sample does not have exactly one image")


def _present_rows(column: pa.Array) -> np.ndarray:
    """Which rows of a column are not null."""
    bitmap = column.buffers()[0]
    if bitmap is None:
        return np.ones(len(column), bool)
    return np.unpackbits(np.frombuffer(bitmap, np.uint8), bitorder="little")[: len(column)].astype(bool)


class Blocks:
    """A sequence of blocks, addressed by sample number."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self.blocks = tuple(block for block in blocks if len(block))
        self.starts = np.cumsum([0, *(len(block) for block in self.blocks)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def find(self, row: int) -> tuple[Block, int]:
        """The block that holds a sample, and its row there."""
        at = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.blocks[at], row - int(self.starts[at])

    def gather(self, name: str, rows: Int[np.ndarray, "N"]) -> np.ndarray:
        """(N, ...) numbers of one column, copied in the order asked for."""
        if not self.blocks:
            raise ValueError("there are no samples to read")
        first = self.blocks[0].numbers[name]
        values = np.empty((len(rows), *first.shape[1:]), first.dtype)
        for block, places, local in self._by_block(rows):
            values[places] = block.numbers[name][local]
        return values

    def gather_texts(self, name: str, rows: Int[np.ndarray, "N"]) -> list[str]:
        """The texts of one column in the order asked for."""
        values = np.empty(len(rows), object)
        for block, places, local in self._by_block(rows):
            values[places] = block.texts[name].take(pa.array(local)).to_pylist()
        return values.tolist()

    def _by_block(self, rows: np.ndarray) -> Iterator[tuple[Block, np.ndarray, np.ndarray]]:
        """For each block that is needed: itself, where its rows go, and the rows' numbers in it."""
        at = np.searchsorted(self.starts, rows, side="right") - 1
        order = np.argsort(at, kind="stable")
        needed, first = np.unique(at[order], return_index=True)
        for block, places in zip(needed, np.split(order, first[1:]), strict=False):
            yield self.blocks[block], places, rows[places] - self.starts[block]
