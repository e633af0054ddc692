"""The cameras of training recordings: the original `camera.calibration` files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prepose.arrays import Matrix3, Vector3
from prepose.camera.camera import Camera
from prepose.data.intake import check_file
from prepose.data.mpi_inf_3dhp.views import View
from prepose.errors import DataError

HEADER = "Skeletool Camera Calibration File"
FIELDS = ("sensor", "size", "animated", "intrinsic", "extrinsic", "radial")
MOST_BYTES = 2**20
# The optical axis passes near the middle of a picture that was neither resized nor cropped.
MOST_OFF_CENTRE = 0.25
# The same pose seen by two cameras lies in one place of the world; wrong extrinsics miss by the room's size.
MOST_MM_BETWEEN_VIEWS = 50.0


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A camera as the file has it.

    Attributes:
        K: Intrinsic matrix, px.
        size_wh: Image size by the file, px.
        rotation: cam_from_world.
        translation: cam_from_world, mm.
    """

    K: Matrix3
    size_wh: tuple[int, int]
    rotation: Matrix3
    translation: Vector3


def read_calibration(path: Path) -> Mapping[int, Calibrated]:
    """Calibrations by camera: a headline, then seven lines a camera, the first of which is its `name`.

    Raises:
        DataError: the file is missing, truncated or another one.
    """
    check_file(path)
    if path.stat().st_size > MOST_BYTES:
        raise DataError(f"{path}: has {path.stat().st_size:,} bytes, far too many for camera calibrations")
    lines = [line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    if not lines or not " ".join(lines[0]).startswith(HEADER):
        raise DataError(f"{path}: begins with {' '.join(lines[0])[:40] if lines else ''!r}, expected {HEADER!r}")
    per_camera = 1 + len(FIELDS)
    blocks = [lines[at : at + per_camera] for at in range(1, len(lines), per_camera)]
    cameras = {}
    for block in blocks:
        names = tuple(line[0] for line in block)
        if names != ("name", *FIELDS):
            raise DataError(f"{path}: a camera has the lines {', '.join(names)}, expected name, {', '.join(FIELDS)}")
        number = _number(block[0], path)
        if number in cameras:
            raise DataError(f"{path}: describes camera {number} twice; keep one of the two")
        cameras[number] = _calibrated(block, path)
    return cameras


def camera_of(calibrated: Calibrated, picture_wh: tuple[int, int], name: str) -> tuple[Camera, bool]:
    """The camera with its pictures' true size, and whether the file gives another one (a public copy: 204 for 2048).

    Raises:
        DataError: the pictures were resized or cropped, so that the intrinsics are not theirs; or it is no camera.
    """
    off = np.abs(calibrated.K[:2, 2] / np.array(picture_wh) - 0.5)
    if (off > MOST_OFF_CENTRE).any():
        raise DataError(
            f"{name}: its pictures are {picture_wh[0]} x {picture_wh[1]} px, but its optical axis is calibrated to "
            f"pass at {calibrated.K[0, 2]:.0f}, {calibrated.K[1, 2]:.0f}; they were resized or cropped: take the "
            f"original ones"
        )
    try:
        camera = Camera(calibrated.K, picture_wh, calibrated.rotation, calibrated.translation, name=name)
    except ValueError as error:
        raise DataError(f"{name}: its calibration cannot be used ({error})") from error
    return camera, calibrated.size_wh != picture_wh


def check_extrinsics(views: Sequence[View], path: Path) -> float:
    """How far apart in the world the cameras of one recording put the same joints: median distance from their mean, mm.

    Args:
        views: The cameras' views, of the same moments where they have the same frames.
        path: The calibration, for the message.

    Raises:
        DataError: they put them in different places.
    """
    worlds = [
        dict(zip(view.frames.tolist(), view.camera.world_from_cam(view.joints_cam), strict=True)) for view in views
    ]
    shared = sorted(set.intersection(*(set(world) for world in worlds))) if worlds else []
    if len(worlds) < 2 or not shared:
        return float("nan")
    places = np.stack([[world[frame] for frame in shared] for world in worlds])
    apart = float(np.nanmedian(np.linalg.norm(places - places.mean(axis=0), axis=-1)))
    if apart > MOST_MM_BETWEEN_VIEWS:
        raise DataError(
            f"{path}: its cameras put the same joints {apart:.0f} mm (median) from each other's mean, expected "
            f"at most {MOST_MM_BETWEEN_VIEWS:g}; check that it is this recording's, in mm, world to camera"
        )
    return apart


def _number(line: Sequence[str], path: Path) -> int:
    if len(line) != 2 or not line[1].isdigit():
        raise DataError(f"{path}: a camera is named {' '.join(line[1:])!r}, expected a number from 0 to 13")
    return int(line[1])


def _calibrated(block: Sequence[Sequence[str]], path: Path) -> Calibrated:
    values = {line[0]: line[1:] for line in block}
    try:
        width, height = (int(float(value)) for value in values["size"])
        intrinsic, extrinsic = (np.array(values[name], float).reshape(4, 4) for name in ("intrinsic", "extrinsic"))
    except (ValueError, OverflowError) as error:
        raise DataError(f"{path}: camera {block[0][1]} is not numbers as expected ({error})") from error
    return Calibrated(intrinsic[:3, :3], (width, height), extrinsic[:3, :3], extrinsic[:3, 3])
