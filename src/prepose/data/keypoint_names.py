"""Which skeleton a label file means by the names of its key-points: a published one in any order, or its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from prepose.body.skeleton import Skeleton, canonical_joint_name, hung_from_root
from prepose.body.skeletons import COCO_WHOLEBODY_133, HALPE_26, HALPE_136, SKELETONS
from prepose.errors import DataError

_FACE_136, _FACE_133 = HALPE_136.joints[26:94], COCO_WHOLEBODY_133.joints[23:91]
_HALPE = {"head": "head_top", "hip": "pelvis"}
# Other names that the sets' own files, MMPose's or OpenPose's give to joints of these skeletons (canonical spelling).
OTHER_NAMES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "h36m-17": {
            "root": "pelvis", "r_foot": "r_ankle", "l_foot": "l_ankle", "neck_base": "nose_neck", "head": "head_top",
        },
        "mpi-inf-3dhp-17": {"root": "pelvis"},
        "crowdpose-14": {"top_head": "head", "head_top": "head"},
        "ai-challenger-14": {"top_head": "head_top", "head": "head_top"},
        "jhmdb-15": {"face": "head"},
        "halpe-26": _HALPE,
        "halpe-136": {**_HALPE, **{f"face_{number}": mark for number, mark in enumerate(_FACE_136)}},
        "coco-wholebody-133": {f"face_{number}": mark for number, mark in enumerate(_FACE_133)},
        "openpose-25": {"mid_hip": "pelvis"},
    }
)  # fmt: skip
# Sets whose files name no key-points; no other published set has so many.
BY_COUNT: Mapping[int, Skeleton] = MappingProxyType(
    {len(skeleton): skeleton for skeleton in (HALPE_26, HALPE_136, COCO_WHOLEBODY_133)}
)
MOST_NAMES = 500


@dataclass(frozen=True)
class NamedKeypoints:
    """How the key-points of a file become the joints of a skeleton.

    Attributes:
        skeleton: The skeleton.
        order: For each of its joints, the place in the file's list.
        notes: What to tell the user about it.
    """

    skeleton: Skeleton
    order: tuple[int, ...]
    notes: tuple[str, ...] = ()


def in_order(skeleton: Skeleton) -> NamedKeypoints:
    """The key-points of a file that lists a skeleton's joints in the skeleton's own order."""
    return NamedKeypoints(skeleton, tuple(range(len(skeleton))))


def skeleton_of_names(
    names: Sequence[str], where: Path | str, *, edges: Sequence[tuple[int, int]] = (), name: str = "own"
) -> NamedKeypoints:
    """The skeleton that names mean.

    A published skeleton is meant where the names are those of its joints, in any order and usual spelling; of two with
    the same joints (LSP and AI Challenger) the one in whose order they come, else the first. Other names make a
    skeleton of their own.

    Args:
        names: As the file lists them.
        where: The file, for messages.
        edges: Pairs of places in the list that the file joins; bones of a skeleton of its own.
        name: What to call a skeleton of its own.

    Raises:
        DataError: two names mean one joint, or a side has no partner.
    """
    if not 1 < len(names) <= MOST_NAMES:
        raise DataError(f"{where}: names {len(names)} key-points; expected 2 to {MOST_NAMES}")
    canonical = [canonical_joint_name(one) for one in names]
    fitting = [found for skeleton in SKELETONS.values() if (found := _as_published(canonical, skeleton))]
    if fitting:
        return next((one for one in fitting if one.order == tuple(range(len(names)))), fitting[0])
    if len(set(canonical)) < len(canonical):
        twice = next(one for one in canonical if canonical.count(one) > 1)
        raise DataError(f"{where}: two of its key-points are one joint, {twice!r}: {', '.join(names)[:200]}")
    ends = [(canonical[a], canonical[b]) for a, b in edges if max(a, b) < len(names) and min(a, b) >= 0 and a != b]
    bones, _ = hung_from_root(canonical, ends, None)
    try:
        whose = "own" if name == "own" else f"{canonical_joint_name(name)}-own"
        skeleton = Skeleton(f"{whose}-{len(names)}", tuple(canonical), bones, None)
    except ValueError as error:
        raise DataError(f"{where}: its key-points make no skeleton: {error}") from error
    note = (
        f"its {len(names)} key-points are those of no published skeleton; they make one of their own, {skeleton.name}"
    )
    return NamedKeypoints(skeleton, tuple(range(len(names))), (note,))


def _as_published(canonical: Sequence[str], skeleton: Skeleton) -> NamedKeypoints | None:
    if len(canonical) != len(skeleton):
        return None
    other = OTHER_NAMES.get(skeleton.name, {})
    joints = [one if one in skeleton.joints else other.get(one, one) for one in canonical]
    if set(joints) != set(skeleton.joints):
        return None
    place = {joint: index for index, joint in enumerate(joints)}
    return NamedKeypoints(skeleton, tuple(place[joint] for joint in skeleton.joints))
