"""Taking facts out of what `unpickle` or JSON gave: every shape checked before an array is made of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from prepose.errors import DataError
from prepose.pickles.names import printable

Shape = tuple[int | None, ...]


def check_mapping(value: Any, keys: Sequence[str], where: object) -> Mapping[str, Any]:
    """A dictionary that has the keys.

    Raises:
        DataError: it is none, or lacks some.
    """
    if not isinstance(value, dict):
        raise DataError(f"{where}: is a {type(value).__name__}, expected a dictionary with {', '.join(keys)}")
    missing = [key for key in keys if key not in value]
    if missing:
        there = printable(", ".join(map(str, list(value)[:20])), 200) or "nothing"
        raise DataError(f"{where}: lacks {', '.join(missing)}; it has {there}")
    return value


def check_list(value: Any, where: object) -> list[Any]:
    """A list (or tuple) that is not empty.

    Raises:
        DataError: it is none, or empty.
    """
    if not isinstance(value, (list, tuple)):
        raise DataError(f"{where}: is a {type(value).__name__}, expected a list")
    if not value:
        raise DataError(f"{where}: is an empty list")
    return list(value)


def numbers(value: Any, shape: Shape, where: object) -> np.ndarray:
    """Numbers of a given shape as float64, from an array or from nested lists.

    Args:
        value: What the file gave.
        shape: The expected size of each axis, None for any.
        where: The file and the place in it, for the message.

    Raises:
        DataError: it is no array of numbers, or of another shape.
    """
    array = value if isinstance(value, np.ndarray) else np.array(0.0)
    if isinstance(value, (list, tuple)):
        array = _array_of(value, shape)
    elif not isinstance(value, np.ndarray):
        array = np.asarray(value) if isinstance(value, (int, float, np.generic)) else None
    wanted = " x ".join("any" if size is None else str(size) for size in shape) or "one number"
    if array is None or array.dtype.kind not in "biuf":
        raise DataError(f"{where}: holds no numbers but a {type(value).__name__}, expected {wanted}")
    fits = array.ndim == len(shape) and all(want in (None, size) for want, size in zip(shape, array.shape, strict=True))
    if not fits:
        found = " x ".join(map(str, array.shape)) or "one number"
        raise DataError(f"{where}: is {found}, expected {wanted}")
    return array.astype(float)


def text(value: Any) -> str:
    """A short fact as text, whether it was kept as text or as a number; empty if it is neither."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return printable(value, 200) if isinstance(value, (str, int, np.integer)) else ""


def _array_of(value: Any, shape: Shape) -> np.ndarray | None:
    """Nested lists as an array, or None where they are deeper than the shape or not of one length."""
    if not _is_nested(value, len(shape)):
        return None
    try:
        return np.asarray(value)
    except (ValueError, OverflowError):
        return None


def _is_nested(value: Any, depth: int) -> bool:
    if isinstance(value, (list, tuple)):
        return depth > 0 and all(_is_nested(part, depth - 1) for part in value)
    if isinstance(value, np.ndarray):
        return value.ndim == depth and value.dtype.kind in "biuf"
    return isinstance(value, (int, float, np.generic))
