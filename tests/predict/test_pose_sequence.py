from dataclasses import replace

import numpy as np
import pytest

from prepose.body.skeletons import MPII_16
from prepose.camera.camera import camera_from_field_of_view
from prepose.predict.pose_sequence import JointMark, PoseSequence


@pytest.fixture
def walk():
    """Four frames of a video with 25 frames/s; in frame 2 the person was not found."""
    frames = np.array([0, 1, 3, 4])
    joints = np.random.default_rng(0).normal(0, 300, (4, 16, 3)) + np.array([0.0, 0, 4000])
    camera = camera_from_field_of_view((640, 480), 55.0)
    return PoseSequence(
        source="walk.mp4",
        person=2,
        skeleton=MPII_16,
        provenance=("exact",) * 16,
        frames=frames,
        times=frames / 25,
        joints_img=camera.project(joints),
        joints_cam=joints,
        root_cam=joints[:, MPII_16.root_index],
        confidence=np.ones((4, 16)),
        marks=np.full((4, 16), JointMark.OK, np.uint8),
        boxes_xywh=np.tile([10.0, 10, 100, 200], (4, 1)),
        camera=camera,
        camera_rule="assumed",
        scale_rule="mean-person",
    )


def test_the_root_is_the_origin_of_the_relative_joints(walk):
    np.testing.assert_array_equal(walk.joints_root[:, MPII_16.root_index], np.zeros((4, 3)))
    np.testing.assert_allclose(walk.joints_root + walk.root_cam[:, None], walk.joints_cam)


def test_the_frame_rate_is_that_of_the_source_where_frames_are_missing(walk):
    assert len(walk) == 4
    assert walk.frame_rate == pytest.approx(25)


def test_a_photo_has_no_frame_rate(walk):
    arrays = {name: value[:1] for name, value in vars(walk).items() if isinstance(value, np.ndarray)}
    photo = replace(walk, **arrays)
    assert len(photo) == 1 and np.isnan(photo.frame_rate)


def test_it_is_shown_in_one_short_line(walk):
    assert repr(walk) == "PoseSequence('walk.mp4', person 2, mpii-16, 4 frames, 0.00 to 0.16 s)"


def test_times_that_do_not_ascend_are_an_error(walk):
    with pytest.raises(ValueError, match="times and frames must ascend"):
        replace(walk, times=walk.times[::-1].copy())


def test_each_joint_has_its_provenance(walk):
    with pytest.raises(ValueError, match="16 joints, 2 of known provenance"):
        replace(walk, provenance=("exact", "missing"))
