"""glTF 2.0 (.glb): an animated skeleton with a figure of thin bones, for viewers, Blender and game engines."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt
from scipy.spatial.transform import Rotation

from prepose.files import write_whole
from prepose.predict.exports.markers import needed
from prepose.predict.exports.motion import Motion, rigid_motion, y_up
from prepose.predict.pose_sequence import PoseSequence

_METRE = 0.001  # per mm
# A bone is drawn as a double pyramid: widest at this part of its length, and so wide for its length.
_WAIST, _WIDTH = 0.15, 0.06
_FLOAT, _UNSIGNED_SHORT, _UNSIGNED_INT = 5126, 5123, 5125
_VERTEX_DATA, _INDEX_DATA = 34962, 34963


def write_gltf(sequence: PoseSequence, path: Path | str) -> list[str]:
    """Write one person's motion as an animated skeleton in binary glTF: m, y up, right-handed.

    The origin is the camera. The key frames are the source's, at its own times from 0.

    Args:
        sequence: The poses.
        path: The file, replaced where it exists.

    Returns:
        What of the poses was changed to fit the format, in a line each.

    Raises:
        DataError: pygltflib is not installed, or the skeleton's bones do not make one tree.
        OSError: the file cannot be written.
    """
    gltf = needed("pygltflib", "glTF")
    motion = rigid_motion(sequence, y_up(sequence.joints_cam))
    scene = _Scene(gltf)
    scene.add_nodes(motion)
    scene.add_skin(motion)
    scene.add_animation(motion, sequence.times - sequence.times[0])
    document = gltf.GLTF2(
        asset=gltf.Asset(
            version="2.0",
            generator="prepose",
            extras={"source": sequence.source, "person": sequence.person, "starts_at_s": float(sequence.times[0])},
        ),
        scene=0,
        scenes=[gltf.Scene(nodes=[0, len(motion.names)])],
        nodes=scene.nodes,
        meshes=scene.meshes,
        skins=scene.skins,
        animations=scene.animations,
        accessors=scene.accessors,
        bufferViews=scene.views,
        buffers=[gltf.Buffer(byteLength=len(scene.content))],
    )
    document.set_binary_blob(bytes(scene.content))
    write_whole(Path(path), b"".join(document.save_to_bytes()))
    notes = [f"starts at {sequence.times[0]:.3f} s of the source"] if sequence.times[0] > 0 else []
    return [*notes, *motion.notes]


class _Scene:
    """The parts of a glTF document while it is made, with their numbers in one buffer."""

    def __init__(self, gltf: Any) -> None:
        self.gltf = gltf
        self.content = bytearray()
        self.views: list[Any] = []
        self.accessors: list[Any] = []
        self.nodes: list[Any] = []
        self.meshes: list[Any] = []
        self.skins: list[Any] = []
        self.animations: list[Any] = []

    def add(self, values: np.ndarray, *, kind: str, component: int = _FLOAT, target: int | None = None) -> int:
        """Store an array (rows of `kind`); the index of its accessor."""
        stored = {_FLOAT: np.float32, _UNSIGNED_SHORT: np.uint16, _UNSIGNED_INT: np.uint32}[component]
        flat = np.ascontiguousarray(values, stored)
        view = self.gltf.BufferView(buffer=0, byteOffset=len(self.content), byteLength=flat.nbytes, target=target)
        self.content += flat.tobytes()
        self.content += bytes(-len(self.content) % 4)
        rows = flat.reshape(len(flat), -1)
        self.views.append(view)
        # The standard asks for the bounds of key frames and places; they do no harm elsewhere.
        bounds = (
            {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()} if kind in ("SCALAR", "VEC3") else {}
        )
        self.accessors.append(
            self.gltf.Accessor(
                bufferView=len(self.views) - 1, componentType=component, count=len(flat), type=kind, **bounds
            )
        )
        return len(self.accessors) - 1

    def add_nodes(self, motion: Motion) -> None:
        for node, name in enumerate(motion.names):
            place = motion.root[0] if node == 0 else motion.offsets[node]
            children = [child for child, parent in enumerate(motion.parents) if parent == node]
            first = Rotation.from_matrix(motion.rotations[0, node]).as_quat().tolist()
            self.nodes.append(
                self.gltf.Node(
                    name=name, translation=(place * _METRE).tolist(), rotation=first, children=children or None
                )
            )
        self.nodes.append(self.gltf.Node(name="figure", mesh=0, skin=0))

    def add_skin(self, motion: Motion) -> None:
        """The joints, and a figure of thin bones that shows them."""
        gltf = self.gltf
        rest = _rest_places(motion) * _METRE
        corners, faces, carriers = _figure(motion, rest)
        joints = np.zeros((len(corners), 4))
        joints[:, 0] = carriers
        weights = np.tile([1.0, 0, 0, 0], (len(corners), 1))
        attributes = gltf.Attributes(
            POSITION=self.add(corners, kind="VEC3", target=_VERTEX_DATA),
            JOINTS_0=self.add(joints, kind="VEC4", component=_UNSIGNED_SHORT, target=_VERTEX_DATA),
            WEIGHTS_0=self.add(weights, kind="VEC4", target=_VERTEX_DATA),
        )
        indices = self.add(faces.ravel(), kind="SCALAR", component=_UNSIGNED_INT, target=_INDEX_DATA)
        self.meshes.append(
            gltf.Mesh(name="figure", primitives=[gltf.Primitive(attributes=attributes, indices=indices)])
        )
        # Column by column; in the T-pose no node is turned.
        inverse = np.tile(np.eye(4), (len(rest), 1, 1))
        inverse[:, 3, :3] = -rest
        matrices = self.add(inverse, kind="MAT4")
        self.skins.append(gltf.Skin(joints=list(range(len(rest))), skeleton=0, inverseBindMatrices=matrices))

    def add_animation(self, motion: Motion, times: Float[np.ndarray, "T"]) -> None:
        gltf = self.gltf
        animation = gltf.Animation(name="motion")
        at = self.add(times, kind="SCALAR")
        turning = [node for node in range(len(motion.names)) if node not in motion.leaves]
        tracks = [(0, "translation", self.add(motion.root * _METRE, kind="VEC3"))]
        tracks += [(node, "rotation", self.add(_quaternions(motion, node), kind="VEC4")) for node in turning]
        for node, path, values in tracks:
            animation.samplers.append(gltf.AnimationSampler(input=at, output=values, interpolation="LINEAR"))
            target = gltf.AnimationChannelTarget(node=node, path=path)
            animation.channels.append(gltf.AnimationChannel(sampler=len(animation.samplers) - 1, target=target))
        self.animations.append(animation)


def _quaternions(motion: Motion, node: int) -> Float[np.ndarray, "T 4"]:
    """A node's rotations, x y z w; each in the half of the sphere of the one before, so that none goes the long way."""
    turns = Rotation.from_matrix(motion.rotations[:, node]).as_quat()
    against = np.sum(turns[1:] * turns[:-1], axis=-1) < 0
    signs = np.cumprod(np.concatenate([[1.0], np.where(against, -1.0, 1.0)]))
    return turns * signs[:, None]


def _rest_places(motion: Motion) -> Float[np.ndarray, "K 3"]:
    places = np.zeros((len(motion.names), 3))
    for node, parent in enumerate(motion.parents):
        if parent >= 0:
            places[node] = places[parent] + motion.offsets[node]
    return places


def _figure(
    motion: Motion, rest: Float[np.ndarray, "K 3"]
) -> tuple[Float[np.ndarray, "V 3"], UInt[np.ndarray, "F 3"], Float[np.ndarray, "V"]]:
    """Corners, faces and the node that carries each corner: a double pyramid from each node to its children."""
    corners, faces, carriers = [], [], []
    for node, parent in enumerate(motion.parents):
        bone = rest[node] - rest[max(parent, 0)]
        length = float(np.linalg.norm(bone))
        if parent < 0 or length == 0:
            continue
        side = np.cross(bone, np.eye(3)[np.abs(bone).argmin()])
        side *= _WIDTH * length / np.linalg.norm(side)
        across = np.cross(bone / length, side)
        waist = [rest[parent] + _WAIST * bone + step for step in (side, across, -side, -across)]
        first = len(corners)
        corners += [rest[parent], *waist, rest[node]]
        carriers += [parent] * 6
        for one, other in ((1, 2), (2, 3), (3, 4), (4, 1)):
            faces += [(first, first + other, first + one), (first + 5, first + one, first + other)]
    return np.array(corners), np.array(faces, np.uint32), np.array(carriers, float)
