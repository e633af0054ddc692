"""Where the images of a label file lie, when files of one form are unpacked in many ways."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from prepose.data.pairing import PICTURE_SUFFIXES

# Names looked for in each folder, folders looked into, and leading parts of names that may be missing.
LOOKED_FOR, MOST_FOLDERS, MOST_PARTS = 20, 200, 3


def find_image_folder(label_file: Path, names: Sequence[str]) -> tuple[Path, tuple[str, ...]]:
    """The folder from which most of the images are found, and their names from there.

    The file's own folder, those above it up to three levels, their `images` and all folders in these are looked into,
    nearest first; leading folders that all names share may be missing.

    Args:
        label_file: The label file.
        names: Its images.
    """
    sample = [names[int(index)] for index in np.linspace(0, len(names) - 1, min(LOOKED_FOR, len(names)))]
    shared = _shared_parts(names)
    best, found = (label_file.parent, 0), 0
    for folder in _folders(label_file.parent):
        for depth in range(shared + 1):
            there = sum((folder / _without(name, depth)).is_file() for name in sample)
            if there > found:
                best, found = (folder, depth), there
        if found == len(sample):
            break
    folder, depth = best
    return folder, tuple(_without(name, depth) for name in names)


def _shared_parts(names: Sequence[str]) -> int:
    """How many leading folders all names share, up to `MOST_PARTS`."""
    parts = [PurePosixPath(name).parts for name in names]
    for depth in range(MOST_PARTS):
        if any(len(one) < depth + 2 or one[depth] != parts[0][depth] for one in parts):
            return depth
    return MOST_PARTS


def find_by_name(root: Path, names: Iterable[str]) -> dict[str, str]:
    """For each name the path below the root of the one image of that name, for tools that keep no folders.

    Of two images of one name, and of none, nothing is said.
    """
    wanted = set(names)
    places: dict[str, list[str]] = {}
    for path in root.rglob("*"):
        if path.name in wanted and path.suffix.lower() in PICTURE_SUFFIXES and path.is_file():
            places.setdefault(path.name, []).append(path.relative_to(root).as_posix())
    return {name: found[0] for name, found in places.items() if len(found) == 1}


def _without(name: str, depth: int) -> str:
    return str(PurePosixPath(*PurePosixPath(name).parts[depth:]))


def _folders(start: Path) -> Iterable[Path]:
    above = [start, *start.resolve().parents][:4]
    seen: set[Path] = set()
    for folder in above:
        inside = [folder / "images", folder]
        below = [
            one for place in inside if place.is_dir() for one in sorted(place.iterdir())[:MOST_FOLDERS] if one.is_dir()
        ]
        for place in (folder, *inside[:1], *below):
            if place not in seen and place.is_dir():
                seen.add(place)
                yield place
