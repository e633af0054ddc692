"""What people do, as data: angles, how far they spread, and what moves together.

An angle named without a side holds for both sides. `factors` are what makes joints move together as natural movement
does: one number, drawn uniformly between -1 and 1, moves all angles of its row. `stride` moves angles over a cycle:
each side's phase is half a cycle behind the other's; a row is (degrees, lag in cycles, harmonic).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Angles = Mapping[str, float]


@dataclass(frozen=True)
class Action:
    """How to draw one action.

    Attributes:
        mean: Angles of `anatomy.ANGLES` in degrees; those not named are the standing body's.
        spread: Standard deviations in degrees; those not named are the standing body's times `looseness`.
        factors: Angles that move together, degrees for a factor of 1.
        stride: Phase terms of a cycle: (degrees, lag, harmonic).
        looseness: Scales the spreads that `spread` does not name.
        alike: How much left and right share of their spread, 0 to 1.
        supports: Joints that carry the body: it leans until they lie level (none: it keeps its lean).
        balanced: Whether the centre of mass stands above the supports.
        level_feet: Whether the ankles turn until the soles are level.
        clearance: Range of the height of the lowest point above the ground, as a fraction of stature.
    """

    mean: Angles = field(default_factory=dict)
    spread: Angles = field(default_factory=dict)
    factors: tuple[Angles, ...] = ()
    stride: Mapping[str, tuple[float, float, int]] = field(default_factory=dict)
    looseness: float = 1.0
    alike: float = 0.3
    supports: tuple[str, ...] = ()
    balanced: bool = False
    level_feet: bool = False
    clearance: tuple[float, float] = (0.0, 0.0)


FEET = ("l_ankle", "r_ankle", "l_toe", "r_toe")
# What an angle is and how far it spreads where an action does not say.
STANDING_MEAN: Angles = MappingProxyType(
    {
        "trunk_flexion": 3, "neck_flexion": 4, "head_flexion": -2,
        "clavicle_elevation": 0, "shoulder_elevation": 12, "shoulder_plane": 35, "shoulder_rotation": -5,
        "elbow_flexion": 18, "forearm_pronation": 15, "wrist_flexion": 3,
        "hip_flexion": 3, "hip_abduction": 4, "hip_rotation": 7, "knee_flexion": 5, "ankle_flexion": 2,
    }
)  # fmt: skip
STANDING_SPREAD: Angles = MappingProxyType(
    {
        "pelvis_yaw": 5, "pelvis_pitch": 4, "pelvis_roll": 3,
        "trunk_flexion": 7, "trunk_bend": 5, "trunk_twist": 7,
        "neck_flexion": 7, "neck_bend": 4, "neck_twist": 9, "head_flexion": 7, "head_bend": 4, "head_twist": 9,
        "clavicle_elevation": 3, "clavicle_protraction": 5,
        "shoulder_elevation": 9, "shoulder_plane": 30, "shoulder_rotation": 15,
        "elbow_flexion": 16, "forearm_pronation": 30, "wrist_flexion": 12, "wrist_deviation": 6,
        "hip_flexion": 5, "hip_abduction": 4, "hip_rotation": 8, "knee_flexion": 5,
        "ankle_flexion": 5, "ankle_inversion": 4,
    }
)  # fmt: skip

_CONTRAPPOSTO = {
    "pelvis_roll": 4, "trunk_bend": -6, "neck_bend": 2, "r_hip_abduction": 5, "l_hip_abduction": -3,
    "r_knee_flexion": 12, "r_hip_flexion": 6,
}  # fmt: skip

ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "standing": Action(
            factors=(_CONTRAPPOSTO, {"hip_abduction": 6}), supports=FEET, balanced=True, level_feet=True
        ),
        "walking": Action(
            mean={"hip_flexion": 8, "knee_flexion": 20, "shoulder_elevation": 14, "shoulder_plane": 80},
            spread={"shoulder_plane": 10},
            stride={
                "hip_flexion": (24, 0.0, 1),
                "knee_flexion": (25, -0.18, 1),
                "pelvis_yaw": (5, 0.0, 1),
                "trunk_twist": (-9, 0.0, 1),
            },
            supports=FEET,
        ),
        "sitting": Action(
            mean={"hip_flexion": 88, "knee_flexion": 85, "hip_abduction": 8},
            spread={"hip_flexion": 8, "knee_flexion": 12, "hip_abduction": 7},
        ),
        "reaching": Action(
            mean={"r_shoulder_elevation": 100, "r_shoulder_plane": 60, "r_elbow_flexion": 20},
            spread={"r_shoulder_elevation": 30, "r_shoulder_plane": 35},
            supports=FEET,
            balanced=True,
            level_feet=True,
        ),
    }
)
