"""Poses from motion capture: which joint of a file is which, the ground under a clip, the rig in its poses."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from prepose.body.skeletons import PREPOSE_27
from prepose.errors import DataError
from prepose.synthetic.bvh_file import Bvh, joint_frames, read_bvh
from prepose.synthetic.contact import FLESH_OF_JOINT
from prepose.synthetic.motion import ground
from prepose.synthetic.retarget import FRAMES, NEEDED, Source, retarget
from prepose.synthetic.rig import SEGMENT_NAMES, BodyPose, Proportions, mean_proportions, pose_joints

__all__ = ["JOINT_NAMES", "Bvh", "JointNames", "MotionClip", "poses_from_bvh", "read_bvh"]

# Lower than this fraction of stature above the floor counts as standing on it: markers and soles are not that exact.
_ON_THE_GROUND = 0.04
# A lowest point that stays within this fraction of stature for this time before and after rests on something, a step
# or a chair: in free fall a body drops 0.04 statures in that time even from the top of a jump.
_AT_REST = (0.03, 0.12)
# A first frame further from the second than this many times nearly all other steps is a reference pose.
_REFERENCE_JUMP = 5.0
_PELVIS = SEGMENT_NAMES.index("pelvis")
_LEG = (("hip", "knee"), ("knee", "ankle"))


@dataclass(frozen=True)
class JointNames:
    """What a rig calls the joints.

    Attributes:
        rig: Its name.
        joints: From each joint of `retarget.NEEDED`, and `pelvis`, to the rig's name of it; the end site of `X` is
            `X_end`. `head` marks the head's upper end, and the frame of the joint called `skull` turns with it.
    """

    rig: str
    joints: Mapping[str, str]

    def missing(self, bvh: Bvh) -> tuple[str, ...]:
        """Names that the file does not have."""
        return tuple(sorted(set(self.joints.values()) - set(bvh.joints)))


def _table(rig: str, middle: Mapping[str, str], side: Mapping[str, str], sides: tuple[str, str]) -> JointNames:
    """A table whose names differ between sides by `{}` alone."""
    limbs = {
        f"{s}_{part}": name.format(word) for s, word in zip("rl", sides, strict=True) for part, name in side.items()
    }
    return JointNames(rig, {**middle, **limbs})


_HIPS_AND_HEAD = {"pelvis": "Hips", "upper_neck": "Head", "skull": "Head", "head": "Head_end"}
JOINT_NAMES: tuple[JointNames, ...] = (
    _table(
        "cgspeed",
        {"spine": "Chest", "thorax": "Neck", **_HIPS_AND_HEAD},
        {
            "shoulder": "{}Shoulder", "elbow": "{}Elbow", "wrist": "{}Wrist", "hand": "{:.1}Fingers",
            "hip": "{}Hip", "knee": "{}Knee", "ankle": "{}Ankle", "toe": "{}Toe",
        },
        ("Right", "Left"),
    ),
    _table(
        "cgspeed-upleg",
        {"spine": "Spine", "thorax": "Neck1", **_HIPS_AND_HEAD},
        {
            "shoulder": "{}Arm", "elbow": "{}ForeArm", "wrist": "{}Hand", "hand": "{}HandIndex1",
            "hip": "{}UpLeg", "knee": "{}Leg", "ankle": "{}Foot", "toe": "{}ToeBase",
        },
        ("Right", "Left"),
    ),
    _table(
        "iclone",
        {
            "pelvis": "CC_Base_Hip", "spine": "CC_Base_Spine01", "thorax": "CC_Base_NeckTwist01",
            "upper_neck": "CC_Base_Head", "skull": "CC_Base_Head", "head": "CC_Base_UpperJaw",
        },
        {
            "shoulder": "CC_Base_{}_Upperarm", "elbow": "CC_Base_{}_Forearm", "wrist": "CC_Base_{}_Hand",
            "hand": "CC_Base_{}_Mid1", "hip": "CC_Base_{}_Thigh", "knee": "CC_Base_{}_Calf",
            "ankle": "CC_Base_{}_Foot", "toe": "CC_Base_{}_ToeBase",
        },
        ("R", "L"),
    ),
    _table(
        "mocapbank",
        {"spine": "Chest", "thorax": "Neck", **_HIPS_AND_HEAD},
        {
            "shoulder": "{}Shoulder", "elbow": "{}Elbow", "wrist": "{}Wrist", "hand": "{}Wrist_end",
            "hip": "{}Hip", "knee": "{}Knee", "ankle": "{}Ankle", "toe": "{}Ankle_end",
        },
        ("Right", "Left"),
    ),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class MotionClip:
    """A take of motion capture on the rig of the mean build.

    Attributes:
        name: The file's stem.
        poses: One per kept frame; world mm, z up, over the origin, the lowest flesh at the ground or above it where
            the person leaves it. The person faces +y in the first and turns from there.
        path: Where the pelvis went on the ground, mm, from the first frame.
        clearance: The height of the lowest flesh over the ground in fractions of stature.
        frame_time: Seconds between poses.
    """

    name: str
    poses: tuple[BodyPose, ...]
    path: Float[np.ndarray, "T 2"]
    clearance: Float[np.ndarray, "T"]
    frame_time: float

    def pose_of(self, frame: int, proportions: Proportions) -> BodyPose:
        """A frame's pose as a person of other proportions takes it, on the same ground."""
        return ground(self.poses[frame], proportions, clearance=float(self.clearance[frame]))


def find_names(bvh: Bvh, path: Path | str) -> JointNames:
    """The known table whose names the file has.

    Raises:
        DataError: no table fits; the message lists what the nearest one misses.
    """
    nearest = min(JOINT_NAMES, key=lambda table: len(table.missing(bvh)))
    _require(bvh, nearest, path)
    return nearest


def _require(bvh: Bvh, names: JointNames, path: Path | str) -> None:
    if missing := names.missing(bvh):
        raise DataError(
            f"{path}: joints are missing for the {names.rig} rig: {', '.join(missing)}; "
            f"found {len(bvh.joints)} joints ({', '.join(bvh.joints[:6])}, ...); name this rig's joints in a JointNames"
        )


def poses_from_bvh(path: Path | str, *, stride: int = 1, names: JointNames | None = None) -> MotionClip:
    """Read a clip and take the rig through it.

    Args:
        path: The file.
        stride: Keep every so many frames; a reference pose in front of the motion is left out.
        names: What the file calls its joints; found among `JOINT_NAMES` when None.

    Raises:
        DataError: the file cannot be read (see `read_bvh`) or lacks joints.
        ValueError: the stride is below 1.
    """
    if stride < 1:
        raise ValueError(f"stride must be at least 1; found {stride}")
    bvh = read_bvh(path)
    if names is None:
        names = find_names(bvh, path)
    _require(bvh, names, path)
    source = _source(bvh, names, stride)
    person = mean_proportions()
    clip = Path(path).stem
    local = retarget(source, person)
    scale = _leg_length(person) / _source_leg(source)
    place = (source.places["r_hip"] + source.places["l_hip"]) / 2 * scale
    facing = local[0, _PELVIS, :, 1]
    heading = Rotation.from_euler("z", np.arctan2(facing[0], facing[1])).as_matrix()
    local[:, _PELVIS] = heading @ local[:, _PELVIS]
    place = (place - place[0] * np.array([1.0, 1.0, 0.0])) @ heading.T
    clip, frame_time = Path(path).stem, bvh.frame_time * stride
    clearance = _clearance(local, place, person, frame_time)
    poses = tuple(
        ground(BodyPose(turns, np.zeros(3), clip), person, clearance=float(height))
        for turns, height in zip(local, clearance, strict=True)
    )
    return MotionClip(clip, poses, place[:, :2], clearance, frame_time)


def _clearance(
    local: Float[np.ndarray, "T S 3 3"], place: Float[np.ndarray, "T 3"], person: Proportions, frame_time: float
) -> Float[np.ndarray, "T"]:
    """How far each frame is off what carries it, in fractions of stature; the height of the floor is found here."""
    moving = [pose_joints(person, BodyPose(*frame))[0] for frame in zip(local, place, strict=True)]
    joints = np.array(moving) / person.height
    heights = joints[:, :, 2] - FLESH_OF_JOINT
    above = heights.min(axis=1) - np.quantile(heights.min(axis=1), 0.1)
    distance, time = _AT_REST
    window = max(1, round(time / frame_time))
    frames, lowest = np.arange(len(joints)), heights.argmin(axis=1)
    now, before, after = (joints[np.clip(frames + shift, 0, len(frames) - 1), lowest] for shift in (0, -window, window))
    moved = np.maximum(np.linalg.norm(now - before, axis=-1), np.linalg.norm(now - after, axis=-1))
    return np.where((above < _ON_THE_GROUND) | (moved < distance), 0.0, above)


def _source(bvh: Bvh, names: JointNames, stride: int) -> Source:
    places, turns = joint_frames(bvh)
    first = _first_frame(places)
    places, turns = places[first::stride], turns[first::stride]
    upright = _z_up(bvh, names, places)
    at = {name: bvh.index(rig_name) for name, rig_name in names.joints.items()}
    frame_of = {name: at["skull"] if name == "head" else at[name] for name in FRAMES}
    return Source(
        places={name: places[:, at[name]] @ upright.T for name in NEEDED},
        turns={name: upright @ turns[:, joint] for name, joint in frame_of.items()},
    )


def _first_frame(places: Float[np.ndarray, "T J 3"]) -> int:
    """1 where the first frame is a reference pose, often a T-pose, from which the take jumps to its motion; else 0."""
    steps = np.linalg.norm(np.diff(places, axis=0), axis=-1).max(axis=1)
    return int(len(steps) > 2 and steps[0] > _REFERENCE_JUMP * np.quantile(steps[1:], 0.99))


def _z_up(bvh: Bvh, names: JointNames, places: Float[np.ndarray, "T J 3"]) -> Float[np.ndarray, "3 3"]:
    """The rotation to z up from a file whose y or z is up: whichever the body extends along more, over the clip."""
    at = {name: bvh.index(rig_name) for name, rig_name in names.joints.items()}
    feet = (places[:, at["r_ankle"]] + places[:, at["l_ankle"]]) / 2
    extent = (places[:, at["head"]] - feet).mean(axis=0)
    if extent[2] > extent[1]:
        return np.eye(3)
    return np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def _leg_length(person: Proportions) -> float:
    joints = {name: person.rest[i] for i, name in enumerate(PREPOSE_27.joints)}
    return sum(float(np.linalg.norm(joints[f"r_{a}"] - joints[f"r_{b}"])) for a, b in _LEG)


def _source_leg(source: Source) -> float:
    return sum(
        float(np.linalg.norm(source.places[f"{s}_{a}"] - source.places[f"{s}_{b}"], axis=-1).mean()) / 2
        for s in "rl"
        for a, b in _LEG
    )
