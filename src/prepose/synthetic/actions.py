"""What people do, as data: mean angles, how far they spread, what moves together, what they rest on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from prepose.synthetic.gestures import EVERYDAY

Angles = Mapping[str, float]


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
        arms: Gestures of `gestures.GESTURES` that may take the arms' place; none: the arms' angles are those above.
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
    stride: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
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
_LEFT_FOOT = ("l_ankle", "l_toe")
_HANDS = ("l_hand", "r_hand", "l_wrist", "r_wrist")
_CONTRAPPOSTO: Angles = {
    "pelvis_roll": 5, "trunk_bend": -7, "neck_bend": 2, "r_hip_abduction": 5, "l_hip_abduction": -4,
    "r_knee_flexion": 12, "r_hip_flexion": 6,
}  # fmt: skip
_WIDE: Angles = {"hip_abduction": 7, "hip_rotation": 5}
_LOOK: Angles = {"neck_twist": 18, "head_twist": 14, "trunk_twist": 8}
_NOD: Angles = {"neck_flexion": 12, "head_flexion": 12}


_FREE = ("hang", "hang", "pocket", "hip", "talk")


def _standing(*arms: str, other_arm: tuple[str, ...] = ()) -> Action:
    """On both feet, the weight on either, with gestures of the arms."""
    return Action(
        arms=arms,
        other_arm=other_arm,
        factors=(_CONTRAPPOSTO, _WIDE, _LOOK, _NOD),
        supports=FEET,
        balanced=True,
        soles="rl",
    )


_STANDING: dict[str, Action] = {
    "standing": _standing(*EVERYDAY),
    "arms_up": _standing("up", "up", "overhead"),
    "arms_crossed": _standing("crossed"),
    "arms_behind": _standing("behind", "behind", "behind_head"),
    "hands_on_hips": _standing("hips"),
    "phoning": _standing("phone", other_arm=_FREE),
    "waving": _standing("wave", other_arm=_FREE),
    "pointing": _standing("point", "side", other_arm=_FREE),
    "holding": _standing("hold", "clap"),
    "twisting": Action(
        mean={"trunk_twist": 24, "neck_twist": 14, "head_twist": 12, "pelvis_yaw": 12},
        spread={"trunk_twist": 10, "neck_twist": 10, "head_twist": 10},
        arms=("spread", "hips", "hold", "point", "hang"),
        factors=(_WIDE,), supports=FEET, balanced=True, soles="rl",
    ),
    "bending": Action(
        mean={"pelvis_pitch": 48, "hip_flexion": 52, "trunk_flexion": 38, "knee_flexion": 18,
              "shoulder_elevation": 78, "shoulder_plane": 80, "neck_flexion": 0},
        spread={"shoulder_elevation": 16, "shoulder_plane": 12, "knee_flexion": 12},
        factors=({"pelvis_pitch": 25, "hip_flexion": 25, "trunk_flexion": 20, "shoulder_elevation": 15}, _WIDE,
                 {"knee_flexion": 18, "hip_flexion": 12}),
        supports=FEET, balanced=True, soles="rl",
    ),
    "reaching_forward": Action(
        mean={"pelvis_pitch": 8, "hip_flexion": 14, "trunk_flexion": 14, "r_shoulder_elevation": 88,
              "r_shoulder_plane": 82, "r_elbow_flexion": 18, "r_clavicle_protraction": 10, "trunk_twist": 8},
        spread={"r_shoulder_elevation": 16, "r_shoulder_plane": 16, "r_elbow_flexion": 14},
        factors=({"pelvis_pitch": 12, "hip_flexion": 12, "trunk_flexion": 12},
                 {"l_shoulder_elevation": 40, "l_shoulder_plane": 25, "l_elbow_flexion": 15}, _CONTRAPPOSTO),
        supports=FEET, balanced=True, soles="rl",
    ),
    "reaching_up": Action(
        mean={"r_shoulder_elevation": 152, "r_shoulder_plane": 60, "r_elbow_flexion": 16, "r_shoulder_rotation": 20,
              "r_clavicle_elevation": 20, "trunk_bend": -6, "trunk_flexion": -5, "neck_flexion": -10,
              "head_flexion": -10},
        spread={"r_shoulder_elevation": 14, "r_shoulder_plane": 30, "r_elbow_flexion": 12},
        factors=({"l_shoulder_elevation": 60, "l_shoulder_plane": 30, "l_elbow_flexion": 20}, _CONTRAPPOSTO),
        supports=FEET, balanced=True, soles="rl",
    ),
    "reaching_down": Action(
        mean={"pelvis_pitch": 42, "hip_flexion": 85, "knee_flexion": 62, "trunk_flexion": 40, "ankle_flexion": 15,
              "r_shoulder_elevation": 80, "r_shoulder_plane": 80, "r_elbow_flexion": 12,
              "l_shoulder_elevation": 45, "l_shoulder_plane": 60, "l_elbow_flexion": 50},
        spread={"r_shoulder_elevation": 15, "l_shoulder_elevation": 20, "trunk_twist": 10},
        factors=({"knee_flexion": 45, "hip_flexion": 25, "pelvis_pitch": -15}, {"trunk_twist": 15, "trunk_bend": 10}),
        supports=FEET, balanced=True, soles="rl",
    ),
    "reaching_sideways": Action(
        mean={"r_shoulder_elevation": 92, "r_shoulder_plane": 5, "r_elbow_flexion": 12, "trunk_bend": 14,
              "neck_twist": -14, "head_twist": -12, "r_hip_abduction": 12, "l_hip_abduction": 12},
        spread={"r_shoulder_elevation": 20, "r_shoulder_plane": 15, "r_elbow_flexion": 12, "trunk_bend": 8},
        factors=(_WIDE, {"r_knee_flexion": 20, "r_hip_flexion": 15, "trunk_bend": 6}),
        supports=FEET, balanced=True, soles="rl",
    ),
    "carrying_overhead": _standing("overhead", "behind_head"),
}  # fmt: skip

# Angles over the gait cycle, from the right heel's strike; Source: Winter, "Biomechanics and Motor Control of Human
# Gait", 2nd ed. 1991, joint-angle curves of natural cadence, two harmonics read off by eye.
_GAIT: dict[str, Action] = {
    "walking": Action(
        mean={"hip_flexion": 9, "knee_flexion": 23, "ankle_flexion": -1, "hip_abduction": 1,
              "shoulder_elevation": 3, "shoulder_plane": 80, "shoulder_rotation": 0, "elbow_flexion": 24},
        spread={"shoulder_plane": 8, "hip_flexion": 3, "knee_flexion": 3, "hip_abduction": 2, "shoulder_elevation": 4},
        factors=({"trunk_flexion": 6, "pelvis_pitch": 4, "neck_flexion": 5}, _LOOK, {"elbow_flexion": 18}),
        stride={
            "hip_flexion": ((22, 0.04),),
            "knee_flexion": ((26, -0.72), (12, -1.44)),
            "ankle_flexion": ((7, -0.38), (9, -0.86)),
            "pelvis_yaw": ((6, 0.0),),
            "trunk_twist": ((-11, 0.0),),
            "shoulder_elevation": ((-20, 0.0),),
            "elbow_flexion": ((-10, 0.0),),
        },
        alike=0.6,
    ),
    "running": Action(
        mean={"hip_flexion": 22, "knee_flexion": 58, "ankle_flexion": -2, "hip_abduction": 0, "pelvis_pitch": 10,
              "shoulder_elevation": 4, "shoulder_plane": 78, "shoulder_rotation": 0, "elbow_flexion": 88,
              "forearm_pronation": 0, "trunk_flexion": 6},
        spread={"shoulder_plane": 8, "hip_flexion": 4, "knee_flexion": 6, "hip_abduction": 2, "elbow_flexion": 9},
        factors=({"trunk_flexion": 8, "pelvis_pitch": 6}, {"knee_flexion": 12, "hip_flexion": 8}),
        stride={
            "hip_flexion": ((38, 0.12),),
            "knee_flexion": ((44, -0.68), (12, -1.48)),
            "ankle_flexion": ((14, -0.25), (10, -0.8)),
            "pelvis_yaw": ((8, 0.1),),
            "trunk_twist": ((-16, 0.1),),
            "shoulder_elevation": ((-40, 0.08),),
            "elbow_flexion": ((-14, 0.08),),
        },
        alike=0.6,
        clearance=(0.0, 0.04),
    ),
}  # fmt: skip

_LOW: dict[str, Action] = {
    "sitting": Action(
        mean={"pelvis_pitch": -3, "hip_flexion": 84, "knee_flexion": 86, "hip_abduction": 7, "trunk_flexion": 8,
              "hip_rotation": 2},
        spread={"pelvis_pitch": 7, "hip_flexion": 6, "knee_flexion": 10, "hip_abduction": 6, "hip_rotation": 8},
        factors=({"knee_flexion": 18}, {"r_knee_flexion": 25}, _LOOK, _NOD,
                 {"pelvis_pitch": 16, "hip_flexion": 15, "trunk_flexion": 6, "neck_flexion": -12}),
        arms=("knee", "knee", "hold", "talk", "phone", "chin", "crossed", "mouth", "clap"),
        soles="rl",
    ),
    "sitting_legs_crossed": Action(
        mean={"pelvis_pitch": -10, "hip_flexion": 82, "l_knee_flexion": 85, "r_hip_flexion": 92, "r_hip_abduction": 30,
              "r_hip_rotation": 45, "r_knee_flexion": 105, "trunk_flexion": 10},
        spread={"r_hip_abduction": 5, "r_hip_rotation": 5, "r_knee_flexion": 8},
        factors=(_LOOK, _NOD),
        arms=("knee", "hold", "talk", "phone", "chin", "crossed"),
        soles="l",
    ),
    "eating": Action(
        mean={"pelvis_pitch": 0, "hip_flexion": 86, "knee_flexion": 88, "hip_abduction": 7, "trunk_flexion": 16,
              "neck_flexion": 12, "head_flexion": 6},
        spread={"hip_flexion": 6, "knee_flexion": 10, "hip_abduction": 6},
        factors=({"knee_flexion": 15}, {"pelvis_pitch": 12, "hip_flexion": 12, "trunk_flexion": 8}),
        arms=("mouth",), other_arm=("knee", "talk", "mouth", "hang"),
        soles="rl",
    ),
    "sitting_ground": Action(
        mean={"pelvis_pitch": -16, "hip_flexion": 88, "knee_flexion": 52, "trunk_flexion": 22, "hip_abduction": 9},
        spread={"hip_abduction": 8, "ankle_flexion": 10},
        factors=({"knee_flexion": 46, "hip_flexion": 20}, {"r_knee_flexion": 25, "r_hip_flexion": 12}, _LOOK),
        arms=("knee", "prop_behind", "hold", "talk", "knee"),
        supports=("l_hip", "r_hip", "l_ankle", "r_ankle"),
    ),
    "sitting_cross_legged": Action(
        mean={"pelvis_pitch": -13, "hip_flexion": 104, "hip_abduction": 40, "hip_rotation": 53, "knee_flexion": 131,
              "trunk_flexion": 20, "ankle_flexion": -25, "ankle_inversion": 20, "r_hip_flexion": 112,
              "r_hip_abduction": 34, "r_knee_flexion": 121},
        spread={"hip_abduction": 4, "hip_rotation": 2, "knee_flexion": 4, "hip_flexion": 4},
        factors=(_LOOK, _NOD, {"trunk_flexion": 14}),
        arms=("knee", "hold", "talk", "clap", "phone"),
        alike=0.8,
        supports=("l_hip", "r_hip", "l_ankle", "r_ankle"),
    ),
    "crouching": Action(
        mean={"pelvis_pitch": 18, "hip_flexion": 112, "knee_flexion": 126, "ankle_flexion": 32, "trunk_flexion": 26,
              "hip_abduction": 12, "hip_rotation": 10},
        spread={"hip_abduction": 7, "hip_flexion": 7, "knee_flexion": 9},
        factors=({"hip_flexion": 18, "knee_flexion": 24, "ankle_flexion": 8, "trunk_flexion": 8}, _LOOK, _NOD),
        arms=("knee", "hold", "point", "talk", "clap", "chin"),
        alike=0.7, supports=FEET, balanced=True, soles="rl",
    ),
    "squatting": Action(
        mean={"pelvis_pitch": 25, "hip_flexion": 72, "knee_flexion": 78, "ankle_flexion": 28, "trunk_flexion": 16,
              "hip_abduction": 14, "hip_rotation": 14},
        spread={"hip_abduction": 6},
        factors=({"hip_flexion": 28, "knee_flexion": 32, "ankle_flexion": 8, "pelvis_pitch": 8}, _LOOK),
        arms=("hold", "point", "clap", "spread", "side", "knee"),
        alike=0.8, supports=FEET, balanced=True, soles="rl",
    ),
    "kneeling": Action(
        mean={"hip_flexion": 8, "knee_flexion": 94, "ankle_flexion": -42, "hip_abduction": 6},
        spread={"hip_flexion": 6, "knee_flexion": 4},
        factors=({"hip_flexion": 16, "trunk_flexion": 14, "pelvis_pitch": 14}, _LOOK, _NOD),
        arms=(*EVERYDAY, "point", "up", "clap"),
        alike=0.8, supports=("l_knee", "r_knee", "l_toe", "r_toe"),
    ),
    "kneeling_on_heels": Action(
        mean={"hip_flexion": 78, "knee_flexion": 147, "ankle_flexion": -44, "hip_abduction": 7, "trunk_flexion": 10},
        spread={"hip_flexion": 6, "knee_flexion": 4},
        factors=({"trunk_flexion": 12, "pelvis_pitch": 10, "hip_flexion": 10}, _LOOK, _NOD),
        arms=("knee", "knee", "hold", "talk", "clap", "phone"),
        alike=0.8, supports=("l_knee", "r_knee", "l_toe", "r_toe"),
    ),
    "kneeling_on_one_knee": Action(
        mean={"r_hip_flexion": 94, "r_knee_flexion": 92, "r_hip_abduction": 8, "l_hip_flexion": 2,
              "l_knee_flexion": 94, "l_ankle_flexion": -42, "trunk_flexion": 10, "pelvis_pitch": 4},
        spread={"r_hip_flexion": 4, "r_knee_flexion": 8, "l_knee_flexion": 4, "hip_abduction": 4},
        factors=({"pelvis_pitch": 12, "hip_flexion": 12, "trunk_flexion": 8}, _LOOK, _NOD),
        arms=("knee", "hold", "hang", "point", "talk", "chin"),
        supports=("r_ankle", "r_toe", "l_knee"),
        soles="r",
    ),
    "lying_on_back": Action(
        mean={"pelvis_pitch": -90, "hip_flexion": 10, "knee_flexion": 14, "trunk_flexion": 2, "hip_abduction": 8,
              "ankle_flexion": -15, "shoulder_elevation": 48, "shoulder_plane": 2, "elbow_flexion": 30},
        spread={"shoulder_elevation": 34, "shoulder_plane": 8, "elbow_flexion": 28, "shoulder_rotation": 28,
                "hip_abduction": 7, "pelvis_pitch": 3},
        factors=({"hip_flexion": 20, "knee_flexion": 40}, {"r_hip_flexion": 22, "r_knee_flexion": 45}, _LOOK),
        supports=("pelvis", "thorax", "head"),
    ),
    "lying_on_side": Action(
        mean={"pelvis_roll": 90, "hip_flexion": 32, "knee_flexion": 45, "trunk_flexion": 10, "hip_abduction": -2,
              "ankle_flexion": -15, "r_shoulder_elevation": 100, "r_shoulder_plane": 85, "r_elbow_flexion": 60,
              "l_shoulder_elevation": 48, "l_shoulder_plane": 75, "l_elbow_flexion": 55, "neck_bend": -6},
        spread={"pelvis_roll": 8, "r_shoulder_elevation": 20, "l_shoulder_elevation": 20, "elbow_flexion": 25,
                "hip_flexion": 14, "knee_flexion": 18, "shoulder_plane": 14, "neck_bend": 6},
        factors=({"hip_flexion": 28, "knee_flexion": 30, "trunk_flexion": 12},),
        supports=("r_hip", "r_shoulder", "r_knee"),
    ),
    "lying_on_belly": Action(
        mean={"pelvis_pitch": 90, "hip_flexion": 0, "knee_flexion": 8, "ankle_flexion": -40, "hip_abduction": 8,
              "shoulder_elevation": 105, "shoulder_plane": 8, "shoulder_rotation": 30, "elbow_flexion": 75,
              "neck_flexion": -16, "head_flexion": -14, "trunk_flexion": -4},
        spread={"shoulder_elevation": 32, "shoulder_plane": 6, "elbow_flexion": 30, "pelvis_pitch": 3,
                "hip_abduction": 6, "neck_flexion": 4, "head_flexion": 4, "knee_flexion": 10},
        factors=({"neck_twist": 24, "head_twist": 24}, {"r_knee_flexion": 45}),
        supports=("pelvis", "thorax", "l_knee", "r_knee"),
    ),
}  # fmt: skip

_SPORT: dict[str, Action] = {
    "throwing": Action(
        mean={"r_shoulder_elevation": 100, "r_shoulder_plane": 8, "r_shoulder_rotation": 40, "r_elbow_flexion": 75,
              "l_shoulder_elevation": 70, "l_shoulder_plane": 60, "l_elbow_flexion": 40, "trunk_twist": -6,
              "l_hip_flexion": 34, "l_knee_flexion": 30, "r_hip_flexion": -6, "r_knee_flexion": 24, "trunk_flexion": 6},
        spread={"r_shoulder_elevation": 14, "l_shoulder_elevation": 20, "hip_flexion": 8, "knee_flexion": 10},
        factors=({"r_shoulder_plane": 42, "r_shoulder_rotation": -45, "r_elbow_flexion": -45, "trunk_twist": 32,
                  "trunk_flexion": 18, "pelvis_yaw": 12, "l_shoulder_elevation": -35},),
        supports=("l_ankle", "l_toe", "r_toe"), balanced=True, soles="l",
    ),
    "kicking": Action(
        mean={"r_hip_flexion": 32, "r_knee_flexion": 42, "l_hip_flexion": 8, "l_knee_flexion": 16,
              "ankle_flexion": -15, "trunk_twist": 4, "pelvis_pitch": -5, "trunk_flexion": 10},
        spread={"r_hip_flexion": 10, "r_knee_flexion": 12, "r_hip_abduction": 9},
        factors=({"r_hip_flexion": 50, "r_knee_flexion": -30, "trunk_twist": 14, "pelvis_pitch": -8},),
        arms=("spread", "side", "talk", "spread"),
        supports=_LEFT_FOOT, balanced=True, soles="l",
    ),
    "jumping": Action(
        mean={"hip_flexion": 30, "knee_flexion": 48, "ankle_flexion": -28, "hip_abduction": 10},
        spread={"hip_flexion": 14, "knee_flexion": 18, "hip_abduction": 8, "pelvis_pitch": 8},
        factors=({"hip_flexion": 40, "knee_flexion": 45, "trunk_flexion": 12}, {"hip_abduction": 16},
                 {"r_hip_flexion": 30, "l_hip_flexion": -30, "r_knee_flexion": 15}),
        arms=("up", "spread", "side", "point", "talk"),
        clearance=(0.03, 0.28),
    ),
    "lunging": Action(
        mean={"r_hip_flexion": 82, "r_knee_flexion": 82, "l_hip_flexion": -14, "l_knee_flexion": 38,
              "l_ankle_flexion": 12, "pelvis_pitch": 10, "trunk_flexion": 6},
        spread={"r_hip_flexion": 9, "r_knee_flexion": 10, "l_knee_flexion": 14},
        factors=({"pelvis_pitch": 16, "hip_flexion": 14, "trunk_flexion": 10}, {"trunk_twist": 18, "pelvis_yaw": 6}),
        arms=("hips", "spread", "point", "up", "knee", "side"),
        supports=("r_ankle", "r_toe", "l_toe"), balanced=True, soles="r",
    ),
    "lunging_sideways": Action(
        mean={"r_hip_flexion": 70, "r_knee_flexion": 85, "r_hip_abduction": 28, "r_hip_rotation": 20,
              "l_hip_flexion": 26, "l_hip_abduction": 38, "l_knee_flexion": 6, "pelvis_pitch": 24, "trunk_flexion": 14},
        spread={"r_hip_flexion": 9, "r_knee_flexion": 12, "hip_abduction": 5},
        factors=({"r_hip_flexion": 22, "r_knee_flexion": 26, "l_hip_abduction": 6}, _LOOK),
        arms=("hold", "spread", "point", "clap", "hips", "side"),
        supports=FEET, balanced=True, soles="rl",
    ),
    "dancing": Action(
        mean={"r_hip_flexion": 34, "r_hip_abduction": 22, "r_hip_rotation": 20, "r_knee_flexion": 48,
              "r_ankle_flexion": -25, "l_knee_flexion": 12, "l_hip_flexion": 8},
        spread={"r_hip_flexion": 26, "r_hip_abduction": 13, "r_knee_flexion": 28, "trunk_bend": 10, "trunk_twist": 14,
                "pelvis_yaw": 12},
        factors=({"trunk_bend": 14, "neck_bend": 8}, {"l_knee_flexion": 20, "l_hip_flexion": 12}, _LOOK),
        arms=("up", "side", "overhead", "spread", "hip", "wave", "point"),
        supports=_LEFT_FOOT, balanced=True, soles="l",
    ),
    "balancing": Action(
        mean={"pelvis_pitch": 42, "l_hip_flexion": 46, "l_knee_flexion": 10, "r_hip_flexion": -18, "r_knee_flexion": 10,
              "r_ankle_flexion": -30, "trunk_flexion": -6, "neck_flexion": -12, "head_flexion": -10},
        spread={"r_hip_flexion": 8, "r_knee_flexion": 12, "r_hip_abduction": 8},
        factors=({"pelvis_pitch": 36, "l_hip_flexion": 34, "trunk_flexion": 6}, {"r_knee_flexion": 20}),
        arms=("side", "point", "up", "spread"),
        supports=_LEFT_FOOT, balanced=True, soles="l",
    ),
    "boxing": Action(
        mean={"l_shoulder_elevation": 58, "l_shoulder_plane": 78, "l_elbow_flexion": 80, "r_shoulder_elevation": 40,
              "r_shoulder_plane": 62, "r_elbow_flexion": 128, "l_hip_flexion": 28, "l_knee_flexion": 30,
              "r_hip_flexion": 4, "r_knee_flexion": 26, "trunk_twist": -10, "trunk_flexion": 14, "hip_abduction": 9,
              "forearm_pronation": 10, "shoulder_rotation": -10},
        spread={"shoulder_elevation": 10, "shoulder_plane": 14, "elbow_flexion": 12, "hip_flexion": 7},
        factors=({"l_shoulder_elevation": 24, "l_elbow_flexion": -66},
                 {"r_shoulder_elevation": 34, "r_elbow_flexion": -70, "trunk_twist": 24, "pelvis_yaw": 14}),
        supports=FEET, balanced=True, soles="rl",
    ),
    "batting": Action(
        mean={"shoulder_elevation": 62, "shoulder_plane": 92, "shoulder_rotation": -28, "elbow_flexion": 52,
              "trunk_twist": -10, "hip_abduction": 14, "knee_flexion": 22, "hip_flexion": 20, "trunk_flexion": 16,
              "pelvis_pitch": 8},
        spread={"shoulder_elevation": 8, "shoulder_plane": 6, "elbow_flexion": 8},
        factors=({"trunk_twist": 32, "pelvis_yaw": 22, "neck_twist": -18, "head_twist": -12},
                 {"shoulder_elevation": 28}),
        alike=0.8, supports=FEET, balanced=True, soles="rl",
    ),
    "pushing": Action(
        mean={"shoulder_elevation": 80, "shoulder_plane": 80, "elbow_flexion": 38, "wrist_flexion": -50,
              "pelvis_pitch": 16, "r_hip_flexion": 50, "r_knee_flexion": 48, "l_hip_flexion": -6, "l_knee_flexion": 14,
              "l_ankle_flexion": 18, "trunk_flexion": 8, "shoulder_rotation": -15},
        spread={"shoulder_elevation": 12, "elbow_flexion": 20, "r_hip_flexion": 9, "r_knee_flexion": 10},
        factors=({"elbow_flexion": 26}, {"pelvis_pitch": 10, "hip_flexion": 10}),
        alike=0.8, supports=("r_ankle", "r_toe", "l_toe"), balanced=True, soles="r",
    ),
    "climbing": Action(
        mean={"r_shoulder_elevation": 152, "r_shoulder_plane": 62, "r_elbow_flexion": 32, "l_shoulder_elevation": 105,
              "l_shoulder_plane": 68, "l_elbow_flexion": 88, "r_hip_flexion": 24, "r_hip_abduction": 14,
              "r_knee_flexion": 38, "l_hip_flexion": 88, "l_hip_abduction": 26, "l_hip_rotation": 24,
              "l_knee_flexion": 104, "forearm_pronation": 40, "neck_flexion": -14, "head_flexion": -10},
        spread={"shoulder_elevation": 18, "shoulder_plane": 18, "elbow_flexion": 22, "hip_flexion": 16,
                "hip_abduction": 8, "knee_flexion": 18, "trunk_bend": 8},
        factors=({"l_hip_flexion": 24, "l_knee_flexion": 28}, {"r_shoulder_elevation": 18, "r_elbow_flexion": -24}),
        clearance=(0.0, 0.3),
    ),
    "swimming": Action(
        mean={"pelvis_pitch": 86, "hip_flexion": -2, "knee_flexion": 16, "ankle_flexion": -35,
              "shoulder_elevation": 95, "shoulder_plane": 55, "elbow_flexion": 30, "neck_flexion": -12},
        spread={"hip_flexion": 5, "shoulder_plane": 18, "pelvis_pitch": 8, "elbow_flexion": 16},
        stride={"shoulder_elevation": ((72, 0.0),), "hip_flexion": ((14, 0.2),), "knee_flexion": ((12, 0.5),),
                "trunk_twist": ((12, 0.0),), "pelvis_roll": ((14, 0.0),), "elbow_flexion": ((22, 0.25),)},
        clearance=(0.1, 0.5),
    ),
    "push_up": Action(
        mean={"pelvis_pitch": 74, "hip_flexion": 2, "knee_flexion": 3, "ankle_flexion": 8, "shoulder_elevation": 70,
              "shoulder_plane": 62, "elbow_flexion": 40, "forearm_pronation": 40, "wrist_flexion": -58,
              "shoulder_rotation": -20, "neck_flexion": -8, "head_flexion": -6},
        spread={"shoulder_elevation": 7, "shoulder_plane": 10, "knee_flexion": 4, "elbow_flexion": 8},
        factors=({"elbow_flexion": 38, "shoulder_elevation": -20, "shoulder_plane": -16}, {"hip_flexion": 16}),
        alike=0.9, supports=(*_HANDS, "l_toe", "r_toe"),
    ),
    "on_all_fours": Action(
        mean={"pelvis_pitch": 82, "hip_flexion": 84, "knee_flexion": 88, "ankle_flexion": -42,
              "shoulder_elevation": 84, "shoulder_plane": 82, "elbow_flexion": 12, "forearm_pronation": 40,
              "wrist_flexion": -60, "neck_flexion": -10, "head_flexion": -8, "hip_abduction": 5},
        spread={"hip_flexion": 8, "shoulder_elevation": 8, "shoulder_plane": 7, "knee_flexion": 6, "elbow_flexion": 7},
        stride={"hip_flexion": ((16, 0.0),), "shoulder_elevation": ((-14, 0.0),), "trunk_bend": ((6, 0.0),)},
        supports=(*_HANDS, "l_knee", "r_knee", "l_toe", "r_toe"),
    ),
    "handstand": Action(
        mean={"pelvis_pitch": 180, "shoulder_elevation": 166, "shoulder_plane": 55, "elbow_flexion": 8,
              "wrist_flexion": -60, "forearm_pronation": 40, "hip_flexion": 6, "ankle_flexion": -35,
              "neck_flexion": -14, "head_flexion": -12, "clavicle_elevation": 25, "shoulder_rotation": 20},
        spread={"hip_flexion": 10, "knee_flexion": 14, "shoulder_elevation": 6},
        factors=({"r_hip_flexion": 32, "l_hip_flexion": -26, "r_knee_flexion": 14}, {"hip_abduction": 18},
                 {"knee_flexion": 18}),
        alike=0.7, supports=_HANDS, balanced=True,
    ),
    "cartwheel": Action(
        mean={"pelvis_roll": 125, "shoulder_elevation": 158, "shoulder_plane": 20, "elbow_flexion": 8,
              "wrist_flexion": -45, "hip_abduction": 38, "hip_flexion": 10, "knee_flexion": 6, "ankle_flexion": -30},
        spread={"hip_abduction": 8, "shoulder_elevation": 8, "knee_flexion": 8, "hip_flexion": 12},
        factors=({"pelvis_roll": 50, "pelvis_yaw": 20},),
    ),
}  # fmt: skip

_ANYTHING: dict[str, Action] = {
    "random": Action(
        mean={"pelvis_pitch": 14, "trunk_flexion": 18, "shoulder_elevation": 72, "shoulder_plane": 42,
              "shoulder_rotation": 0, "elbow_flexion": 58, "hip_flexion": 40, "hip_abduction": 12, "knee_flexion": 52},
        spread={"pelvis_yaw": 15, "pelvis_pitch": 30, "pelvis_roll": 22, "trunk_flexion": 20, "trunk_bend": 14,
                "trunk_twist": 18, "neck_flexion": 11, "neck_bend": 9, "neck_twist": 16, "head_flexion": 11,
                "head_bend": 9, "head_twist": 16, "clavicle_elevation": 8, "clavicle_protraction": 9,
                "shoulder_elevation": 45, "shoulder_plane": 48, "shoulder_rotation": 36, "elbow_flexion": 42,
                "wrist_flexion": 28, "wrist_deviation": 11, "hip_flexion": 38, "hip_abduction": 15,
                "hip_rotation": 18, "knee_flexion": 42, "ankle_flexion": 18, "ankle_inversion": 9},
        # Who bends a hip bends the knee with it.
        factors=({"hip_flexion": 34, "knee_flexion": 40}, {"r_hip_flexion": 30, "r_knee_flexion": 30}),
        alike=0.2,
        clearance=(0.0, 0.08),
    ),
}  # fmt: skip

ACTIONS: Mapping[str, Action] = MappingProxyType({**_STANDING, **_GAIT, **_LOW, **_SPORT, **_ANYTHING})
