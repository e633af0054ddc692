"""Writes poses of the rig as a BVH file of any joint-name table, as the makers of such files would."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.bvh import JointNames
from prepose.synthetic.rig import SEGMENT_NAMES, BodyPose, Proportions

# Rig joint -> (the joint above it, the segment that turns at it).
_TREE = {
    "pelvis": ("", "pelvis"), "spine": ("pelvis", "chest"), "thorax": ("spine", "neck"),
    "upper_neck": ("thorax", "head"), "head": ("upper_neck", ""),
}  # fmt: skip
for _s in "rl":
    _TREE |= {
        f"{_s}_collar": ("spine", f"{_s}_clavicle"), f"{_s}_shoulder": (f"{_s}_collar", f"{_s}_upper_arm"),
        f"{_s}_elbow": (f"{_s}_shoulder", f"{_s}_forearm"), f"{_s}_wrist": (f"{_s}_elbow", f"{_s}_hand"),
        f"{_s}_hand": (f"{_s}_wrist", ""), f"{_s}_hip": ("pelvis", f"{_s}_thigh"),
        f"{_s}_knee": (f"{_s}_hip", f"{_s}_shin"), f"{_s}_ankle": (f"{_s}_knee", f"{_s}_foot"),
        f"{_s}_toe": (f"{_s}_ankle", ""),
    }  # fmt: skip
Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
Z_UP = np.eye(3)


def write_bvh(
    path: Path,
    poses: Sequence[BodyPose],
    person: Proportions,
    names: JointNames,
    *,
    axes: np.ndarray = Y_UP,
    limb_frames: int | None = None,
    unit: float = 0.1,
) -> Path:
    """Write poses: `axes` file_from_world; `limb_frames` seeds frames of limbs laid at any angle; `unit` per mm."""
    lay = dict.fromkeys(_TREE, axes)
    if limb_frames is not None:
        generator = np.random.default_rng(limb_frames)
        lay |= {joint: Rotation.random(rng=generator).as_matrix() @ axes for joint in _TREE if joint[1] == "_"}
    rows = [_row(pose, names, lay, axes * unit) for pose in poses]
    words = ["HIERARCHY", *_lines("pelvis", person, names, lay, unit), "MOTION", f"Frames: {len(rows)}"]
    words += ["Frame Time: 0.0333333", *(" ".join(f"{value:.6f}" for value in row) for row in rows)]
    path.write_text("\n".join(words) + "\n")
    return path


def _children(joint: str) -> list[str]:
    return [name for name, (above, _) in _TREE.items() if above == joint]


def _rest(joint: str, person: Proportions) -> np.ndarray:
    return person.rest[PREPOSE_27.index("thorax" if joint.endswith("_collar") else joint)]


def _lines(joint: str, person: Proportions, names: JointNames, lay: dict, unit: float) -> list[str]:
    above = _TREE[joint][0]
    offset = lay[above] @ (_rest(joint, person) - _rest(above, person)) * unit if above else np.zeros(3)
    place = "OFFSET " + " ".join(f"{value:.6f}" for value in offset)
    name = names.joints.get(joint, f"{joint}_of_{names.rig}")
    if name.endswith("_end"):
        return ["End Site", "{", place, "}"]
    channels = "Zrotation Xrotation Yrotation"
    moved = f"6 Xposition Yposition Zposition {channels}" if not above else f"3 {channels}"
    inner = [line for child in _children(joint) for line in _lines(child, person, names, lay, unit)]
    return [f"{'JOINT' if above else 'ROOT'} {name}", "{", place, f"CHANNELS {moved}", *inner, "}"]


def _row(pose: BodyPose, names: JointNames, lay: dict, axes: np.ndarray, joint: str = "pelvis") -> list[float]:
    above, segment = _TREE[joint]
    if names.joints.get(joint, "").endswith("_end"):
        return []
    turn = pose.local[SEGMENT_NAMES.index(segment)] if segment else np.eye(3)
    # The joint's frame is laid in its segment as `lay` says; the file's turn leads from the frame above to it.
    turned = lay[above or "pelvis"] @ turn @ lay[joint].T
    values = [] if above else list(axes @ pose.pelvis_world)
    values += list(Rotation.from_matrix(turned).as_euler("ZXY", degrees=True))
    return values + [value for child in _children(joint) for value in _row(pose, names, lay, axes, child)]
