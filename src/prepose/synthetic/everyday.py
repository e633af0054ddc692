"""Standing, walking, sitting, kneeling, lying: what people do most of the day, and what arms do meanwhile, as data.

Angles of gestures are `anatomy.ANGLES` without their side.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from prepose.synthetic.action import CONTRAPPOSTO, FEET, LOOK, NOD, WIDE, Action


@dataclass(frozen=True)
class Gesture:
    """How to draw an arm.

    Attributes:
        mean: Degrees.
        spread: Standard deviations, degrees; the others are the standing arm's, times `looseness`.
        looseness: Below 1 where the hand has a place to be.
        other: What the other arm does: a gesture's name, or any that the action allows when empty.
    """

    mean: Mapping[str, int | float]
    spread: Mapping[str, int | float] = field(default_factory=dict)
    looseness: float = 1.0
    other: str = ""


# In order: elevation, plane (0 to the side, 90 to the front), rotation (outward positive), elbow, pronation, wrist.
_ORDER = (
    "shoulder_elevation", "shoulder_plane", "shoulder_rotation", "elbow_flexion", "forearm_pronation", "wrist_flexion",
)  # fmt: skip


def _arm(*degrees: int | float) -> dict[str, int | float]:
    return dict(zip(_ORDER, degrees, strict=False))


# Means of gestures in which the hand touches something were found by bringing the wrist and hand of the mean build to
# it within the limits, as near to the neutral arm as that goes.
GESTURES: Mapping[str, Gesture] = MappingProxyType(
    {
        "hang": Gesture(_arm(12, 35, -5, 18, 15, 3)),
        "hips": Gesture(_arm(40, -22, -72, 92, 16, -30), looseness=0.35, other="hips"),
        "hip": Gesture(_arm(40, -22, -72, 92, 16, -30), looseness=0.35),
        # One forearm lies over the other, one hand in or under the other.
        "crossed": Gesture(_arm(23, 90, -72, 102, -12, 18), looseness=0.25, other="crossed_over"),
        "crossed_over": Gesture(_arm(37, 92, -62, 105, -10, 14), looseness=0.25),
        "behind": Gesture(_arm(38, -73, -74, 70, -40, 40), looseness=0.25, other="behind_low"),
        "behind_low": Gesture(_arm(25, -77, -67, 50, -13, 25), looseness=0.25),
        "pocket": Gesture(_arm(14, -38, -33, 49, 40, 10), looseness=0.4),
        "hold": Gesture(_arm(24, 62, -26, 90, 0, 5), {"elbow_flexion": 18, "shoulder_elevation": 12}, 0.7, "hold"),
        "phone": Gesture(_arm(90, 71, -8, 143, -25, -25), looseness=0.35),
        "mouth": Gesture(_arm(68, 81, -16, 122, 0, 8), looseness=0.35),
        "chin": Gesture(_arm(44, 100, -31, 127, 3, -10), looseness=0.35),
        "behind_head": Gesture(_arm(135, 4, 47, 138, -24, -25), looseness=0.3, other="behind_head"),
        "overhead": Gesture(_arm(158, 110, 24, 25, 0, 5), {"shoulder_plane": 20}, 0.6, "overhead"),
        "clap": Gesture(_arm(58, 80, -33, 70, -40, -15), {"shoulder_elevation": 14}, 0.5, "clap"),
        "other_shoulder": Gesture(_arm(53, 108, -57, 113, -12, 20), looseness=0.4),
        "point": Gesture(_arm(85, 65, -10, 15, 20, 0), {"shoulder_elevation": 18, "shoulder_plane": 30}),
        "side": Gesture(_arm(88, 5, 0, 15, 20, 0), {"shoulder_elevation": 15, "shoulder_plane": 15}),
        "up": Gesture(_arm(155, 60, 25, 25, 0, 0), {"shoulder_elevation": 16, "shoulder_plane": 35}),
        "wave": Gesture(
            _arm(105, 15, 55, 80, 0, -5), {"shoulder_elevation": 22, "shoulder_plane": 20, "elbow_flexion": 28}
        ),
        "talk": Gesture(_arm(28, 55, -5, 85, -15, -5), {"elbow_flexion": 22, "shoulder_elevation": 14}),
        "knee": Gesture(_arm(38, 80, -25, 42, 15, -10), looseness=0.6),
        "prop_behind": Gesture(_arm(48, -80, 0, 12, 20, -60), looseness=0.4, other="prop_behind"),
        "spread": Gesture(_arm(65, 15, 0, 25, 15, 0), {"shoulder_elevation": 25, "shoulder_plane": 35}),
    }
)
EVERYDAY = ("hang", "hang", "hang", "hips", "hip", "crossed", "behind", "pocket", "hold", "phone", "chin", "talk")


_FREE = ("hang", "hang", "pocket", "hip", "talk")


def _standing(*arms: str, other_arm: tuple[str, ...] = ()) -> Action:
    """On both feet, the weight on either, with gestures of the arms."""
    return Action(
        arms=arms,
        other_arm=other_arm,
        factors=(CONTRAPPOSTO, WIDE, LOOK, NOD),
        supports=FEET,
        balanced=True,
        soles="rl",
    )


STANDING: Mapping[str, Action] = {
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
        factors=(WIDE,), supports=FEET, balanced=True, soles="rl",
    ),
    "bending": Action(
        mean={"pelvis_pitch": 48, "hip_flexion": 52, "trunk_flexion": 38, "knee_flexion": 18,
              "shoulder_elevation": 78, "shoulder_plane": 80, "neck_flexion": 0},
        spread={"shoulder_elevation": 16, "shoulder_plane": 12, "knee_flexion": 12},
        factors=({"pelvis_pitch": 25, "hip_flexion": 25, "trunk_flexion": 20, "shoulder_elevation": 15}, WIDE,
                 {"knee_flexion": 18, "hip_flexion": 12}),
        supports=FEET, balanced=True, soles="rl",
    ),
    "reaching_forward": Action(
        mean={"pelvis_pitch": 8, "hip_flexion": 14, "trunk_flexion": 14, "r_shoulder_elevation": 88,
              "r_shoulder_plane": 82, "r_elbow_flexion": 18, "r_clavicle_protraction": 10, "trunk_twist": 8},
        spread={"r_shoulder_elevation": 16, "r_shoulder_plane": 16, "r_elbow_flexion": 14},
        factors=({"pelvis_pitch": 12, "hip_flexion": 12, "trunk_flexion": 12},
                 {"l_shoulder_elevation": 40, "l_shoulder_plane": 25, "l_elbow_flexion": 15}, CONTRAPPOSTO),
        supports=FEET, balanced=True, soles="rl",
    ),
    "reaching_up": Action(
        mean={"r_shoulder_elevation": 152, "r_shoulder_plane": 60, "r_elbow_flexion": 16, "r_shoulder_rotation": 20,
              "r_clavicle_elevation": 20, "trunk_bend": -6, "trunk_flexion": -5, "neck_flexion": -10,
              "head_flexion": -10},
        spread={"r_shoulder_elevation": 14, "r_shoulder_plane": 30, "r_elbow_flexion": 12},
        factors=({"l_shoulder_elevation": 60, "l_shoulder_plane": 30, "l_elbow_flexion": 20}, CONTRAPPOSTO),
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
        factors=(WIDE, {"r_knee_flexion": 20, "r_hip_flexion": 15, "trunk_bend": 6}),
        supports=FEET, balanced=True, soles="rl",
    ),
    "carrying_overhead": _standing("overhead", "behind_head"),
}  # fmt: skip

# Angles over the gait cycle, from the right heel's strike; Source: Winter, "Biomechanics and Motor Control of Human
# Gait", 2nd ed. 1991, joint-angle curves of natural cadence, two harmonics read off by eye.
GAIT: Mapping[str, Action] = {
    "walking": Action(
        mean={"hip_flexion": 9, "knee_flexion": 23, "ankle_flexion": -1, "hip_abduction": 1,
              "shoulder_elevation": 3, "shoulder_plane": 80, "shoulder_rotation": 0, "elbow_flexion": 24},
        spread={"shoulder_plane": 8, "hip_flexion": 3, "knee_flexion": 3, "hip_abduction": 2, "shoulder_elevation": 4},
        factors=({"trunk_flexion": 6, "pelvis_pitch": 4, "neck_flexion": 5}, LOOK, {"elbow_flexion": 18}),
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

LOW: Mapping[str, Action] = {
    "sitting": Action(
        mean={"pelvis_pitch": -3, "hip_flexion": 84, "knee_flexion": 86, "hip_abduction": 7, "trunk_flexion": 8,
              "hip_rotation": 2},
        spread={"pelvis_pitch": 7, "hip_flexion": 6, "knee_flexion": 10, "hip_abduction": 6, "hip_rotation": 8},
        factors=({"knee_flexion": 18}, {"r_knee_flexion": 25}, LOOK, NOD,
                 {"pelvis_pitch": 16, "hip_flexion": 15, "trunk_flexion": 6, "neck_flexion": -12}),
        arms=("knee", "knee", "hold", "talk", "phone", "chin", "crossed", "mouth", "clap"),
        soles="rl",
    ),
    "sitting_legs_crossed": Action(
        mean={"pelvis_pitch": -10, "hip_flexion": 82, "l_knee_flexion": 85, "r_hip_flexion": 92, "r_hip_abduction": 30,
              "r_hip_rotation": 45, "r_knee_flexion": 105, "trunk_flexion": 10},
        spread={"r_hip_abduction": 5, "r_hip_rotation": 5, "r_knee_flexion": 8},
        factors=(LOOK, NOD),
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
        factors=({"knee_flexion": 46, "hip_flexion": 20}, {"r_knee_flexion": 25, "r_hip_flexion": 12}, LOOK),
        arms=("knee", "prop_behind", "hold", "talk", "knee"),
        supports=("l_hip", "r_hip", "l_ankle", "r_ankle"),
    ),
    "sitting_cross_legged": Action(
        mean={"pelvis_pitch": -13, "hip_flexion": 104, "hip_abduction": 40, "hip_rotation": 53, "knee_flexion": 131,
              "trunk_flexion": 20, "ankle_flexion": -25, "ankle_inversion": 20, "r_hip_flexion": 112,
              "r_hip_abduction": 34, "r_knee_flexion": 121},
        spread={"hip_abduction": 4, "hip_rotation": 2, "knee_flexion": 4, "hip_flexion": 4},
        factors=(LOOK, NOD, {"trunk_flexion": 14}),
        arms=("knee", "hold", "talk", "clap", "phone"),
        alike=0.8,
        supports=("l_hip", "r_hip", "l_ankle", "r_ankle"),
    ),
    "crouching": Action(
        mean={"pelvis_pitch": 18, "hip_flexion": 112, "knee_flexion": 126, "ankle_flexion": 32, "trunk_flexion": 26,
              "hip_abduction": 12, "hip_rotation": 10},
        spread={"hip_abduction": 7, "hip_flexion": 7, "knee_flexion": 9},
        factors=({"hip_flexion": 18, "knee_flexion": 24, "ankle_flexion": 8, "trunk_flexion": 8}, LOOK, NOD),
        arms=("knee", "hold", "point", "talk", "clap", "chin"),
        alike=0.7, supports=FEET, balanced=True, soles="rl",
    ),
    "squatting": Action(
        mean={"pelvis_pitch": 25, "hip_flexion": 72, "knee_flexion": 78, "ankle_flexion": 28, "trunk_flexion": 16,
              "hip_abduction": 14, "hip_rotation": 14},
        spread={"hip_abduction": 6},
        factors=({"hip_flexion": 28, "knee_flexion": 32, "ankle_flexion": 8, "pelvis_pitch": 8}, LOOK),
        arms=("hold", "point", "clap", "spread", "side", "knee"),
        alike=0.8, supports=FEET, balanced=True, soles="rl",
    ),
    "kneeling": Action(
        mean={"hip_flexion": 8, "knee_flexion": 94, "ankle_flexion": -42, "hip_abduction": 6},
        spread={"hip_flexion": 6, "knee_flexion": 4},
        factors=({"hip_flexion": 16, "trunk_flexion": 14, "pelvis_pitch": 14}, LOOK, NOD),
        arms=(*EVERYDAY, "point", "up", "clap"),
        alike=0.8, supports=("l_knee", "r_knee", "l_toe", "r_toe"),
    ),
    "kneeling_on_heels": Action(
        mean={"hip_flexion": 78, "knee_flexion": 147, "ankle_flexion": -44, "hip_abduction": 7, "trunk_flexion": 10},
        spread={"hip_flexion": 6, "knee_flexion": 4},
        factors=({"trunk_flexion": 12, "pelvis_pitch": 10, "hip_flexion": 10}, LOOK, NOD),
        arms=("knee", "knee", "hold", "talk", "clap", "phone"),
        alike=0.8, supports=("l_knee", "r_knee", "l_toe", "r_toe"),
    ),
    "kneeling_on_one_knee": Action(
        mean={"r_hip_flexion": 94, "r_knee_flexion": 92, "r_hip_abduction": 8, "l_hip_flexion": 2,
              "l_knee_flexion": 94, "l_ankle_flexion": -42, "trunk_flexion": 10, "pelvis_pitch": 4},
        spread={"r_hip_flexion": 4, "r_knee_flexion": 8, "l_knee_flexion": 4, "hip_abduction": 4},
        factors=({"pelvis_pitch": 12, "hip_flexion": 12, "trunk_flexion": 8}, LOOK, NOD),
        arms=("knee", "hold", "hang", "point", "talk", "chin"),
        supports=("r_ankle", "r_toe", "l_knee"),
        soles="r",
    ),
    "lying_on_back": Action(
        mean={"pelvis_pitch": -90, "hip_flexion": 3, "knee_flexion": 9, "trunk_flexion": 2, "hip_abduction": 8,
              "ankle_flexion": -15, "shoulder_elevation": 48, "shoulder_plane": 2, "elbow_flexion": 30},
        spread={"shoulder_elevation": 34, "shoulder_plane": 8, "elbow_flexion": 28, "shoulder_rotation": 28,
                "hip_abduction": 7, "pelvis_pitch": 3},
        factors=({"hip_flexion": 20, "knee_flexion": 40}, {"r_hip_flexion": 22, "r_knee_flexion": 45}, LOOK),
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
