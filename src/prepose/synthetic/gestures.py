"""What arms do while the body does something else, as data: angles of `anatomy.ANGLES` without their side."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


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
