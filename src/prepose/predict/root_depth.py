"""How far away a person stands, when nothing says so: as far as a person of mean size would.

A pose lifted from an image is proportional to the depth of its root (see `lift`), so the bones of the pose lifted at
depth 1 sum to L, and a person whose bones sum to S stands at S / L. A tall person thus comes out nearer and smaller
than the truth, by the ratio of the sums.
"""

import numpy as np
from jaxtyping import Float

from prepose.body.pose import bone_lengths
from prepose.body.skeleton import Skeleton, joint_map
from prepose.body.skeletons import MPII_16
from prepose.errors import SkeletonMismatch

# Between a phone's main camera (about 69 degrees over the longer side) and a portrait lens (about 40).
ASSUMED_FIELD_OF_VIEW_DEG = 55.0


def depth_by_bone_sum(
    joints_at_unit_depth: Float[np.ndarray, "N J 3"], skeleton: Skeleton, bone_sum_mm: float
) -> Float[np.ndarray, "N"]:
    """The factor that brings each pose's mpii-16 bones to the given sum; the root's depth where it was lifted at 1 mm.

    Args:
        joints_at_unit_depth: Poses of a size that is not yet known.
        skeleton: Their skeleton.
        bone_sum_mm: Sum of the mpii-16 bones of the person, mm.

    Returns:
        NaN where a joint is NaN or all lie in one place.

    Raises:
        SkeletonMismatch: mpii-16 does not follow from the skeleton.
    """
    mapping = joint_map(skeleton, MPII_16)
    if not mapping.truly_labelled.all():
        missing = [joint for joint, known in zip(MPII_16.joints, mapping.truly_labelled, strict=True) if not known]
        raise SkeletonMismatch(
            f"the size of a person is judged by the bones of mpii-16, but {skeleton.name} has no {', '.join(missing)}; "
            "use the scale rule true-root-depth"
        )
    total = bone_lengths(mapping.apply(joints_at_unit_depth), MPII_16).sum(axis=-1)
    return bone_sum_mm / np.where(total > 0, total, np.nan)
