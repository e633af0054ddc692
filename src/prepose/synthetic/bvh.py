"""Poses from motion capture: which joint of a file is which, the ground under a clip, the rig in its poses."""

import json
from collections.abc import Mapping, Sequence
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
from prepose.synthetic.retarget import FRAMES, NEEDED, Source, Track, Turns, retarget, unit
from prepose.synthetic.rig import SEGMENT_NAMES, BodyPose, Proportions, mean_proportions, pose_joints

__all__ = ["JOINT_NAMES", "Bvh", "JointNames", "MotionClip", "poses_from_bvh", "read_bvh", "read_joint_names"]

# Lower than this fraction of stature above the floor counts as standing on it: markers and soles are not that exact.
_ON_THE_GROUND = 0.04
# A lowest point that stays within this fraction of stature for this time before and after rests on something, a step
# or a chair: in free fall a body drops 0.04 statures in that time even from the top of a jump.
_AT_REST = (0.03, 0.12)
# A first frame further from the second than this many times nearly all other steps is a reference pose.
_REFERENCE_JUMP = 5.0
_PELVIS = SEGMENT_NAMES.index("pelvis")
_LEG = (("hip", "knee"), ("knee", "ankle"))
# What a rig may lack: a hand then goes on as the forearm does, a foot turns with its ankle, the head with its base.
_OPTIONAL = ("r_hand", "l_hand", "r_toe", "l_toe", "skull")
_ASKED = ("pelvis", *(name for name in NEEDED if name not in _OPTIONAL))
# An end site below the ankle is the end of the shin, not a toe: it points forward by about 0 (cosine to the body's
# front, square to the shin, median over a clip), toes of 15 real clips by 0.63 to 0.99. A joint that bears a toe's name
# is one even of a dancer on tiptoe, but not where it lies below the ankle, or on it.
_FORWARD, _FORWARD_NAMED = 0.4, 0.2
# Segments that a direction is taken from; shorter than this share of the leg they have none.
_SEGMENTS = (
    ("r_hip", "l_hip"), ("r_shoulder", "l_shoulder"), ("spine", "thorax"), ("thorax", "upper_neck"),
    *((f"{s}_{a}", f"{s}_{b}") for s in "rl" for a, b in (*_LEG, ("shoulder", "elbow"), ("elbow", "wrist"))),
)  # fmt: skip
_LEAST_LENGTH = 0.01
_MOST_PLACE = 1e9  # 1,000 km in mm
# Share of a clip's frames in which a foot is taken to stand flat: those with the lowest ankle.
_FLAT_SHARE = 0.15


@dataclass(frozen=True)
class JointNames:
    """What a rig calls the joints.

    Attributes:
        rig: Its name.
        joints: From each joint of `retarget.NEEDED`, and `pelvis`, to the rig's name of it; the end site of `X` is
            `X_end`. `head` marks the head's upper end, and the frame of the joint called `skull` turns with it. Hands,
            toes and `skull` may be left out.
    """

    rig: str
    joints: Mapping[str, str]

    def missing(self, bvh: Bvh) -> tuple[str, ...]:
        """Names that the file does not have."""
        return tuple(sorted(set(self.joints.values()) - set(bvh.joints)))

    def without_optional(self, bvh: Bvh) -> "JointNames":
        """The table without the hands and toes that the file does not have."""
        lacking = set(self.missing(bvh))
        kept = {joint: name for joint, name in self.joints.items() if joint not in _OPTIONAL or name not in lacking}
        return JointNames(self.rig, kept)


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


def read_joint_names(path: Path | str) -> JointNames:
    """A table of the user's own: a JSON object from prepose's joints to the file's, such as `{"pelvis": "Hips", ...}`.

    Raises:
        DataError: the file cannot be read, is no such object, names a joint that prepose does not have, or lacks one
            that it needs.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; expected a JSON table of joint names (docs/worlds.md)") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error}); expected a table of joint names") from None
    if not isinstance(content, dict) or not all(isinstance(name, str) and name for name in content.values()):
        raise DataError(f'{path}: expected an object of names, such as {{"pelvis": "Hips", ...}} (docs/worlds.md)')
    if unknown := sorted(content.keys() - {*_ASKED, *_OPTIONAL}):
        known = ", ".join((*_ASKED, *_OPTIONAL))
        raise DataError(f"{path}: prepose has no joint {unknown[0][:80]!r}; it has {known}")
    if lacking := [joint for joint in _ASKED if joint not in content]:
        raise DataError(f"{path}: does not name {', '.join(lacking)}; only {', '.join(_OPTIONAL)} may be left out")
    return JointNames(path.name, content)


def find_names(bvh: Bvh, path: Path | str, own: Sequence[JointNames] = ()) -> JointNames:
    """The first table whose names the file has: of the user's own, else of those known here, if need be without toes.

    Raises:
        DataError: no table fits; the message lists what the nearest one misses.
    """
    for table in (*own, *JOINT_NAMES, *(known.without_optional(bvh) for known in JOINT_NAMES)):
        if not table.missing(bvh):
            return table
    nearest = min(own or JOINT_NAMES, key=lambda table: len(table.missing(bvh)))
    raise DataError(
        f"{path}: joints are missing for the {nearest.rig} rig: {', '.join(nearest.missing(bvh))}; found "
        f"{len(bvh.joints)} joints ({', '.join(bvh.joints[:6])}, ...); name this rig's joints in a table "
        "(--joint-names, docs/worlds.md)"
    )


def poses_from_bvh(path: Path | str, *, stride: int = 1, names: Sequence[JointNames] = ()) -> MotionClip:
    """Read a clip and take the rig through it.

    Args:
        path: The file.
        stride: Keep every so many frames; a reference pose in front of the motion is left out.
        names: What rigs unknown here call their joints; looked at before `JOINT_NAMES`.

    Raises:
        DataError: the file cannot be read (see `read_bvh`), lacks joints, or a limb has no length.
        ValueError: the stride is below 1.
    """
    if stride < 1:
        raise ValueError(f"stride must be at least 1; found {stride}")
    bvh = read_bvh(path)
    source = _source(bvh, find_names(bvh, path, names), stride, path)
    person = mean_proportions()
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


def _source(bvh: Bvh, names: JointNames, stride: int, path: Path | str) -> Source:
    rig = {"skull": names.joints["upper_neck"], **names.joints}
    with np.errstate(over="ignore", invalid="ignore"):
        all_places, all_turns = joint_frames(bvh, tuple(rig.values()))
    near = (np.abs(all_places) < _MOST_PLACE).all(axis=(1, 2))  # False for NaN, too
    if not near.all():
        raise DataError(
            f"{path}: frame {int(np.argmin(near)) + 1} puts a joint further away than {_MOST_PLACE:g} units"
        )
    first = _first_frame(all_places)
    at = {name: all_places[first::stride, column] for column, name in enumerate(rig)}
    turns = {name: all_turns[first::stride, column] for column, name in enumerate(rig)}
    upright = _z_up(at)
    places = {name: place @ upright.T for name, place in at.items()}
    turns = {name: upright @ turn for name, turn in turns.items()}
    _check_lengths(places, rig, path)
    for s in "rl":
        if f"{s}_hand" not in places:
            forearm = places[f"{s}_wrist"] - places[f"{s}_elbow"]
            places[f"{s}_hand"] = places[f"{s}_wrist"] + _carried(turns[f"{s}_wrist"], forearm)
        if f"{s}_toe" not in places or not _is_toe(places, s, named=not rig[f"{s}_toe"].endswith("_end")):
            places[f"{s}_toe"] = places[f"{s}_ankle"] + _level_foot(places, turns[f"{s}_ankle"], s)
    return Source(
        places={name: places[name] for name in NEEDED},
        turns={name: turns["skull" if name == "head" else name] for name in FRAMES},
    )


def _check_lengths(places: Mapping[str, Track], rig: Mapping[str, str], path: Path | str) -> None:
    length = {pair: float(np.linalg.norm(places[pair[0]] - places[pair[1]], axis=-1).max()) for pair in _SEGMENTS}
    longest = max(length.values())
    for (start, end), found in length.items():
        if not found > _LEAST_LENGTH * longest or not np.isfinite(longest):
            raise DataError(
                f"{path}: {rig[start]} and {rig[end]} lie {found:g} apart, the longest limb is {longest:g} long; "
                "expected a person: their offsets are missing, or the table names the wrong joints"
            )


def _carried(frame: Turns, wanted: Track) -> Track:
    """A direction that is fixed in a joint's frame: the one that over the clip comes nearest to the wanted one."""
    inside = np.einsum("tba,tb->ta", frame, unit(wanted)).mean(axis=0)
    return np.einsum("tab,b->ta", frame, unit(inside))


def _front(places: Mapping[str, Track]) -> Track:
    """Where the hips face."""
    hips = places["r_hip"] - places["l_hip"]
    return unit(np.cross(places["thorax"] - (places["r_hip"] + places["l_hip"]) / 2, hips))


def _is_toe(places: Mapping[str, Track], s: str, *, named: bool) -> bool:
    shin = places[f"{s}_ankle"] - places[f"{s}_knee"]
    foot = places[f"{s}_toe"] - places[f"{s}_ankle"]
    if np.linalg.norm(foot, axis=-1).max() < _LEAST_LENGTH * np.linalg.norm(shin, axis=-1).max():
        return False
    front, shin = _front(places), unit(shin)
    front = unit(front - np.sum(front * shin, axis=-1, keepdims=True) * shin)
    forward = float(np.median(np.sum(unit(foot) * front, axis=-1)))
    return forward > (_FORWARD_NAMED if named else _FORWARD)


def _level_foot(places: Mapping[str, Track], ankle_frame: Turns, s: str) -> Track:
    """A foot without a toe: it turns with the ankle's frame, and is level where the ankle is at its lowest."""
    height = places[f"{s}_ankle"][:, 2]
    standing = height <= np.quantile(height, _FLAT_SHARE)
    wanted = _front(places) * np.array([1.0, 1.0, 0.0]) * standing[:, None]
    return _carried(ankle_frame, wanted)


def _first_frame(places: Float[np.ndarray, "T J 3"]) -> int:
    """1 where the first frame is a reference pose, often a T-pose, from which the take jumps to its motion; else 0."""
    steps = np.linalg.norm(np.diff(places, axis=0), axis=-1).max(axis=1)
    return int(len(steps) > 2 and steps[0] > _REFERENCE_JUMP * np.quantile(steps[1:], 0.99))


def _z_up(at: Mapping[str, Track]) -> Float[np.ndarray, "3 3"]:
    """The rotation to z up from a file whose y or z is up: whichever the body extends along more, over the clip."""
    extent = (at["head"] - (at["r_ankle"] + at["l_ankle"]) / 2).mean(axis=0)
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
