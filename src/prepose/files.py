"""How files are written, read, locked and named: whole or not at all, regular files only, and below their folder.

A file is written beside its place as `.NAME.partial`, flushed, and renamed. A process that dies leaves at most that
one file, which the next writer of the same file takes over. Two writers of one file wait for each other.
"""

import errno
import json
import math
import os
import platform
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from prepose.errors import DataError, shortened

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked
    fcntl = None

StrPath = str | os.PathLike[str]
PARTIAL = ".partial"
LOCK = ".lock"

# Windows has neither; there, files open without them.
_NOFOLLOW, _NONBLOCK = getattr(os, "O_NOFOLLOW", 0), getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)


def user_path(path: StrPath) -> Path:
    """A path as a user gives it; `~` is the home folder."""
    return Path(path).expanduser()


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all.

    Raises:
        TypeError: the content holds something that JSON does not have.
        ValueError: it holds NaN or an infinity.
        OSError: the file cannot be written.
    """
    write_whole(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def write_whole(path: Path, content: bytes | memoryview | str) -> Path:
    """Write a file, whole or not at all; its folder is made where it does not exist.

    Args:
        path: The file. A link in its place is replaced, not followed.
        content: Bytes, or text that is written as UTF-8.

    Returns:
        `path`.

    Raises:
        OSError: the file cannot be written; what was there before is untouched.
    """
    # A file name that is not UTF-8 comes as half of a surrogate pair, which UTF-8 does not have.
    encoded = content.encode("utf-8", errors="backslashreplace") if isinstance(content, str) else content
    with whole_file(path) as aside:
        aside.write_bytes(encoded)
    return path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """For writers that want a path: yields the place beside `path` to write to, and renames it when the block ends.

    Where the block raises, nothing is left and `path` is untouched.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}{PARTIAL}")
    handle = _claim(aside, wait=True)
    try:
        with _named(path):
            os.truncate(aside, 0)
            yield aside
            with aside.open("rb+") as file:
                os.fsync(file.fileno())
            aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    finally:
        if handle is not None:
            os.close(handle)
    flush_folder(path.parent)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    # Of a write that fails, as on a full disk, Python does not say which file it was to.
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


def is_left_over(path: Path) -> bool:
    """Whether a file is what a process that died left: one that it was writing, or its lock."""
    # Earlier versions called them NAME.partial and .NAME.PID.part.
    return path.name.endswith((PARTIAL, ".part", LOCK))


@contextmanager
def output_file(path: Path, *, new: bool = True) -> Iterator[None]:
    """Keep a file for the command that will write it at the end of the block, so that no work is done in vain.

    Args:
        path: The file.
        new: Whether it must not be there yet.

    Raises:
        DataError: it is there, or another process is writing it.
        OSError: it cannot be written there.
    """
    with locked(path.with_name(f".{path.name}{LOCK}"), f"is writing {path}"):
        if path.is_dir() or (new and os.path.lexists(path)):
            raise DataError(f"--out {path}: exists; remove it, or name another file")
        yield


@contextmanager
def locked(path: Path, what: str, *, wait: bool = False) -> Iterator[None]:
    """Keep other processes out of something until the block, or this process, ends.

    File systems without locks, and Windows, keep nobody out.

    Args:
        path: A file that stands for it, which is there only while it is locked; its folder is made where it does not
            exist, and goes again where the block leaves it empty.
        what: What the message says that the other process does: "is running the study in studies/first".
        wait: Whether to wait for the other process, where it is soon done, instead of raising.

    Raises:
        DataError: another process holds it, or its folder is a file.
        OSError: the lock cannot be written.
    """
    if path.parent.exists() and not path.parent.is_dir():
        raise DataError(f"{path.parent}: is a file, expected a folder; choose another")
    made = not path.parent.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = _claim(path, wait=wait)
    except BlockingIOError as error:
        holder = shortened(path.read_text(encoding="utf-8", errors="replace"), 80) or "unknown"
        raise DataError(f"another process ({holder}) {what}; wait for it to end, or stop it") from error
    try:
        if handle is not None:
            with _named(path):
                os.truncate(path, 0)
                os.write(handle, f"{os.getpid()} on {platform.node()}".encode())
        yield
    finally:
        if handle is not None:
            try:
                # First the name and then the lock: whoever waits for this file sees that it is no longer the one.
                path.unlink(missing_ok=True)
            finally:
                os.close(handle)
            if made:
                with suppress(OSError):
                    path.parent.rmdir()


def _claim(path: Path, *, wait: bool) -> int | None:
    """Open a file of one's own, made where it does not exist, and lock it; None where there are no locks.

    Raises:
        BlockingIOError: another process holds it, and `wait` is False.
        OSError: it cannot be opened.
    """
    while True:
        _remove_unless_regular(path)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | _NOFOLLOW | _NONBLOCK | _BINARY, 0o666)
        if fcntl is None:
            os.close(handle)
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(handle)
            raise
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                os.close(handle)
                raise
        # Whoever held it before may have renamed or removed it: then this handle is of no file any more.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.lstat(path)):
                return handle
        os.close(handle)


def _remove_unless_regular(path: Path) -> None:
    # A link or a pipe under the name of our own temporary file was put there by someone else.
    with suppress(FileNotFoundError):
        mode = os.lstat(path).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            path.unlink()


def flush_folder(folder: Path) -> None:
    """Flush a folder's entries, and so the renames in it, to the disk; Windows cannot and need not."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_regular_file(path: Path) -> bytes:
    """The content of a regular file; a pipe or a device, which may have no end, is refused.

    Raises:
        OSError: the file cannot be read, or is not a regular file.
    """
    # A pipe without a writer blocks whoever opens it, unless it is opened this way.
    handle = os.open(path, os.O_RDONLY | _NONBLOCK | _BINARY)
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
            raise OSError(errno.EINVAL, f"is {what}, not a regular file", str(path))
    except BaseException:
        os.close(handle)
        raise
    with os.fdopen(handle, "rb") as file:
        return file.read()


def parse_json(content: bytes) -> Any:
    """The content of a JSON file in UTF-8.

    Raises:
        ValueError: it is not JSON, nested too deeply, or holds a number that Python cannot keep as it is: one that is
            not finite, or has thousands of digits. The message says which, in words that stand after "is damaged".
    """
    try:
        return json.loads(content.decode("utf-8-sig"), parse_constant=_refuse_number, parse_float=_finite_number)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: {error.reason} at byte {error.start:,}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        if "int_max_str_digits" not in str(error):
            raise
        raise ValueError(f"holds a number of more than {sys.get_int_max_str_digits():,} digits") from None


def _refuse_number(text: str) -> None:
    # Python reads NaN and Infinity although JSON has none, and no number of ours is one.
    raise ValueError(f"holds {shortened(text, 40)}, which is not a finite number")


def _finite_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _refuse_number(text)
    return number


def read_json(path: Path, *, advice: str) -> Any:
    """The content of a JSON file.

    Args:
        path: The file.
        advice: What the message says to do where it is missing or damaged.

    Raises:
        DataError: the file is missing, cannot be read, is not a regular file, or `parse_json` refuses it.
    """
    try:
        return parse_json(read_regular_file(path))
    except FileNotFoundError as error:
        raise DataError(f"{path}: does not exist; {advice}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); {advice}") from error
    except ValueError as error:
        raise DataError(f"{path}: is damaged ({error}); {advice}") from error


def read_object(path: Path, *, advice: str) -> dict[str, Any]:
    """Likewise, where it must be a JSON object.

    Raises:
        DataError: see `read_json`; or the file holds something else than an object.
    """
    content = read_json(path, advice=advice)
    if not isinstance(content, dict):
        raise DataError(f"{path}: is damaged (holds {type(content).__name__}, expected an object); {advice}")
    return content


def read_object_if_any(path: Path, *, advice: str) -> dict[str, Any] | None:
    """Likewise, and None where there is no such file."""
    return read_object(path, advice=advice) if path.exists() else None


def inside(folder: Path, name: object, *, named_by: object = None) -> Path:
    """The path below a folder that a file names: the only way from a name read from a file to a path.

    Whatever a file says (an image's name, a shard, a split, a trial or an evaluation set), nothing outside its folder
    is read or written because of it.

    Args:
        folder: Where the name begins; it may itself be a link, because the user gave it.
        name: The relative path with forward slashes, as the file holds it. `./a` is `a`. What it names need not exist.
        named_by: The file that holds the name, for the message; None: the folder.

    Returns:
        `folder / name`, whose parts below the folder are no links.

    Raises:
        DataError: the name is no text, empty, absolute, spelt for one system alone (backslash, drive), contains `..`,
            or passes through a symbolic link.
    """
    where = f"{folder if named_by is None else named_by}: names {shortened(repr(name))}"
    if not isinstance(name, str) or not _encodable(name) or not PurePosixPath(name).parts:
        raise DataError(f"{where}, which is not a path; expected one below {folder}")
    parts = PurePosixPath(name).parts
    windows = PureWindowsPath(name)
    if ".." in parts or "\\" in name or windows.drive or windows.root:
        raise DataError(f"{where}, which leads out of {folder}; expected a path below it with forward slashes, no '..'")
    path = folder
    for part in parts:
        path = path / part
        if path.is_symlink() or _is_junction(path):
            raise DataError(
                f"{where}, but {path} is a link; links are not followed: put the file itself there, or give the folder "
                "that it points to"
            )
    return path


def _encodable(name: str) -> bool:
    """Whether the file system can hold the name at all: no NUL, no half of a surrogate pair."""
    try:
        return b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:
        return False


def _is_junction(path: Path) -> bool:
    # Windows' own kind of link; Python 3.12 learnt to see it.
    return getattr(os.path, "isjunction", lambda _: False)(path)


@cache
def git_commit() -> str | None:
    """The commit of the source tree that this package is imported from; None where it is installed without one."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
