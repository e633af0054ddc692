"""People as labelling tools export them: joints by name, one record a person, images in any folder nearby."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from prepose.body.skeleton import canonical_joint_name, mirror_name
from prepose.data.keypoint_names import NamedKeypoints, skeleton_of_names
from prepose.data.labelled_people import LabelledPeople, people_of
from prepose.data.pairing import PICTURE_SUFFIXES
from prepose.data.sample import JointState
from prepose.errors import DataError

Keypoint = tuple[float, float, JointState]


@dataclass(frozen=True)
class PersonRecord:
    """One person in one image.

    Attributes:
        image: The image's name, as the tool writes it.
        source: Where the label comes from, readable by a person.
        keypoints: Name -> x and y in px from the centre of the first pixel, and what is known of its visibility.
        box_xywh: The person's box, px, where one was drawn.
    """

    image: str
    source: str
    keypoints: Mapping[str, Keypoint]
    box_xywh: tuple[float, float, float, float] | None = field(default=None)


def people_of_records(
    records: Sequence[PersonRecord], names: Sequence[str], where: Path | str
) -> tuple[NamedKeypoints, LabelledPeople]:
    """The table of some people, and the skeleton that their key-points' names mean.

    Args:
        records: The people.
        names: Names of all key-points; those of the records, in the order of first use, where the tool lists none.
        where: The file, for messages.

    Raises:
        DataError: nobody is labelled, a name is not listed, or the names make no skeleton.
    """
    used = dict.fromkeys(name for record in records for name in record.keypoints)
    canonical = [canonical_joint_name(name) for name in used]
    if not used:
        raise DataError(f"{where}: nobody in it has a labelled key-point")
    # A side that nobody shows is a joint all the same.
    listed = list(names) or [*used, *sorted({mirror_name(one) for one in canonical} - set(canonical))]
    unlisted = [name for name in used if name not in listed]
    if unlisted:
        raise DataError(
            f"{where}: labels {unlisted[0][:80]!r}, which is not among its key-points {', '.join(listed)[:200]}"
        )
    named = skeleton_of_names(listed, where)
    row_of = {listed[index]: row for row, index in enumerate(named.order)}
    places = np.full((len(records), len(named.skeleton), 2), np.nan)
    states = np.full((len(records), len(named.skeleton)), JointState.UNKNOWN, np.uint8)
    for number, record in enumerate(records):
        for name, (x, y, state) in record.keypoints.items():
            places[number, row_of[name]], states[number, row_of[name]] = (x, y), state
    people = people_of(places, states, [one.image for one in records], [one.source for one in records])
    boxes = np.array([one.box_xywh or (np.nan,) * 4 for one in records], float)
    boxes[~(boxes[:, 2:] > 0).all(axis=1)] = np.nan
    return named, replace(people, boxes_xywh=boxes)


def file_name(path: str) -> str:
    """The last part of a path or address, whichever way its parts are separated."""
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def numbers_of(text: str, count: int, where: str) -> tuple[float, ...]:
    """Numbers of a text, separated by commas or spaces.

    Raises:
        DataError: there are others than `count`, or one is not finite.
    """
    words = text.replace(",", " ").split()
    try:
        numbers = tuple(float(word) for word in words)
    except ValueError:
        numbers = ()
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise DataError(f"{where}: expected {count} numbers, found {text[:60]!r}")
    return numbers


def without_empty(records: Iterable[PersonRecord]) -> tuple[list[PersonRecord], tuple[str, ...]]:
    """Those with a key-point, and a note that counts the others."""
    every = list(records)
    kept = [record for record in every if record.keypoints]
    left_out = len(every) - len(kept)
    return kept, (f"{left_out} of {len(every)} people have no key-points and are left out",) if left_out else ()


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
