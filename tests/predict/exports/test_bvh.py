import warnings
from dataclasses import replace

import numpy as np
import pytest

from mocap_fakes import moving_person
from prepose.body.skeletons import COCO_17, H36M_17, MPII_16, PREPOSE_27, SMPL_24
from prepose.errors import DataError
from prepose.predict.exports.bvh import write_bvh
from prepose.synthetic.bvh_file import joint_frames, read_bvh

Y_UP = np.array([1.0, -1.0, -1.0])
CM = 10.0  # mm


def read_back(path, joints):
    """(T, J, 3) in the camera's frame, mm, by our reader."""
    return joint_frames(read_bvh(path), joints)[0] * CM * Y_UP


@pytest.mark.parametrize("skeleton", [PREPOSE_27, SMPL_24], ids=lambda each: each.name)
def test_rigid_people_come_back_through_our_reader(tmp_path, skeleton):
    person = moving_person(12, skeleton=skeleton)
    known = [
        name for name, there in zip(skeleton.joints, np.isfinite(person.joints_cam[0, :, 0]), strict=True) if there
    ]
    write_bvh(person, tmp_path / "a.bvh")
    if skeleton is PREPOSE_27:
        np.testing.assert_allclose(read_back(tmp_path / "a.bvh", known), person.joints_cam, atol=0.01)
    assert set(known) <= set(read_bvh(tmp_path / "a.bvh").joints)


def test_rigid_people_come_back_through_an_independent_reader(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # of PyGLM, which bvhio imports by its old name
        import bvhio
    person = moving_person(8, seed=1)
    write_bvh(person, tmp_path / "a.bvh")
    hierarchy = bvhio.readAsHierarchy(str(tmp_path / "a.bvh"))
    for frame, expected in enumerate(person.joints_cam):
        hierarchy.loadPose(frame)
        places = {joint.Name: np.array(joint.PositionWorld) for joint, _, _ in hierarchy.layout()}
        found = np.array([places[name] for name in PREPOSE_27.joints]) * CM * Y_UP
        np.testing.assert_allclose(found, expected, atol=0.1)
    assert bvhio.readAsBvh(str(tmp_path / "a.bvh")).FrameTime == pytest.approx(1 / 25)


def test_bones_keep_their_median_length_and_their_direction(tmp_path):
    person = moving_person(9)
    stretched = person.joints_cam.copy()
    elbow, wrist = PREPOSE_27.index("l_elbow"), PREPOSE_27.index("l_wrist")
    factors = np.linspace(0.8, 1.3, 9)[:, None]
    forearm = stretched[:, wrist] - stretched[:, elbow]
    stretched[:, wrist] = stretched[:, elbow] + factors * forearm
    stretched[:, PREPOSE_27.index("l_hand")] = stretched[:, wrist]
    notes = write_bvh(replace(person, joints_cam=stretched), tmp_path / "a.bvh")
    found = read_back(tmp_path / "a.bvh", ("l_elbow", "l_wrist"))
    bone = found[:, 1] - found[:, 0]
    np.testing.assert_allclose(np.linalg.norm(bone, axis=1), np.linalg.norm(forearm, axis=1) * 1.05, rtol=1e-4)
    np.testing.assert_allclose(bone, forearm * 1.05, atol=0.05)
    assert any("constant bone lengths" in note and "mm at most" in note for note in notes)


def test_the_rest_pose_is_a_t_pose_that_faces_plus_z(tmp_path):
    write_bvh(moving_person(3), tmp_path / "a.bvh")
    bvh = read_bvh(tmp_path / "a.bvh")
    rest = replace(bvh, frames=np.zeros((1, bvh.frames.shape[1])))
    place = dict(zip(bvh.joints, joint_frames(rest, bvh.joints)[0][0], strict=True))
    assert place["l_wrist"][0] > 50 and place["r_wrist"][0] < -50
    assert place["head_top"][1] > 50 and place["l_ankle"][1] < -70
    assert place["nose"][2] > 5 and place["l_toe"][2] > 10
    assert place["l_wrist"][1] == pytest.approx(place["l_shoulder"][1])


def test_channels_are_positions_of_the_root_and_zxy_rotations(tmp_path):
    write_bvh(moving_person(3), tmp_path / "a.bvh")
    bvh = read_bvh(tmp_path / "a.bvh")
    turns = ("Zrotation", "Xrotation", "Yrotation")
    assert bvh.channels[0] == ("Xposition", "Yposition", "Zposition", *turns)
    assert {channels for channels in bvh.channels[1:] if channels} == {turns}


def test_missing_joints_are_left_out_and_their_children_hang_from_above(tmp_path):
    person = moving_person(4, skeleton=H36M_17)
    joints = person.joints_cam.copy()
    joints[:, H36M_17.index("spine")] = np.nan
    notes = write_bvh(replace(person, joints_cam=joints), tmp_path / "a.bvh")
    bvh = read_bvh(tmp_path / "a.bvh")
    assert "spine" not in bvh.joints
    assert bvh.joints[bvh.parents[bvh.joints.index("thorax")]] == "pelvis_to_thorax"
    assert any("spine" in note for note in notes)


def test_bones_that_make_no_tree_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"coco-17.*found 3 \(nose, l_shoulder, r_shoulder\)"):
        write_bvh(moving_person(2, skeleton=COCO_17), tmp_path / "a.bvh")
    assert not (tmp_path / "a.bvh").exists()


def test_a_photo_is_one_frame(tmp_path):
    write_bvh(moving_person(1, skeleton=MPII_16), tmp_path / "a.bvh")
    bvh = read_bvh(tmp_path / "a.bvh")
    assert len(bvh.frames) == 1 and bvh.frame_time == pytest.approx(1 / 30)


def test_another_frame_rate(tmp_path):
    person = moving_person(11)
    notes = write_bvh(person, tmp_path / "a.bvh", fps=50.0)
    found = read_back(tmp_path / "a.bvh", ("pelvis",))
    assert len(found) == 21 and read_bvh(tmp_path / "a.bvh").frame_time == pytest.approx(0.02)
    np.testing.assert_allclose(found[::2, 0], person.joints_cam[:, 0], atol=0.01)
    assert any("50 frames/s" in note for note in notes)
