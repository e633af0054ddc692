"""MATLAB files of level 5: every tag is checked before scipy, which trusts them, is given the variable.

scipy's reader follows nested cells without end, looks up unknown types beyond its tables and allocates whatever the
dimensions claim. Here a variable's elements are walked first: known types, sizes that fill the parent exactly, a
bounded depth, data for all that the dimensions claim, and a bounded size of what is built.

Source: "MAT-File Format" (MathWorks), level 5.
"""

import io
import struct
import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import scipy.io

from prepose.pickles.names import printable

HEADER_BYTES = 128
COMPRESSED, MATRIX = 15, 14
# Bytes of a number of each type of element.
NUMBER_BYTES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}
CHARACTER_BYTES = {1: 1, 2: 1, 3: 2, 4: 2, 16: 1, 17: 2, 18: 4}
# Classes of arrays.
CELL, STRUCT, CHAR, OPAQUE = 1, 2, 4, 17
CLASSES = {1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 16: "function", 17: "opaque"}
CLASSES |= {6: "double", 7: "single", 8: "int8", 9: "uint8", 10: "int16", 11: "uint16", 12: "int32", 13: "uint32"}
CLASSES |= {14: "int64", 15: "uint64"}
NUMERIC = range(6, 16)
LOGICAL, COMPLEX = 0x200, 0x800
MOST_DEPTH, MOST_AXES = 32, 32
# What scipy and numpy make around the values of one array, as measured.
ARRAY_BYTES = 200


class ExcessError(ValueError):
    """A variable takes far more memory than its file has bytes."""


@dataclass(frozen=True)
class Variable:
    """A variable of a file.

    Attributes:
        name: Its name.
        shape: Its dimensions.
        kind: MATLAB's name of its class, or `logical`.
        at: Where its element begins, bytes from the beginning of the file.
        size: The bytes of the element after its tag.
        compressed: Whether the element is compressed.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    at: int
    size: int
    compressed: bool


def list_variables(path: Path) -> tuple[Variable, ...]:
    """The variables of a file, from their headers alone.

    Raises:
        ValueError: it is not a MATLAB file of level 5, it is truncated, or two variables have one name.
    """
    found: dict[str, Variable] = {}
    end = path.stat().st_size
    with path.open("rb") as file:
        order = _byte_order(file.read(HEADER_BYTES))
        while file.tell() < end:
            at = file.tell()
            kind, size = struct.unpack(f"{order}II", _exactly(file.read(8), 8))
            if kind not in (MATRIX, COMPRESSED) or size == 0 or at + 8 + size > end:
                raise ValueError(f"no variable at byte {at:,}")
            head = file.read(min(size, 4096))
            if kind == COMPRESSED:
                head = zlib.decompressobj().decompress(head, 4096)[8:]
            variable = _variable(head, order, at, size, compressed=kind == COMPRESSED)
            if variable.name in found:
                raise ValueError(f"two variables are named {printable(variable.name)!r}")
            found[variable.name] = variable
            file.seek(at + 8 + size)
    return tuple(found.values())


def load_variable(path: Path, variable: Variable, most: int, *, simplify: bool = False) -> Any:
    """The value of a variable, as scipy builds it.

    Args:
        path: The file.
        variable: One of `list_variables`.
        most: Bytes that it may take in memory; half of them for the inflated file.
        simplify: Whether structs become dictionaries and struct arrays lists.

    Raises:
        ValueError: it is damaged, of a kind that no label file has, or takes more than `most` bytes.
    """
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
        order = _byte_order(header)
        file.seek(variable.at)
        element = file.read(8 + variable.size)
    if variable.compressed:
        element = _inflated(element[8:], most // 2)
    kind, size = struct.unpack_from(f"{order}II", element)
    if kind != MATRIX or size > len(element) - 8:
        raise ValueError("its variable is truncated")
    Walk(element, order, most).matrix(8, 8 + size, 0)
    # Nothing but what was walked: scipy would go on into what lies behind it.
    alone = io.BytesIO(header + element[: 8 + size])
    del element
    return scipy.io.loadmat(alone, variable_names=[variable.name], simplify_cells=simplify)[variable.name]


class Walk:
    """One walk through the elements of a variable.

    Attributes:
        left: Bytes of memory that may still be taken.
    """

    def __init__(self, data: bytes, order: str, most: int) -> None:
        self._data, self._most = data, most
        self._pair, self._whole = struct.Struct(f"{order}HH"), struct.Struct(f"{order}I")
        self._tag = struct.Struct(f"{order}II")
        self._flipped = order == ">"
        self.left = most

    def matrix(self, at: int, end: int, depth: int) -> None:
        """Check the array between two places.

        Raises:
            ValueError: it is not sound.
        """
        if depth > MOST_DEPTH:
            raise ValueError(f"is nested more than {MOST_DEPTH} deep")
        self._charge(ARRAY_BYTES)
        if at == end:  # an empty array has nothing but its tag
            return
        flags, at = self._flags(at, end)
        shape, at = self.shape(at, end)
        _, at = self.text(at, end)
        kind, count = flags & 0xFF, prod(shape)
        if kind in (CELL, STRUCT):
            at, fields = self._fields(at, end) if kind == STRUCT else (at, 1)
            at = self._entries(at, end, count, fields, depth)
        elif kind == CHAR:
            at = self._characters(at, end, count)
        elif kind in NUMERIC:
            for _ in range(2 if flags & COMPLEX else 1):
                at = self._numbers(at, end, count)
        else:
            raise ValueError(f"holds an array of class {CLASSES.get(kind, kind)}, which no label file needs")
        if at != end:
            raise ValueError(f"has {end - at:,} bytes too many in an array")

    def shape(self, at: int, end: int) -> tuple[tuple[int, ...], int]:
        """The dimensions that begin at a place, and where they end.

        Raises:
            ValueError: they are none.
        """
        kind, start, size, after = self._element(at, end)
        if kind not in (5, 6) or size % 4 or not 1 <= size // 4 <= MOST_AXES:
            raise ValueError("has dimensions that are none")
        shape = tuple(self._whole.unpack_from(self._data, start + 4 * axis)[0] for axis in range(size // 4))
        if max(shape) >= 2**31:
            raise ValueError("has a negative dimension")
        return shape, after

    def text(self, at: int, end: int) -> tuple[bytes, int]:
        """The name that begins at a place, and where it ends.

        Raises:
            ValueError: it is none.
        """
        kind, start, size, after = self._element(at, end)
        if kind not in (1, 2, 16):
            raise ValueError("has a name that is no text")
        return self._data[start : start + size], after

    def _charge(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise ExcessError(f"takes more than {self._most / 2**20:,.0f} MiB in memory, far more than the file has")

    def _flags(self, at: int, end: int) -> tuple[int, int]:
        kind, start, size, after = self._element(at, end)
        # scipy steps over these 16 bytes without looking.
        if kind != 6 or size != 8 or after != at + 16:
            raise ValueError("has an array without flags")
        return self._whole.unpack_from(self._data, start)[0], after

    def _element(self, at: int, end: int) -> tuple[int, int, int, int]:
        """(type, where its data begin, their size, where the next element begins) of the element at a place."""
        if at + 8 > end:
            raise ValueError("ends within a tag")
        low, high = self._pair.unpack_from(self._data, at)
        kind, small = (high, low) if self._flipped else (low, high)
        if small:  # up to four bytes of data in the tag itself
            if small > 4:
                raise ValueError("has a short element that is too long")
            return kind, at + 4, small, at + 8
        kind, size = self._tag.unpack_from(self._data, at)
        after = at + 8 + (size + 7) // 8 * 8
        if after > end:
            raise ValueError("has an element that is longer than what it lies in")
        return kind, at + 8, size, after

    def _entries(self, at: int, end: int, count: int, fields: int, depth: int) -> int:
        """Check the arrays in a cell array, or in the fields of a struct array."""
        # Each takes at least a tag; a struct without fields takes an empty dictionary in memory.
        if count * fields > (end - at) // 8:
            raise ValueError(f"claims {count * fields:,} entries in {end - at:,} bytes")
        self._charge(count * (8 * fields + 64))
        for _ in range(count * fields):
            if at + 8 > end:
                raise ValueError("ends within a tag")
            kind, size = self._tag.unpack_from(self._data, at)
            at += 8
            if kind != MATRIX or at + size > end:
                raise ValueError("has an entry that is no array, or longer than what it lies in")
            self.matrix(at, at + size, depth + 1)
            at += size
        return at

    def _numbers(self, at: int, end: int, count: int) -> int:
        kind, _, size, after = self._element(at, end)
        if kind not in NUMBER_BYTES:
            raise ValueError(f"has numbers of the unknown type {kind}")
        if size != count * NUMBER_BYTES[kind]:
            raise ValueError(f"claims {count:,} numbers and has {size:,} bytes of them")
        self._charge(size)
        return after

    def _characters(self, at: int, end: int, count: int) -> int:
        kind, _, size, after = self._element(at, end)
        if kind not in CHARACTER_BYTES:
            raise ValueError(f"has text of the unknown type {kind}")
        # MATLAB leaves out the data of blanks; in UTF-8 a character takes up to four bytes.
        if size and not size // 4 <= count <= size:
            raise ValueError(f"claims {count:,} characters and has {size:,} bytes of them")
        self._charge(12 * max(count, size))
        return after

    def _fields(self, at: int, end: int) -> tuple[int, int]:
        """Where the names of a struct's fields end, and how many there are."""
        kind, start, size, at = self._element(at, end)
        length = self._whole.unpack_from(self._data, start)[0] if kind == 5 and size == 4 else 0
        names, at = self.text(at, end)
        if not length or len(names) % length:
            raise ValueError("has a struct without names of fields")
        return at, len(names) // length


def _variable(head: bytes, order: str, at: int, size: int, *, compressed: bool) -> Variable:
    walk = Walk(head, order, len(head))
    flags = struct.unpack_from(f"{order}I", _exactly(head, 16), 8)[0]
    # An object of a class of MATLAB's own has no dimensions.
    shape, after = ((), 16) if flags & 0xFF == OPAQUE else walk.shape(16, len(head))
    name, _ = walk.text(after, len(head))
    kind = "logical" if flags & LOGICAL and (flags & 0xFF) in NUMERIC else CLASSES.get(flags & 0xFF, "unknown")
    return Variable(name.decode("latin-1"), shape, kind, at, size, compressed)


def _byte_order(header: bytes) -> str:
    orders = {b"IM": "<", b"MI": ">"}
    if len(header) < HEADER_BYTES or header[126:128] not in orders:
        raise ValueError("no header of level 5")
    return orders[header[126:128]]


def _exactly(data: bytes, size: int) -> bytes:
    if len(data) < size:
        raise ValueError("ends within a tag")
    return data


def _inflated(data: bytes, most: int) -> bytes:
    inflater = zlib.decompressobj()
    inflated = inflater.decompress(data, most)
    if inflater.unconsumed_tail:
        raise ExcessError(f"inflates to more than {most / 2**20:,.0f} MiB, far more than the file has")
    if not inflater.eof:
        raise ValueError("its compressed data are truncated")
    return inflated
