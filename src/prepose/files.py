"""Files that no interruption leaves half-written, and JSON objects whose damage is said in one line."""

import json
import os
from pathlib import Path
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
