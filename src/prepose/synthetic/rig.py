"""The kinematic tree of a synthetic person: segments that turn, joints that ride on them.

Frame of the rest pose (mm): a T-pose with the pelvis at the origin, z up, the face towards +y, the person's right
hand towards +x and left hand towards -x; palms down, toes towards +y. World frames keep z up.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from prepose.arrays import Vector3
from prepose.body.skeletons import PREPOSE_27


@dataclass(frozen=True)
class Segment:
    """A rigid part: it turns about its origin joint, relative to its parent, and carries joints."""

    name: str
    parent: str | None
    origin: str
    carries: tuple[str, ...]


_HEAD_MARKS = ("head", "head_top", "nose", "l_eye", "r_eye", "l_ear", "r_ear")


def _side(s: str) -> tuple[Segment, ...]:
    return (
        Segment(f"{s}_clavicle", "chest", "thorax", (f"{s}_shoulder",)),
        Segment(f"{s}_upper_arm", f"{s}_clavicle", f"{s}_shoulder", (f"{s}_elbow",)),
        Segment(f"{s}_forearm", f"{s}_upper_arm", f"{s}_elbow", (f"{s}_wrist",)),
        Segment(f"{s}_hand", f"{s}_forearm", f"{s}_wrist", (f"{s}_hand",)),
        Segment(f"{s}_thigh", "pelvis", f"{s}_hip", (f"{s}_knee",)),
        Segment(f"{s}_shin", f"{s}_thigh", f"{s}_knee", (f"{s}_ankle",)),
        Segment(f"{s}_foot", f"{s}_shin", f"{s}_ankle", (f"{s}_toe",)),
    )


# Parents come before their children.
SEGMENTS: tuple[Segment, ...] = (
    Segment("pelvis", None, "pelvis", ("pelvis", "l_hip", "r_hip", "spine")),
    Segment("chest", "pelvis", "spine", ("thorax",)),
    Segment("neck", "chest", "thorax", ("upper_neck",)),
    Segment("head", "neck", "upper_neck", _HEAD_MARKS),
    *_side("l"),
    *_side("r"),
)
SEGMENT_NAMES: tuple[str, ...] = tuple(segment.name for segment in SEGMENTS)
SEGMENT_PARENTS: tuple[int, ...] = tuple(
    -1 if segment.parent is None else SEGMENT_NAMES.index(segment.parent) for segment in SEGMENTS
)
SEGMENT_ORIGINS: tuple[int, ...] = tuple(PREPOSE_27.index(segment.origin) for segment in SEGMENTS)
CARRIER: tuple[int, ...] = tuple(
    next(i for i, segment in enumerate(SEGMENTS) if joint in segment.carries) for joint in PREPOSE_27.joints
)


def _hops() -> tuple[np.ndarray, ...]:
    """Joints by the number of segments between them and the pelvis, nearest first (the pelvis itself left out)."""
    depth = np.zeros(len(PREPOSE_27.joints), dtype=int)
    for segment in SEGMENTS:
        for name in segment.carries:
            joint = PREPOSE_27.index(name)
            if joint != PREPOSE_27.root_index:
                depth[joint] = depth[PREPOSE_27.index(segment.origin)] + 1
    return tuple(np.flatnonzero(depth == d) for d in range(1, int(depth.max()) + 1))


def _generations() -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Segments and their parents by the number of segments above them, the pelvis left out."""
    depth = [0] * len(SEGMENTS)
    for i, parent in enumerate(SEGMENT_PARENTS):
        depth[i] = 0 if parent < 0 else depth[parent] + 1
    groups = [np.flatnonzero(np.array(depth) == d) for d in range(1, max(depth) + 1)]
    return tuple((group, np.array(SEGMENT_PARENTS)[group]) for group in groups)


_PELVIS = PREPOSE_27.root_index
_GENERATIONS = _generations()
_ORIGINS = np.array(SEGMENT_ORIGINS)
_CARRIERS = np.array(CARRIER)
_CARRIER_ORIGINS = _ORIGINS[_CARRIERS]
_HOPS = _hops()


@dataclass(frozen=True, eq=False)
class BodyPose:
    """How a rig stands: each segment's turn in its parent, and where the pelvis is.

    Attributes:
        local: Rotation of each segment of `SEGMENTS` relative to its parent (the pelvis: relative to the world).
        pelvis_world: The pelvis, mm.
        action: What the person does.
    """

    local: Float[np.ndarray, "S 3 3"]
    pelvis_world: Vector3
    action: str = ""


@dataclass(frozen=True, eq=False)
class Proportions:
    """A person's joints in the rest pose.

    Attributes:
        height: Stature, mm.
        rest: prepose-27 joints in the rest frame, mm.
    """

    height: float
    rest: Float[np.ndarray, "27 3"]


def segment_rotations(local: Float[np.ndarray, "*N S 3 3"]) -> Float[np.ndarray, "*N S 3 3"]:
    """Each segment's world_from_rest rotation, from its rotation in its parent."""
    turned = local.copy()
    for segments, parents in _GENERATIONS:
        turned[..., segments, :, :] = turned[..., parents, :, :] @ local[..., segments, :, :]
    return turned


def pose_joints(
    proportions: Proportions, pose: BodyPose
) -> tuple[Float[np.ndarray, "27 3"], Float[np.ndarray, "S 4 4"]]:
    """The posed joints (world, mm) and each segment's rigid world_from_rest matrix."""
    rest = proportions.rest
    turned = segment_rotations(pose.local)
    # A joint lies at its carrier's origin, which the parent carries, plus its turned offset from there.
    joints = np.einsum("jab,jb->ja", turned[_CARRIERS], rest - rest[_CARRIER_ORIGINS])
    joints[_PELVIS] = pose.pelvis_world
    for hop in _HOPS:
        joints[hop] += joints[_CARRIER_ORIGINS[hop]]
    world_from_rest = np.zeros((len(SEGMENTS), 4, 4))
    world_from_rest[:, :3, :3] = turned
    world_from_rest[:, :3, 3] = joints[_ORIGINS] - np.einsum("sab,sb->sa", turned, rest[_ORIGINS])
    world_from_rest[:, 3, 3] = 1
    return joints, world_from_rest


# Mean segment lengths as fractions of stature; Source: Winter, "Biomechanics and Motor Control of Human Movement",
# 4th ed. 2009, figure 4.1 (after Drillis and Contini 1966). The distance of the hip centres follows Bell et al. 1990.
_FRACTIONS = {
    "thigh": 0.245, "shin": 0.246, "ankle_height": 0.039, "foot": 0.120, "hip_half": 0.052, "pelvis_drop": 0.010,
    "spine": 0.105, "chest": 0.180, "neck": 0.055, "head": 0.130, "shoulder_half": 0.112, "shoulder_drop": 0.012,
    "upper_arm": 0.172, "forearm": 0.146, "hand": 0.054,
}  # fmt: skip
# Coefficient of variation of a segment's fraction between adults; Source: ANSUR II (2012) segment-to-stature ratios,
# rounded to half a percent.
_SPREAD = {"hip_half": 0.06, "shoulder_half": 0.05, "spine": 0.05, "chest": 0.035, "neck": 0.09, "foot": 0.04}
_COMMON_SPREAD = 0.03


def draw_proportions(generator: np.random.Generator, height: float | None = None) -> Proportions:
    """A person's build: stature (mm; drawn between 1450 and 2000 unless given) and segment ratios of natural spread."""
    if height is None:
        # A mixture of female and male statures; Source: NCD-RisC 2016, means and spreads rounded to 10 mm.
        mean, spread = ((1620.0, 65.0), (1750.0, 70.0))[int(generator.integers(2))]
        height = float(np.clip(generator.normal(mean, spread), 1450.0, 2000.0))
    ratio = {
        name: fraction * float(np.clip(generator.normal(1, _SPREAD.get(name, _COMMON_SPREAD)), 0.85, 1.15))
        for name, fraction in _FRACTIONS.items()
    }
    return _build(ratio, height)


def mean_proportions(height: float = 1700.0) -> Proportions:
    """The mean build at a stature (mm)."""
    return _build(_FRACTIONS, height)


def _build(ratio: Mapping[str, float], height: float) -> Proportions:
    """Joints of the rest pose (mm), scaled until crown to sole is the stature."""
    rest = _rest_joints(ratio)
    standing = rest[:, 2].max() - rest[PREPOSE_27.index("l_ankle"), 2] + ratio["ankle_height"]
    return Proportions(height, rest * (height / standing))


def _rest_joints(ratio: Mapping[str, float]) -> Float[np.ndarray, "27 3"]:
    """Joints of the rest pose in units of about one stature."""
    place: dict[str, tuple[float, float, float]] = {"pelvis": (0.0, 0.0, 0.0)}
    thorax = ratio["spine"] + ratio["chest"]
    neck = thorax + ratio["neck"]
    head = ratio["head"]
    place["spine"] = (0.0, -0.010, ratio["spine"])
    place["thorax"] = (0.0, -0.014, thorax)
    place["upper_neck"] = (0.0, -0.004, neck)
    place["head"] = (0.0, 0.010, neck + 0.45 * head)
    place["head_top"] = (0.0, 0.0, neck + head)
    place["nose"] = (0.0, 0.072, neck + 0.36 * head)
    for s, sign in (("r", 1.0), ("l", -1.0)):
        hip = (sign * ratio["hip_half"], 0.0, -ratio["pelvis_drop"])
        knee = (hip[0], 0.004, hip[2] - ratio["thigh"])
        ankle = (hip[0], -0.008, knee[2] - ratio["shin"])
        shoulder = (sign * ratio["shoulder_half"], -0.012, thorax - ratio["shoulder_drop"])
        elbow = (shoulder[0] + sign * ratio["upper_arm"], shoulder[1], shoulder[2])
        wrist = (elbow[0] + sign * ratio["forearm"], shoulder[1], shoulder[2])
        place |= {
            f"{s}_hip": hip,
            f"{s}_knee": knee,
            f"{s}_ankle": ankle,
            f"{s}_toe": (hip[0] + sign * 0.006, ankle[1] + ratio["foot"], ankle[2] - 0.6 * ratio["ankle_height"]),
            f"{s}_shoulder": shoulder,
            f"{s}_elbow": elbow,
            f"{s}_wrist": wrist,
            f"{s}_hand": (wrist[0] + sign * ratio["hand"], shoulder[1], shoulder[2]),
            f"{s}_eye": (sign * 0.019, 0.056, neck + 0.52 * head),
            f"{s}_ear": (sign * 0.043, 0.006, neck + 0.46 * head),
        }
    return np.array([place[joint] for joint in PREPOSE_27.joints])
