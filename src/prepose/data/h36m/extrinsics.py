"""How a file's camera poses are meant: found out from the joints, never trusted.

Releases of Human3.6M store the rotation as it is or transposed, the shift as the translation of cam_from_world or as
the camera's centre, in mm or in metres. Only one of the eight readings fits the labels.
"""

from collections.abc import Callable, Mapping
from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from prepose.arrays import Matrix3, Vector3
from prepose.data.h36m.cameras import Key, RawCamera
from prepose.errors import DataError

MOST_LOOKED_AT = 300
# A release whose best reading misses by more than these is not understood: mm between views; shares of a box's side.
MOST_MM_BETWEEN_VIEWS, MOST_BOX_SHARE = 60.0, 0.35


class Pose(NamedTuple):
    """cam_from_world: points_world @ rotation.T + translation, mm."""

    rotation: Matrix3
    translation: Vector3


class Reading(NamedTuple):
    """How rotation and shift of a file are meant."""

    transposed: bool
    metres: bool
    centre: bool

    def pose(self, raw: RawCamera) -> Pose:
        """The camera's pose under this reading."""
        if raw.rotation is None or raw.shift is None:
            raise ValueError("the camera has no pose to be read")
        rotation = raw.rotation.T if self.transposed else raw.rotation
        shift = raw.shift * (1000.0 if self.metres else 1.0)
        return Pose(rotation, -rotation @ shift if self.centre else shift)


class Settled(NamedTuple):
    """Poses by (subject, camera), what a user should be told, and the misfit (NaN where nothing could be compared)."""

    poses: dict[Key, Pose]
    notes: tuple[str, ...]
    misfit: float


Misfit = Callable[[Mapping[Key, Pose]], float]


def settle(raws: Mapping[Key, RawCamera], misfit: Misfit, *, limit: float, unit: str, where: str) -> Settled:
    """The reading of the cameras' poses that fits the labels best.

    Args:
        raws: The cameras; those without a pose are left out.
        misfit: How far a set of poses is from the labels; NaN where the labels cannot tell.
        limit: The largest misfit that is believed.
        unit: What the misfit is measured in.
        where: The file, for messages.

    Raises:
        DataError: nine numbers are not a rotation, or no reading fits.
    """
    posed = {key: raw for key, raw in raws.items() if raw.rotation is not None and raw.shift is not None}
    if not posed:
        return Settled({}, (), float("nan"))
    _check_rotations(posed, where)
    usual = Reading(transposed=False, metres=False, centre=next(iter(posed.values())).centre)
    tried = {reading: misfit(_posed(posed, reading)) for reading in _readings(usual)}
    if np.isnan(tried[usual]):
        return Settled(
            _posed(posed, usual), (f"the camera poses of {where} could not be checked against labels",), np.nan
        )
    # The usual reading keeps its place unless another one is clearly better.
    best = min(tried, key=lambda reading: tried[reading])
    best = usual if tried[usual] <= max(1.2 * tried[best], 0.1 * limit) else best
    if tried[best] > limit:
        raise DataError(
            f"{where}: no reading of the camera poses fits the labels (the best misses by {tried[best]:.3g} {unit}); "
            f"these cameras and labels do not belong together"
        )
    notes = [f"the camera poses of {where} fit the labels to {tried[best]:.3g} {unit}"]
    if best != usual:
        notes.append(_said(best, usual, where))
    return Settled(_posed(posed, best), tuple(notes), tried[best])


def views_misfit(joints_cam: Float[np.ndarray, "N J 3"], where: Int[np.ndarray, "N 5"]) -> Misfit:
    """How far joints (mm, true depth) of one moment, seen by several cameras, lie apart in the world: median, mm.

    Args:
        joints_cam: Joints in each camera's frame, mm.
        where: (subject, action, subaction, camera 0..3, frame) of each.
    """
    moments: dict[tuple[int, ...], list[int]] = {}
    for row, (subject, action, subaction, _, frame) in enumerate(where.tolist()):
        moments.setdefault((subject, action, subaction, frame), []).append(row)
    several = [rows for rows in moments.values() if len(rows) > 1]
    step = max(1, len(several) // MOST_LOOKED_AT)
    several = several[::step]

    def misfit(poses: Mapping[Key, Pose]) -> float:
        apart = []
        for rows in several:
            seen = [(row, poses[key]) for row in rows if (key := (int(where[row, 0]), int(where[row, 3]))) in poses]
            if len(seen) > 1:
                world = np.stack([(joints_cam[row] - pose.translation) @ pose.rotation for row, pose in seen])
                apart.append(np.linalg.norm(world - world.mean(axis=0), axis=-1).mean())
        return float(np.median(apart)) if apart else float("nan")

    return misfit


def box_misfit(
    joints_world: Float[np.ndarray, "N J 3"],
    boxes: Float[np.ndarray, "N 4"],
    where: Int[np.ndarray, "N 5"],
    raws: Mapping[Key, RawCamera],
) -> Misfit:
    """How far projected world joints (mm) lie from their boxes (x, y, w, h px): median share of the box's longer side.

    Of centre against centre. People behind the camera or beyond its lens count as a whole box away.
    """
    rows = np.flatnonzero(np.isfinite(boxes).all(axis=1) & (where[:, 3] >= 0))
    rows = rows[:: max(1, len(rows) // MOST_LOOKED_AT)]
    lenses = {key: raw.lens() for key, raw in raws.items()}

    def misfit(poses: Mapping[Key, Pose]) -> float:
        off = []
        for row in rows:
            key = (int(where[row, 0]), int(where[row, 3]))
            if key not in poses:
                continue
            image = lenses[key].project(joints_world[row] @ poses[key].rotation.T + poses[key].translation)
            if np.isnan(image).any():
                off.append(1.0)
                continue
            middle = (image.min(axis=0) + image.max(axis=0)) / 2
            box = boxes[row]
            off.append(float(np.linalg.norm(middle - box[:2] - box[2:] / 2) / max(box[2:].max(), 1.0)))
        return float(np.median(off)) if off else float("nan")

    return misfit


def _readings(usual: Reading) -> list[Reading]:
    choices = [Reading(*choice) for choice in product((False, True), repeat=3)]
    return sorted(choices, key=lambda reading: reading != usual)


def _posed(raws: Mapping[Key, RawCamera], reading: Reading) -> dict[Key, Pose]:
    return {key: reading.pose(raw) for key, raw in raws.items()}


def _check_rotations(raws: Mapping[Key, RawCamera], where: str) -> None:
    for (subject, camera), raw in raws.items():
        matrix = raw.rotation
        if matrix is None or not np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-3) or np.linalg.det(matrix) < 0:
            raise DataError(
                f"{where}: the rotation of camera {camera + 1} for S{subject} is not a rotation matrix (rows not "
                f"orthonormal, or mirrored); the file is damaged or holds other numbers there"
            )


def _said(best: Reading, usual: Reading, where: str) -> str:
    said = []
    if best.transposed != usual.transposed:
        said.append("its rotations are stored transposed")
    if best.metres != usual.metres:
        said.append("its shifts are in metres, not mm")
    if best.centre != usual.centre:
        said.append("its shifts are " + ("camera centres" if best.centre else "translations, not camera centres"))
    return f"{where}: {' and '.join(said)}; read so"
