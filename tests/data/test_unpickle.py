import pickle
import zlib
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from fake_pickles import python2_pickle
from hostile_pickles import dtype_of, joblib_array, name
from prepose.data import unpickle
from prepose.data.unpickle import read_pickle
from prepose.errors import DataError

VALUES = {
    "float array": np.linspace(0, 1, 6).reshape(2, 3),
    "Fortran array": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "strided array": np.arange(12).reshape(3, 4)[:, ::2],
    "transposed array": np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1),
    "big-endian array": np.arange(3, dtype=">i4"),
    "bool array": np.array([[True], [False]]),
    "text array": np.array(["ab", "ç"]),
    "bytes array": np.array([b"ab", b"c"]),
    "half array": np.ones(2, np.float16),
    "complex array": np.ones(2, np.complex64),
    "empty array": np.zeros((0, 3)),
    "empty text array": np.zeros(2, "U1"),
    "0-d array": np.array(3.5),
    "scalars": [np.float32(3), np.int64(-7), np.bool_(True), np.str_("x")],
    "dtype": np.dtype("float32"),
    "integers": [0, -1, 255, 256, 65536, 2**31, -(2**31), 2**62, -(2**63), 2**64 - 1],
    "floats": [0.5, -1e300, float("inf")],
    "complex": 1 + 2j,
    "truths": (True, False, None),
    "text": ["", "hé\n\"'\\", "\u4e2d" * 200, "x" * 70_000],
    "bytes": [b"", b"\x00\xff'", b"x" * 300, bytearray(b"ab"), bytearray()],
    "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
    "sets": [{1, "a"}, frozenset([(1, 2)]), set()],
    "dicts": [{}, {"a": {"b": [1]}, 3: None, (1, "x"): 2.0}],
    "OrderedDict": OrderedDict([("b", 1), ("a", [2])]),
    "csc": scipy.sparse.csc_matrix(np.diag([1.0, 0, 2])),
    "csr": scipy.sparse.csr_matrix(np.ones((2, 3), np.float32)),
    "csr array": scipy.sparse.csr_array(np.eye(2)),
}


def same(found: object, wanted: object) -> None:
    assert type(found) is type(wanted)
    if isinstance(wanted, np.ndarray):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted, strict=True)
        assert found.flags.writeable
    elif scipy.sparse.issparse(wanted):
        np.testing.assert_array_equal(found.toarray(), wanted.toarray())
    elif isinstance(wanted, dict):
        assert list(found) == list(wanted)
        for key, value in wanted.items():
            same(found[key], value)
    elif isinstance(wanted, (list, tuple)):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            same(one, other)
    else:
        assert found == wanted


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "labels.pkl"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("what", VALUES)
def test_what_label_files_hold_comes_back(file, what, protocol):
    file.write_bytes(pickle.dumps({what: [VALUES[what]]}, protocol))
    same(read_pickle(file), {what: [VALUES[what]]})


# Not 5: there the slow pickler of Python 3.11 confuses the empty bytes with the empty bytearray.
@pytest.mark.parametrize("protocol", range(5))
def test_pythons_own_pickler_without_its_accelerator_is_read_alike(file, protocol):
    file.write_bytes(pickle._dumps(VALUES, protocol))
    same(read_pickle(file), VALUES)


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_a_pickle_of_python_2_is_read_as_latin_1(file, protocol):
    value = {"name": "caf\xe9 \x80'\n", "joints": np.arange(300.0).reshape(100, 3), "sc": np.float64(2), "n": [1, True]}
    file.write_bytes(python2_pickle(value, protocol))
    data = file.read_bytes()
    assert b"numpy.core.multiarray" in data
    assert b"_codecs" not in data
    same(read_pickle(file), value)
    same(pickle.loads(data, encoding="latin-1"), value)  # the fake is one


def test_a_value_met_twice_is_one_value(file):
    camera = {"K": np.eye(3)}
    file.write_bytes(pickle.dumps([camera, camera], 4))
    one, other = read_pickle(file)
    assert one is other


@pytest.mark.parametrize("level", [None, 1, 3, 9])
@pytest.mark.parametrize("gzip", [False, True])
def test_a_joblib_file_is_read_plain_and_compressed(file, level, gzip):
    raw = np.arange(6.0)
    data = joblib_array(dtype_of("f8"), b"K\x02K\x03\x86", name("numpy", "ndarray"), raw.tobytes())
    if level is not None:
        squeeze = zlib.compressobj(level, wbits=31 if gzip else 15)
        data = squeeze.compress(data) + squeeze.flush()
    file.write_bytes(data)
    same(read_pickle(file), raw.reshape(2, 3))


def test_joblib_puts_arrays_between_the_rest(file):
    # Taken from joblib 1.5: a dict of an array (padded to 16 bytes) and a number.
    file.write_bytes(
        b"\x80\x04\x95\xd8\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94\x8c\x13joblib.numpy_pickle\x94\x8c\x11NumpyArr"
        b"ayWrapper\x94\x93\x94)\x81\x94}\x94(\x8c\x08subclass\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94\x8c\x05sh"
        b"ape\x94K\x03\x85\x94\x8c\x05order\x94\x8c\x01C\x94\x8c\x05dtype\x94h\x08\x8c\x05dtype\x94\x93\x94\x8c\x02f8"
        b"\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01<\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94b\x8c\nallow_mmap"
        b"\x94\x88\x8c\x1bnumpy_array_alignment_bytes\x94K\x10ub\x0c" + b"\xff" * 12 + np.arange(3.0).tobytes() +
        b"\x95;\x00\x00\x00\x00\x00\x00\x00\x8c\x01b\x94\x8c\x16numpy._core.multiarray\x94\x8c\x06scalar\x94\x93\x94h"
        b"\x14C\x08\x00\x00\x00\x00\x00\x00\x00@\x94\x86\x94R\x94u."
    )  # fmt: skip
    same(read_pickle(file), {"a": np.arange(3.0), "b": np.float64(2)})


def test_a_missing_an_empty_and_a_huge_file_are_errors(file, monkeypatch):
    with pytest.raises(DataError, match=r"labels\.pkl: there is no such file"):
        read_pickle(file)
    file.write_bytes(b"")
    with pytest.raises(DataError, match=r"labels\.pkl: is empty"):
        read_pickle(file)
    file.write_bytes(pickle.dumps([1]))
    monkeypatch.setattr(unpickle, "MOST_BYTES", 3)
    with pytest.raises(DataError, match="no pickle of labels is that large"):
        read_pickle(file)


def test_many_shared_parts_are_no_bomb(file):
    value = [{"camera": {"K": [1.0] * 50}}] * 1000
    file.write_bytes(pickle.dumps(value, 4))
    same(read_pickle(file), value)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_large_honest_values_stay_within_the_budget(file, protocol):
    # A matrix of protocol 2 is copied from text to bytes to arrays to the matrix.
    value = [scipy.sparse.csc_matrix(np.ones((500, 1000))), np.zeros((1000, 500))]
    file.write_bytes(pickle.dumps(value, protocol))
    same(read_pickle(file), value)
