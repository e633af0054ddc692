"""How long people's bones are: the places of every named joint in an average standing adult, and a pose's scale.

Sources: segment lengths as shares of stature from Drillis and Contini, "Body segment parameters", 1966 (as in Winter,
"Biomechanics and motor control of human movement"), at a stature of 1,720 mm; head and face from anthropometric means.
They only tell a human from a mistake: a bone counts as impossible far outside of what people have.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Int

from prepose.body.skeleton import Skeleton, mirror_name

# x to the person's right, y forward, z up, mm; the left side follows.
_MIDDLE = {
    "pelvis": (0, 0, 930),
    "spine": (0, -20, 1150),
    "belly": (0, 0, 1110),
    "spine1": (0, -20, 1040),
    "spine2": (0, -20, 1170),
    "spine3": (0, -20, 1250),
    "spine4": (0, -20, 1330),
    "thorax": (0, 0, 1410),
    "neck": (0, 0, 1430),
    "upper_neck": (0, 10, 1500),
    "nose_neck": (0, 60, 1550),
    "nose": (0, 110, 1590),
    "head": (0, 20, 1610),
    "head_top": (0, 0, 1720),
}
_RIGHT = {
    "eye": (32, 85, 1620),
    "ear": (75, 0, 1605),
    "clavicle": (60, 0, 1400),
    "collar": (70, 0, 1360),
    "shoulder": (180, 0, 1405),
    "elbow": (200, 0, 1105),
    "wrist": (210, 30, 855),
    "hand": (210, 45, 765),
    "hip": (110, 0, 920),
    "knee": (110, 10, 490),
    "ankle": (110, -20, 80),
    "foot": (115, 90, 30),
    "toe": (120, 150, 20),
}
PLACES: Mapping[str, np.ndarray] = MappingProxyType(
    {
        **{name: np.array(place, float) for name, place in _MIDDLE.items()},
        **{f"r_{name}": np.array(place, float) for name, place in _RIGHT.items()},
        **{f"l_{name}": np.array(place, float) * [-1, 1, 1] for name, place in _RIGHT.items()},
    }
)
# The bones that every dataset marks alike.
LIMBS = tuple(
    (f"{side}_{a}", f"{side}_{b}")
    for side in "rl"
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
)


def human_bones(skeleton: Skeleton) -> tuple[tuple[str, str], ...]:
    """The bones of a skeleton whose ends have a place in the average adult, and no shorter than a hand.

    Where between neck and crown a dataset has its joint `head` is its own choice (MPI-INF-3DHP a third of the way, SMPL
    at the base of the skull), so that both parts are measured as one, and one alone is not.
    """
    above = {b: a for a, b in skeleton.bones}
    bones = [(above.get("head", "") if a == "head" else a, b) for a, b in skeleton.bones if b != "head"]
    known = [(a, b) for a, b in bones if a in PLACES and b in PLACES]
    return tuple(bone for bone in known if usual_length(bone) >= 50)


def other_side(bones: tuple[tuple[str, str], ...]) -> Int[np.ndarray, "E"]:
    """For each bone the index of that of the body's other side; its own where there is none (across the body, say)."""
    number = {frozenset(bone): place for place, bone in enumerate(bones)}
    return np.array([number.get(frozenset(map(mirror_name, bone)), place) for place, bone in enumerate(bones)], int)


def limbs_of(skeleton: Skeleton) -> tuple[tuple[str, str], ...]:
    """The long bones of arms and legs that a skeleton has."""
    return tuple(bone for bone in LIMBS if set(bone) <= set(skeleton.joints))


def usual_length(bone: tuple[str, str]) -> float:
    """The length of a bone in the average adult, mm."""
    return float(np.linalg.norm(PLACES[bone[0]] - PLACES[bone[1]]))


def length_ratios(
    joints: Float[np.ndarray, "*N J D"], skeleton: Skeleton, bones: tuple[tuple[str, str], ...]
) -> Float[np.ndarray, "*N E"]:
    """Length of each bone over the average adult's: about 1 in mm, 0.001 in metres, k in an image of k px per mm."""
    if not bones:
        return np.empty((*joints.shape[:-2], 0))
    ends = np.array([[skeleton.index(a), skeleton.index(b)] for a, b in bones])
    lengths = np.linalg.norm(joints[..., ends[:, 1], :] - joints[..., ends[:, 0], :], axis=-1)
    return lengths / np.array([usual_length(bone) for bone in bones])
