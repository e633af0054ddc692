import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mocap_fakes import moving_person
from prepose.body.skeletons import PREPOSE_27, SKELETONS
from prepose.errors import DataError
from prepose.predict.exports.motion import at_constant_rate, check_tree, euler_zxy, rigid_motion, y_up


def test_y_up_is_a_rotation_of_the_camera():
    np.testing.assert_array_equal(y_up(np.eye(3)), np.diag([1.0, -1, -1]))
    assert np.linalg.det(y_up(np.eye(3))) == 1


def test_rows_at_a_constant_rate_stay_as_they_are_though_time_stamps_are_rounded():
    frames = np.arange(40)
    person = moving_person(40, frames=frames, times=2.0 + np.round(frames / 29.97, 3))
    track = at_constant_rate(person)
    assert track.rate == pytest.approx(29.97, rel=1e-3) and track.found.all()
    np.testing.assert_array_equal(track.joints, y_up(person.joints_cam))
    assert list(track.notes) == ["starts at 2.000 s of the source"]


def test_frames_without_the_person_are_interpolated_and_marked():
    person = moving_person(4, frames=np.array([0, 1, 3, 4]))
    track = at_constant_rate(person)
    assert track.rate == pytest.approx(25)
    assert track.found.tolist() == [True, True, False, True, True]
    np.testing.assert_allclose(track.joints[2], y_up(person.joints_cam[1:3].mean(axis=0)))
    np.testing.assert_allclose(track.times, np.arange(5) / 25)


def test_uneven_time_stamps_are_resampled_and_said():
    times = np.array([0, 0.04, 0.11, 0.2])
    person = moving_person(4, times=times)
    track = at_constant_rate(person)
    assert track.rate == pytest.approx(3 / 0.2) and track.found.all()
    expected = [np.interp(track.times, times, person.joints_cam[:, 3, axis]) for axis in range(3)]
    np.testing.assert_allclose(track.joints[:, 3], y_up(np.stack(expected, axis=-1)))
    assert "15 frames/s" in track.notes[0]


def test_a_rate_must_be_positive():
    with pytest.raises(ValueError, match="found 0"):
        at_constant_rate(moving_person(3), fps=0.0)


def test_every_rotation_is_one_and_bones_turn_no_more_than_they_must():
    person = moving_person(5)
    motion = rigid_motion(person, y_up(person.joints_cam))
    turns = motion.rotations.reshape(-1, 3, 3)
    np.testing.assert_allclose(turns @ turns.swapaxes(1, 2), np.broadcast_to(np.eye(3), turns.shape), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(turns), 1)
    # The knee's rotation is the angle between thigh and shin, which in the rest pose is nearly 0.
    knee = motion.names.index("l_knee")
    found = np.rad2deg(Rotation.from_matrix(motion.rotations[:, knee]).magnitude())
    hip, at, ankle = (person.joints_cam[:, PREPOSE_27.index(f"l_{name}")] for name in ("hip", "knee", "ankle"))
    cosine = np.sum((at - hip) * (ankle - at), axis=1)
    cosine /= np.linalg.norm(at - hip, axis=1) * np.linalg.norm(ankle - at, axis=1)
    np.testing.assert_allclose(found, np.rad2deg(np.arccos(cosine)), atol=4)


def test_a_limb_opposite_to_its_rest_pose_is_turned_by_180_degrees():
    person = moving_person(3)
    joints = person.joints_cam.copy()
    shoulder, elbow, wrist = (PREPOSE_27.index(f"l_{name}") for name in ("shoulder", "elbow", "wrist"))
    joints[:, wrist] = joints[:, elbow] + (joints[:, shoulder] - joints[:, elbow]) * 0.8
    motion = rigid_motion(person, y_up(joints))
    places, _ = motion.places()
    found = places[:, motion.names.index("l_wrist")] - places[:, motion.names.index("l_elbow")]
    wanted = y_up(joints[:, wrist] - joints[:, elbow])
    cosine = np.sum(found * wanted, axis=1) / np.linalg.norm(found, axis=1) / np.linalg.norm(wanted, axis=1)
    np.testing.assert_allclose(cosine, 1)


def test_joints_in_one_place_are_no_bone_to_turn():
    person = moving_person(3)
    joints = person.joints_cam.copy()
    joints[:, PREPOSE_27.index("l_hand")] = joints[:, PREPOSE_27.index("l_wrist")]
    motion = rigid_motion(person, y_up(joints))
    assert np.isfinite(motion.rotations).all()


def test_euler_angles_have_no_jumps_and_survive_gimbal_lock():
    angles = np.stack([np.linspace(0, 720, 60), np.full(60, 90.0), np.zeros(60)], axis=1)
    turns = Rotation.from_euler("ZXY", angles, degrees=True).as_matrix()
    found = euler_zxy(turns)
    np.testing.assert_allclose(Rotation.from_euler("ZXY", found, degrees=True).as_matrix(), turns, atol=1e-6)
    assert np.abs(np.diff(found, axis=0)).max() < 20


@pytest.mark.parametrize("skeleton", [each for each in SKELETONS.values() if each.root], ids=lambda each: each.name)
def test_every_skeleton_with_a_root_is_a_tree(skeleton):
    check_tree(skeleton)


def test_two_tops_are_refused():
    with pytest.raises(DataError, match="flic-11"):
        check_tree(SKELETONS["flic-11"])
