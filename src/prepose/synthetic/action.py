"""How an action is described: mean angles, how far they spread, what moves together, what they rest on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Angles = Mapping[str, int | float]


@dataclass(frozen=True)
class Action:
    """How to draw one action. Angles are those of `anatomy.ANGLES`; one named without a side holds for both sides.

    Attributes:
        mean: Degrees; angles not named are the standing body's.
        spread: Standard deviations in degrees; those not named are the standing body's times `looseness`.
        factors: What makes joints move together as natural movement does: for each row one number, drawn uniformly
            between -1 and 1, moves all its angles (degrees at 1).
        stride: Moves angles over a cycle: (degrees, lag in cycles) for each harmonic from the first; the left side is
            half a cycle behind the right.
        arms: Gestures of `everyday.GESTURES` that may take the arms' place; none: the arms' angles are those above.
        other_arm: Gestures of the left arm where the right one's leaves it free; none: the one-armed ones of `arms`.
        looseness: Scales the spreads that `spread` does not name.
        alike: How much left and right share of their spread, 0 to 1.
        supports: Joints that carry the body.
        balanced: Whether the body leans until its mass is above the supports; if not, until the supports are level.
        soles: Sides (`r`, `l`) whose ankle turns until the sole is level; both: the legs also bend to the same length.
        clearance: Range of the height of the lowest point above the ground, as a fraction of stature.
    """

    mean: Angles = field(default_factory=dict)
    spread: Angles = field(default_factory=dict)
    factors: tuple[Angles, ...] = ()
    stride: Mapping[str, tuple[tuple[int | float, float], ...]] = field(default_factory=dict)
    arms: tuple[str, ...] = ()
    other_arm: tuple[str, ...] = ()
    looseness: float = 1.0
    alike: float = 0.3
    supports: tuple[str, ...] = ()
    balanced: bool = False
    soles: str = ""
    clearance: tuple[float, float] = (0.0, 0.0)


# What an angle is and how far it spreads where an action does not say.
STANDING_MEAN: Angles = MappingProxyType(
    {
        "trunk_flexion": 3, "neck_flexion": 4, "head_flexion": -2,
        "shoulder_elevation": 12, "shoulder_plane": 35, "shoulder_rotation": -5,
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

FEET = ("l_ankle", "r_ankle", "l_toe", "r_toe")
LEFT_FOOT = ("l_ankle", "l_toe")
HANDS = ("l_hand", "r_hand", "l_wrist", "r_wrist")
# Factors of many actions: the weight on one leg, the feet apart, a look around, a nod.
CONTRAPPOSTO: Angles = {
    "pelvis_roll": 5, "trunk_bend": -7, "neck_bend": 2, "r_hip_abduction": 5, "l_hip_abduction": -4,
    "r_knee_flexion": 12, "r_hip_flexion": 6,
}  # fmt: skip
WIDE: Angles = {"hip_abduction": 7, "hip_rotation": 5}
LOOK: Angles = {"neck_twist": 18, "head_twist": 14, "trunk_twist": 8}
NOD: Angles = {"neck_flexion": 12, "head_flexion": 12}
