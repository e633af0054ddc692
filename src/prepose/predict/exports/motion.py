"""A `PoseSequence` as animation formats want it: y up, a constant frame rate, and rotations of a rigid hierarchy."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from prepose.body.skeleton import Skeleton, joint_map
from prepose.body.skeletons import PREPOSE_27
from prepose.errors import DataError, shortened
from prepose.predict.pose_sequence import PoseSequence
from prepose.synthetic.rig import mean_proportions

# The camera's axes turned by 180 degrees about x: x right in the image, y up, z towards the camera; right-handed.
_Y_UP_FROM_CAM = np.array([1.0, -1.0, -1.0])
# The rig's rest pose (x to the person's right, y front, z up) as a T-pose with y up that faces +z.
_Y_UP_FROM_RIG = np.array([[-1.0, 0, 0], [0, 0, 1], [0, 1, 0]])
_UP = np.array([0.0, 1, 0])
# A photo has no frame rate, but its file must state one.
PHOTO_RATE = 30.0
# Time stamps this near to a constant rate, in frames, are taken as that rate: containers round them, often to 1 ms.
_ON_TIME = 0.1
_NO_LENGTH = 1e-6  # mm

Matrices = Float[np.ndarray, "T 3 3"]
Vectors = Float[np.ndarray, "T 3"]


@dataclass(frozen=True, eq=False)
class Track:
    """Joints over time at a constant rate.

    Attributes:
        rate: Frames per second.
        times: s, in the source's time.
        joints: mm; x right in the image, y up, z towards the camera; the camera is the origin. NaN for missing joints.
        found: False for frames in which the person was not found; their joints are interpolated.
        notes: How the source's time was changed, in a line each.
    """

    rate: float
    times: Float[np.ndarray, "T"]
    joints: Float[np.ndarray, "T J 3"]
    found: Bool[np.ndarray, "T"]
    notes: tuple[str, ...]


def y_up(joints_cam: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3"]:
    """Points of the camera's frame with y up and z towards the camera, right-handed; the unit is kept."""
    return joints_cam * _Y_UP_FROM_CAM


def at_constant_rate(sequence: PoseSequence, fps: float | None = None) -> Track:
    """Joints at a constant frame rate; positions are interpolated linearly where time stamps do not fit it.

    Args:
        sequence: The poses.
        fps: Frames per second; None: the source's own mean rate (30 for a photo).

    Raises:
        ValueError: `fps` is not positive.
    """
    if fps is not None and not 0 < fps < np.inf:
        raise ValueError(f"fps must be positive; found {fps}")
    own = PHOTO_RATE if len(sequence) == 1 else sequence.frame_rate
    rate = own if fps is None else fps
    rows_at = (sequence.times - sequence.times[0]) * rate
    near = np.round(rows_at)
    on_time = bool((np.abs(rows_at - near) < _ON_TIME).all() and (np.diff(near) > 0).all())
    rows_at = near if on_time else rows_at
    grid = np.arange(int(rows_at[-1] + 1e-9) + 1)
    after = np.clip(np.searchsorted(rows_at, grid), min(1, len(sequence) - 1), len(sequence) - 1)
    before = np.maximum(after - 1, 0)
    span = np.maximum(rows_at[after] - rows_at[before], 1e-9)
    share = np.clip((grid - rows_at[before]) / span, 0, 1)[:, None, None]
    joints = y_up(sequence.joints_cam)
    # A row's own frame is that row, also beside rows that are NaN.
    between = np.where(share == 1, joints[after], joints[before] * (1 - share) + joints[after] * share)
    between = np.where(share == 0, joints[before], between)
    skipped = sequence.frames[after] - sequence.frames[before] > 1
    found = ~skipped | (share[:, 0, 0] == 0) | (share[:, 0, 0] == 1)
    exact = on_time and not ((share[:, 0, 0] % 1 > 0) & ~skipped).any()
    notes = [] if exact else [f"poses interpolated to a constant {rate:.6g} frames/s"]
    if sequence.times[0] > 0:
        notes.append(f"starts at {sequence.times[0]:.3f} s of the source")
    return Track(rate, sequence.times[0] + grid / rate, between, found, tuple(notes))


@dataclass(frozen=True, eq=False)
class Motion:
    """Rotations of a rigid hierarchy over time; y up.

    A joint with several bones turns with all of them together; each of its bones has a node of its own in the joint's
    place, `JOINT_to_CHILD`, for the rest of the bone's rotation (a clavicle, say).

    Attributes:
        names: Of the nodes; depth first, so that parents come before their children.
        parents: Index of each node's parent; -1 for the root.
        offsets: Each node's place in its parent's frame, mm; all rotations zero is a T-pose that faces +z.
        root: Place of the root node, mm.
        rotations: Each node's rotation relative to its parent.
        joints: For each node the joint that it is; -1 for those that only turn a bone.
        notes: What of the poses was changed, in a line each.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Float[np.ndarray, "K 3"]
    root: Vectors
    rotations: Float[np.ndarray, "T K 3 3"]
    joints: tuple[int, ...]
    notes: tuple[str, ...]

    @property
    def leaves(self) -> tuple[int, ...]:
        """Nodes without children, which never turn."""
        return tuple(sorted(set(range(len(self.names))) - set(self.parents)))

    def places(self) -> tuple[Float[np.ndarray, "T K 3"], Float[np.ndarray, "T K 3 3"]]:
        """Each node's place (mm) and rotation in the scene."""
        places, turns = np.zeros((len(self.root), len(self.names), 3)), self.rotations.copy()
        for node, parent in enumerate(self.parents):
            if parent < 0:
                places[:, node] = self.root
            else:
                places[:, node] = places[:, parent] + turns[:, parent] @ self.offsets[node]
                turns[:, node] = turns[:, parent] @ self.rotations[:, node]
        return places, turns


@dataclass(frozen=True)
class _Node:
    name: str
    parent: int
    joint: int  # whose place it has
    bones: tuple[int, ...]  # joints at the ends of the bones that it turns
    is_joint: bool


def check_tree(skeleton: Skeleton) -> None:
    """Check that a skeleton's bones make one tree.

    Raises:
        DataError: they do not.
    """
    _top(skeleton, _in_bones(skeleton))


def rigid_motion(sequence: PoseSequence, joints: Float[np.ndarray, "T J 3"]) -> Motion:
    """The rotations that take a T-pose with this person's bone lengths into the poses.

    A bone's length is its median over the sequence; its direction is kept in every frame. A bone's rotation is the
    smallest that gives its direction: joints alone do not say how a limb is turned about its own axis. Joints that are
    missing or belong to no bone are left out; their children hang from the joint above.

    Args:
        sequence: Whose skeleton and bone lengths to use.
        joints: Its joints with y up, mm.

    Raises:
        DataError: the skeleton's bones, without the missing joints, do not make one tree.
    """
    skeleton = sequence.skeleton
    known = np.isfinite(sequence.joints_cam).all(axis=(0, 2)) & _in_bones(skeleton)
    nodes = _nodes(skeleton, known)
    above = _parents(skeleton, known)
    offsets = _rest_offsets(sequence, nodes, above)
    turned = _turned(nodes, above, offsets, joints)
    identity = np.broadcast_to(np.eye(3), (len(joints), 3, 3))
    local = [
        np.swapaxes(identity if node.parent < 0 else turned[node.parent], 1, 2) @ turned[index]
        for index, node in enumerate(nodes)
    ]
    motion = Motion(
        names=tuple(node.name for node in nodes),
        parents=tuple(node.parent for node in nodes),
        offsets=np.array(
            [offsets[node.joint] if node.is_joint and node.parent >= 0 else np.zeros(3) for node in nodes]
        ),
        root=joints[:, nodes[0].joint],
        rotations=np.stack(local, axis=1),
        joints=tuple(node.joint if node.is_joint else -1 for node in nodes),
        notes=(),
    )
    return _with_notes(motion, skeleton, known, joints)


def _with_notes(
    motion: Motion, skeleton: Skeleton, known: Bool[np.ndarray, "J"], joints: Float[np.ndarray, "T J 3"]
) -> Motion:
    places, _ = motion.places()
    columns = [node for node, joint in enumerate(motion.joints) if joint >= 0]
    moved = np.linalg.norm(places[:, columns] - joints[:, [motion.joints[node] for node in columns]], axis=-1)
    notes = []
    if not known.all():
        missing = [name for name, there in zip(skeleton.joints, known, strict=True) if not there]
        notes.append(f"left out, as they are missing or belong to no bone: {shortened(', '.join(missing))}")
    # Less than half of what a reader would call equal is rounding.
    if moved.max() > 0.5:
        notes.append(
            f"constant bone lengths move joints by {moved.mean():.1f} mm on average, {moved.max():.1f} mm at most"
        )
    return Motion(**{**vars(motion), "notes": tuple(notes)})


def _in_bones(skeleton: Skeleton) -> Bool[np.ndarray, "J"]:
    """Joints that belong to a bone; marks of a face, say, do not."""
    return np.isin(np.arange(len(skeleton)), skeleton.bone_indices)


def _parents(skeleton: Skeleton, known: Bool[np.ndarray, "J"]) -> dict[int, int]:
    """Known joint -> the nearest known joint above it; a top one is not in it."""
    direct = {int(child): int(parent) for parent, child in skeleton.bone_indices}
    above = {}
    for joint in np.flatnonzero(known):
        parent = direct.get(int(joint))
        while parent is not None and not known[parent]:
            parent = direct.get(parent)
        if parent is not None:
            above[int(joint)] = parent
    return above


def _top(skeleton: Skeleton, known: Bool[np.ndarray, "J"]) -> int:
    above = _parents(skeleton, known)
    tops = [int(joint) for joint in np.flatnonzero(known) if joint not in above]
    if len(tops) != 1:
        found = ", ".join(skeleton.joints[top] for top in tops) or "none"
        raise DataError(
            f"skeleton {skeleton.name}: a hierarchy of bones (BVH, glTF) needs one top joint, found {len(tops)} "
            f"({shortened(found)}); convert the joints to a skeleton with a root, such as h36m-17 (--skeleton)"
        )
    return tops[0]


def _nodes(skeleton: Skeleton, known: Bool[np.ndarray, "J"]) -> list[_Node]:
    """The hierarchy, depth first."""
    above = _parents(skeleton, known)
    children: dict[int, list[int]] = {}
    for child, parent in above.items():
        children.setdefault(parent, []).append(child)
    nodes: list[_Node] = []
    waiting = [(_top(skeleton, known), -1)]
    while waiting:
        joint, parent = waiting.pop()
        name, ends = skeleton.joints[joint], tuple(children.get(joint, ()))
        if parent >= 0 and len(children[above[joint]]) > 1:
            turning = f"{skeleton.joints[above[joint]]}_to_{name}"
            nodes.append(_Node(turning, parent, above[joint], (joint,), is_joint=False))
            parent = len(nodes) - 1
        nodes.append(_Node(name, parent, joint, ends, is_joint=True))
        index = len(nodes) - 1
        waiting += [(end, index) for end in reversed(ends)]
    return nodes


def _rest_offsets(
    sequence: PoseSequence, nodes: Sequence[_Node], above: dict[int, int]
) -> dict[int, Float[np.ndarray, "3"]]:
    """Joint -> its place relative to the joint above in the T-pose, mm."""
    rest = joint_map(PREPOSE_27, sequence.skeleton).apply(mean_proportions().rest @ _Y_UP_FROM_RIG.T)
    directions: dict[int, np.ndarray] = {}
    offsets: dict[int, np.ndarray] = {}
    for node in nodes:
        parent = above.get(node.joint)
        if not node.is_joint or parent is None:
            continue
        direction = rest[node.joint] - rest[parent]
        length = float(np.linalg.norm(direction))
        # A joint that the rig does not have follows the bone above.
        directions[node.joint] = direction / length if length > _NO_LENGTH else directions.get(parent, _UP)
        bones = sequence.joints_cam[:, node.joint] - sequence.joints_cam[:, parent]
        offsets[node.joint] = directions[node.joint] * np.median(np.linalg.norm(bones, axis=-1))
    return offsets


def _turned(
    nodes: Sequence[_Node],
    above: dict[int, int],
    offsets: dict[int, Float[np.ndarray, "3"]],
    joints: Float[np.ndarray, "T J 3"],
) -> list[Matrices]:
    """Each node's rotation in the scene."""
    turned: list[np.ndarray] = []
    for node in nodes:
        inherited = np.tile(np.eye(3), (len(joints), 1, 1)) if node.parent < 0 else turned[node.parent]
        rest = [offsets[end] for end in node.bones]
        wanted = [joints[:, end] - joints[:, above[end]] for end in node.bones]
        if not node.bones:
            turned.append(inherited)
        elif len(node.bones) == 1:
            turned.append(_swing(inherited @ rest[0], wanted[0]) @ inherited)
        else:
            turned.append(_best_fit(np.array(rest), np.stack(wanted, axis=1)))
    return turned


def _unit(vectors: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3"]:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > _NO_LENGTH, vectors / np.maximum(length, _NO_LENGTH), 0.0)


def _swing(start: Vectors, end: Vectors) -> Matrices:
    """The smallest rotations that take one direction to another; none where either has no length."""
    a, b = _unit(start), _unit(end)
    axis, cosine = np.cross(a, b), np.sum(a * b, axis=-1)
    sine = np.linalg.norm(axis, axis=-1)
    # For opposite directions every axis square to them will do.
    any_axis = _unit(np.cross(a, np.eye(3)[np.abs(a).argmin(axis=-1)]))
    axis = np.where((sine > 1e-9)[:, None], axis / np.maximum(sine, 1e-9)[:, None], any_axis)
    return Rotation.from_rotvec(axis * np.arctan2(sine, cosine)[:, None]).as_matrix()


def _best_fit(rest: Float[np.ndarray, "E 3"], wanted: Float[np.ndarray, "T E 3"]) -> Matrices:
    """The rotations that bring several directions nearest to others, in least squares.

    Source: Kabsch, "A solution for the best rotation to relate two sets of vectors", Acta Cryst. A32, 1976.
    """
    u, _, vt = np.linalg.svd(np.einsum("tea,eb->tab", _unit(wanted), _unit(rest)))
    u[:, :, 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
    return u @ vt


def euler_zxy(rotations: Matrices) -> Vectors:
    """Rotations as angles about z, then the turned x, then the turned y, degrees, without jumps by 360."""
    with warnings.catch_warnings():
        # With x at 90 degrees z and y turn about one axis: any share between them is the same rotation.
        warnings.filterwarnings("ignore", message="Gimbal lock")
        angles = Rotation.from_matrix(rotations).as_euler("ZXY", degrees=True)
    return np.unwrap(angles, period=360, axis=0)
