"""From where another skeleton's joints are to how the rig's segments turn.

Lengths do not count, so any unit and build will do: each segment points where the source's points. How it turns about
its own length comes from the hips and shoulders, the bend of knees and elbows, and the head's own frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from jaxtyping import Float

from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.anatomy import shortest_turn
from prepose.synthetic.rig import SEGMENT_NAMES, SEGMENT_PARENTS, Proportions

Track = Float[np.ndarray, "T 3"]
Turns = Float[np.ndarray, "T 3 3"]
_UP = np.array([0.0, 0.0, 1.0])
# A bend of less than about this sine does not tell a limb's twist; the limb's own frame then does.
_CLEAR_BEND = 0.15
# Share of a clip's frames in which an ankle is at its lowest; how well slopes of the foot then agree, and how far they
# can be from the rig's, radians.
_FLAT_SHARE, _SOLE_AGREEMENT, _SOLE_RANGE = 0.15, np.radians(8), np.radians(20)


@dataclass(frozen=True, eq=False)
class Source:
    """A tracked body, z up, any unit.

    Attributes:
        places: The joints of prepose-27 that the rig needs (`NEEDED`); `head` marks a point above `upper_neck`.
        turns: The frames of the source's own pelvis, head, upper arms and thighs, however its makers laid them.
    """

    places: Mapping[str, Track]
    turns: Mapping[str, Turns]


NEEDED: tuple[str, ...] = (
    "spine", "thorax", "upper_neck", "head",
    *(f"{s}_{part}" for s in "rl" for part in ("shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "toe")),
)  # fmt: skip
FRAMES: tuple[str, ...] = ("pelvis", "head", "r_shoulder", "l_shoulder", "r_hip", "l_hip")


def unit(vectors: Float[np.ndarray, "*T 3"]) -> Float[np.ndarray, "*T 3"]:
    """Vectors of length one."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _frames(primary: Float[np.ndarray, "*T 3"], secondary: Float[np.ndarray, "*T 3"]) -> Float[np.ndarray, "*T 3 3"]:
    """Right-handed frames (columns) whose first axis is `primary` and whose second leans to `secondary`."""
    first = unit(primary)
    third = unit(np.cross(first, secondary))
    return np.stack([first, np.cross(third, first), third], axis=-1)


def _align(rest: tuple[np.ndarray, np.ndarray], posed: tuple[np.ndarray, np.ndarray]) -> Turns:
    """The rotation from a primary and a secondary rest direction to posed ones; the primary is met exactly."""
    return _frames(*posed) @ np.swapaxes(_frames(*rest), -1, -2)


def _signed_axes() -> Float[np.ndarray, "24 3 3"]:
    """Every rotation that takes coordinate axes to coordinate axes."""
    turns = [
        np.eye(3)[list(order)] * np.array(signs)[:, None]
        for order in permutations(range(3))
        for signs in product((1, -1), repeat=3)
    ]
    return np.array([turn for turn in turns if np.linalg.det(turn) > 0], dtype=float)


def _upright(frames: Turns, guide: Turns) -> Turns:
    """Frames relabelled so that x is right, y forward, z up.

    Makers of rigs lay the frames of pelvis and head along the body's axes, each in an order of their own: the order
    taken is that which over the clip comes nearest to the guide.
    """
    mean = np.einsum("tba,tbc->ac", frames, guide)
    axes = _signed_axes()
    return frames @ axes[int(np.argmax(np.einsum("nab,ab->n", axes, mean)))]


def _hinge_axes(upper: Track, lower: Track, frames: Turns, neutral: Track) -> Track:
    """The axes that a knee or elbow bends about, right-handed from the upper to the lower part.

    Where the limb is straight its bend says nothing: there the axis rides on the limb's own frame, in which it lies
    where the clip's bends put it on average (in a clip without bends: at `neutral`).
    """
    bend = np.cross(unit(upper), unit(lower))
    told = np.einsum("tba,tb->ta", frames, bend)
    untold = np.einsum("tba,tb->ta", frames, neutral)
    usual = unit(told.sum(axis=0) + 0.05 * untold.sum(axis=0))
    riding = np.einsum("tab,b->ta", frames, usual)
    riding -= np.sum(riding * unit(upper), axis=-1, keepdims=True) * unit(upper)
    return unit(np.where(np.sum(bend * riding, axis=-1, keepdims=True) > 0, bend, 0) + _CLEAR_BEND * unit(riding))


def retarget(source: Source, proportions: Proportions) -> Float[np.ndarray, "T S 3 3"]:
    """Local rotations of the rig's segments that point as the source's do."""
    rest = {name: proportions.rest[i] for i, name in enumerate(PREPOSE_27.joints)}
    world = _trunk(source, rest)
    for s, outward in (("r", 1.0), ("l", -1.0)):
        world |= _arm(s, outward, source, rest, world["chest"]) | _leg(s, source, rest, world["pelvis"])
    turned = np.stack([world[name] for name in SEGMENT_NAMES], axis=1)
    parents = np.array(SEGMENT_PARENTS)
    local = np.swapaxes(turned[:, np.maximum(parents, 0)], -1, -2) @ turned
    local[:, parents < 0] = turned[:, parents < 0]
    return local


def _trunk(source: Source, rest: Mapping[str, np.ndarray]) -> dict[str, Turns]:
    at = source.places
    hips = at["r_hip"] - at["l_hip"]
    middle = (at["r_hip"] + at["l_hip"]) / 2
    guide = _align((np.array([1.0, 0, 0]), _UP), (hips, at["thorax"] - middle))
    pelvis_up = _upright(source.turns["pelvis"], guide)[:, :, 2]
    pelvis = _align((np.array([1.0, 0, 0]), _UP), (hips, pelvis_up))
    right = at["r_shoulder"] - at["l_shoulder"]
    chest = _align((rest["thorax"] - rest["spine"], np.array([1.0, 0, 0])), (at["thorax"] - at["spine"], right))
    neck_rest = np.broadcast_to(unit(rest["upper_neck"] - rest["thorax"]), right.shape)
    inside = np.einsum("tba,tb->ta", chest, unit(at["upper_neck"] - at["thorax"]))
    neck = chest @ shortest_turn(neck_rest, inside)
    return {"pelvis": pelvis, "chest": chest, "neck": neck, "head": _upright(source.turns["head"], chest)}


def _arm(s: str, outward: float, source: Source, rest: Mapping[str, np.ndarray], chest: Turns) -> dict[str, Turns]:
    at = source.places
    upper, lower, hand = (
        at[f"{s}_{end}"] - at[f"{s}_{start}"]
        for start, end in (("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "hand"))
    )
    inside = np.einsum("tba,tb->ta", chest, unit(at[f"{s}_shoulder"] - at["thorax"]))
    clavicle = chest @ shortest_turn(
        np.broadcast_to(unit(rest[f"{s}_shoulder"] - rest["thorax"]), inside.shape), inside
    )
    along = np.array([outward, 0.0, 0.0])
    hinge = np.array([0.0, 0.0, outward])
    neutral = np.einsum("tab,b->ta", clavicle, along * outward)
    axis = _hinge_axes(upper, lower, source.turns[f"{s}_shoulder"], neutral)
    upper_arm = _align((along, hinge), (upper, axis))
    forearm = _bent(upper_arm, hinge, along, lower)
    reach = np.einsum("tba,tb->ta", forearm, unit(hand))
    return {
        f"{s}_clavicle": clavicle,
        f"{s}_upper_arm": upper_arm,
        f"{s}_forearm": forearm,
        f"{s}_hand": forearm @ shortest_turn(np.broadcast_to(along, reach.shape), reach),
    }


def _bent(upper: Turns, hinge: np.ndarray, along: np.ndarray, target: Track) -> Turns:
    """The lower part of a limb: the upper turned about its hinge, one way only, until it points to the target best."""
    inside = np.einsum("tba,tb->ta", upper, target)
    angle = np.arctan2(inside @ np.cross(hinge, along), inside @ along)
    angle = np.where(angle < -np.pi / 2, np.pi, np.maximum(angle, 0))[:, None, None]
    skew = np.cross(np.eye(3), hinge)
    return upper @ (np.eye(3) + np.sin(angle) * skew + (1 - np.cos(angle)) * (skew @ skew))


def _leg(s: str, source: Source, rest: Mapping[str, np.ndarray], pelvis: Turns) -> dict[str, Turns]:
    at = source.places
    upper, lower, foot = (
        at[f"{s}_{end}"] - at[f"{s}_{start}"] for start, end in (("hip", "knee"), ("knee", "ankle"), ("ankle", "toe"))
    )
    hinge = np.array([-1.0, 0.0, 0.0])
    axis = _hinge_axes(upper, lower, source.turns[f"{s}_hip"], -pelvis[:, :, 0])
    along = unit(rest[f"{s}_knee"] - rest[f"{s}_hip"])
    thigh = _align((along, hinge), (upper, axis))
    shin = _bent(thigh, hinge, unit(rest[f"{s}_ankle"] - rest[f"{s}_knee"]), lower)
    forward = rest[f"{s}_toe"] - rest[f"{s}_ankle"]
    turned = _align((forward, _UP), (foot, shin[:, :, 2])) @ _sole_correction(forward, foot, at[f"{s}_ankle"])
    return {f"{s}_thigh": thigh, f"{s}_shin": shin, f"{s}_foot": turned}


def _slope(vectors: Float[np.ndarray, "T 3"]) -> Float[np.ndarray, "T"]:
    """How steeply vectors rise, radians."""
    return np.arcsin(np.clip(unit(vectors)[..., 2], -1, 1))


def _sole_correction(forward: np.ndarray, foot: Track, ankle: Track) -> Float[np.ndarray, "3 3"]:
    """The turn of a foot that makes it level where the source's is.

    Rigs differ in where on ankle and foot they put their joints, so that the line between them falls by 10 to 25
    degrees on a level foot. Where the ankle is lowest the foot stands flat: if the slopes agree there over a clip, they
    are that of a level foot; if not, the clip has no such moments and nothing is turned.
    """
    flat = _slope(foot[ankle[:, 2] <= np.quantile(ankle[:, 2], _FLAT_SHARE)])
    low, middle, high = np.quantile(flat, [0.25, 0.5, 0.75])
    turn = float(_slope(forward[None])[0] - middle) if high - low < _SOLE_AGREEMENT else 0.0
    turn = turn if abs(turn) < _SOLE_RANGE else 0.0
    c, s = np.cos(turn), np.sin(turn)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
