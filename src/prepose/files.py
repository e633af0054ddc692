"""Files that no interruption leaves half-written, and JSON objects whose damage is said in one line."""

import json
import os
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from prepose.errors import DataError


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file aside and rename it."""
    aside = path.with_suffix(".partial")
    with aside.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """See that the names in a folder, and so the renames in it, are on the disk; Windows cannot and need not."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_object(path: Path, *, advice: str) -> dict[str, Any]:
    """The JSON object in a file that prepose wrote.

    Args:
        path: The file.
        advice: What the message says to do where it is missing or damaged.

    Raises:
        DataError: the file is missing, cannot be read, is not JSON, holds no object, or a number that is not finite.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError as error:
        raise DataError(f"{path}: does not exist; {advice}") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: is damaged ({error}); {advice}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: is damaged (holds {type(content).__name__}, expected an object); {advice}")
    return content


def _refuse_constant(name: str) -> None:
    # Python reads them although JSON has none, and no figure of ours is one.
    raise ValueError(f"holds {name}, which is no number of JSON")


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


def shortened(text: str, most: int = 120) -> str:
    """A text of at most so many characters: of a longer one the beginning and the end, and how long it is."""
    if len(text) <= most:
        return text
    half = (most - 32) // 2
    return f"{text[:half]}...{text[-half:]} ({len(text):,} characters)"


def _encodable(name: str) -> bool:
    """Whether the file system can hold the name at all: no NUL, no half of a surrogate pair."""
    try:
        return b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:
        return False


def _is_junction(path: Path) -> bool:
    # Windows' own kind of link; Python 3.12 learnt to see it.
    return getattr(os.path, "isjunction", lambda _: False)(path)
