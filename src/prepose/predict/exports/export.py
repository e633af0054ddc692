"""Every export format by name, and the files that each makes of some people's poses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType

from prepose.body.skeleton import Skeleton
from prepose.errors import DataError, unknown_name
from prepose.predict.exports.bvh import write_bvh
from prepose.predict.exports.gltf import write_gltf
from prepose.predict.exports.markers import needed, write_c3d, write_trc
from prepose.predict.exports.motion import check_tree
from prepose.predict.exports.tables import write_angles, write_coco
from prepose.predict.pose_sequence import PoseSequence

# Writes a file and returns what of the poses was changed to fit the format.
Write = Callable[[Path], list[str]]
# The files that a format makes of some people's poses in a folder, and how each is written.
Files = Callable[[Sequence[PoseSequence], Path], dict[Path, Write]]

COCO_FILE, ANGLES_FILE = "poses.coco.json", "angles.csv"


@dataclass
class Exports:
    """What was written.

    Attributes:
        files: In order of the formats.
        notes: What of the poses was changed to fit a format, in a line each, which begins with the file's name.
    """

    files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _each_person(write: Callable[[PoseSequence, Path], list[str]], ending: str) -> Files:
    """A file for each person: NAME_personN, NAME the image's or video's; a number more where two are named alike."""

    def files(sequences: Sequence[PoseSequence], folder: Path) -> dict[Path, Write]:
        made: dict[Path, Write] = {}
        for sequence in sequences:
            name = f"{Path(sequence.source).stem}_person{sequence.person}"
            path, count = folder / f"{name}{ending}", 1
            while path in made:
                count += 1
                path = folder / f"{name}_{count}{ending}"
            made[path] = partial(write, sequence)
        return made

    return files


def _together(write: Callable[[Sequence[PoseSequence], Path], list[str]], name: str) -> Files:
    """One file of everybody."""
    return lambda sequences, folder: {folder / name: partial(write, sequences)}


FORMATS: Mapping[str, Files] = MappingProxyType(
    {
        "bvh": _each_person(write_bvh, ".bvh"),
        "trc": _each_person(write_trc, ".trc"),
        "c3d": _each_person(write_c3d, ".c3d"),
        "gltf": _each_person(write_gltf, ".glb"),
        "coco": _together(write_coco, COCO_FILE),
    }
)
_PACKAGES = MappingProxyType({"c3d": ("ezc3d", "C3D"), "gltf": ("pygltflib", "glTF")})
_HIERARCHIES = frozenset({"bvh", "gltf"})


def check_formats(formats: Sequence[str], skeleton: Skeleton | None = None) -> None:
    """Check, before any pose is there, that formats can be written.

    Args:
        formats: Names of `FORMATS`.
        skeleton: The skeleton of the poses, where it is known.

    Raises:
        DataError: there is no such format, a package is not installed, or a hierarchy is asked for and the skeleton's
            bones do not make one tree.
    """
    for name in formats:
        if name not in FORMATS:
            raise DataError(unknown_name("export format", name, FORMATS))
        if name in _PACKAGES:
            needed(*_PACKAGES[name])
        if name in _HIERARCHIES and skeleton is not None:
            check_tree(skeleton)


def export_sequences(
    sequences: Sequence[PoseSequence],
    folder: Path,
    formats: Sequence[str],
    *,
    angles: bool = False,
    overwrite: bool = False,
) -> Exports:
    """Write people's poses in the formats of other tools.

    Args:
        sequences: The people.
        folder: Where to write; made where it does not exist.
        formats: Names of `FORMATS`.
        angles: Whether to write joint angles too, as `angles.csv`.
        overwrite: Whether files that exist are replaced.

    Raises:
        DataError: see `check_formats`; or a file exists. Nothing is written then.
        OSError: a file cannot be written.
    """
    check_formats(formats)
    plan: dict[Path, Write] = {}
    for name in dict.fromkeys(formats):
        plan |= FORMATS[name](sequences, folder)
    if angles:
        plan |= _together(write_angles, ANGLES_FILE)(sequences, folder)
    there = [path for path in plan if path.exists()]
    if there and not overwrite:
        more = f" and {len(there) - 1:,} more" if len(there) > 1 else ""
        raise DataError(f"{there[0]}{more}: exists; choose another --out, or --overwrite to replace it")
    made = Exports()
    for path, write in plan.items():
        made.notes += [f"{path.name}: {note}" for note in write(path)]
        made.files.append(path)
    return made
