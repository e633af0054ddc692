"""Where a body touches: the ground under it, and its own limbs.

Flesh is measured in fractions of stature, about the joints of prepose-27 and along the lines between them.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from prepose.body.skeletons import PREPOSE_27

# How far the ground is from a joint that rests on it, as a fraction of stature. Ankle and toe are such that a level
# foot of the mean build touches with both.
FLESH: Mapping[str, float] = MappingProxyType(
    {
        "pelvis": 0.055, "spine": 0.055, "thorax": 0.050, "upper_neck": 0.030, "head": 0.055, "head_top": 0.006,
        "nose": 0.004, "l_eye": 0.004, "r_eye": 0.004, "l_ear": 0.006, "r_ear": 0.006,
        **{
            f"{s}_{joint}": radius
            for s in "lr"
            for joint, radius in {
                "shoulder": 0.030, "elbow": 0.021, "wrist": 0.017, "hand": 0.012,
                "hip": 0.050, "knee": 0.028, "ankle": 0.039, "toe": 0.0156,
            }.items()
        },
    }
)  # fmt: skip
FLESH_OF_JOINT: Float[np.ndarray, "27"] = np.array([FLESH[name] for name in PREPOSE_27.joints])

# Capsules: two joints and a radius.
_CAPSULES: tuple[tuple[str, str, float], ...] = (
    ("upper_neck", "head", 0.050),
    ("spine", "thorax", 0.062),
    ("pelvis", "spine", 0.062),
    ("l_hip", "r_hip", 0.050),
    ("l_shoulder", "r_shoulder", 0.032),
    *(
        (f"{s}_{start}", f"{s}_{end}", radius)
        for s in "lr"
        for start, end, radius in (
            ("shoulder", "elbow", 0.025), ("elbow", "wrist", 0.020), ("wrist", "hand", 0.020),
            ("hip", "knee", 0.040), ("knee", "ankle", 0.026), ("ankle", "toe", 0.020),
        )
    ),
)  # fmt: skip
_TRUNK = {"upper_neck", "spine", "thorax", "pelvis", "l_hip", "r_hip", "l_shoulder", "r_shoulder", "head"}


def _may_touch(one: tuple[str, str, float], other: tuple[str, str, float]) -> bool:
    """Whether two capsules overlap in every pose: those that share a joint, and the parts of the trunk."""
    ends, others = set(one[:2]), set(other[:2])
    if ends & others:
        return True
    if ends <= _TRUNK and others <= _TRUNK:
        return True
    # The upper arm starts inside the chest and the thigh inside the pelvis.
    roots = {"l_shoulder": "thorax", "r_shoulder": "thorax", "l_hip": "pelvis", "r_hip": "pelvis"}
    return any(roots.get(end) in others for end in ends) or any(roots.get(end) in ends for end in others)


_PAIRS = [
    (i, j)
    for i in range(len(_CAPSULES))
    for j in range(i + 1, len(_CAPSULES))
    if not _may_touch(_CAPSULES[i], _CAPSULES[j])
]
PAIR_NAMES: tuple[str, ...] = tuple(f"{'-'.join(_CAPSULES[i][:2])} x {'-'.join(_CAPSULES[j][:2])}" for i, j in _PAIRS)
_FIRST, _SECOND = np.array(_PAIRS).T
_STARTS, _ENDS = (
    np.array([PREPOSE_27.index(joint) for joint in ends])
    for ends in ([start for start, _, _ in _CAPSULES], [end for _, end, _ in _CAPSULES])
)
_REACH = np.array([_CAPSULES[i][2] + _CAPSULES[j][2] for i, j in _PAIRS])


def _segment_distances(
    start: Float[np.ndarray, "P 3"],
    along: Float[np.ndarray, "P 3"],
    other_start: Float[np.ndarray, "P 3"],
    other_along: Float[np.ndarray, "P 3"],
) -> Float[np.ndarray, "P"]:
    """The distances between pairs of line segments. Source: Ericson, Real-Time Collision Detection, 2005, 5.1.9."""
    between = start - other_start
    a, e, b, c, f = (
        np.einsum("pk,pk->p", u, v)
        for u, v in (
            (along, along), (other_along, other_along), (along, other_along), (along, between), (other_along, between),
        )
    )  # fmt: skip
    s = np.clip((b * f - c * e) / np.maximum(a * e - b * b, 1e-9), 0, 1)
    t = np.clip((b * s + f) / np.maximum(e, 1e-9), 0, 1)
    s = np.clip((b * t - c) / np.maximum(a, 1e-9), 0, 1)
    gap = between + s[:, None] * along - t[:, None] * other_along
    return np.sqrt(np.einsum("pk,pk->p", gap, gap))


def penetrations(joints: Float[np.ndarray, "27 3"], height: float) -> Float[np.ndarray, "P"]:
    """How deep each pair of `PAIR_NAMES` overlaps, as a fraction of stature; negative: how far apart they are.

    Args:
        joints: prepose-27 joints, mm, any frame.
        height: The person's stature, mm.
    """
    start = joints[_STARTS] / height
    along = joints[_ENDS] / height - start
    return _REACH - _segment_distances(start[_FIRST], along[_FIRST], start[_SECOND], along[_SECOND])


def lowest_point(joints: Float[np.ndarray, "27 3"], height: float) -> float:
    """The height (mm, world, z up) of the lowest flesh of a body."""
    return float((joints[:, 2] - height * FLESH_OF_JOINT).min())
