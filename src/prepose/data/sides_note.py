"""A release whose sides are known: told to the user when they agree with the facing direction, refused when not."""

import numpy as np
from jaxtyping import Float

from prepose.body.skeleton import Skeleton
from prepose.data.sides import side_agreement
from prepose.errors import DataError

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
            f"{check.legs:+.2f} and {check.arms:+.2f}, expected near +1); these files are not the owners' release"
        )
    agreement = f"legs {check.legs:+.2f}, arms {check.arms:+.2f}"
    return f"left and right agree with the facing direction of {check.poses:,} poses ({agreement}; exchanged were -1)"
