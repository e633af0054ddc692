"""Joint positions as markers: TRC for OpenSim and Pose2Sim, C3D for motion-capture software."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from prepose.errors import DataError
from prepose.files import write_whole
from prepose.predict.exports.motion import Track, at_constant_rate
from prepose.predict.pose_sequence import PoseSequence

_METRE = 0.001  # per mm
# The header counts frames in 16 bits.
MOST_C3D_FRAMES = 65_535


def marker_names(joints: Sequence[str]) -> list[str]:
    """Joints as Pose2Sim spells them, and the OpenSim marker sets made for it: `RShoulder`, `LBigToe`.

    The pelvis is `Hip`, and the head's top is `Head` where no joint is called `head`.
    """
    renamed = {"pelvis": "Hip"} | ({} if "head" in joints else {"head_top": "Head"})
    return [renamed.get(joint, _camel_case(joint)) for joint in joints]


def _camel_case(joint: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in joint.split("_"))


def write_trc(sequence: PoseSequence, path: Path | str, *, fps: float | None = None) -> list[str]:
    """Write one person's joints as TRC markers: m, y up, right-handed; the origin is the camera.

    Missing joints are left out. Frames in which the person was not found are NaN.

    Args:
        sequence: The poses.
        path: The file, replaced where it exists.
        fps: Frames per second; None: the source's mean rate.

    Returns:
        What of the poses was changed to fit the format, in a line each.

    Raises:
        OSError: the file cannot be written.
    """
    path = Path(path)
    track, joints = _markers(sequence, fps)
    names = marker_names([sequence.skeleton.joints[joint] for joint in joints])
    count, rate = len(track.times), f"{track.rate:.6g}"
    places = track.joints[:, joints] * _METRE
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        "\t".join(map(str, (rate, rate, count, len(names), "m", rate, 1, count))),
        # A marker's name stands above its X; two empty columns follow.
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        "\t\t" + "\t".join(f"{axis}{number}" for number in range(1, len(names) + 1) for axis in "XYZ"),
        "",
    ]
    for row, (time, place, found) in enumerate(zip(track.times, places, track.found, strict=True), start=1):
        # OpenSim drops an empty cell at the end of a line, and then misses it.
        cells = [f"{value:.6f}" if found else "NaN" for value in np.round(place, 6).ravel() + 0.0]
        lines.append("\t".join([str(row), f"{time:.6f}", *cells]))
    write_whole(path, "\n".join(lines) + "\n")
    return _notes(sequence, track, joints)


def write_c3d(sequence: PoseSequence, path: Path | str, *, fps: float | None = None) -> list[str]:
    """Write one person's joints as C3D points: mm, y up, right-handed; the origin is the camera.

    Missing joints are left out. Points of frames in which the person was not found are invalid (residual -1).

    Args:
        sequence: The poses.
        path: The file, replaced where it exists.
        fps: Frames per second; None: the source's mean rate.

    Returns:
        What of the poses was changed to fit the format, in a line each.

    Raises:
        DataError: ezc3d is not installed, or there are more frames than the format counts.
        OSError: the file cannot be written.
    """
    ezc3d = needed("ezc3d", "C3D")
    track, joints = _markers(sequence, fps)
    if len(track.times) > MOST_C3D_FRAMES:
        raise DataError(
            f"{path}: {len(track.times):,} frames, C3D holds {MOST_C3D_FRAMES:,}; cut the video in parts, or use TRC"
        )
    file = ezc3d.c3d()
    points = np.ones((4, len(joints), len(track.times)))
    points[:3] = np.where(track.found[:, None, None], track.joints[:, joints], np.nan).transpose(2, 1, 0)
    file["data"]["points"] = points
    file["data"]["meta_points"]["residuals"] = np.where(track.found, 0.0, -1.0)[None, None].repeat(len(joints), axis=1)
    point = file["parameters"]["POINT"]
    point["RATE"]["value"] = [track.rate]
    point["UNITS"]["value"] = ["mm"]
    point["LABELS"]["value"] = marker_names([sequence.skeleton.joints[joint] for joint in joints])
    # Which axis a screen shows to the right and which upwards: how C3D says that y is up.
    file.add_parameter("POINT", "X_SCREEN", ["+X"])
    file.add_parameter("POINT", "Y_SCREEN", ["+Y"])
    # ezc3d writes to names that end so alone.
    with TemporaryDirectory() as folder:
        written = Path(folder) / "points.c3d"
        file.write(str(written))
        write_whole(Path(path), written.read_bytes())
    return _notes(sequence, track, joints)


def needed(module: str, format_name: str) -> Any:
    """A package of the extra `mocap`.

    Raises:
        DataError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise DataError(f"{format_name} needs {module}; pip install 'prepose[mocap]'") from error


def _markers(sequence: PoseSequence, fps: float | None) -> tuple[Track, list[int]]:
    """The track and its joints that are known in some frame."""
    track = at_constant_rate(sequence, fps)
    return track, [int(joint) for joint in np.flatnonzero(np.isfinite(sequence.joints_cam).all(axis=2).any(axis=0))]


def _notes(sequence: PoseSequence, track: Track, joints: list[int]) -> list[str]:
    notes = list(track.notes)
    if lost := int((~track.found).sum()):
        notes.append(f"{lost:,} frames in which the person was not found hold no positions")
    if missing := [name for joint, name in enumerate(sequence.skeleton.joints) if joint not in joints]:
        notes.append(f"left out, as they are missing: {', '.join(missing)}")
    return notes
