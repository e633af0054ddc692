import numpy as np
import pytest

from prepose.body.skeletons import COCO_17, LSP_14, MPII_16, SKELETONS
from prepose.metrics.keypoints_2d import box_lengths, correct_keypoints, head_lengths, pixel_errors, torso_lengths


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_the_torso_runs_from_left_shoulder_to_right_hip(skeleton):
    joints = np.zeros((2, len(skeleton), 2))
    joints[0, skeleton.index("l_shoulder")] = 30, 0
    joints[0, skeleton.index("r_hip")] = 0, 40
    lengths = torso_lengths(joints, skeleton)
    assert lengths[0] == pytest.approx(50)
    assert np.isnan(lengths[1]), "both ends in one place: there is no length to judge by"


def test_a_torso_without_its_hip_has_no_length():
    joints = np.ones((1, len(LSP_14), 2))
    joints[0, LSP_14.index("r_hip")] = np.nan
    assert np.isnan(torso_lengths(joints, LSP_14)).all()


def test_box_and_head_lengths():
    assert box_lengths(np.array([[5.0, 6.0, 30.0, 80.0]])) == pytest.approx([80])
    assert head_lengths(np.array([[0.0, 0.0, 30.0, 40.0]])) == pytest.approx([30])
    assert np.isnan(head_lengths(np.full((1, 4), np.nan))).all()
    assert np.isnan(box_lengths(np.zeros((1, 4)))).all()


def test_joints_are_right_up_to_their_share_of_the_length():
    errors = np.array([[9.9, 10.0, 10.1, np.nan], [1.0, 1.0, 1.0, 1.0]])
    found = correct_keypoints(errors, np.array([50.0, np.nan]), 0.2)
    np.testing.assert_array_equal(found, [[1, 1, 0, np.nan], [np.nan] * 4])


@pytest.mark.parametrize("skeleton", [MPII_16, COCO_17], ids=lambda s: s.name)
def test_pixel_errors_are_distances(skeleton):
    truth = np.random.default_rng(0).uniform(0, 100, (3, len(skeleton), 2))
    mask = np.ones(truth.shape[:2], bool)
    mask[:, 2] = False
    errors = pixel_errors(truth + np.array([3.0, 4.0]), truth, mask)
    assert np.isnan(errors[:, 2]).all()
    assert errors[:, 0] == pytest.approx(5 * np.ones(3))
