"""Pickles of bad intent. What those of `RUNS` say, Python's own pickle does."""

import io
import pickle
import struct
import zlib
from collections.abc import Callable
from itertools import islice, product
from pathlib import Path

import numpy as np

# Each takes the path of a file that must never come to be, and gives a pickle that makes it when it is loaded.
Recipe = Callable[[Path], bytes]


def name(module: str, what: str) -> bytes:
    return f"c{module}\n{what}\n".encode()


def text(value: object) -> bytes:
    data = str(value).encode()
    return b"X" + struct.pack("<I", len(data)) + data


def calling(function: bytes, *arguments: bytes) -> bytes:
    return function + b"(" + b"".join(arguments) + b"tR"


def touch(path: Path) -> str:
    return f"touch {path}"


def touching_code(path: Path) -> str:
    return f"open({str(path)!r}, 'w').close()"


def stack_name(module: str, what: str) -> bytes:
    return text(module) + text(what) + b"\x93"


IMPORT_OS = calling(name("builtins", "__import__"), text("os"))


def object_array(path: Path) -> bytes:
    class Evil:
        def __reduce__(self):
            return eval, (touching_code(path),)

    return pickle.dumps(np.array([Evil(), 1], dtype=object))


def nested_pickle(path: Path) -> bytes:
    inner = calling(name("os", "system"), text(touch(path))) + b"."
    return calling(name("_pickle", "loads"), b"C" + bytes([len(inner)]) + inner) + b"."


RUNS: dict[str, Recipe] = {
    "GLOBAL and REDUCE of os.system": lambda p: calling(name("os", "system"), text(touch(p))) + b".",
    "posix.system": lambda p: calling(name("posix", "system"), text(touch(p))) + b".",
    "STACK_GLOBAL of os.system": lambda p: b"\x80\x04" + calling(stack_name("os", "system"), text(touch(p))) + b".",
    "INST of os.system": lambda p: b"(S'" + touch(p).encode() + b"'\nios\nsystem\n.",
    "OBJ of os.system": lambda p: b"(" + name("os", "system") + text(touch(p)) + b"o.",
    "subprocess.check_call": lambda p: (
        calling(name("subprocess", "check_call"), b"]" + text("touch") + b"a" + text(p) + b"a") + b"."
    ),
    "builtins.eval": lambda p: calling(name("builtins", "eval"), text(touching_code(p))) + b".",
    "__builtin__.eval of Python 2": lambda p: calling(name("__builtin__", "eval"), text(touching_code(p))) + b".",
    "builtins.exec": lambda p: calling(name("builtins", "exec"), text(touching_code(p))) + b".",
    "builtins.open": lambda p: calling(name("builtins", "open"), text(p), text("w")) + b".",
    "builtins.getattr of an import": lambda p: (
        calling(calling(name("builtins", "getattr"), IMPORT_OS, text("system")), text(touch(p))) + b"."
    ),
    "importlib.import_module": lambda p: (
        calling(
            calling(
                name("builtins", "getattr"), calling(name("importlib", "import_module"), text("os")), text("system")
            ),
            text(touch(p)),
        )
        + b"."
    ),
    "operator.methodcaller": lambda p: (
        calling(calling(name("operator", "methodcaller"), text("system"), text(touch(p))), IMPORT_OS) + b"."
    ),
    "operator.attrgetter": lambda p: (
        calling(calling(calling(name("operator", "attrgetter"), text("system")), IMPORT_OS), text(touch(p))) + b"."
    ),
    "functools.partial": lambda p: (
        calling(calling(name("functools", "partial"), name("os", "system"), text(touch(p)))) + b"."
    ),
    "a dotted name": lambda p: b"\x80\x04" + calling(stack_name("pathlib", "os.system"), text(touch(p))) + b".",
    "codecs.open": lambda p: calling(name("codecs", "open"), text(p), text("w")) + b".",
    "numpy.save": lambda p: calling(name("numpy", "save"), text(f"{p}.npy"), b"K\x01") + b".",
    "numpy.memmap": lambda p: (
        calling(name("numpy", "memmap"), text(p), text("uint8"), text("w+"), b"K\x00", b"K\x04\x85") + b"."
    ),
    "numpy.ndarray.tofile": lambda p: (
        b"\x80\x04" + calling(stack_name("numpy", "ndarray.tofile"), pickle.dumps(np.zeros(2), 2)[2:-1], text(p)) + b"."
    ),
    "numpy.f2py's eval": lambda p: (
        calling(name("numpy.f2py.crackfortran", "myeval"), text(touching_code(p) + " or 1"), b"}") + b"."
    ),
    "a pickle in a pickle": nested_pickle,
    "an array of objects": object_array,
    "a call inside a dict of records": lambda p: (
        b"](}" + text("image") + calling(name("os", "system"), text(touch(p))) + b"se."
    ),
    "a call that is popped at once": lambda p: calling(name("os", "system"), text(touch(p))) + b"0N.",
    "a call behind zlib": lambda p: zlib.compress(calling(name("os", "system"), text(touch(p))) + b"."),
}


def plain_array(array: np.ndarray) -> bytes:
    return pickle.dumps(array, 2)[2:-1]


def array_of_state(state: bytes) -> bytes:
    empty = calling(name("numpy.core.multiarray", "_reconstruct"), name("numpy", "ndarray"), b"K\x00\x85", b"C\x01b")
    return empty + state + b"b."


def dtype_of(code: str, order: str = "<") -> bytes:
    made = calling(name("numpy", "dtype"), text(code), b"\x89", b"\x88")
    state = b"(K\x03" + text(order) + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"
    return made + state + b"b"


def array_that_claims(shape: bytes, code: str = "f8", data: bytes = b"C\x08" + bytes(8)) -> bytes:
    return array_of_state(b"(K\x01" + shape + dtype_of(code) + b"\x89" + data + b"t")


def joblib_array(dtype: bytes, shape: bytes, what: bytes, raw: bytes) -> bytes:
    state = b"}" + b"(" + text("subclass") + what + text("shape") + shape + text("order") + text("C")
    state += text("dtype") + dtype + text("allow_mmap") + b"\x88u"
    return name("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81" + state + b"b" + raw + b"."


def laughs(levels: int) -> bytes:
    """Tuples of tuples: two to the power of `levels` values in a few bytes."""
    return b")" + b"2\x86" * levels


def sparse(indices: np.ndarray, shape: bytes = b"K\x03K\x03\x86") -> bytes:
    parts = {"data": np.ones(len(indices)), "indices": indices, "indptr": np.array([0, 1, 2, len(indices)], np.int32)}
    state = b"}(" + text("_shape") + shape
    for key, part in parts.items():
        state += text(key) + plain_array(part)
    return name("scipy.sparse._csc", "csc_matrix") + b")\x81" + state + b"ub."


def copies(times: int, size: int) -> bytes:
    held = (
        b"B"
        + struct.pack("<I", size)
        + bytes(size)
        + b"q\x000]("
        + b"".join(name("builtins", "bytearray") + b"h\x00\x85R" for _ in range(times))
    )
    return held + b"e."


def sets(times: int, size: int) -> bytes:
    members = b"](" + b"".join(b"M" + struct.pack("<H", k) for k in range(size)) + b"eq\x000]("
    return members + (name("builtins", "set") + b"h\x00\x85R") * times + b"e."


def zipped_bomb() -> bytes:
    stream, squeeze = io.BytesIO(), zlib.compressobj(9)
    for _ in range(70):
        stream.write(squeeze.compress(bytes(2**20)))
    stream.write(squeeze.flush())
    return stream.getvalue()


def alike(count: int) -> bytes:
    """A dict whose keys are tuples of numbers, all of one hash: filling it takes time quadratic in their number."""
    numbers = [step * (2**61 - 1) for step in range(-4, 5)]
    assert len({hash(number) for number in numbers}) == 1
    spelled = [b"\x8a\x09" + number.to_bytes(9, "little", signed=True) for number in numbers]
    keys = islice(product(spelled, repeat=5), count)
    return b"}(" + b"".join(b"(" + b"".join(key) + b"tN" for key in keys) + b"u."


def squeezed(program: bytes) -> bytes:
    return zlib.compress(program + b".", 1)


# Small files whose values would take gigabytes.
MEMORY: dict[str, Callable[[], bytes]] = {
    "marks": lambda: squeezed(b"(" * 5_000_000),
    "empty lists": lambda: squeezed(b"](" + b"]" * 5_000_000 + b"e"),
    "empty sets": lambda: squeezed(b"](" + b"\x8f" * 2_000_000 + b"e"),
    "tuples in each other": lambda: squeezed(b"N" + b"\x85" * 5_000_000),
    "texts": lambda: squeezed(b"](" + b"\x8c\x02ab" * 8_000_000 + b"e"),
    "OrderedDicts": lambda: squeezed(name("collections", "OrderedDict") + b"q\x000](" + b"h\x00)R" * 1_000_000 + b"e"),
}


# Pickles that are refused for what they are, and a part of the line that says so.
REFUSED: dict[str, tuple[bytes, str]] = {
    "NEWOBJ of subprocess.Popen": (name("subprocess", "Popen") + b")\x81.", "refers to subprocess.Popen"),
    "NEWOBJ of an allowed class": (name("numpy", "ndarray") + b")\x81.", "makes an object of numpy.ndarray"),
    "NEWOBJ_EX": (name("numpy", "ndarray") + b")}\x92.", "makes an object of numpy.ndarray in an unusual way"),
    "INST of an allowed class": (b"(inumpy\nndarray\n.", "makes an object of numpy.ndarray in an unusual way"),
    "a class of a script": (
        name("__main__", "Pose") + b")\x81.",
        "refers to __main__.Pose, which no file of plain data needs",
    ),
    "a tensor": (name("torch._utils", "_rebuild_tensor_v2") + b".", "refers to torch._utils._rebuild_tensor_v2"),
    "a model": (name("chumpy.ch", "Ch") + b")\x81.", "refers to chumpy.ch.Ch"),
    "copyreg.add_extension": (name("copyreg", "add_extension") + b".", "refers to copyreg.add_extension"),
    "copyreg._reconstructor of a list": (
        calling(name("copyreg", "_reconstructor"), name("scipy.sparse", "csc_matrix"), name("builtins", "set"), b"]")
        + b".",
        "makes an object of scipy.sparse.csc_matrix in an unusual way",
    ),
    "EXT1": (b"\x82\x01.", "refers to a class by a number"),
    "EXT2": (b"\x83\x01\x01.", "refers to a class by a number"),
    "EXT4": (b"\x84\x01\x01\x01\x01.", "refers to a class by a number"),
    "PERSID": (b"Psomething\n.", "refers to an object outside of the file"),
    "BINPERSID": (b"K\x01Q.", "refers to an object outside of the file"),
    "NEXT_BUFFER": (b"\x80\x05\x97.", "refers to a buffer outside of the file"),
    "BUILD of a dict": (b"}}b.", "sets the inner state of a dict"),
    "BUILD of an array, twice": (
        array_that_claims(b"K\x01\x85")[:-1] + b"(K\x01K\x02\x85" + dtype_of("f8") + b"\x89C\x00tb.",
        "sets the inner state of a ndarray",
    ),
    "BUILD of a dtype, twice": (
        dtype_of("S1") + b"(K\x03" + text("|") + b"NNNJ\xff\xff\x00\x00K\x01K\x00tb.",
        "inner state",
    ),
    "a dtype of objects": (dtype_of("O"), "numpy array with objects in it"),
    "a record dtype": (calling(name("numpy", "dtype"), text("V8"), b"\x89", b"\x88") + b".", "the type V8"),
    "a dtype in numpy's little language": (
        calling(name("numpy", "dtype"), text("f8,(9999999,9999999)f8"), b"\x89", b"\x88") + b".",
        "only arrays of numbers",
    ),
    "an array of forged pointers": (
        calling(name("numpy.core.numeric", "_frombuffer"), b"C\x08" + b"A" * 8, dtype_of("O"), b"K\x01\x85", text("C"))
        + b".",
        "objects in it",
    ),
    "a list of objects as an array's data": (
        array_of_state(b"(K\x01K\x01\x85" + dtype_of("f8") + b"\x89](K\x01et"),
        "numpy array with arguments that do not fit",
    ),
    "an array that claims a terabyte": (array_that_claims(b"\x8a\x06\x00\x00\x00\x00\x00\x01\x85"), "but 8 bytes"),
    "an array whose size overflows": (
        array_that_claims(b"\x8a\x05\x00\x00\x00\x00\x01\x8a\x05\x00\x00\x00\x00\x01\x86"),
        "but 8 bytes",
    ),
    "an array of negative size": (array_that_claims(b"J\xff\xff\xff\xffJ\xff\xff\xff\xff\x86"), "a negative size"),
    "a text dtype of a megabyte an item": (array_that_claims(b"K\x01\x85", "S999999"), "but 8 bytes"),
    "a sparse matrix that reads beyond its memory": (sparse(np.array([0, 1, 10**6], np.int32)), "csc_matrix with arg"),
    "a sparse matrix that writes before its memory": (sparse(np.array([0, 1, -5], np.int32)), "csc_matrix with arg"),
    "another encoding": (calling(name("_codecs", "encode"), text("x"), text("idna")) + b".", "than latin-1"),
    "the class itself as a value": (
        b"}" + text("a") + name("numpy", "ndarray") + b"s.",
        "numpy.ndarray itself as a value",
    ),
    "a list that holds itself": (b"]q\x00h\x00a.", "or holds itself"),
    "a hundred thousand lists in each other": (b"]" * 100_001 + b"a" * 100_000 + b".", "nested more than 64 deep"),
    "two to the fiftieth tuples": (laughs(50) + b".", "unpacks to far more than it holds"),
    "two to the fiftieth tuples as a key": (b"}" + laughs(50) + b"Ns.", "uses a tuple as a key"),
    "two to the fiftieth tuples in a set": (b"\x8f(" + laughs(50) + b"\x90.", "uses a tuple as a key"),
    "an array copied over and over": (copies(3000, 10_000), "unpacks to far more than it holds"),
    "a set made over and over": (sets(3000, 10_000), "unpacks to far more than it holds"),
    "an integer of a million digits": (b"L" + b"9" * 1_000_000 + b"L\n.", "integer of more than 64 bits"),
    "an integer of a megabyte": (b"\x8b" + struct.pack("<i", 2**20) + b"\xff" * 2**20 + b".", "more than 64 bits"),
    "a memory-mapped joblib array": (
        joblib_array(dtype_of("f8"), b"K\x01\x85", name("numpy", "memmap"), bytes(8)),
        "refers to numpy.memmap",
    ),
    "a joblib array of another class": (
        joblib_array(dtype_of("f8"), b"K\x01\x85", name("builtins", "set"), bytes(8)),
        "another class",
    ),
    "a joblib array of objects": (
        joblib_array(dtype_of("O"), b"K\x01\x85", name("numpy", "ndarray"), b"N."),
        "objects",
    ),
    "thirty thousand keys of the same hash": (alike(30_000), "keys of the same hash"),
    "a zlib bomb": (zipped_bomb(), "unpacks to more than 64 MiB"),
    "a name that would colour the terminal": (name("os\x1b[31m", "system") + b".", r"refers to os\x1b[31m.system"),
}

# Pickles that are broken, or claim what is not there.
BROKEN: dict[str, bytes] = {
    "nothing but a stop": b".",
    "an instruction that does not exist": b"\xfe.",
    "bytes beyond the end": b"\x8e" + struct.pack("<Q", 2**60) + b"x.",
    "text beyond the end": b"X" + struct.pack("<I", 2**31) + b"x.",
    "text of negative length": b"T" + struct.pack("<i", -5) + b"x.",
    "a bytearray of an exabyte": b"\x96" + struct.pack("<Q", 2**60) + b".",
    "a frame beyond the end": b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"N.",
    "a memo that was never written": b"j\xff\xff\xff\xff.",
    "a memo of negative number": b"Np-1\ng-2\n.",
    "an append to an array": plain_array(np.zeros(2)) + b"(K\x01e.",
    "a joblib array beyond the end": joblib_array(
        dtype_of("f8"), b"\x8a\x05\x00\x00\x00\x00\x01\x85", name("numpy", "ndarray"), bytes(8)
    ),
    "half a gzip": b"\x1f\x8b\x08\x00" + bytes(8),
    "HTML instead of a download": b"<html><body>403 Forbidden</body></html>",
}
