"""What 2D and 3D joints of the same people say about each other: unit, order of the sides, and how well they agree."""

from dataclasses import replace
from itertools import product

import numpy as np
from jaxtyping import Float

from prepose.body.skeletons import H36M_17
from prepose.data.h36m.frames import Frames
from prepose.data.length_unit import length_unit
from prepose.data.sides import side_agreement, side_order
from prepose.errors import DataError

MOST_LOOKED_AT = 2000
# Another order of the 2D sides is believed when it fits this share of the poses better than the one at hand.
CLEARLY_MORE = 0.75
# Poses laid over their 2D joints miss them by a hundredth of the person's size (perspective), with 2D joints that were
# guessed by some hundredths, and poses of other moments by more than a tenth.
MOST_WEAK_MISS = 0.07


def in_mm(frames: Frames, where: str) -> Frames:
    """The frames with 3D joints in mm, whatever unit they came in: people's legs tell it.

    Raises:
        DataError: legs are not of a person's length in any unit.
    """
    joints = frames.joints_cam if frames.joints_world is None else frames.joints_world
    unit = length_unit(joints[_spread(len(joints))], H36M_17, where)
    if unit.name == "mm":
        return frames
    world = None if frames.joints_world is None else frames.joints_world * unit.mm
    told = frames.told(f"{unit}; they were converted to mm")
    return replace(told, joints_cam=frames.joints_cam * unit.mm, joints_world=world)


def with_true_sides(frames: Frames, where: str) -> Frames:
    """The frames with right and left as the people's own, mended where a release exchanges them, by what faces show.

    Raises:
        DataError: sides contradict the facing direction so often that no order can be right, or legs and arms are
            exchanged together where no camera can tell a wrong name from a mirrored frame.
    """
    joints = frames.joints_cam if frames.joints_world is None else frames.joints_world
    check = side_agreement(joints[_spread(len(joints))], H36M_17)
    figures = (
        f"agreement with the facing direction: legs {check.legs:.2f}, arms {check.arms:.2f}, of {check.poses} poses"
    )
    if not check.clear:
        raise DataError(
            f"{where}: right and left cannot be told ({figures}; sound files have above 0.8); some recordings are "
            f"exchanged and others not, or the joints are in another order than Human3.6M's"
        )
    legs, arms = check.legs_swapped, check.arms_swapped
    if legs and arms and frames.rooted:
        raise DataError(
            f"{where}: right and left are exchanged throughout ({figures}), and without cameras it cannot be told "
            f"whether names are wrong or an axis is mirrored; take another release"
        )
    if not (legs or arms):
        return frames.told(f"sides are the people's own ({figures})")
    order = side_order(H36M_17, legs=legs, arms=arms)
    what = "legs and arms" if legs and arms else "legs (left first)" if legs else "arms"
    world = None if frames.joints_world is None else frames.joints_world[:, order]
    told = frames.told(f"3D: left and right {what} are exchanged in these files and were put right ({figures})")
    return replace(told, joints_cam=frames.joints_cam[:, order], joints_world=world)


def with_2d_in_order(frames: Frames, where: str) -> Frames:
    """The frames with 2D joints in the order of their 3D joints, of the four orders of sides that a release can have.

    Raises:
        DataError: no order lays the 3D poses over the 2D joints.
    """
    rows = _spread(len(frames))
    rows = rows[np.isfinite(frames.joints_img[rows]).all(axis=(1, 2))]
    if not len(rows):
        return frames
    missed = {}
    for choice in product((False, True), repeat=2):
        order = side_order(H36M_17, legs=choice[0], arms=choice[1])
        missed[choice] = weak_misses(frames.joints_cam[rows], frames.joints_img[rows][:, order])
    stored = missed[False, False]
    best = min(missed, key=lambda choice: float(np.median(missed[choice])))
    if (missed[best] < stored).mean() < CLEARLY_MORE:
        best = (False, False)
    figure = float(np.median(missed[best]))
    if figure > MOST_WEAK_MISS:
        raise DataError(
            f"{where}: 2D and 3D joints do not show the same poses (they differ by {figure:.0%} of the person's size "
            f"in the median); labels are paired wrongly or an axis is flipped"
        )
    if best == (False, False):
        return frames
    order = side_order(H36M_17, legs=best[0], arms=best[1])
    what = " and ".join(name for name, swapped in zip(("legs", "arms"), best, strict=True) if swapped)
    figures = f"misfit {np.median(stored):.1%} of the person's size as stored, {figure:.1%} exchanged"
    told = frames.told(f"2D: left and right {what} are exchanged against the 3D joints and were put right ({figures})")
    return replace(told, joints_img=frames.joints_img[:, order])


def weak_misses(
    joints_cam: Float[np.ndarray, "N J 3"], joints_img: Float[np.ndarray, "N J 2"]
) -> Float[np.ndarray, "N"]:
    """How far each 3D pose laid over its 2D joints misses them, as a share of the person's size in the image.

    Laid by scale and shift alone, as both have the camera's axes; mirrored or turned poses therefore miss by much.
    """
    p = joints_cam[..., :2] - joints_cam[..., :2].mean(axis=1, keepdims=True)
    q = joints_img - joints_img.mean(axis=1, keepdims=True)
    k = np.maximum((p * q).sum(axis=(1, 2)) / np.maximum((p * p).sum(axis=(1, 2)), 1e-9), 0)
    miss = np.linalg.norm(q - k[:, None, None] * p, axis=-1).mean(axis=1)
    size = np.linalg.norm(np.ptp(joints_img, axis=1), axis=-1)
    return miss / np.maximum(size, 1.0)


def _spread(count: int) -> np.ndarray:
    """Rows spread over a table, few enough to look at."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_LOOKED_AT)).astype(int))
