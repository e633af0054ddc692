"""Where a body touches: the ground under it, and its own limbs; and how it settles on what carries it.

Flesh is measured in fractions of stature, about the joints of prepose-27 and along the lines between them.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.action import Action
from prepose.synthetic.anatomy import ANGLE_INDEX, LIMITS, pelvis_angles, segment_turns, shortest_turn
from prepose.synthetic.rig import SEGMENT_NAMES, BodyPose, Proportions, pose_joints

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


# Shares of the body's mass, lumped at joints; Source: Winter 2009, table 4.1: trunk 0.497, head and neck 0.081, and a
# side's upper arm 0.028, forearm and hand 0.022, thigh 0.100, shank and foot 0.061, each split between its ends.
_MASS = {
    "pelvis": 0.142, "spine": 0.213, "thorax": 0.142, "head": 0.081,
    "shoulder": 0.014, "elbow": 0.025, "wrist": 0.011, "hip": 0.057, "knee": 0.069, "ankle": 0.035,
}  # fmt: skip
_WEIGHTS = np.array([_MASS.get(name[2:] if name[1] == "_" else name, 0.0) for name in PREPOSE_27.joints])
_WEIGHTS /= _WEIGHTS.sum()
_PELVIS = [ANGLE_INDEX[f"pelvis_{name}"] for name in ("yaw", "pitch", "roll")]
_TURN = SEGMENT_NAMES.index("pelvis")
_UP = np.array([0.0, 0.0, 1.0])
# Supports nearer than about this fraction of stature to each other in a direction say little of a slope along it.
_SHORT_BASE = 0.12
# Legs whose soles differ by more than this fraction of stature are meant to: one is lifted.
_LEG_PLAY = 0.12
_ROUNDS = 2


def settle(angles: Float[np.ndarray, "A"], action: Action, proportions: Proportions) -> Float[np.ndarray, "A"]:
    """Angles (degrees, of `ANGLES`) after the body has settled; limits are kept."""
    angles = angles.copy()
    two_feet = action.balanced and {"r_toe", "l_toe"} <= set(action.supports)
    for _ in range(_ROUNDS if action.supports or action.soles else 0):
        local = segment_turns(angles)
        joints, world = pose_joints(proportions, BodyPose(local, np.zeros(3)))
        joints, world = joints / proportions.height, world[:, :3, :3]
        if action.supports:
            lean = _lean(joints, action)
            angles[_PELVIS] = pelvis_angles(lean @ local[_TURN])
            joints, world = joints @ lean.T, lean @ world
        if two_feet:
            _match_legs(angles, joints)
        for side in action.soles:
            _level_sole(angles, side, joints, world)
    return angles


def sinking(joints: Float[np.ndarray, "27 3"], action: Action) -> float:
    """How far (in statures, as the joints) the body reaches below what it should rest on; 0 without supports."""
    if not action.supports:
        return 0.0
    soles = joints[:, 2] - FLESH_OF_JOINT
    return float(soles[[PREPOSE_27.index(name) for name in action.supports]].min() - soles.min())


def _lean(joints: Float[np.ndarray, "27 3"], action: Action) -> Float[np.ndarray, "3 3"]:
    """The turn of the whole body that balances it over its supports, or levels them. Joints in statures, z up."""
    at = [PREPOSE_27.index(name) for name in action.supports]
    soles = joints[at] - FLESH_OF_JOINT[at, None] * _UP
    centre = soles.mean(axis=0)
    if action.balanced:
        mass = _WEIGHTS @ joints - centre
        return shortest_turn(mass / np.linalg.norm(mass), _UP)
    spread = soles - centre
    # Ridge regression of height on place: a slope is believed as far as the supports are apart.
    slope = np.linalg.solve(
        spread[:, :2].T @ spread[:, :2] + _SHORT_BASE**2 * np.eye(2), spread[:, :2].T @ spread[:, 2]
    )
    normal = np.array([-slope[0], -slope[1], 1.0])
    return shortest_turn(normal / np.linalg.norm(normal), _UP)


def _turn_angle(angles: Float[np.ndarray, "A"], name: str, degrees: float) -> None:
    """Add to an angle as far as its limits go."""
    limit = LIMITS[name[2:]]
    angles[ANGLE_INDEX[name]] = np.clip(angles[ANGLE_INDEX[name]] + degrees, limit.low, limit.high)


def _level_sole(
    angles: Float[np.ndarray, "A"],
    side: str,
    joints: Float[np.ndarray, "27 3"],
    world: Float[np.ndarray, "S 3 3"],
) -> None:
    """Turn an ankle until toe and heel are at one height and the sole does not roll to a side."""
    ankle, toe = (PREPOSE_27.index(f"{side}_{name}") for name in ("ankle", "toe"))
    foot = joints[toe] - joints[ankle]
    length = np.linalg.norm(foot)
    wanted = (FLESH_OF_JOINT[toe] - FLESH_OF_JOINT[ankle]) / length
    pitch = np.degrees(np.arcsin(np.clip(wanted, -1, 1)) - np.arcsin(np.clip(foot[2] / length, -1, 1)))
    _turn_angle(angles, f"{side}_ankle_flexion", float(pitch))
    outward = world[SEGMENT_NAMES.index(f"{side}_foot"), 2, 0] * (1 if side == "r" else -1)
    # Inversion raises the inner edge, so it is what lowers an outer edge that is up.
    _turn_angle(angles, f"{side}_ankle_inversion", float(np.degrees(np.arcsin(np.clip(outward, -1, 1)))))


def _match_legs(angles: Float[np.ndarray, "A"], joints: Float[np.ndarray, "27 3"]) -> None:
    """Bend the leg that reaches lower until both feet are at one height: hip, knee and ankle share the bend."""
    soles = joints[:, 2] - FLESH_OF_JOINT
    low = {s: min(soles[PREPOSE_27.index(f"{s}_ankle")], soles[PREPOSE_27.index(f"{s}_toe")]) for s in "rl"}
    side = min(low, key=lambda s: low[s])
    excess = abs(float(low["r"] - low["l"]))
    hip, knee, ankle = (joints[PREPOSE_27.index(f"{side}_{name}")] for name in ("hip", "knee", "ankle"))
    thigh, shin, reach = (float(np.linalg.norm(v)) for v in (knee - hip, ankle - knee, ankle - hip))
    upright = float(hip[2] - ankle[2]) / reach
    if excess > _LEG_PLAY or upright < 0.5:
        return
    # The law of cosines, before and after the leg gets shorter.
    before, after = (
        np.degrees(np.arccos(np.clip((thigh**2 + shin**2 - length**2) / (2 * thigh * shin), -1, 1)))
        for length in (reach, reach - excess / upright)
    )
    bend = float(before - after)
    _turn_angle(angles, f"{side}_knee_flexion", bend)
    _turn_angle(angles, f"{side}_hip_flexion", bend / 2)
    _turn_angle(angles, f"{side}_ankle_flexion", bend / 2)
