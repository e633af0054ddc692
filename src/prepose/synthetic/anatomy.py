"""Joint angles of a human body: their names, their limits, and the way from angles to a posed rig and back.

An angle is named as a clinician names it, positive in the direction of the name, in degrees, and 0 in the anatomical
standing position (forearms midway between palm up and palm down). `r_` and `l_` angles follow the same convention, so
the mirror image of a pose swaps the sides and negates the angles of the middle line that point to a side.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from prepose.synthetic.rig import SEGMENT_NAMES, BodyPose

_TRUNK = (
    "pelvis_yaw", "pelvis_pitch", "pelvis_roll",
    "trunk_flexion", "trunk_bend", "trunk_twist",
    "neck_flexion", "neck_bend", "neck_twist",
    "head_flexion", "head_bend", "head_twist",
)  # fmt: skip
_LIMB = (
    "clavicle_elevation", "clavicle_protraction",
    "shoulder_elevation", "shoulder_plane", "shoulder_rotation",
    "elbow_flexion", "forearm_pronation", "wrist_flexion", "wrist_deviation",
    "hip_flexion", "hip_abduction", "hip_rotation", "knee_flexion", "ankle_flexion", "ankle_inversion",
)  # fmt: skip
ANGLES: tuple[str, ...] = (*_TRUNK, *(f"{s}_{name}" for s in "rl" for name in _LIMB))
ANGLE_INDEX: Mapping[str, int] = MappingProxyType({name: i for i, name in enumerate(ANGLES)})


class Limit(NamedTuple):
    """The range of an angle, degrees, and where its figures come from."""

    low: int | float
    high: int | float
    source: str


_AAOS = "AAOS 1965 (in Norkin and White, Measurement of Joint Motion, 5th ed. 2016, appendix B)"
_HALF = "half of the cervical range each for neck and head; " + _AAOS
LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        "trunk_flexion": Limit(-25, 80, _AAOS),
        "trunk_bend": Limit(-35, 35, _AAOS),
        "trunk_twist": Limit(-45, 45, _AAOS),
        **{f"{part}_flexion": Limit(-22.5, 22.5, _HALF) for part in ("neck", "head")},
        **{f"{part}_bend": Limit(-22.5, 22.5, _HALF) for part in ("neck", "head")},
        # 60 by AAOS; 70 and more by Youdas et al. 1992, whose figures are of healthy adults.
        **{f"{part}_twist": Limit(-35, 35, "Youdas et al. 1992") for part in ("neck", "head")},
        "clavicle_elevation": Limit(-10, 40, "Inman 1944: 4 degrees for each 10 of arm elevation to 90"),
        "clavicle_protraction": Limit(-25, 25, "Ludewig et al. 2009, rounded"),
        "shoulder_elevation": Limit(0, 180, _AAOS),
        # How far the arm points behind the frontal plane (extension, 60) and past the sagittal plane: horizontal
        # adduction of 135 from straight to the side leaves 45.
        "shoulder_behind": Limit(-90, 60, _AAOS),
        "shoulder_across": Limit(-90, 45, _AAOS),
        "shoulder_rotation": Limit(-80, 90, "internal 70 by AAOS, 80 with the scapula free; external 90"),
        "elbow_flexion": Limit(0, 150, _AAOS),
        "forearm_pronation": Limit(-80, 80, _AAOS),
        "wrist_flexion": Limit(-70, 80, _AAOS),
        "wrist_deviation": Limit(-20, 30, "radial 20, ulnar 30; " + _AAOS),
        # Loaded, as in a squat or a lunge, hips, knees and ankles go further than a goniometer on a couch finds.
        "hip_flexion": Limit(-30, 135, "extension 30, flexion 120 by AAOS; 135 in a deep squat, Hemmerich et al. 2006"),
        "hip_abduction": Limit(-30, 50, "adduction 30, abduction 45 by AAOS; 50 by Roaas and Andersson 1982 + 1 SD"),
        "hip_rotation": Limit(-45, 55, "internal 45, external 45 by AAOS; 55 sitting cross-legged, Hemmerich 2006"),
        "knee_flexion": Limit(0, 157, "135 by AAOS; 157 kneeling on the heels, Hefzy et al. 1998"),
        "ankle_flexion": Limit(-50, 38, "plantar flexion 50, dorsiflexion 20 by AAOS; 38 loaded, Bennell et al. 1998"),
        "ankle_inversion": Limit(-15, 35, _AAOS),
    }
)


def base_name(angle: str) -> str:
    """`knee_flexion` for `r_knee_flexion`."""
    return angle[2:] if angle[:2] in ("r_", "l_") else angle


_LOW, _HIGH = (
    np.array([LIMITS[base_name(name)][end] if base_name(name) in LIMITS else bound for name in ANGLES])
    for end, bound in ((0, -np.inf), (1, np.inf))
)
_MIDDLE_SIDEWAYS = np.array([name.endswith(("_yaw", "_roll", "_bend", "_twist")) for name in ANGLES])
_SWAPPED = np.array(
    [ANGLE_INDEX[{"r": "l", "l": "r"}[name[0]] + name[1:]] if name[1] == "_" else i for i, name in enumerate(ANGLES)]
)
_ELEVATIONS, _PLANES = (
    np.array([ANGLE_INDEX[f"{s}_shoulder_{name}"] for s in "rl"]) for name in ("elevation", "plane")
)
# A rotation seen in a mirror across x = 0: M R M with M = diag(-1, 1, 1), element by element.
_MIRRORED = np.outer([-1.0, 1.0, 1.0], [-1.0, 1.0, 1.0])
# The arm's neutral rotation is what the shortest turn gives from this direction of the right upper arm (in front of
# the body, below the shoulder): the direction furthest from those no arm can reach, where the shortest turn is torn.
_ARM_REFERENCE = np.array([0.48, 0.48, -0.73]) / np.linalg.norm([0.48, 0.48, -0.73])


def mirror_angles(angles: Float[np.ndarray, "*N A"]) -> Float[np.ndarray, "*N A"]:
    """The angles of the mirror image, degrees."""
    swapped = angles[..., _SWAPPED]
    return np.where(_MIDDLE_SIDEWAYS, -swapped, swapped)


def fold_into_limits(angles: Float[np.ndarray, "A"]) -> Float[np.ndarray, "A"]:
    """Angles reflected at their limits, so that a spread wider than the limits does not pile up on them."""
    angles = angles.copy()
    # An arm swung back past hanging is raised on the other side.
    swung = angles[_ELEVATIONS] < 0
    angles[_PLANES] -= 180 * swung
    angles[_ELEVATIONS] = np.abs(angles[_ELEVATIONS])
    folded = np.where(angles < _LOW, 2 * _LOW - angles, angles)
    folded = np.where(folded > _HIGH, 2 * _HIGH - folded, folded)
    folded = np.clip(folded, _LOW, _HIGH)
    for elevation, plane in zip(_ELEVATIONS, _PLANES, strict=True):
        reach = np.sin(np.radians(folded[elevation]))
        folded[plane] = np.clip(folded[plane], *_plane_range(float(reach)))
    return folded


def _plane_range(reach: float) -> tuple[float, float]:
    """The planes of elevation that `shoulder_behind` and `shoulder_across` leave to an arm, degrees."""
    behind, across = (np.sin(np.radians(LIMITS[name].high - 1e-6)) for name in ("shoulder_behind", "shoulder_across"))
    low = -110.0 if reach <= behind else -float(np.degrees(np.arcsin(behind / reach)))
    high = 180.0 if reach <= across else float(np.degrees(np.arccos(-across / reach)))
    return low, high


def _turns_xyz(radians: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3 3"]:
    """Rx Ry Rz of angles about x, y and z, written out: small products of matrices cost more than their arithmetic."""
    sine, cosine = np.sin(radians), np.cos(radians)
    sx, sy, sz = sine[..., 0], sine[..., 1], sine[..., 2]
    cx, cy, cz = cosine[..., 0], cosine[..., 1], cosine[..., 2]
    turn = np.empty((*radians.shape, 3))
    turn[..., 0, 0], turn[..., 0, 1], turn[..., 0, 2] = cy * cz, -cy * sz, sy
    turn[..., 1, 0], turn[..., 1, 1], turn[..., 1, 2] = cx * sz + sx * sy * cz, cx * cz - sx * sy * sz, -sx * cy
    turn[..., 2, 0], turn[..., 2, 1], turn[..., 2, 2] = sx * sz - cx * sy * cz, sx * cz + cx * sy * sz, cx * cy
    return turn


def _turn_zxy(yaw: float, pitch: float, roll: float) -> Float[np.ndarray, "3 3"]:
    """Rz(yaw) Rx(-pitch) Ry(roll), radians: how the pelvis is turned in the world."""
    sz, sx, sy = math.sin(yaw), math.sin(-pitch), math.sin(roll)
    cz, cx, cy = math.cos(yaw), math.cos(-pitch), math.cos(roll)
    return np.array(
        [
            [cz * cy - sz * sx * sy, -sz * cx, cz * sy + sz * sx * cy],
            [sz * cy + cz * sx * sy, cz * cx, sz * sy - cz * sx * cy],
            [-cx * sy, sx, cx * cy],
        ]
    )


def pelvis_angles(turn: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3"]:
    """Yaw, pitch and roll (degrees) of the pelvis's rotation in the world; lying flat, where two are one, no roll."""
    pitch = -np.arcsin(np.clip(turn[2, 1], -1, 1))
    if abs(turn[2, 1]) > 1 - 1e-9:
        yaw, roll = np.arctan2(turn[1, 0], turn[0, 0]), 0.0
    else:
        yaw, roll = np.arctan2(-turn[0, 1], turn[1, 1]), np.arctan2(-turn[2, 0], turn[2, 2])
    return np.degrees([yaw, pitch, roll])


def shortest_turn(source: Float[np.ndarray, "*N 3"], target: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3 3"]:
    """The smallest rotations that bring unit vectors onto unit vectors (opposite ones: axis undefined).

    Source: Möller and Hughes, "Efficiently building a matrix to rotate one vector to another", 1999.
    """
    a, b, c = source[..., 0], source[..., 1], source[..., 2]
    d, e, f = target[..., 0], target[..., 1], target[..., 2]
    x, y, z = b * f - c * e, c * d - a * f, a * e - b * d
    cosine = a * d + b * e + c * f
    h = 1 / np.maximum(1 + cosine, 1e-9)
    turn = np.empty((*cosine.shape, 3, 3))
    turn[..., 0, 0], turn[..., 0, 1], turn[..., 0, 2] = cosine + h * x * x, h * x * y - z, h * x * z + y
    turn[..., 1, 0], turn[..., 1, 1], turn[..., 1, 2] = h * x * y + z, cosine + h * y * y, h * y * z - x
    turn[..., 2, 0], turn[..., 2, 1], turn[..., 2, 2] = h * x * z - y, h * y * z + x, cosine + h * z * z
    return turn


# Each row: segment, rotation about x, y, z in that order (R = Rx Ry Rz), as (sign, angle) for the right side.
_ROWS: tuple[tuple[str, tuple[float, str] | None, tuple[float, str] | None, tuple[float, str] | None], ...] = (
    ("chest", (-1, "trunk_flexion"), (1, "trunk_bend"), (1, "trunk_twist")),
    ("neck", (-1, "neck_flexion"), (1, "neck_bend"), (1, "neck_twist")),
    ("head", (-1, "head_flexion"), (1, "head_bend"), (1, "head_twist")),
    ("r_clavicle", None, (-1, "r_clavicle_elevation"), (1, "r_clavicle_protraction")),
    ("r_hand", None, (1, "r_wrist_flexion"), (-1, "r_wrist_deviation")),
    ("r_thigh", (1, "r_hip_flexion"), (-1, "r_hip_abduction"), (-1, "r_hip_rotation")),
    ("r_shin", (-1, "r_knee_flexion"), None, None),
    ("r_foot", (1, "r_ankle_flexion"), (-1, "r_ankle_inversion"), None),
    ("l_clavicle", None, (1, "l_clavicle_elevation"), (-1, "l_clavicle_protraction")),
    ("l_hand", None, (-1, "l_wrist_flexion"), (1, "l_wrist_deviation")),
    ("l_thigh", (1, "l_hip_flexion"), (1, "l_hip_abduction"), (1, "l_hip_rotation")),
    ("l_shin", (-1, "l_knee_flexion"), None, None),
    ("l_foot", (1, "l_ankle_flexion"), (1, "l_ankle_inversion"), None),
)
_NUM_ROWS = len(_ROWS)
_ROW_SEGMENTS = np.array([SEGMENT_NAMES.index(row[0]) for row in _ROWS])
# The arms' rows, whose turns need more than a place in `local`: as of right arms.
_ARM_ROWS = (
    *((f"{s}_upper_arm", (1, f"{s}_shoulder_rotation"), None, None) for s in "rl"),
    *((f"{s}_forearm", (1, f"{s}_forearm_pronation"), None, (-1, f"{s}_elbow_flexion")) for s in "rl"),
)
_ROW_SIGN, _ROW_ANGLE = (
    np.array([[blank if term is None else of(term) for term in row[1:]] for row in (*_ROWS, *_ARM_ROWS)])
    for blank, of in ((0.0, lambda term: float(term[0])), (0, lambda term: ANGLE_INDEX[term[1]]))
)
_PELVIS = [ANGLE_INDEX[f"pelvis_{name}"] for name in ("yaw", "pitch", "roll")]
_ARMS = [[ANGLE_INDEX[f"{s}_shoulder_{name}"] for name in ("elevation", "plane", "rotation")] for s in "rl"]
_FOREARMS = [[ANGLE_INDEX[f"{s}_{name}"] for name in ("elbow_flexion", "forearm_pronation")] for s in "rl"]
_CLAVICLE_SEGMENTS, _ARM_SEGMENTS, _FOREARM_SEGMENTS = (
    [SEGMENT_NAMES.index(f"{s}_{part}") for s in "rl"] for part in ("clavicle", "upper_arm", "forearm")
)
_PELVIS_SEGMENT = SEGMENT_NAMES.index("pelvis")


# From the rest pose (the arm to the side) to hanging, palm to the thigh, and from there to the reference.
_TO_HANGING = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
_TO_REFERENCE = shortest_turn(np.array([0.0, 0.0, -1.0]), _ARM_REFERENCE) @ _TO_HANGING


def _arm_frames(directions: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3 3"]:
    """Rotations of a right upper arm from the rest pose to directions in the chest's frame, at neutral rotation."""
    return shortest_turn(np.broadcast_to(_ARM_REFERENCE, directions.shape), directions) @ _TO_REFERENCE


def segment_turns(angles: Float[np.ndarray, "A"]) -> Float[np.ndarray, "S 3 3"]:
    """The local rotation of each segment of the rig, from the angles of `ANGLES` (degrees)."""
    radians = np.radians(angles)
    local = np.empty((len(SEGMENT_NAMES), 3, 3))
    turns = _turns_xyz(radians[_ROW_ANGLE] * _ROW_SIGN)
    local[_ROW_SEGMENTS] = turns[:_NUM_ROWS]
    local[_PELVIS_SEGMENT] = _turn_zxy(*radians[_PELVIS].tolist())

    elevation, plane = radians[_ARMS][:, :2].T
    side = np.sin(elevation)
    directions = np.stack([side * np.cos(plane), side * np.sin(plane), -np.cos(elevation)], axis=-1)
    arms = _arm_frames(directions) @ turns[_NUM_ROWS : _NUM_ROWS + 2]
    # The row holds the inverse, Rx Rz: the forearm turns about its own length after the elbow has bent.
    forearms = np.swapaxes(turns[_NUM_ROWS + 2 :], -1, -2).copy()
    arms[1] *= _MIRRORED
    forearms[1] *= _MIRRORED
    # The shoulder's angles are those of the arm against the chest; the rig hangs the arm on the clavicle.
    local[_ARM_SEGMENTS] = np.swapaxes(local[_CLAVICLE_SEGMENTS], -1, -2) @ arms
    local[_FOREARM_SEGMENTS] = forearms
    return local


def pose_angles(local: Float[np.ndarray, "S 3 3"]) -> Float[np.ndarray, "A"]:
    """The angles (degrees) of a rig's local rotations: the inverse of `segment_turns` within the limits.

    What a hinge cannot do (a knee that bends sideways) is left out: `hinge_error` measures it.
    """
    angles = np.zeros(len(ANGLES))
    rows = local[_ROW_SEGMENTS]
    about_x, about_z = np.arctan2(-rows[:, 1, 2], rows[:, 2, 2]), np.arctan2(-rows[:, 0, 1], rows[:, 0, 0])
    euler = np.degrees(np.stack([about_x, np.arcsin(np.clip(rows[:, 0, 2], -1, 1)), about_z], axis=-1))
    used = _ROW_SIGN[:_NUM_ROWS] != 0
    angles[_ROW_ANGLE[:_NUM_ROWS][used]] = (euler * _ROW_SIGN[:_NUM_ROWS])[used]
    angles[_PELVIS] = pelvis_angles(local[_PELVIS_SEGMENT])
    arms = local[_CLAVICLE_SEGMENTS] @ local[_ARM_SEGMENTS]
    forearms = local[_FOREARM_SEGMENTS]
    arms = np.stack([arms[0], arms[1] * _MIRRORED])
    forearms = np.stack([forearms[0], forearms[1] * _MIRRORED])
    directions = arms[:, :, 0]
    twist = np.swapaxes(_arm_frames(directions), -1, -2) @ arms
    elevation = np.arccos(np.clip(-directions[:, 2], -1, 1))
    plane = np.arctan2(directions[:, 1], directions[:, 0])
    # Planes below -110 lie past the sagittal plane, where the range goes on above 180.
    plane = np.where(plane < np.radians(-110.1), plane + 2 * np.pi, plane)
    angles[_ARMS] = np.degrees(np.stack([elevation, plane, np.arctan2(twist[:, 2, 1], twist[:, 1, 1])], axis=-1))
    bend = np.degrees(np.arctan2(forearms[:, 1, 0], forearms[:, 0, 0]))
    roll_in = np.degrees(-np.arctan2(forearms[:, 2, 1], forearms[:, 2, 2]))
    angles[_FOREARMS] = np.stack([bend, roll_in], axis=-1)
    return angles


def hinge_error(local: Float[np.ndarray, "S 3 3"]) -> float:
    """The largest turn, degrees, that the angles of `local` cannot express: a joint that moves as none does."""
    again = segment_turns(pose_angles(local))
    relative = np.swapaxes(again, -1, -2) @ local
    return float(np.degrees(Rotation.from_matrix(relative).magnitude()).max())


def limit_excess(local: Float[np.ndarray, "S 3 3"]) -> dict[str, float]:
    """By how many degrees each angle lies outside its limits; angles within them are left out."""
    values = dict(zip(ANGLES, pose_angles(local), strict=True))
    arms = local[_CLAVICLE_SEGMENTS] @ local[_ARM_SEGMENTS]
    for s, direction in zip("rl", (arms[0, :, 0], (arms[1] * _MIRRORED)[:, 0]), strict=True):
        values[f"{s}_shoulder_behind"] = float(np.degrees(np.arcsin(np.clip(-direction[1], -1, 1))))
        values[f"{s}_shoulder_across"] = float(np.degrees(np.arcsin(np.clip(-direction[0], -1, 1))))
    excess = {}
    for name, value in values.items():
        limit = LIMITS.get(base_name(name))
        if limit is not None and (outside := max(limit.low - value, value - limit.high)) > 0:
            excess[name] = float(outside)
    return excess


def within_limits(pose: BodyPose, tolerance: float = 0.01) -> bool:
    """Whether every joint turns as it can, and no further than `LIMITS` by more than `tolerance` degrees."""
    if hinge_error(pose.local) > max(tolerance, 0.01):
        return False
    return max(limit_excess(pose.local).values(), default=0.0) <= tolerance
