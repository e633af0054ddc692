"""In what order a release has its sides: legs and arms apart, over all poses, against where faces and knees look.

`checks.sides` asks another question of the same bodies: whether a *sample* contradicts its labels. It weighs all that
one body shows into one verdict, in which exchanged arms and sound legs cancel out (over all actions of the synthetic
people a mean cosine of 0.01, where this file finds legs +0.97 and arms -0.97); this file says nothing of a sample.
`sides_note` holds a release whose sides are known to that order.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from prepose.body.skeleton import Skeleton, mirror_name
from prepose.errors import DataError

LEGS = ("hip", "knee", "ankle", "foot", "toe")
ARMS = ("clavicle", "collar", "shoulder", "elbow", "wrist", "hand")
# Below this, mm, a face or knee says nothing about where it looks.
LEAST_FORWARD = 30.0
# Mean agreement (-1 to 1) beyond which a release's order is taken as known; sound recordings have above 0.8.
CLEAR = 0.3


@dataclass(frozen=True)
class SideAgreement:
    """How well the sides agree with the facing direction, over many poses.

    Attributes:
        legs: Mean cosine between right minus left hip and the right by the facing direction; NaN if nothing faces.
        arms: The same with the shoulders.
        poses: How many poses had a facing direction.
    """

    legs: float
    arms: float
    poses: int

    @property
    def legs_swapped(self) -> bool:
        """Whether left and right legs are exchanged."""
        return self.legs < -CLEAR

    @property
    def arms_swapped(self) -> bool:
        """Whether left and right arms are exchanged."""
        return self.arms < -CLEAR

    @property
    def clear(self) -> bool:
        """Whether both can be told."""
        return bool(abs(self.legs) > CLEAR and abs(self.arms) > CLEAR)


def side_agreement(joints: Float[np.ndarray, "N J 3"], skeleton: Skeleton) -> SideAgreement:
    """Compare named sides with the sides that follow from where faces and knees point.

    A nose lies before the line from thorax to head top, and a knee before the line from hip to ankle, whichever leg it
    is; with up = thorax - pelvis, a person's right is forward x up in a right-handed frame. A mirrored (left-handed)
    frame therefore looks like legs and arms exchanged together.

    Args:
        joints: Poses in any right-handed metric frame, mm.
        skeleton: Has hips, knees, ankles, shoulders, pelvis and thorax or neck; a nose and a head top help.
    """
    up = _first(joints, skeleton, ("thorax", "neck")) - _first(joints, skeleton, ("pelvis",))
    right = np.cross(forward(joints, skeleton), up / np.maximum(_length(up), 1e-9))
    facing = _length(right)[:, 0] > LEAST_FORWARD
    if not facing.any():
        return SideAgreement(np.nan, np.nan, 0)
    right = (right / np.maximum(_length(right), 1e-9))[facing]
    legs, arms = (_agreement(joints[facing], skeleton, part, right) for part in ("hip", "shoulder"))
    return SideAgreement(legs, arms, int(facing.sum()))


def forward(joints: Float[np.ndarray, "N J 3"], skeleton: Skeleton) -> Float[np.ndarray, "N 3"]:
    """Where the person faces, as far as nose and bent knees show it; its length (mm) says how clearly."""
    lines = [(f"{side}_hip", f"{side}_knee", f"{side}_ankle") for side in "rl"]
    nose = next((name for name in ("nose_neck", "nose") if name in skeleton.joints), None)
    if nose is not None and "head_top" in skeleton.joints:
        lines.append(("thorax" if "thorax" in skeleton.joints else "neck", nose, "head_top"))
    total = np.zeros((len(joints), 3))
    for start, before, end in lines:
        first, point, last = (joints[:, skeleton.index(name)] for name in (start, before, end))
        total += np.nan_to_num(beside(point, first, last))
    return total


def beside(
    point: Float[np.ndarray, "N 3"], start: Float[np.ndarray, "N 3"], end: Float[np.ndarray, "N 3"]
) -> Float[np.ndarray, "N 3"]:
    """How far a point lies beside the line from start to end: a nose before the trunk's, a knee before the leg's."""
    along = (end - start) / np.maximum(_length(end - start), 1e-9)
    return point - start - ((point - start) * along).sum(axis=-1, keepdims=True) * along


def exchanged(skeleton: Skeleton, parts: tuple[str, ...]) -> np.ndarray:
    """The joint order with left and right of some body parts exchanged: the index each joint is to be taken from."""
    order = np.arange(len(skeleton))
    for row, joint in enumerate(skeleton.joints):
        if joint[:2] in ("l_", "r_") and joint[2:] in parts:
            order[row] = skeleton.index(mirror_name(joint))
    return order


def side_order(skeleton: Skeleton, *, legs: bool, arms: bool) -> np.ndarray:
    """The joint order that exchanges the sides of legs, arms, both or neither."""
    return exchanged(skeleton, (*(LEGS if legs else ()), *(ARMS if arms else ())))


def _agreement(joints: np.ndarray, skeleton: Skeleton, part: str, right: np.ndarray) -> float:
    named = joints[:, skeleton.index(f"r_{part}")] - joints[:, skeleton.index(f"l_{part}")]
    return float(np.nanmean((named * right).sum(axis=-1) / np.maximum(_length(named)[:, 0], 1e-9)))


def _first(joints: np.ndarray, skeleton: Skeleton, names: tuple[str, ...]) -> np.ndarray:
    return joints[:, skeleton.index(next(name for name in names if name in skeleton.joints))]


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.linalg.norm(vectors, axis=-1, keepdims=True)


# Facing is told from noses and bent knees: a few people who stand straight tell nothing.
FEWEST_POSES = 20


def sides_note(joints_cam: Float[np.ndarray, "N J 3"], skeleton: Skeleton, where: object) -> str:
    """How well named sides agree with the sides that follow from where people face.

    Args:
        joints_cam: Poses, camera frame, mm.
        skeleton: Their skeleton.
        where: The files, for the message.

    Raises:
        DataError: left and right are exchanged.
    """
    check = side_agreement(joints_cam, skeleton)
    if check.poses < FEWEST_POSES:
        return "too few poses show where they face to check left and right"
    swapped = [part for part, is_swapped in (("legs", check.legs_swapped), ("arms", check.arms_swapped)) if is_swapped]
    if swapped:
        raise DataError(
            f"{where}: left and right {' and '.join(swapped)} are exchanged (agreement with the facing direction "
            f"{check.legs:+.2f} and {check.arms:+.2f}, expected near +1); these files are not the authors' release"
        )
    agreement = f"legs {check.legs:+.2f}, arms {check.arms:+.2f}"
    return f"left and right agree with the facing direction of {check.poses:,} poses ({agreement}; exchanged were -1)"
