"""Reading strangers' pickles: interpreted here, never loaded, so that there is nothing in a file that could run.

A pickle is a program for a small stack machine, and Python's own machine imports and calls whatever the program says.
The one of `prepose.pickles` knows the same instructions (protocols 0 to 5; the text of Python 2 is read as latin-1) but
has neither imports nor calls: its `values` builds the few things that label files hold. A memory or time bomb is
refused before it goes off: a claimed length must be there, copies come out of a budget, keys are quick to hash, and the
result is no deeper and, with its repetitions written out, no larger than label files are.

Files of `joblib.dump` are read too, plain or compressed by zlib or gzip.
"""

import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from prepose.data.intake import check_file
from prepose.errors import DataError
from prepose.pickles.instructions import run
from prepose.pickles.machine import Machine, allowance
from prepose.pickles.names import Named, Refusal
from prepose.pickles.values import Budget

MOST_BYTES = 2 * 2**30  # the largest pickle of the field has a third of a gigabyte
MOST_VALUES = 200_000_000  # with repeated ones counted each time they are met
MOST_DEPTH = 64
INFLATED_FREELY, MOST_INFLATION = 64 * 2**20, 16
COUNTED_AGAIN, NOTE_BYTES = 32, 200
LEAF_TYPES = frozenset([str, bytes, bytearray, int, float, bool, complex, type(None), np.ndarray])
CONTAINER_TYPES = frozenset([list, tuple, dict, OrderedDict, set, frozenset])


def read_pickle(path: Path) -> Any:
    """The content of a pickle (or joblib file): numpy values, sparse matrices and Python's own plain values.

    Raises:
        DataError: the file is missing, damaged or too large, or holds anything else; its class is then named.
    """
    check_file(path)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise DataError(f"{path}: has {size / 2**30:.0f} GiB; no pickle of labels is that large")
    machine = None
    try:
        machine = Machine(_inflated(path.read_bytes()), allowance(size))
        value = run(machine)
        machine.forget()
        check_size(value, machine.budget)
        return value
    except Refusal as refusal:
        raise DataError(
            f"{path}: {refusal}; it was not read, and nothing in it was run: get the file from its authors"
        ) from refusal
    # What a damaged program does to a stack machine is anybody's guess.
    except Exception as error:
        where = f" at byte {machine.at:,} of {len(machine.data):,}" if machine else ""
        raise DataError(
            f"{path}: is truncated, damaged or not a pickle{where}; put an undamaged copy in its place"
        ) from error


def check_size(value: Any, budget: Budget) -> None:
    """Make sure that a value is plain, not too deep, and not too large with its repetitions written out.

    Args:
        value: The value.
        budget: What may be held in memory, for what is noted of its parts.

    Raises:
        Refusal: it is not.
    """
    _measure(value, 0, {}, budget)


def _measure(value: Any, depth: int, known: dict[int, tuple[int, int]], budget: Budget) -> tuple[int, int]:
    """(values, depth) of a value."""
    if type(value) in LEAF_TYPES:
        return 1, 0
    if type(value) not in CONTAINER_TYPES:
        return _measure_rare(value)
    values, height = known.get(id(value), (0, 0))
    if depth + height > MOST_DEPTH:
        raise Refusal(f"is nested more than {MOST_DEPTH} deep, or holds itself")
    if values:
        return values, height
    values = 1
    for child in value.values() if isinstance(value, dict) else value:
        if type(child) in LEAF_TYPES:
            values += 1
            continue
        more, below = _measure(child, depth + 1, known, budget)
        values, height = values + more, max(height, below + 1)
    # A short list of plain values is counted again as fast as it is found.
    if height or values > COUNTED_AGAIN:
        _check_count(values, budget)
        known[id(value)] = values, height
    return values, height


def _check_count(values: int, budget: Budget) -> None:
    if values > MOST_VALUES:
        raise Refusal("unpacks to far more than it holds (it repeats its parts over and over)")
    budget.hold(NOTE_BYTES)


def _measure_rare(value: Any) -> tuple[int, int]:
    if isinstance(value, Named):
        raise Refusal(f"holds {value} itself as a value")
    if not isinstance(value, (np.generic, np.dtype)) and not scipy.sparse.issparse(value):
        raise Refusal(f"holds a {type(value).__name__} as a value")
    return 1, 0


def _inflated(data: bytes) -> bytes:
    """The pickle inside a file that joblib compressed; no pickle begins like zlib or gzip."""
    if not data.startswith((b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")):
        return data
    most = min(MOST_BYTES, max(INFLATED_FREELY, MOST_INFLATION * len(data)))
    inflating = zlib.decompressobj(wbits=47)
    inflated = inflating.decompress(data, most)
    if not inflating.eof:
        if len(inflated) == most:
            raise Refusal(f"unpacks to more than {most / 2**20:.0f} MiB")
        raise EOFError
    return inflated
