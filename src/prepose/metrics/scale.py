"""Scale rules: how a pose of unknown size is brought to mm before it is scored.

One photograph does not tell how large a person is: the same picture shows a tall person far away and a small one near
by. A figure in mm therefore always rests on a rule, and the rule belongs to the name of the protocol.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import MPII_16
from prepose.errors import SkeletonMismatch
from prepose.metrics.joint_error import optimal_scale

ScaleRule = Literal[
    "true-root-depth", "true-root-depth-univ", "true-bone-lengths-univ", "mean-person", "optimal-scale",
    "bone-sum-4000", "bone-sum-4000-legacy", "image",
]  # fmt: skip

SCALE_RULES: Mapping[ScaleRule, str] = MappingProxyType(
    {
        "true-root-depth": "the camera and the true depth of the root are given",
        "true-root-depth-univ": "the same, then prediction and truth at the size of univ_annot3 (MPI-INF-3DHP)",
        "true-bone-lengths-univ": "directions of bones alone: every bone of the prediction is brought to its true "
        "length, from the pelvis outwards; truth at the size of univ_annot3",
        "mean-person": "image and camera alone: the root depth at which the person's bones sum to the mean person's",
        "optimal-scale": "each pose is scaled about its root to fit its truth best",
        "bone-sum-4000": "prediction and truth are both scaled so that their bones sum to 4000 mm",
        "bone-sum-4000-legacy": "the prediction alone is scaled so that its bones sum to 4000 mm",
        "image": "nothing is lifted: figures in the image alone",
    }
)

BONE_SUM_MM = 4000.0
# Of mpi-inf-3dhp-17, from the pelvis outwards. Source: the evaluation script of MuPoTS-3D (its joints' parents, and the
# order in which it resizes them).
BONES_OUTWARDS = (
    ("pelvis", "spine"), ("spine", "neck"), ("neck", "head_top"), ("neck", "head"),
    *((a.format(side), b.format(side)) for side in "rl" for a, b in (
        ("neck", "{}_shoulder"), ("{}_shoulder", "{}_elbow"), ("{}_elbow", "{}_wrist"),
        ("pelvis", "{}_hip"), ("{}_hip", "{}_knee"), ("{}_knee", "{}_ankle"),
    )),
)  # fmt: skip

_REFERENCE_ARMS_AND_LEGS = tuple(
    (f"{side}_{a}", f"{side}_{b}")
    for side in "lr"
    for a, b in (("ankle", "knee"), ("knee", "hip"), ("wrist", "elbow"), ("elbow", "shoulder"))
)
# The reference sums 15 bones; two of them meet in a spine joint that it puts halfway between pelvis and thorax, so that
# they sum to the one bone pelvis-thorax here.
REFERENCE_BONES = (
    *_REFERENCE_ARMS_AND_LEGS,
    ("l_hip", "pelvis"), ("r_hip", "pelvis"), ("pelvis", "thorax"), ("thorax", "head_top"),
    ("l_shoulder", "thorax"), ("r_shoulder", "thorax"),
)  # fmt: skip

_H36M_FROM_MPII = (
    "pelvis", "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle", "thorax", "upper_neck", "head_top",
    "head_top", "l_shoulder", "l_elbow", "l_wrist", "r_shoulder", "r_elbow", "r_wrist",
)  # fmt: skip


def bone_sum(
    joints: Float[np.ndarray, "*N J 3"], skeleton: Skeleton, bones: tuple[tuple[str, str], ...]
) -> Float[np.ndarray, "*N"]:
    """The summed length of the named bones, in the unit of the joints; NaN where a joint is missing.

    Raises:
        SkeletonMismatch: the skeleton lacks a joint of the bones.
    """
    ends = np.array([[skeleton.index(a), skeleton.index(b)] for a, b in bones])
    return np.linalg.norm(joints[..., ends[:, 0], :] - joints[..., ends[:, 1], :], axis=-1).sum(axis=-1)


def rescaled(
    rule: ScaleRule,
    prediction: Float[np.ndarray, "N J 3"],
    truth: Float[np.ndarray, "N J 3"],
    mask: Bool[np.ndarray, "N J"],
    skeleton: Skeleton,
) -> tuple[Float[np.ndarray, "N J 3"], Float[np.ndarray, "N J 3"]]:
    """Prediction and truth (root-relative, mm) as the rule scores them; the metric rules change nothing here.

    (That of `univ_annot3` neither: the size is a label there, which both are given before.)

    Where the prediction or the truth lacks a joint that a bone of known length begins at, the bone begins at the joint
    before: the neck of a network without a spine comes to its true distance from the pelvis.

    A sample that lacks a joint of the bones, or whose true bones have no length, becomes NaN under the bone-sum rules:
    there is no size to go by. A prediction with all joints in one place stays as it is, and scores as that.

    Raises:
        SkeletonMismatch: the skeleton lacks a joint that the rules about bones need.
    """
    match rule:
        case "true-root-depth" | "true-root-depth-univ" | "mean-person" | "image":
            return prediction, truth
        case "optimal-scale":
            return prediction * optimal_scale(prediction, truth, mask)[:, None, None], truth
        case "true-bone-lengths-univ":
            return _to_true_bone_lengths(prediction, truth, mask, skeleton), truth
        case "bone-sum-4000":
            return _to_bone_sum(prediction, skeleton, pointlike=1.0), _to_bone_sum(truth, skeleton)
        case "bone-sum-4000-legacy":
            return _to_bone_sum(prediction, skeleton, pointlike=1.0), truth


def _to_bone_sum(
    joints: Float[np.ndarray, "N J 3"], skeleton: Skeleton, *, pointlike: float = np.nan
) -> Float[np.ndarray, "N J 3"]:
    total = bone_sum(joints, skeleton, REFERENCE_BONES)
    factor = np.where(total == 0, pointlike, BONE_SUM_MM / np.where(total > 0, total, np.nan))
    return joints * factor[:, None, None]


def _to_true_bone_lengths(
    prediction: Float[np.ndarray, "N J 3"],
    truth: Float[np.ndarray, "N J 3"],
    mask: Bool[np.ndarray, "N J"],
    skeleton: Skeleton,
) -> Float[np.ndarray, "N J 3"]:
    resized, samples = prediction.copy(), np.arange(len(prediction))
    # The nearest joint towards the pelvis that both poses have, for each sample and joint.
    before = np.zeros(mask.shape, int)
    before[:, skeleton.index("pelvis")] = skeleton.index("pelvis")
    for parent, joint in ((skeleton.index(a), skeleton.index(b)) for a, b in BONES_OUTWARDS):
        start = before[:, joint] = np.where(mask[:, parent], parent, before[:, parent])
        bone = prediction[:, joint] - prediction[samples, start]
        length = np.linalg.norm(bone, axis=-1, keepdims=True)
        true_length = np.linalg.norm(truth[:, joint] - truth[samples, start], axis=-1, keepdims=True)
        # A bone of no length points nowhere: its joint stays where it begins, and scores as that.
        direction = bone / np.where(length > 0, length, 1.0)
        resized[:, joint] = resized[samples, start] + true_length * direction
    return resized


def legacy_h36m_from_mpii(
    joints: Float[np.ndarray, "N S 3"], skeleton: Skeleton = MPII_16
) -> Float[np.ndarray, "N 17 3"]:
    """mpii-16 joints as h36m-17 in the reference's way, two of them invented.

    The upper neck is taken for the thorax (8); the spine (7) is put halfway between it and the pelvis, and the joint
    between neck and nose (9) halfway between it and the head top. Datasets mark none of the three there, which is one
    reason why a perfect prediction does not score 0.

    Raises:
        SkeletonMismatch: the joints are not mpii-16's.
    """
    if skeleton is not MPII_16 or joints.shape[1] != len(MPII_16):
        raise SkeletonMismatch(f"the legacy rule is defined for mpii-16 alone, found {skeleton.name}")
    mapped = joints[:, [MPII_16.index(name) for name in _H36M_FROM_MPII]].copy()
    mapped[:, 7] = (mapped[:, 0] + mapped[:, 8]) / 2
    mapped[:, 9] = (mapped[:, 8] + mapped[:, 10]) / 2
    return mapped
