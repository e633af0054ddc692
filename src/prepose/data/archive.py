"""Reading zip archives and numpy files where they lie: nothing is extracted, and sizes are checked before reading.

`check_name` is also what every image name of a label file goes through before it is looked for on disk.
"""

import io
import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path, PurePosixPath
from types import TracebackType

import numpy as np

from prepose.data.intake import allowance, check_file
from prepose.errors import DataError
from prepose.pickles.names import printable

# Above the first size a member may be so many times as large as its place in the archive; a JPEG is hardly larger.
FREE_BYTES, MOST_INFLATION = 64 * 2**20, 100
MOST_PICTURE_BYTES = 256 * 2**20
METHODS = frozenset([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
ENCRYPTED = 0x1
NPY_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def check_name(name: str, where: object) -> PurePosixPath:
    r"""A relative path that a file gives, made sure to stay below the folder it is relative to.

    Args:
        name: The path, with `/` or `\\`.
        where: The file that gives it.

    Raises:
        DataError: it is absolute, leads upwards, or holds control characters.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    ordinary = bool(name) and name.isprintable() and not re.match(r"[A-Za-z]:", name)
    if not ordinary or path.is_absolute() or ".." in path.parts or not path.parts:
        raise DataError(f"{where}: names the file {printable(name)!r}, which may lie outside of its folder; refused")
    return path


@dataclass(frozen=True, eq=False)
class Archive:
    """An open zip archive whose list of members has been checked.

    Attributes:
        path: Where it lies.
        members: What it holds, by name; folders left out.
    """

    path: Path
    members: dict[str, zipfile.ZipInfo]
    _file: zipfile.ZipFile

    def __enter__(self) -> "Archive":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self, name: str, most: int = MOST_PICTURE_BYTES) -> bytes:
        """The bytes of a member, checked against the sum that the archive keeps of them.

        Raises:
            DataError: there is none of that name, it is too large or damaged.
        """
        if name not in self.members:
            raise DataError(f"{self.path}: holds no {printable(name)!r}")
        member = self.members[name]
        if member.file_size > most:
            raise DataError(f"{self.path}: {printable(name)!r} claims {member.file_size / 2**20:.0f} MiB; refused")
        with _as_data_error(self.path), self._file.open(member) as stream:
            data = stream.read(member.file_size + 1)
        if len(data) != member.file_size:
            raise DataError(f"{self.path}: {printable(name)!r} is not as long as it claims; fetch the archive again")
        return data


def open_archive(path: Path) -> Archive:
    """A zip archive, to be used in a `with`; its members are read where they lie.

    Raises:
        DataError: the file is missing or damaged, or holds what a dataset's archive does not: links, encrypted members,
            members that lead outside or unpack to far more than they hold, or two of one name.
    """
    check_file(path)
    with _as_data_error(path):
        # The archive is the caller's to close.
        file = zipfile.ZipFile(path)
    try:
        members = _checked_members(path, file)
    except DataError:
        file.close()
        raise
    return Archive(path, members, file)


def read_npy(data: bytes, where: str) -> np.ndarray:
    """An array in numpy's own format; never one of objects, which are pickled.

    Raises:
        DataError: the data are damaged, hold objects, or do not fill the array that their header claims.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        shape, fortran, dtype = NPY_HEADERS[version](stream)
    # On damaged headers numpy raises whatever it stumbles over.
    except Exception as error:
        raise DataError(
            f"{where}: is truncated, damaged or not a numpy array; put an undamaged copy in its place"
        ) from error
    if dtype.hasobject:
        raise DataError(
            f"{where}: is an array of pickled objects, which could run code; only numbers and text are read"
        )
    found, claimed = len(data) - stream.tell(), prod(shape) * dtype.itemsize
    # numpy's own reader takes truth values for sizes.
    if any(type(size) is not int or size < 0 for size in shape) or claimed != found:
        raise DataError(f"{where}: claims {claimed:,} bytes for {' x '.join(map(str, shape))} but has {found:,}")
    flat = np.frombuffer(data, np.uint8, offset=stream.tell()).copy().view(dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


def read_npz(path: Path, names: tuple[str, ...] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file, or those of the given names.

    Raises:
        DataError: the file is missing, damaged or hostile, lacks a name, or an array holds objects.
    """
    with open_archive(path) as archive:
        there = {name.removesuffix(".npy"): name for name in archive.members if name.endswith(".npy")}
        missing = [name for name in names or () if name not in there]
        if missing or not there:
            lacks = f"array {missing[0]!r}" if missing else "arrays"
            raise DataError(f"{path}: has no {lacks}; it has {printable(', '.join(there)) or 'none'}")
        chosen = tuple(there) if names is None else names
        claimed, most = sum(archive.members[there[name]].file_size for name in chosen), allowance(path)
        if claimed > most:
            raise DataError(f"{path}: its arrays take {claimed:,} bytes of memory, far more than the file has; refused")
        return {name: read_npy(archive.read(there[name], most), f"{path}: {printable(name)!r}") for name in chosen}


def _checked_members(path: Path, file: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for member in file.infolist():
        # zipfile would mend names that its writer could only have meant as a trap.
        check_name(member.orig_filename.rstrip("/") or "/", path)
        trouble = _trouble(member)
        if member.filename in members:
            trouble = "is there twice"
        if trouble:
            raise DataError(f"{path}: {printable(member.filename)!r} {trouble}; refused, get it from its authors")
        if not member.is_dir():
            members[member.filename] = member
    packed = sum(member.compress_size for member in members.values())
    if packed > path.stat().st_size:
        raise DataError(f"{path}: its members overlap, as in an archive made to be a bomb; refused")
    return members


def _trouble(member: zipfile.ZipInfo) -> str:
    mode = member.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device, not a file"
    if member.flag_bits & ENCRYPTED:
        return "is encrypted"
    if member.compress_type not in METHODS:
        return "is compressed by an unusual method"
    if member.file_size > max(FREE_BYTES, MOST_INFLATION * member.compress_size):
        return f"claims to unpack {member.compress_size:,} bytes to {member.file_size:,}"
    return ""


@contextmanager
def _as_data_error(path: Path) -> Iterator[None]:
    try:
        yield
    # zipfile raises whatever a damaged archive made it stumble over.
    except Exception as error:
        reason = printable(error, 120) or type(error).__name__
        raise DataError(
            f"{path}: is truncated, damaged or not a zip archive ({reason}); put an undamaged copy in its place"
        ) from error
