"""Reading label files that strangers wrote: sizes checked before anything is loaded, one clear line when it fails.

MATLAB files (level 5 through scipy, 7.3 through h5py; structs as plain dictionaries), HDF5 and JSON. Nothing here can
run code from a file.
"""

import json
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np
import scipy.io

from prepose.data.hdf5_links import refuse_links
from prepose.data.pickle_names import printable
from prepose.errors import DataError

# Far above any label file of the field, far below what a crafted header can claim.
MOST_BYTES = 8 * 2**30

# A struct is built of small Python objects, several times its size in the file; the largest of the field has 0.2 GiB.
MOST_STRUCT_BYTES = 2**30
MAT_HEADER_BYTES, MAT_COMPRESSED = 128, 15

Shape = tuple[int | None, ...]
T = TypeVar("T")

MAT_NUMBERS = frozenset(
    ["double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))]
)


def check_file(path: Path) -> None:
    """Make sure that a label file is there and not empty.

    Raises:
        DataError: it is missing, a folder, or empty.
    """
    if not path.exists():
        beside = sorted(entry.name for entry in path.parent.iterdir())[:8] if path.parent.is_dir() else []
        found = f"its folder holds {', '.join(beside) or 'nothing'}" if path.parent.is_dir() else "nor is its folder"
        raise DataError(f"{path}: there is no such file ({found})")
    if not path.is_file():
        raise DataError(f"{path}: is not a file")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: is empty; fetch it again")


def mat_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The numeric variables of a MATLAB file of either format and their shapes, from the headers alone.

    Raises:
        DataError: the file is missing, truncated or not a MATLAB file.
    """
    check_file(path)
    if h5py.is_hdf5(path):
        return hdf5_shapes(path, reverse_axes=True)
    listed = _guarded(path, "MATLAB file", lambda: scipy.io.whosmat(str(path)))
    return {name: tuple(shape) for name, shape, kind in listed if kind in MAT_NUMBERS}


def read_mat(path: Path, variable: str, shape: Shape) -> np.ndarray:
    """A numeric variable of a MATLAB file of either format, axes as in MATLAB.

    Args:
        path: The file.
        variable: The variable's name.
        shape: The expected size of each axis, None for any.

    Raises:
        DataError: the file is missing, truncated or foreign, lacks the variable, or its shape is another.
    """
    shapes = mat_shapes(path)
    _check_listed(path, variable, shapes, shape)
    if h5py.is_hdf5(path):
        return _read_hdf5_array(path, variable).transpose()

    def load() -> np.ndarray:
        return scipy.io.loadmat(str(path), variable_names=[variable])[variable]

    return _guarded(path, "MATLAB file", load)


def read_mat_struct(path: Path, variable: str) -> Any:
    """A struct variable of a MATLAB file (level 5), as dictionaries, lists, numbers, text and arrays of numbers.

    Struct arrays and single structs come as MATLAB shows them; `records_of` makes one list of either.

    Raises:
        DataError: the file is missing, truncated, foreign, of format 7.3, inflates beyond 1 GiB, or has no such struct.
    """
    listed = _listed_level_5(path)
    structs = [name for name, _, kind in listed if kind == "struct"]
    if variable not in structs:
        others = ", ".join(f"{name} ({kind})" for name, _, kind in listed) or "nothing"
        raise DataError(f"{path}: has no struct {variable!r}; it has {others}")

    def load() -> Any:
        loaded = scipy.io.loadmat(str(path), variable_names=[variable], simplify_cells=True)
        return loaded[variable]

    return _guarded(path, "MATLAB file", load)


def read_mat_cells(path: Path, variables: Sequence[str]) -> dict[str, tuple[np.ndarray, ...]]:
    """Cell arrays of numeric matrices in a MATLAB file (level 5), those of the variables that are there.

    Raises:
        DataError: the file is missing, truncated, foreign, of format 7.3, inflates beyond 1 GiB, or a cell holds
            something else.
    """
    listed = _listed_level_5(path)
    found = [name for name, _, kind in listed if kind == "cell" and name in variables]
    loaded = _guarded(path, "MATLAB file", lambda: scipy.io.loadmat(str(path), variable_names=found)) if found else {}
    cells = {name: tuple(loaded[name].ravel()) for name in found}
    for name, matrices in cells.items():
        if not all(isinstance(matrix, np.ndarray) and matrix.dtype.kind in "fiub" for matrix in matrices):
            raise DataError(f"{path}: a cell of {name!r} holds something else than numbers; fetch it again")
    return cells


def records_of(value: Any) -> list[dict[str, Any]]:
    """The structs of a simplified MATLAB value: none of an empty one, one of a single struct, all of an array."""
    if isinstance(value, dict):
        return [value]
    items = value.ravel().tolist() if isinstance(value, np.ndarray) else value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]


def number_of(value: Any) -> float:
    """A field of a struct as a number: texts are read, empty and foreign ones are NaN."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def hdf5_shapes(path: Path, *, reverse_axes: bool = False) -> dict[str, tuple[int, ...]]:
    """The numeric datasets of an HDF5 file, by path inside it, and their shapes.

    Args:
        path: The file.
        reverse_axes: Whether to give the axes in MATLAB's order.

    Raises:
        DataError: the file is missing, truncated or not HDF5.
    """
    check_file(path)

    def look() -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}

        def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiub":
                shapes[name] = item.shape[::-1] if reverse_axes else item.shape

        with h5py.File(path, "r") as file:
            refuse_links(path, file)
            file.visititems(note)
        return shapes

    return _guarded(path, "HDF5 file", look)


def read_hdf5(path: Path, name: str, shape: Shape) -> np.ndarray:
    """A numeric dataset of an HDF5 file.

    Raises:
        DataError: the file is missing, truncated or foreign, lacks the dataset, or its shape is another.
    """
    _check_listed(path, name, hdf5_shapes(path), shape)
    return _read_hdf5_array(path, name)


def read_hdf5_texts(path: Path, name: str) -> tuple[str, ...] | None:
    """A list of short texts in an HDF5 file, be it strings or rows of character codes; None where it has no such list.

    Raises:
        DataError: the file is missing, truncated or foreign, or the list is not one of texts.
    """
    if name in hdf5_shapes(path):
        codes = read_hdf5(path, name, (None, None))
        if not np.isfinite(codes).all() or not ((codes >= 0) & (codes < 128)).all():
            raise DataError(f"{path}: {name!r} should hold character codes, and does not; fetch it again")
        return tuple(bytes(row).decode("ascii").rstrip("\0 ") for row in codes.astype(np.uint8))

    def load() -> tuple[str, ...] | None:
        with h5py.File(path, "r") as file:
            found = file.get(name)
            if not isinstance(found, h5py.Dataset) or h5py.check_string_dtype(found.dtype) is None:
                return None
            _check_bytes(path, repr(name), found.size * found.dtype.itemsize)
            return tuple(str(text).rstrip("\0 ") for text in np.atleast_1d(found.asstr()[()]).ravel())

    return _guarded(path, "HDF5 file", load)


def read_image_names(path: Path, count: int, beside: Path) -> tuple[str, ...]:
    """The image names of an HDF5 label file: its `imgname`, or the lines of the text file `beside` it.

    Raises:
        DataError: there are neither, or not one for each of `count` people.
    """
    names = read_hdf5_texts(path, "imgname")
    if names is None:
        if not beside.is_file():
            raise DataError(f"{path}: has no imgname, and there is no {beside.name} beside it to name the images")
        names = tuple(beside.read_text(encoding="utf-8").split())
    if len(names) != count:
        raise DataError(f"{path}: names {len(names)} images for {count} people; fetch it again")
    return names


def read_json(path: Path) -> Any:
    """The content of a JSON file, in which no object has a key twice (of two values, one would be lost).

    Raises:
        DataError: the file is missing, empty, too large or not JSON, or an object has a key twice.
    """
    check_file(path)
    _check_bytes(path, "the file", path.stat().st_size)

    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
            raise DataError(
                f"{path}: the key {printable(key, 60)!r} occurs twice in one object (with "
                f"{printable(', '.join(content), 120)}); keep one of the two"
            )
        return content

    try:
        return json.loads(path.read_bytes(), object_pairs_hook=distinct)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is truncated or not JSON ({error}); fetch it again") from error


def _listed_level_5(path: Path) -> list[tuple[str, tuple[int, ...], str]]:
    """Name, shape and kind of the variables of a MATLAB file that is small enough to be built of Python objects."""
    check_file(path)
    if h5py.is_hdf5(path):
        raise DataError(f"{path}: is of MATLAB's format 7.3; open it there and save it with save(..., '-v7')")
    listed = _guarded(path, "MATLAB file", lambda: scipy.io.whosmat(str(path)))
    inflated = _guarded(path, "MATLAB file", lambda: _inflated_size(path))
    if inflated > MOST_STRUCT_BYTES:
        raise DataError(
            f"{path}: inflates to more than {MOST_STRUCT_BYTES / 2**30:.0f} GiB; no label file is that large"
        )
    return listed


def _inflated_size(path: Path) -> int:
    """Bytes of a MATLAB file's variables, compressed ones inflated and thrown away piece by piece."""
    total, end = 0, path.stat().st_size
    with path.open("rb") as file:
        order = "<" if file.read(MAT_HEADER_BYTES)[126:128] == b"IM" else ">"
        while file.tell() + 8 <= end and total <= MOST_STRUCT_BYTES:
            kind, size = struct.unpack(f"{order}II", file.read(8))
            after = file.tell() + size
            total += _inflate(file.read(size)) if kind == MAT_COMPRESSED else size
            file.seek(after)
    return total


def _inflate(data: bytes) -> int:
    inflater, total = zlib.decompressobj(), 0
    while data and not inflater.eof and total <= MOST_STRUCT_BYTES:
        total += len(inflater.decompress(data, 2**20))
        data = inflater.unconsumed_tail
    return total


def _read_hdf5_array(path: Path, name: str) -> np.ndarray:
    def load() -> np.ndarray:
        with h5py.File(path, "r") as file:
            return np.asarray(file[name])

    return _guarded(path, "HDF5 file", load)


def _check_listed(path: Path, name: str, shapes: Mapping[str, tuple[int, ...]], shape: Shape) -> None:
    if name not in shapes:
        raise DataError(f"{path}: has no numeric variable {name!r}; it has {', '.join(shapes) or 'none'}")
    found = shapes[name]
    fits = len(found) == len(shape) and all(want in (None, size) for want, size in zip(shape, found, strict=True))
    if not fits:
        wanted = " x ".join("any" if size is None else str(size) for size in shape)
        raise DataError(f"{path}: {name!r} is {' x '.join(map(str, found))}, expected {wanted}")
    _check_bytes(path, repr(name), 8 * prod(found))


def _check_bytes(path: Path, what: str, size: int) -> None:
    if size > MOST_BYTES:
        raise DataError(f"{path}: {what} claims {size / 2**30:.0f} GiB; no label file of this kind is that large")


def _guarded(path: Path, kind: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except DataError:
        raise
    # On damaged bytes scipy and h5py raise whatever the parser happened to stumble over.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: is truncated, damaged or not a {kind} ({reason}); fetch it again") from error
