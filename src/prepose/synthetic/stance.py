"""How a body settles on what carries it: it leans, turns its ankles and bends its legs until it stands."""

import numpy as np
from jaxtyping import Float

from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.action import Action
from prepose.synthetic.anatomy import ANGLE_INDEX, LIMITS, pelvis_angles, segment_turns, shortest_turn
from prepose.synthetic.contact import FLESH_OF_JOINT
from prepose.synthetic.rig import SEGMENT_NAMES, BodyPose, Proportions, pose_joints

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
