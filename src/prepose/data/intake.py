"""Reading untrusted label files: sizes checked before anything is loaded, one clear line when it fails.

MATLAB files (level 5 through scipy, 7.3 through h5py; structs as plain dictionaries), HDF5 and JSON. Nothing here can
run code from a file, and no HDF5 link is followed out of its file.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np
from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue]

from prepose.data.mat_file import ExcessError, Variable, list_variables, load_variable
from prepose.errors import DataError
from prepose.pickles.names import printable

# What reading may take in memory beside the file's own size.
FREE_BYTES = 2**28
OBJECT_BYTES = 64  # of a short text
# A struct is built of small Python objects; MPII's takes STRUCT_TIMES its compressed size.
STRUCT_TIMES = 64

# 64 bits are 19 digits.
INTEGER_DIGITS = 19
LONG_NUMBER = re.compile(rb"\d{%d}" % (INTEGER_DIGITS + 1))

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
        raise DataError(f"{path}: is empty; put an undamaged copy in its place")


def mat_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The numeric variables of a MATLAB file of either format and their shapes, from the headers alone.

    Raises:
        DataError: the file is missing, truncated or not a MATLAB file.
    """
    check_file(path)
    if h5py.is_hdf5(path):
        return hdf5_shapes(path, reverse_axes=True)
    return {one.name: one.shape for one in _variables(path) if one.kind in MAT_NUMBERS}


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

    return _loaded(path, variable, _variables(path))


def mat_text(path: Path, variable: str) -> str:
    """A text variable of a MATLAB file (level 5); empty where it has none of that name.

    Raises:
        DataError: the file is missing, truncated, foreign, of format 7.3, or inflates beyond 1 GiB.
    """
    listed = _listed_level_5(path)
    if not any(one.name == variable and one.kind == "char" for one in listed):
        return ""
    loaded = _loaded(path, variable, listed)
    return str(np.ravel(loaded)[0]) if np.size(loaded) else ""


def read_mat_struct(path: Path, variable: str) -> Any:
    """A struct variable of a MATLAB file (level 5), as dictionaries, lists, numbers, text and arrays of numbers.

    Struct arrays and single structs come as MATLAB shows them; `records_of` makes one list of either.

    Raises:
        DataError: the file is missing, truncated, foreign, of format 7.3, inflates beyond 1 GiB, or has no such struct.
    """
    listed = _listed_level_5(path)
    if not any(one.name == variable and one.kind == "struct" for one in listed):
        others = ", ".join(f"{printable(one.name)} ({one.kind})" for one in listed) or "nothing"
        raise DataError(f"{path}: has no struct {variable!r}; it has {others}")
    return _loaded(path, variable, listed, simplify=True)


def read_mat_cells(path: Path, variables: Sequence[str]) -> dict[str, tuple[np.ndarray, ...]]:
    """Cell arrays of numeric matrices in a MATLAB file (level 5), those of the variables that are there.

    Raises:
        DataError: the file is missing, truncated, foreign, of format 7.3, inflates beyond 1 GiB, or a cell holds
            something else.
    """
    listed = _listed_level_5(path)
    found = [one.name for one in listed if one.kind == "cell" and one.name in variables]
    cells = {name: tuple(_loaded(path, name, listed).ravel()) for name in found}
    for name, matrices in cells.items():
        if not all(isinstance(matrix, np.ndarray) and matrix.dtype.kind in "fiub" for matrix in matrices):
            raise DataError(
                f"{path}: a cell of {name!r} holds something else than numbers; put an undamaged copy in its place"
            )
    return cells


def read_mat_cell_structs(path: Path, variable: str) -> list[list[dict[str, np.ndarray]]]:
    """A cell array of single structs in a MATLAB file (level 5), row by row: the fields of each, as arrays.

    Raises:
        DataError: the file is missing, truncated, foreign, of format 7.3, inflates beyond 1 GiB, has no such cell
            array, or a cell holds something else.
    """
    listed = _listed_level_5(path)
    if not any(one.name == variable and one.kind == "cell" and len(one.shape) == 2 for one in listed):
        others = ", ".join(f"{printable(one.name)} ({one.kind})" for one in listed) or "nothing"
        raise DataError(f"{path}: has no table of cells {variable!r}; it has {others}")
    cells: np.ndarray = _loaded(path, variable, listed)
    for place, cell in np.ndenumerate(cells):
        if not isinstance(cell, np.ndarray) or cell.dtype.names is None or cell.size != 1:
            where = ", ".join(str(index + 1) for index in place)
            raise DataError(f"{path}: {variable}{{{where}}} is no struct; put an undamaged copy in its place")
    return [[{name: cell[name].item() for name in cell.dtype.names} for cell in row] for row in cells]


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
        with h5py.File(path, "r") as file:
            numeric = [(name, item.shape) for name, item in datasets_inside(path, file) if item.dtype.kind in "fiub"]
        return {name: shape[::-1] if reverse_axes else shape for name, shape in numeric}

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
            raise DataError(
                f"{path}: {name!r} should hold character codes, and does not; put an undamaged copy in its place"
            )
        return tuple(bytes(row).decode("ascii").rstrip("\0 ") for row in codes.astype(np.uint8))

    def load() -> tuple[str, ...] | None:
        with h5py.File(path, "r") as file:
            found = file.get(name)
            if not isinstance(found, h5py.Dataset) or h5py.check_string_dtype(found.dtype) is None:
                return None
            return _texts(path, name, found)

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
        raise DataError(f"{path}: names {len(names)} images for {count} people; put an undamaged copy in its place")
    return names


def read_json(path: Path) -> Any:
    """The content of a JSON file, in which no object has a key twice (of two values, one would be lost).

    Raises:
        DataError: the file is missing, empty or not JSON, holds an integer of more than 64 bits, or an object has a key
            twice.
    """
    check_file(path)
    data = path.read_bytes()
    # Looked at only where there may be one: a call for each integer would take as long as all the rest.
    parse_int = _integer if LONG_NUMBER.search(data) else None

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
        return json.loads(data, parse_int=parse_int, object_pairs_hook=distinct)
    except _LongIntegerError as error:
        raise DataError(f"{path}: has an integer of {error} digits; expected at most {INTEGER_DIGITS}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is truncated or not JSON ({error}); put an undamaged copy in its place") from error


class _LongIntegerError(Exception):
    pass


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > INTEGER_DIGITS:
        raise _LongIntegerError(f"{len(text.lstrip('-')):,}")
    return int(text)


def allowance(path: Path, times: int = 1) -> int:
    """Bytes of memory that reading a label file may take: so many times its size, and a quarter of a gigabyte.

    Whatever a file claims, it is read within this; the label files of the field are far from it.
    """
    return times * path.stat().st_size + FREE_BYTES


def _listed_level_5(path: Path) -> tuple[Variable, ...]:
    check_file(path)
    if h5py.is_hdf5(path):
        raise DataError(f"{path}: is of MATLAB's format 7.3; open it there and save it with save(..., '-v7')")
    return _variables(path)


def _variables(path: Path) -> tuple[Variable, ...]:
    return _guarded(path, "MATLAB file", lambda: list_variables(path))


def _loaded(path: Path, name: str, listed: Sequence[Variable], *, simplify: bool = False) -> Any:
    variable = next(one for one in listed if one.name == name)
    most = allowance(path, STRUCT_TIMES if simplify else 1)
    return _guarded(path, "MATLAB file", lambda: load_variable(path, variable, most, simplify=simplify))


def _read_hdf5_array(path: Path, name: str) -> np.ndarray:
    def load() -> np.ndarray:
        with h5py.File(path, "r") as file:
            dataset: Any = file[name]
            # A chunk is unpacked as a whole, however few of its numbers belong to the dataset.
            if dataset.chunks:
                _check_bytes(path, f"a chunk of {name!r}", prod(dataset.chunks) * dataset.dtype.itemsize)
            return np.asarray(dataset)

    return _guarded(path, "HDF5 file", load)


def _texts(path: Path, name: str, found: h5py.Dataset) -> tuple[str, ...]:
    """The texts of a dataset, a few rows at a time: many rows may hold one long text."""
    texts: list[str] = []
    held = found.size * (OBJECT_BYTES + found.dtype.itemsize)
    _check_bytes(path, repr(name), held)
    if found.ndim == 0:
        return (str(found.asstr()[()]).rstrip("\0 "),)
    step = max(1, min(4096, FREE_BYTES // (4 * path.stat().st_size)))
    for first in range(0, found.shape[0], step):
        part = [str(text).rstrip("\0 ") for text in np.ravel(found.asstr()[first : first + step])]
        held += sum(map(len, part))
        _check_bytes(path, repr(name), held)
        texts += part
    return tuple(texts)


def _check_listed(path: Path, name: str, shapes: Mapping[str, tuple[int, ...]], shape: Shape) -> None:
    if name not in shapes:
        raise DataError(f"{path}: has no numeric variable {name!r}; it has {', '.join(shapes) or 'none'}")
    found = shapes[name]
    fits = len(found) == len(shape) and all(want in (None, size) for want, size in zip(shape, found, strict=True))
    if not fits:
        wanted = " x ".join("any" if size is None else str(size) for size in shape)
        raise DataError(f"{path}: {name!r} is {' x '.join(map(str, found))}, expected {wanted}")
    # In double precision, as every adapter goes on with it.
    _check_bytes(path, repr(name), 8 * prod(found))


def _check_bytes(path: Path, what: str, size: int) -> None:
    most = allowance(path, 2)
    if size > most:
        raise DataError(
            f"{path}: {what} takes {size:,} bytes of memory, far more than the file's {path.stat().st_size:,}; refused"
        )


def _guarded(path: Path, kind: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except DataError:
        raise
    except ExcessError as error:
        raise DataError(f"{path}: {error}; refused, get it from its authors") from error
    # On damaged bytes scipy and h5py raise whatever the parser happened to stumble over.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path}: is truncated, damaged or not a {kind} ({reason}); put an undamaged copy in its place"
        ) from error


MOST_DEPTH = 32


def datasets_inside(path: Path, file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """The datasets of an HDF5 file, each once, by their path inside it.

    An external link opens another file, an external or virtual dataset takes its numbers from one: with them, a label
    file could make a store of whatever its reader may read. h5py's own visits take time quadratic in the depth.

    Raises:
        DataError: something lies outside, or the groups are nested more than 32 deep.
    """
    groups: list[tuple[str, h5py.Group, int]] = [("", file, 1)]
    seen: set[int] = set()
    while groups:
        prefix, group, depth = groups.pop()
        for inner in group:
            name = f"{prefix}{inner}"
            if not _is_inside(path, name, group.get(inner, getlink=True)):
                continue
            item: Any = group[inner]
            # Hard links may give one thing many names, and a group to itself.
            address = h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(item, h5py.Dataset):
                _refuse_outside(path, name, item)
                yield name, item
            elif isinstance(item, h5py.Group):
                if depth == MOST_DEPTH:
                    raise DataError(f"{path}: its groups are nested more than {MOST_DEPTH} deep; refused")
                groups.append((f"{name}/", item, depth + 1))


def _is_inside(path: Path, name: str, link: object) -> bool:
    """Whether a link is the thing itself; not where it is another name of something in this file."""
    if isinstance(link, h5py.ExternalLink):
        raise _refusal(path, f"{printable(name)!r} is a link to another file, {printable(link.filename)!r}")
    return isinstance(link, h5py.HardLink)


def _refuse_outside(path: Path, name: str, item: h5py.Dataset) -> None:
    if item.external:
        other = printable(item.external[0][0])
        raise _refusal(path, f"{printable(name)!r} takes its numbers from another file, {other!r}")
    if item.is_virtual:
        raise _refusal(path, f"{printable(name)!r} takes its numbers from other datasets")


def _refusal(path: Path, what: str) -> DataError:
    return DataError(f"{path}: {what}; refused, get it from its authors")
