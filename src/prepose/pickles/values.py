"""What is built of the names in a pickle: numpy values, sparse matrices, sets, OrderedDicts; nothing else.

A pickle asks for functions and classes to be called. What is built instead is built here, from arguments that have been
looked at. An object that a pickle makes in two steps (first empty, then with its state) is `Unfinished` in between; the
machine lets it be used only when it is finished, and finished only once.

Source: the formats of `numpy.ndarray.__reduce__`, of scipy's matrices and of joblib's `NumpyArrayWrapper`.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy.sparse

from prepose.pickles.names import Named, Refusal, printable

LATIN_1 = ("latin1", "latin-1")
# Numbers and text of fixed length. Records, objects, dates and everything else has no place in a label file.
PLAIN_DTYPE = re.compile(r"\|?b1|[iufc](1|2|4|8|16)|[SU]\d{1,6}|\?")
MOST_AXES = 32
KEY_TYPES = frozenset([str, bytes, int, float, bool, type(None)])
MOST_ALIKE, SHORT = 16, 2**60
# What values take in memory, with what points to them.
KEY_BYTES, PAIR_BYTES, SET_BYTES, ARRAY_BYTES, SPARSE_BYTES, CALL_BYTES = 150, 100, 232, 160, 3000, 100


SPARSE = MappingProxyType(
    {
        "csc_matrix": scipy.sparse.csc_matrix,
        "csr_matrix": scipy.sparse.csr_matrix,
        "csc_array": scipy.sparse.csc_array,
        "csr_array": scipy.sparse.csr_array,
    }
)


class Unfinished:
    """An object between its making and its state."""

    __slots__ = ("basis", "kind", "pending", "value")

    def __init__(self, kind: str, basis: Any = None) -> None:
        self.kind, self.basis, self.value, self.pending = kind, basis, None, True


class Budget:
    """What may still be copied and held in memory while a pickle is read.

    Args:
        left: Bytes that may be copied: honest pickles copy each of theirs up to three times.
        memory: Bytes that values may take in memory: they take many times their bytes in the file.
    """

    __slots__ = ("_hashes", "left", "memory")

    def __init__(self, left: int, memory: int = 2**28) -> None:
        self.left, self.memory = left, memory
        self._hashes: dict[int, list] = {}

    def charge(self, size: int) -> None:
        """Take from what may be copied.

        Raises:
            Refusal: nothing is left.
        """
        self.left -= size
        if self.left < 0:
            raise Refusal("unpacks to far more than it holds (one value is copied over and over)")

    def hold(self, size: int) -> None:
        """Take from what may be held.

        Raises:
            Refusal: nothing is left.
        """
        self.memory -= size
        if self.memory < 0:
            raise Refusal("takes far more memory than the file has")

    def note_key(self, key: Any) -> None:
        """Note the hash of a key that its maker could choose: a dict of keys of one hash is searched from end to end.

        Raises:
            Refusal: too many different keys have this hash.
        """
        alike = self._hashes.get(hash(key))
        if alike is None:
            self.hold(KEY_BYTES)
            self._hashes[hash(key)] = [key]
        elif key not in alike:
            if len(alike) == MOST_ALIKE:
                raise Refusal(f"holds more than {MOST_ALIKE} keys of the same hash")
            alike.append(key)


def call(what: object, arguments: object, budget: Budget) -> Any:
    """What a pickle gets for calling a named thing.

    Raises:
        Refusal: it may not be called, or not so.
    """
    build = _CALLS.get(what.kind) if isinstance(what, Named) else None
    if build is None or not isinstance(arguments, tuple):
        raise Refusal(f"calls {_spelled(what)}, which no file of plain data needs")
    budget.hold(CALL_BYTES)
    try:
        return build(arguments, budget)
    except (ValueError, TypeError, IndexError, OverflowError, UnicodeError) as error:
        raise Refusal(f"calls {what} with {_reason(error)}") from error


def make(what: object, arguments: object) -> Unfinished:
    """An empty object of a named class.

    Raises:
        Refusal: it is not a class that may be made so.
    """
    if not isinstance(what, Named) or what.kind not in (*SPARSE, "joblib") or arguments != ():
        raise Refusal(f"makes an object of {_spelled(what)}, which no file of plain data needs")
    return Unfinished(what.kind)


def finish(thing: Unfinished, state: Any, budget: Budget, take: Callable[[int], bytes]) -> Any:
    """The finished object.

    Args:
        thing: The object before.
        state: What the pickle gives it.
        budget: What may be copied.
        take: Gives the next bytes of the stream: joblib puts an array's bytes after its description.

    Raises:
        Refusal: the state is not that of such an object.
    """
    try:
        if thing.kind == "joblib":
            return _joblib_array(state, budget, take)
        if thing.kind in SPARSE:
            return _sparse(thing.kind, state, budget)
        return _array(state, budget) if thing.kind == "array" else _dtype_with_order(thing.basis, state)
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, UnicodeError) as error:
        kind = "numpy array" if thing.kind in ("array", "joblib") else thing.kind
        raise Refusal(f"holds a {kind} with {_reason(error)}") from error


def check_keys(keys: Any, budget: Budget) -> None:
    """Make sure that keys are quick to hash and to find: text, numbers and flat tuples of them.

    Raises:
        Refusal: one is not.
    """
    for key in keys:
        # Hashes of text differ from run to run, so that nobody can choose them; those of short integers are themselves.
        if type(key) in (str, bytes) or (type(key) is int and abs(key) < SHORT):
            continue
        flat = key if type(key) is tuple else (key,)
        for part in flat:
            if type(part) not in KEY_TYPES and not isinstance(part, np.generic):
                raise Refusal(f"uses a {type(part).__name__} as a key")
        budget.note_key(key)


def _spelled(what: object) -> str:
    return printable(what) if isinstance(what, Named) else f"a {type(what).__name__}"


def _reason(error: Exception) -> str:
    return f"arguments that do not fit ({printable(error, 120) or type(error).__name__})"


def _bytes_of(data: object) -> bytes | bytearray:
    """An array's bytes; Python 2 wrote them as text, one character a byte."""
    if isinstance(data, str):
        return data.encode("latin-1")
    if isinstance(data, (bytes, bytearray)):
        return data
    raise ValueError(f"its data are a {type(data).__name__}, not bytes")


def _checked_dtype(dtype: object) -> np.dtype:
    if not isinstance(dtype, np.dtype):
        raise ValueError(f"its type is a {type(dtype).__name__}")
    return dtype


def _shape(shape: object) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or len(shape) > MOST_AXES or not all(type(size) is int for size in shape):
        raise ValueError("a shape that is none")
    if any(size < 0 for size in shape):
        raise ValueError("a negative size")
    return shape


def _filled(shape: object, dtype: object, data: bytes | bytearray, order: object, budget: Budget) -> np.ndarray:
    shape, dtype = _shape(shape), _checked_dtype(dtype)
    if order not in ("C", "F"):
        raise ValueError("an unknown order")
    if prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"a shape of {' x '.join(map(str, shape))} but {len(data)} bytes")
    budget.charge(len(data))
    budget.hold(ARRAY_BYTES + 8 * len(shape) + len(data))
    if dtype.itemsize == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(data, dtype).reshape(shape, order=order).copy(order=order)


def _array(state: Any, budget: Budget) -> np.ndarray:
    *_, shape, dtype, is_fortran, data = state
    if len(state) not in (4, 5) or isinstance(data, list):
        raise ValueError("objects in it" if isinstance(data, list) else "an unknown layout")
    return _filled(shape, dtype, _bytes_of(data), "F" if is_fortran else "C", budget)


def _array_call(arguments: tuple, budget: Budget) -> Unfinished:
    what, shape, _ = arguments
    if not isinstance(what, Named) or what.kind != "ndarray" or prod(_shape(shape)) != 0:
        raise ValueError("another class or size")
    return Unfinished("array")


def _buffer(arguments: tuple, budget: Budget) -> np.ndarray:
    data, dtype, shape, order, *axes = arguments
    array = _filled(shape, dtype, _bytes_of(data), "F" if order == "F" else "C", budget)
    return array.transpose(axes[0]) if axes and axes[0] is not None else array


def _scalar(arguments: tuple, budget: Budget) -> np.generic:
    dtype, data = arguments
    return _filled((1,), dtype, _bytes_of(data), "C", budget)[0]


def _dtype(arguments: tuple, budget: Budget) -> Unfinished:
    text = arguments[0]
    if not isinstance(text, str) or not PLAIN_DTYPE.fullmatch(text):
        what = "objects in it" if text in ("O", "O8", "O4") else f"the type {printable(text, 20)}"
        raise Refusal(f"holds a numpy array with {what}; only arrays of numbers and text are read")
    return Unfinished("dtype", np.dtype(text))


def _dtype_with_order(dtype: np.dtype, state: Any) -> np.dtype:
    _, order, *parts = state
    if order not in ("<", ">", "|", "=") or any(part is not None for part in parts[:3]):
        raise ValueError("parts")
    return dtype.newbyteorder(order) if order in "<>" else dtype


def _encode(arguments: tuple, budget: Budget) -> bytes:
    text, encoding = arguments
    if not isinstance(text, str) or encoding not in LATIN_1:
        raise ValueError("another encoding than latin-1")
    budget.charge(len(text))
    return text.encode("latin-1")


def _bytes_call(arguments: tuple, budget: Budget) -> bytes:
    return _encode(arguments, budget) if arguments else b""


def _bytearray_call(arguments: tuple, budget: Budget) -> bytearray:
    if len(arguments) == 1 and isinstance(arguments[0], bytes):
        budget.charge(len(arguments[0]))
        return bytearray(arguments[0])
    return bytearray(_bytes_call(arguments, budget))


def _complex(arguments: tuple, budget: Budget) -> complex:
    real, imaginary = arguments
    if type(real) is not float or type(imaginary) is not float:
        raise ValueError("other parts than two numbers")
    return complex(real, imaginary)


def _members(arguments: tuple, budget: Budget) -> list:
    (members,) = arguments or ([],)
    if type(members) not in (list, tuple):
        raise ValueError("something other than a list")
    budget.charge(len(members))
    return members


def _set(arguments: tuple, budget: Budget) -> set:
    members = _members(arguments, budget)
    check_keys(members, budget)
    budget.hold(SET_BYTES + PAIR_BYTES * len(members))
    return set(members)


def _frozenset(arguments: tuple, budget: Budget) -> frozenset:
    return frozenset(_set(arguments, budget))


def _ordered(arguments: tuple, budget: Budget) -> OrderedDict:
    pairs = _members(arguments, budget)
    if not all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs):
        raise ValueError("something other than pairs")
    check_keys((key for key, _ in pairs), budget)
    budget.hold(2 * SET_BYTES + 2 * PAIR_BYTES * len(pairs))
    return OrderedDict((key, value) for key, value in pairs)


def _reconstructor(arguments: tuple, budget: Budget) -> Unfinished:
    what, parent, nothing = arguments
    if not isinstance(parent, Named) or parent.kind != "object" or nothing is not None:
        raise Refusal(f"makes an object of {_spelled(what)} in an unusual way")
    return make(what, ())


def _sparse(kind: str, state: Any, budget: Budget) -> Any:
    shape = state["_shape"] if "_shape" in state else state["shape"]
    parts = [state[name] for name in ("data", "indices", "indptr")]
    if len(_shape(shape)) != 2 or not all(type(part) is np.ndarray and part.ndim == 1 for part in parts):
        raise ValueError("parts that are not lists of numbers")
    if parts[0].dtype.kind not in "biufc" or any(part.dtype.kind != "i" for part in parts[1:]):
        raise ValueError("parts of another type")
    budget.charge(sum(part.nbytes for part in parts))
    budget.hold(SPARSE_BYTES + sum(part.nbytes for part in parts))
    matrix = SPARSE[kind](tuple(parts), shape=shape, copy=True)
    # Indices beyond the shape would be read and written beyond the memory that the matrix has.
    matrix.check_format(full_check=True)
    return matrix


def _joblib_array(state: Any, budget: Budget, take: Callable[[int], bytes]) -> np.ndarray:
    what, dtype, shape = state["subclass"], _checked_dtype(state["dtype"]), _shape(state["shape"])
    if not isinstance(what, Named) or what.kind != "ndarray":
        raise ValueError("another class")
    if state.get("numpy_array_alignment_bytes") is not None:
        take(take(1)[0])
    return _filled(shape, dtype, take(prod(shape) * dtype.itemsize), state["order"], budget)


_CALLS: Mapping[str, Callable[[tuple, Budget], Any]] = MappingProxyType(
    {
        "array": _array_call,
        "scalar": _scalar,
        "buffer": _buffer,
        "dtype": _dtype,
        "encode": _encode,
        "bytes": _bytes_call,
        "bytearray": _bytearray_call,
        "complex": _complex,
        "set": _set,
        "frozenset": _frozenset,
        "OrderedDict": _ordered,
        "reconstructor": _reconstructor,
    }
)
