import sys

import numpy as np
import pygltflib
import pytest
from scipy.spatial.transform import Rotation, Slerp

from mocap_fakes import moving_person
from prepose.body.skeletons import COCO_17, PREPOSE_27
from prepose.errors import DataError
from prepose.predict.exports.gltf import write_gltf

Y_UP = np.array([1.0, -1.0, -1.0])
MM = 1000  # per m
TYPES = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
COMPONENTS = {5126: np.float32, 5123: np.uint16, 5125: np.uint32}


class Read:
    """A glTF file as a viewer plays it."""

    def __init__(self, path):
        self.gltf = pygltflib.GLTF2().load(str(path))
        self.blob = self.gltf.binary_blob()

    def array(self, index):
        accessor = self.gltf.accessors[index]
        view = self.gltf.bufferViews[accessor.bufferView]
        count = accessor.count * TYPES[accessor.type]
        return np.frombuffer(self.blob, COMPONENTS[accessor.componentType], count, view.byteOffset).reshape(
            accessor.count, -1
        )

    def matrices(self, time):
        """Node -> its 4 x 4 matrix in the scene at a time."""
        moved = {}
        animation = self.gltf.animations[0]
        for channel in animation.channels:
            sampler = animation.samplers[channel.sampler]
            times, values = self.array(sampler.input)[:, 0], self.array(sampler.output)
            if channel.target.path == "rotation":
                value = Slerp(times, Rotation.from_quat(values))(time).as_quat() if len(times) > 1 else values[0]
            else:
                value = [np.interp(time, times, column) for column in values.T]
            moved[channel.target.node, channel.target.path] = value
        found = {}

        def visit(node, above):
            own = self.gltf.nodes[node]
            local = np.eye(4)
            local[:3, 3] = moved.get((node, "translation"), own.translation)
            local[:3, :3] = Rotation.from_quat(moved.get((node, "rotation"), own.rotation)).as_matrix()
            found[node] = above @ local
            for child in own.children or ():
                visit(child, found[node])

        visit(self.gltf.scenes[0].nodes[0], np.eye(4))
        return found

    def places(self, time):
        return {self.gltf.nodes[node].name: matrix[:3, 3] for node, matrix in self.matrices(time).items()}


def test_rigid_people_come_back_through_forward_kinematics(tmp_path):
    person = moving_person(6, times=np.array([3, 3.04, 3.1, 3.2, 3.22, 3.3]))
    notes = write_gltf(person, tmp_path / "a.glb")
    read = Read(tmp_path / "a.glb")
    for time, expected in zip(person.times - 3, person.joints_cam, strict=True):
        places = read.places(np.float32(time))
        found = np.array([places[name] for name in PREPOSE_27.joints]) * MM * Y_UP
        np.testing.assert_allclose(found, expected, atol=0.1)
    assert notes == ["starts at 3.000 s of the source"]
    assert read.gltf.asset.extras["starts_at_s"] == 3


def test_the_figure_moves_with_the_joints(tmp_path):
    person = moving_person(3)
    write_gltf(person, tmp_path / "a.glb")
    read = Read(tmp_path / "a.glb")
    primitive, skin = read.gltf.meshes[0].primitives[0], read.gltf.skins[0]
    corners = np.c_[
        read.array(primitive.attributes.POSITION), np.ones(read.array(primitive.attributes.POSITION).shape[0])
    ]
    carriers = read.array(primitive.attributes.JOINTS_0)[:, 0]
    assert (read.array(primitive.attributes.WEIGHTS_0) == [1, 0, 0, 0]).all()
    inverse = read.array(skin.inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
    matrices = read.matrices(np.float32(person.times[2]))
    moved = np.array(
        [matrices[skin.joints[node]] @ inverse[node] @ corner for node, corner in zip(carriers, corners, strict=True)]
    )[:, :3]
    for joint, place in zip(PREPOSE_27.joints, person.joints_cam[2] * Y_UP / MM, strict=True):
        assert np.linalg.norm(moved - place, axis=1).min() < 1e-3, joint


def test_faces_look_outwards(tmp_path):
    write_gltf(moving_person(2), tmp_path / "a.glb")
    read = Read(tmp_path / "a.glb")
    primitive = read.gltf.meshes[0].primitives[0]
    corners, faces = read.array(primitive.attributes.POSITION), read.array(primitive.indices).reshape(-1, 8, 3)
    for bone in faces:
        triangles = corners[bone].astype(float)
        centre = corners[np.unique(bone)].mean(axis=0)
        volume = np.linalg.det(triangles - centre).sum() / 6
        assert volume > 0


def test_bounds_are_those_of_the_numbers(tmp_path):
    write_gltf(moving_person(4), tmp_path / "a.glb")
    read = Read(tmp_path / "a.glb")
    for index, accessor in enumerate(read.gltf.accessors):
        if accessor.min:
            np.testing.assert_allclose(read.array(index).min(axis=0), accessor.min)
            np.testing.assert_allclose(read.array(index).max(axis=0), accessor.max)
    times = read.gltf.accessors[read.gltf.animations[0].samplers[0].input]
    assert times.min == [0] and times.max == pytest.approx([0.12])


def test_a_photo_is_one_key_frame(tmp_path):
    person = moving_person(1)
    write_gltf(person, tmp_path / "a.glb")
    found = Read(tmp_path / "a.glb").places(0)["l_wrist"] * MM * Y_UP
    np.testing.assert_allclose(found, person.joints_cam[0, PREPOSE_27.index("l_wrist")], atol=0.1)


def test_what_cannot_be_written(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="coco-17"):
        write_gltf(moving_person(2, skeleton=COCO_17), tmp_path / "a.glb")
    monkeypatch.setitem(sys.modules, "pygltflib", None)
    with pytest.raises(DataError, match=r"pygltflib; pip install 'prepose\[mocap\]'"):
        write_gltf(moving_person(2), tmp_path / "a.glb")
    assert list(tmp_path.iterdir()) == []
