"""Cameras as records of joint-labelled pictures give them: in several spellings, believed only if the numbers agree."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from prepose.arrays import Matrix3
from prepose.camera.camera import Camera
from prepose.data.records import numbers
from prepose.errors import DataError

# The world pose carried into the camera must meet the camera-frame pose to this, mm.
MOST_MISFIT_MM = 20.0


@dataclass(frozen=True, eq=False)
class RecordCamera:
    """What a record says of its camera; NaN where it says nothing.

    Attributes:
        K: Intrinsic matrix, px.
        distortion: k1, k2, p1, p2, k3; zeros where it says nothing.
        R: A rotation, cam_from_world.
        T: A translation, or the camera's centre, in the record's unit.
    """

    K: Matrix3 = field(default_factory=lambda: np.full((3, 3), np.nan))
    distortion: Float[np.ndarray, "5"] = field(default_factory=lambda: np.zeros(5))
    R: Matrix3 = field(default_factory=lambda: np.full((3, 3), np.nan))
    T: Float[np.ndarray, "3"] = field(default_factory=lambda: np.full(3, np.nan))


NO_CAMERA = RecordCamera()


@dataclass(frozen=True, eq=False)
class Placement:
    """Where cameras stand: cam_from_world, mm; the camera's own frame where that could not be told.

    Attributes:
        rotation: Rotations.
        translation: Translations, mm.
        note: What was found.
    """

    rotation: Float[np.ndarray, "N 3 3"]
    translation: Float[np.ndarray, "N 3"]
    note: str


def camera_of(record: Any, where: str) -> RecordCamera:
    """A record's camera: `K`, or `fx fy cx cy`, or `f c`; `k` and `p` for the lens; `R` and `T`.

    Raises:
        DataError: one of these is there but is not what it should be.
    """
    if not isinstance(record, dict):
        return NO_CAMERA
    K = _intrinsics(record, where)
    if K is None:
        return NO_CAMERA
    k, p = (_flat(record.get(key), size, f"{where}: {key}") for key, size in (("k", 3), ("p", 2)))
    distortion = np.array([k[0], k[1], p[0], p[1], k[2]])
    try:
        Camera(K=K, size_wh=(1, 1), distortion=distortion)
    except ValueError as error:
        raise DataError(f"{where}: {error}") from error
    R = numbers(record["R"], (3, 3), f"{where}: R") if "R" in record else np.full((3, 3), np.nan)
    T = _flat(record["T"], 3, f"{where}: T") if "T" in record else np.full(3, np.nan)
    return RecordCamera(K, distortion, R, T)


def reprojection_px(
    cameras: Sequence[RecordCamera], joints_cam: Float[np.ndarray, "N J 3"], joints_img: Float[np.ndarray, "N J 2"]
) -> float:
    """The median distance of projected from labelled joints, px; NaN if there is nothing to compare."""
    distances = [
        np.linalg.norm(
            Camera(K=camera.K, size_wh=(1, 1), distortion=camera.distortion).project(pose) - labelled, axis=1
        )
        for camera, pose, labelled in zip(cameras, joints_cam, joints_img, strict=True)
        if np.isfinite(camera.K).all()
    ]
    known = np.concatenate(distances) if distances else np.array([])
    known = known[np.isfinite(known)]
    return float(np.median(known)) if len(known) else float("nan")


def extrinsics_of(
    cameras: Sequence[RecordCamera],
    joints_world: Float[np.ndarray, "N J 3"],
    joints_cam: Float[np.ndarray, "N J 3"],
    mm: float,
) -> Placement:
    """Where the cameras stand, T read as translation or as the camera's centre, whichever meets the poses.

    Args:
        cameras: What the records say.
        joints_world: Poses in the world, mm; NaN where there is none.
        joints_cam: The same poses in the camera's frame, mm.
        mm: How many mm the unit of T has.
    """
    R = np.stack([camera.R for camera in cameras])
    T = np.stack([camera.T for camera in cameras]) * mm
    turned = np.einsum("nij,nkj->nki", R, joints_world)
    readings = {"translation": T, "camera's centre": -np.einsum("nij,nj->ni", R, T)}
    misfit = {
        name: np.linalg.norm(turned + t[:, None] - joints_cam, axis=-1).max(axis=1) for name, t in readings.items()
    }
    rigid = np.isclose(np.einsum("nij,nkj->nik", R, R), np.eye(3), atol=1e-4).all(axis=(1, 2))
    rigid &= np.linalg.det(np.where(np.isfinite(R), R, 0)) > 0
    meaning = min(misfit, key=lambda name: -int((misfit[name] <= MOST_MISFIT_MM).sum()))
    good = rigid & (misfit[meaning] <= MOST_MISFIT_MM)
    rotation = np.where(good[:, None, None], R, np.eye(3))
    translation = np.where(good[:, None], readings[meaning], 0.0)
    if not good.any():
        return Placement(rotation, translation, "no record says where its camera stands in a way that meets its poses")
    note = f"{good.sum()} of {len(good)} cameras stand where world and camera poses agree (T is the {meaning})"
    return Placement(rotation, translation, note)


def _intrinsics(record: dict[str, Any], where: str) -> Matrix3 | None:
    for key in ("K", "intrinsic", "intrinsics"):
        if key in record:
            return numbers(record[key], (3, 3), f"{where}: {key}")
    if all(key in record for key in ("fx", "fy", "cx", "cy")):
        fx, fy, cx, cy = (_flat(record[key], 1, f"{where}: {key}")[0] for key in ("fx", "fy", "cx", "cy"))
    elif all(key in record for key in ("f", "c")):
        (fx, fy), (cx, cy) = (_flat(record[key], 2, f"{where}: {key}") for key in ("f", "c"))
    else:
        return None
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])


def _flat(value: Any, size: int, where: str) -> np.ndarray:
    """Numbers of a row, a column or a list; zeros for None."""
    if value is None:
        return np.zeros(size)
    if isinstance(value, np.ndarray) and value.ndim != 1:
        value = value.ravel()
    if size == 1 and isinstance(value, (int, float, np.generic)):
        value = [value]
    return numbers(value, (size,), where)
