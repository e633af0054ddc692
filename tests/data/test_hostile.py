"""Hostile files: nothing runs, nothing is written, and the user gets one line."""

import io
import json
import os
import pickle
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from hostile_pickles import BROKEN, MEMORY, REFUSED, RUNS
from prepose.data.archive import open_archive, read_npy, read_npz
from prepose.data.intake import hdf5_shapes, mat_shapes, read_hdf5, read_hdf5_texts, read_json, read_mat
from prepose.data.unpickle import read_pickle
from prepose.errors import DataError

JOINTS = np.random.default_rng(0).random((3, 14, 20))


def refused(read, path: Path, *expected: str) -> None:
    """Read a file that must be refused in one printable line that names it, and leave the disk as it was."""
    folder = path.parent
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    with pytest.raises(DataError) as caught:
        read(path)
    message = str(caught.value)
    assert message.isprintable(), message
    assert message.startswith(str(path))
    assert len(message) < 500
    for part in expected:
        assert part in message
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == before


@pytest.fixture
def file(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "labels.pkl"


def sentinel_made(sentinel: Path) -> bool:
    return sentinel.exists() or sentinel.with_name(f"{sentinel.name}.npy").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are a POSIX shell's")
@pytest.mark.parametrize("trick", RUNS)
def test_the_tricks_work_on_pythons_own_pickle(tmp_path, trick):
    import zlib

    data = RUNS[trick](tmp_path / "sentinel")
    data = zlib.decompress(data) if data.startswith(b"\x78\x9c") else data
    try:
        opened = pickle.loads(data)
    except (TypeError, AttributeError, ValueError):
        opened = None  # some fall over what they get back, after the deed
    if isinstance(opened, (io.IOBase, np.memmap)):
        getattr(opened, "close", lambda: None)()
    assert sentinel_made(tmp_path / "sentinel")


@pytest.mark.parametrize("trick", RUNS)
def test_no_pickle_runs_anything(tmp_path, file, trick):
    file.write_bytes(RUNS[trick](tmp_path / "sentinel"))
    refused(read_pickle, file, "it was not read, and nothing in it was run")
    assert not sentinel_made(tmp_path / "sentinel")


@pytest.mark.parametrize("trick", REFUSED)
def test_a_pickle_that_is_no_label_file_is_refused(file, trick):
    data, expected = REFUSED[trick]
    file.write_bytes(data)
    refused(read_pickle, file, expected, "nothing in it was run")


@pytest.mark.parametrize("trick", BROKEN)
def test_a_broken_pickle_is_refused(file, trick):
    file.write_bytes(BROKEN[trick])
    refused(read_pickle, file, "is truncated, damaged or not a pickle")


def test_a_memo_of_four_billion_entries_takes_one(file):
    # Python's own machine would make a list as long as the number asked for: 34 GB.
    file.write_bytes(b"]r" + struct.pack("<I", 2**32 - 1) + b".")
    assert read_pickle(file) == []


WITHIN = """
import resource
import sys
from pathlib import Path
from prepose.data.unpickle import read_pickle
from prepose.errors import DataError

held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 2**30,) * 2)
for file in sys.argv[1:]:
    try:
        read_pickle(Path(file))
    except DataError as error:
        print(error)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's limits of memory")
def test_small_pickles_take_less_than_a_gigabyte(tmp_path):
    files = [tmp_path / f"{trick.replace(' ', '-')}.pkl" for trick in MEMORY]
    for file, build in zip(files, MEMORY.values(), strict=True):
        file.write_bytes(build())
    (tmp_path / "read.py").write_text(WITHIN)
    command = [sys.executable, tmp_path / "read.py", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    for file, line in zip(files, lines, strict=True):
        assert line.startswith(f"{file}: takes far more memory than the file has")


def with_info(name: str, change=lambda info: None) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo(name)
        change(info)
        archive.writestr(info, b"data")
    return stream.getvalue()


def patched_member(offset: int, value: bytes) -> bytes:
    """An archive of one member whose record in the central directory says something else at `offset`."""
    data = bytearray(with_info("a.jpg"))
    at = data.index(b"PK\x01\x02") + offset
    data[at : at + len(value)] = value
    return bytes(data)


def link(info: zipfile.ZipInfo) -> None:
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16


def device(info: zipfile.ZipInfo) -> None:
    info.create_system, info.external_attr = 3, (stat.S_IFCHR | 0o777) << 16


def compressed(name: str, data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return stream.getvalue()


def overlapping() -> bytes:
    """A thousand names for one place, as in bombs that need no nesting."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("0.jpg", os.urandom(5000))
        first = archive.infolist()[0]
        for number in range(1, 1000):
            info = zipfile.ZipInfo(f"{number}.jpg")
            info.header_offset, info.CRC = first.header_offset, first.CRC
            info.compress_size = info.file_size = first.file_size
            archive.filelist.append(info)
    return stream.getvalue()


def twice() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.jpg", b"one")
        archive.writestr("b.jpg", b"two")
    return stream.getvalue().replace(b"b.jpg", b"a.jpg")


ARCHIVES = {
    "a name that leads upwards": (with_info("../evil.jpg"), "'../evil.jpg', which may lie outside of its folder"),
    "a name that leads upwards later": (with_info("images/../../evil.jpg"), "may lie outside"),
    "a name that leads upwards on Windows": (with_info("images\\..\\..\\evil.jpg"), "may lie outside"),
    "an absolute name": (with_info("/etc/cron.d/evil"), "may lie outside"),
    "an absolute name on Windows": (with_info("C:/evil.jpg"), "may lie outside"),
    "a name with a line feed": (with_info("a\nb.jpg"), "may lie outside"),
    "a link": (with_info("link.jpg", link), "is a link or a device"),
    "a device": (with_info("device.jpg", device), "is a link or a device"),
    "a bomb": (compressed("a.jpg", bytes(70 * 2**20)), "claims to unpack"),
    "a claim of four gigabytes": (patched_member(24, b"\xfe\xff\xff\xff"), "claims to unpack"),
    "an encrypted member": (patched_member(8, b"\x01\x00"), "is encrypted"),
    "an unusual compression": (patched_member(10, b"\x0e\x00"), "unusual method"),
    "members that overlap": (overlapping(), "its members overlap"),
    "two members of one name": (twice(), "is there twice"),
    "half an archive": (with_info("a.jpg")[:60], "not a zip archive"),
    "not an archive": (b"PK\x03\x04" + bytes(100), "not a zip archive"),
}


@pytest.mark.parametrize("trick", ARCHIVES)
def test_a_hostile_archive_is_refused(tmp_path, trick):
    data, expected = ARCHIVES[trick]
    (tmp_path / "images.zip").write_bytes(data)
    refused(open_archive, tmp_path / "images.zip", expected)


@pytest.mark.parametrize("size", [3, 5])
def test_a_member_that_is_not_what_it_claims_is_refused(tmp_path, size):
    data = bytearray(patched_member(24, struct.pack("<I", size)))
    (tmp_path / "images.zip").write_bytes(data)
    with open_archive(tmp_path / "images.zip") as archive, pytest.raises(DataError, match=r"a\.jpg"):
        archive.read("a.jpg")


def npy(header: str, data: bytes = bytes(8)) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def saved(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


ARRAYS = {
    "an array of objects": (saved(np.array([{}, 1], dtype=object)), "pickled objects"),
    "a terabyte": (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,)}"), "but has 8"),
    "a size that overflows": (
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}"),
        "has 8",
    ),
    "a negative size": (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1)}"), "claims"),
    "a header that is a program": (npy("__import__('os').system('touch sentinel')"), "not a numpy array"),
    "a long header": (npy("{'descr': '" + "f8," * 20_000 + "'}"), "not a numpy array"),
    "a shape of truth values": (
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (True, True)}"),
        "claims 8 bytes for True x True",
    ),
    "half an array": (saved(np.zeros(100))[:-8], "claims 800 bytes for 100 but has 792"),
    "something else": (b"joints,1,2", "not a numpy array"),
}


@pytest.mark.parametrize("trick", ARRAYS)
def test_a_hostile_array_is_refused(tmp_path, monkeypatch, trick):
    monkeypatch.chdir(tmp_path)
    data, expected = ARRAYS[trick]
    with pytest.raises(DataError, match=expected):
        read_npy(data, "joints.npy")
    (tmp_path / "joints.npz").write_bytes(compressed("joints.npy", data))
    refused(read_npz, tmp_path / "joints.npz", expected)


def external_link(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["joints"] = h5py.ExternalLink("/etc/other.h5", "/secrets")


def external_storage(path: Path) -> None:
    secret = path.with_name("secret.bin")
    secret.write_bytes(np.arange(20.0).tobytes())
    with h5py.File(path, "w") as file:
        file.create_dataset("joints", (20,), "f8", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])


def virtual(path: Path) -> None:
    layout = h5py.VirtualLayout((20,), "f8")
    layout[:] = h5py.VirtualSource("/etc/other.h5", "secrets", (20,))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("joints", layout)


def huge(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("joints", (2**20, 2**20), "f8", chunks=(2**10, 2**10))


def unwritten(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("joints", (2**27,), "f8", chunks=(2**20,))


def filled(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("joints", (2**27,), "f8", fillvalue=7.0)


def large_chunk(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("joints", (1,), "f8", maxshape=(None,), chunks=(2**29 - 1,))


HDF5 = {
    "an external link": (external_link, "is a link to another file"),
    "external storage": (external_storage, "takes its numbers from another file"),
    "a virtual dataset": (virtual, "takes its numbers from other datasets"),
    "eight terabytes": (huge, "takes 8,796,093,022,208 bytes of memory"),
    "a gigabyte that was never written": (unwritten, "takes 1,073,741,824 bytes of memory"),
    "a gigabyte of one value": (filled, "takes 1,073,741,824 bytes of memory"),
    "a chunk of four gigabytes": (large_chunk, "a chunk of 'joints' takes 4,294,967,288 bytes"),
}


@pytest.mark.parametrize("suffix", [".h5", ".mat"])
@pytest.mark.parametrize("trick", HDF5)
def test_a_hostile_hdf5_file_is_refused(tmp_path, trick, suffix):
    write, expected = HDF5[trick]
    path = tmp_path / f"joints{suffix}"
    write(path)
    if suffix == ".mat":
        refused(lambda at: read_mat(at, "joints", mat_shapes(at)["joints"]), path, expected)
    else:
        refused(lambda at: read_hdf5(at, "joints", hdf5_shapes(at)["joints"]), path, expected)


def test_a_mat_file_that_claims_terabytes_is_refused(tmp_path):
    path = tmp_path / "joints.mat"
    scipy.io.savemat(path, {"joints": JOINTS})
    data = path.read_bytes()
    dimensions = struct.pack("<3i", *JOINTS.shape)
    assert data.count(dimensions) == 1
    path.write_bytes(data.replace(dimensions, struct.pack("<3i", 2**20, 2**20, 1)))
    refused(lambda at: read_mat(at, "joints", (2**20, 2**20, 1)), path, "joints")


@pytest.mark.parametrize("content", ["[" * 1_000_000, '{"a":' * 100_000, '[{"joints": [1, 2'], ids=range(3))
def test_a_hostile_json_file_is_refused(tmp_path, content):
    (tmp_path / "labels.json").write_text(content)
    refused(read_json, tmp_path / "labels.json", "is truncated or not JSON")


@pytest.mark.parametrize("digits", [20, 4000, 5000, 100_000])
@pytest.mark.parametrize("sign", ["", "-"])
def test_an_integer_in_json_has_at_most_64_bits(tmp_path, digits, sign):
    (tmp_path / "labels.json").write_text(f'[{{"joints": [1, {sign}{"9" * digits}]}}]')
    refused(read_json, tmp_path / "labels.json", f"an integer of {digits:,} digits")
    (tmp_path / "labels.json").write_text(f"[{sign}{'9' * 19}, 0.{'3' * digits}, 1]")
    assert read_json(tmp_path / "labels.json") == [int(f"{sign}{'9' * 19}"), float(f"0.{'3' * digits}"), 1]


def test_many_rows_of_one_long_text_are_refused(tmp_path):
    path = tmp_path / "names.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("imgname", (3000,), h5py.string_dtype(), fillvalue="x" * 2**18)
        file.create_dataset("short", (2**24,), "S1", chunks=(2**16,))
        file.create_dataset("fine", data=["a.jpg", "b.jpg"], dtype=h5py.string_dtype())
    assert path.stat().st_size < 2**20
    refused(lambda at: read_hdf5_texts(at, "imgname"), path, "'imgname' takes", "far more than the file")
    refused(lambda at: read_hdf5_texts(at, "short"), path, "'short' takes")
    assert read_hdf5_texts(path, "fine") == ("a.jpg", "b.jpg")


def test_many_small_arrays_of_zeros_are_refused(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", **{f"a{k}": np.zeros(2**22, np.uint8) for k in range(80)})
    refused(read_npz, tmp_path / "a.npz", "its arrays take", "far more than the file has")
    assert read_npz(tmp_path / "a.npz", ("a3",))["a3"].size == 2**22


def whole_files(folder: Path) -> dict[str, tuple]:
    """A good file of each format, and how it is read."""
    records = [{"image": "a.jpg", "joints": JOINTS[:, :, k], "vis": np.ones(15, bool)} for k in range(20)]
    for protocol in range(6):
        (folder / f"protocol{protocol}.pkl").write_bytes(pickle.dumps(records, protocol))
    (folder / "images.zip").write_bytes(compressed("a.jpg", os.urandom(4000)))
    np.savez_compressed(folder / "joints.npz", joints=JOINTS)
    scipy.io.savemat(folder / "joints.mat", {"joints": JOINTS}, do_compression=True)
    with h5py.File(folder / "joints.h5", "w") as file:
        file["joints"] = JOINTS
    (folder / "labels.json").write_text(json.dumps([{"joints": JOINTS.tolist()}]))
    readers = {
        "images.zip": open_archive,
        "joints.npz": read_npz,
        "joints.mat": lambda path: read_mat(path, "joints", (3, 14, 20)),
        "joints.h5": lambda path: read_hdf5(path, "joints", (3, 14, 20)),
        "labels.json": read_json,
    }
    return readers | {f"protocol{protocol}.pkl": read_pickle for protocol in range(6)}


def test_a_truncated_file_of_any_format_is_refused(tmp_path):
    for name, read in whole_files(tmp_path).items():
        path = tmp_path / name
        whole = path.read_bytes()
        for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
            path.write_bytes(whole[: int(len(whole) * share)])
            refused(read, path)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_pickles_never_do_more_than_fail(tmp_path, seed):
    generator = np.random.default_rng(seed)
    whole = pickle.dumps([{"image": "a.jpg", "joints": JOINTS[:, :2, :2], "name": {"x", "y"}}] * 3, seed + 1)
    path = tmp_path / "labels.pkl"
    for _ in range(300):
        data = bytearray(whole)
        for at in generator.integers(0, len(data), 3):
            data[at] = generator.integers(256)
        path.write_bytes(data)
        try:
            read_pickle(path)  # a changed number is still a number
        except DataError as error:
            assert str(error).isprintable()
