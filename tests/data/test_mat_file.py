import struct
import subprocess
import sys

import numpy as np
import pytest
import scipy.io

from prepose.data.intake import mat_shapes, read_mat, read_mat_cells, read_mat_struct
from prepose.data.mat_file import list_variables, load_variable
from prepose.errors import DataError


def element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def array(kind: int, shape: tuple[int, ...], content: bytes, *, name: bytes = b"", flags: int = 0) -> bytes:
    head = element(6, struct.pack("<II", kind | flags, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape))
    return element(14, head + element(1, name) + content)


def file_of(variable: bytes) -> bytes:
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + variable


def cells(depth: int) -> bytes:
    """Cells in each other; put together from the outside, as wrapping them one by one takes seconds."""
    innermost, around = array(6, (1, 1), element(9, bytes(8))), array(1, (1, 1), b"")[8:]
    levels, size = [], len(innermost)
    for _ in range(depth):
        levels.append(struct.pack("<II", 14, len(around) + size) + around)
        size += 8 + len(around)
    return array(1, (1, 1), b"".join([*reversed(levels), innermost]), name=b"a")


NUMBER = array(6, (1, 1), element(9, bytes(8)))
FIELDS = element(5, struct.pack("<i", 8)) + element(1, b"x\0\0\0\0\0\0\0")
HOSTILE = {
    "cells in each other": (cells(20_000), "nested more than 32 deep"),
    "numbers of an unknown type": (array(6, (1, 1), element(200, bytes(8)), name=b"a"), "unknown type 200"),
    "numbers of no type": (array(6, (1, 1), element(0, bytes(8)), name=b"a"), "unknown type 0"),
    "text of an unknown type": (array(4, (1, 8), element(11, bytes(8)), name=b"a"), "unknown type 11"),
    "four gigabytes of numbers": (array(6, (2**15, 2**14), element(9, bytes(8)), name=b"a"), "claims 536,870,912"),
    "four gigabytes of blanks": (array(4, (2**15, 2**15), element(16, b""), name=b"a"), "takes more than"),
    "four gigabytes of cells": (array(1, (2**15, 2**14), NUMBER, name=b"a"), "claims 536,870,912 entries"),
    "four gigabytes of structs": (array(2, (2**15, 2**14), FIELDS, name=b"a"), "claims 536,870,912 entries"),
    "four gigabytes of structs without fields": (
        array(2, (2**15, 2**14), element(5, struct.pack("<i", 8)) + element(1, b""), name=b"a"),
        "takes more than",
    ),
    "an entry longer than its cell": (array(1, (1, 1), NUMBER[:4] + b"\xff\0\0\0" + NUMBER[8:], name=b"a"), "longer"),
    "an element longer than its array": (array(6, (1, 1), struct.pack("<II", 9, 800), name=b"a"), "longer than"),
    "a short element of nine bytes": (array(6, (1, 1), struct.pack("<HHI", 9, 9, 0), name=b"a"), "too long"),
    "bytes that belong to nothing": (array(6, (1, 1), element(9, bytes(8)) * 2, name=b"a"), "too many"),
    "names of fields of no length": (
        array(2, (1, 1), element(5, bytes(4)) + element(1, b"x") + NUMBER, name=b"a"),
        "names of fields",
    ),
    "a sparse matrix": (array(5, (2, 2), element(5, bytes(8)) * 3, name=b"a"), "class sparse"),
    "a function": (array(16, (1, 1), NUMBER, name=b"a"), "class function"),
    "complex numbers without the imaginary ones": (
        array(6, (1, 1), element(9, bytes(8)), name=b"a", flags=0x800),
        "ends within a tag",
    ),
}


@pytest.mark.parametrize("trick", HOSTILE)
@pytest.mark.parametrize("compressed", [False, True])
def test_a_variable_that_scipy_would_fall_over_is_refused_before(tmp_path, trick, compressed):
    import zlib

    variable, message = HOSTILE[trick]
    if compressed:
        squeezed = zlib.compress(variable)
        variable = struct.pack("<II", 15, len(squeezed)) + squeezed
    path = tmp_path / "a.mat"
    path.write_bytes(file_of(variable))
    (found,) = list_variables(path)
    with pytest.raises(ValueError, match=message):
        load_variable(path, found, 2**29)
    # Whichever way an adapter asks for it, it gets one line.
    for read in (
        lambda: read_mat(path, "a", tuple(None for _ in found.shape)),
        lambda: read_mat_struct(path, "a"),
        lambda: read_mat_cells(path, ("a",)),
    ):
        with pytest.raises(DataError) as caught:
            if read() == {}:
                raise DataError(f"{path}: not a cell array")
        assert str(caught.value).startswith(str(path)) and str(caught.value).isprintable()


@pytest.mark.parametrize(
    "change", [b"", b"short", bytes(200), b"x" * 300, b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + b"a"]
)
def test_what_is_no_file_of_level_5_is_refused(tmp_path, change):
    (tmp_path / "a.mat").write_bytes(change)
    with pytest.raises(ValueError, match=r"level 5|within a tag|no variable"):
        list_variables(tmp_path / "a.mat")


def test_two_variables_of_one_name_are_refused(tmp_path):
    (tmp_path / "a.mat").write_bytes(file_of(array(6, (1, 1), element(9, bytes(8)), name=b"a") * 2))
    with pytest.raises(DataError, match="two variables are named 'a'"):
        mat_shapes(tmp_path / "a.mat")


def test_what_scipy_lists_is_listed_alike(tmp_path):
    held = {"a": np.eye(3), "flags": np.array([True]), "text": "abc", "s": {"x": 1}, "c": np.array([[1, "b"]], object)}
    held |= {"z": np.ones((2, 3, 4), complex), "empty": np.zeros((0, 5), np.uint8), "blank": ""}
    for do_compression in (False, True):
        scipy.io.savemat(tmp_path / "a.mat", held, do_compression=do_compression)
        wanted = [(name, kind) for name, _, kind in scipy.io.whosmat(tmp_path / "a.mat")]
        listed = list_variables(tmp_path / "a.mat")
        assert [(one.name, one.kind) for one in listed] == wanted
        assert [one.shape for one in listed][:2] == [(3, 3), (1, 1)]
        loaded = scipy.io.loadmat(tmp_path / "a.mat")
        for one in listed:
            np.testing.assert_equal(load_variable(tmp_path / "a.mat", one, 2**20), loaded[one.name])


def test_a_big_endian_file_is_read(tmp_path):
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI"

    def pack(kind: int, data: bytes) -> bytes:
        return struct.pack(">II", kind, len(data)) + data + bytes(-len(data) % 8)

    content = pack(6, struct.pack(">II", 6, 0)) + pack(5, struct.pack(">ii", 1, 2))
    content += struct.pack(">HH", 1, 1) + b"a\0\0\0" + pack(9, struct.pack(">dd", 1.5, -2))
    (tmp_path / "a.mat").write_bytes(head + pack(14, content))
    np.testing.assert_array_equal(read_mat(tmp_path / "a.mat", "a", (1, 2)), [[1.5, -2]])


def test_a_small_file_may_take_half_a_gigabyte_at_most(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"a": np.zeros((300, 300, 1000), np.uint8)}, do_compression=True)
    (found,) = list_variables(tmp_path / "a.mat")
    with pytest.raises(ValueError, match=r"inflates to more than 40 MiB"):
        load_variable(tmp_path / "a.mat", found, 80 * 2**20)
    # Ten thousand empty arrays of eight bytes each are objects of some two hundred.
    (tmp_path / "a.mat").write_bytes(file_of(array(1, (100, 100), element(14, b"") * 10_000, name=b"a")))
    (found,) = list_variables(tmp_path / "a.mat")
    with pytest.raises(ValueError, match=r"takes more than 2 MiB in memory"):
        load_variable(tmp_path / "a.mat", found, 2 * 2**20)
    assert load_variable(tmp_path / "a.mat", found, 4 * 2**20).shape == (100, 100)


DAMAGED = """
import sys
import warnings
import numpy as np
from pathlib import Path
from prepose.data.intake import read_mat_cells, read_mat_struct
from prepose.errors import DataError

warnings.simplefilter("ignore")
path, generator = Path(sys.argv[1]), np.random.default_rng(int(sys.argv[2]))
whole, read = path.read_bytes(), 0
for _ in range(1500):
    data = bytearray(whole)
    for at in generator.integers(128, len(data), 2):
        data[at] = generator.integers(256)
    path.write_bytes(data)
    for reader in (lambda: read_mat_struct(path, "s"), lambda: read_mat_cells(path, ("c",))):
        try:
            read += len(reader()) > 0
        except DataError as error:
            assert str(error).isprintable()
print(read)
"""


@pytest.mark.parametrize("seed", range(2))
def test_damaged_files_never_end_the_process(tmp_path, seed):
    nested = {"x": [{"y": 1.0, "z": "ab"}, {"y": np.arange(3), "z": ""}], "w": {"v": np.eye(2, dtype=np.uint8)}}
    scipy.io.savemat(tmp_path / "a.mat", {"s": nested, "c": np.array([[np.eye(2), np.ones(3)]], object)})
    (tmp_path / "damage.py").write_text(DAMAGED)
    command = [sys.executable, tmp_path / "damage.py", tmp_path / "a.mat", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100
