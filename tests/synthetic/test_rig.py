import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from prepose.body.pose import bone_lengths, mirror
from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.rig import (
    CARRIER,
    SEGMENT_NAMES,
    SEGMENTS,
    BodyPose,
    draw_proportions,
    mean_proportions,
    pose_joints,
    segment_rotations,
)


def at(joints: np.ndarray, name: str) -> np.ndarray:
    return joints[PREPOSE_27.index(name)]


def any_pose(seed: int) -> BodyPose:
    return BodyPose(Rotation.random(len(SEGMENTS), random_state=seed).as_matrix(), np.array([10.0, -20.0, 900.0]))


def test_every_joint_rides_on_one_segment():
    carried = [joint for segment in SEGMENTS for joint in segment.carries]
    assert sorted(carried) == sorted(PREPOSE_27.joints)
    assert all(joint in SEGMENTS[CARRIER[i]].carries for i, joint in enumerate(PREPOSE_27.joints))


def test_parents_come_first():
    for i, segment in enumerate(SEGMENTS):
        assert segment.parent is None or SEGMENT_NAMES.index(segment.parent) < i


@pytest.mark.parametrize("seed", range(5))
def test_posing_keeps_the_lengths_of_bones(seed):
    person = draw_proportions(np.random.default_rng(seed))
    joints, _ = pose_joints(person, any_pose(seed))
    np.testing.assert_allclose(bone_lengths(joints, PREPOSE_27), bone_lengths(person.rest, PREPOSE_27), atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_segments_carry_their_joints_and_hold_their_parents(seed):
    person = draw_proportions(np.random.default_rng(seed))
    pose = any_pose(seed)
    joints, world_from_rest = pose_joints(person, pose)
    for segment, matrix in zip(SEGMENTS, world_from_rest, strict=True):
        for joint in (segment.origin, *segment.carries):
            moved = matrix[:3, :3] @ at(person.rest, joint) + matrix[:3, 3]
            np.testing.assert_allclose(moved, at(joints, joint), atol=1e-9)
    np.testing.assert_allclose(at(joints, "pelvis"), pose.pelvis_world)


def test_the_rest_pose_is_the_identity():
    person = mean_proportions()
    still = BodyPose(np.tile(np.eye(3), (len(SEGMENTS), 1, 1)), np.zeros(3))
    joints, world_from_rest = pose_joints(person, still)
    np.testing.assert_allclose(joints, person.rest, atol=1e-12)
    np.testing.assert_allclose(world_from_rest, np.tile(np.eye(4), (len(SEGMENTS), 1, 1)), atol=1e-12)


def test_rotations_of_many_poses_are_those_of_each():
    many = np.stack([any_pose(seed).local for seed in range(4)])
    for one, turned in zip(many, segment_rotations(many), strict=True):
        np.testing.assert_allclose(segment_rotations(one), turned, atol=1e-12)


def test_the_rest_pose_faces_forward_with_the_right_hand_to_the_right():
    rest = mean_proportions().rest
    assert at(rest, "r_wrist")[0] > 0 > at(rest, "l_wrist")[0]
    assert at(rest, "nose")[1] > at(rest, "head")[1]
    assert at(rest, "r_toe")[1] > at(rest, "r_ankle")[1]
    assert at(rest, "head_top")[2] == rest[:, 2].max()


@pytest.mark.parametrize("seed", range(3))
def test_a_build_is_symmetric(seed):
    rest = draw_proportions(np.random.default_rng(seed)).rest
    np.testing.assert_allclose(mirror(rest, PREPOSE_27), rest, atol=1e-9)


def test_statures_and_ratios_spread_as_people_do():
    generator = np.random.default_rng(0)
    people = [draw_proportions(generator) for _ in range(400)]
    heights = np.array([person.height for person in people])
    assert heights.min() >= 1450 and heights.max() <= 2000
    assert 60 < heights.std() < 120
    legs = [np.linalg.norm(at(p.rest, "r_knee") - at(p.rest, "r_hip")) / p.height for p in people]
    assert 0.01 < np.std(legs) / np.mean(legs) < 0.06


def test_a_given_stature_is_kept():
    person = draw_proportions(np.random.default_rng(1), 1600.0)
    assert person.height == 1600.0
    sole_to_ankle = 0.039 * 1600
    crown_to_ankle = at(person.rest, "head_top")[2] - at(person.rest, "r_ankle")[2]
    assert crown_to_ankle + sole_to_ankle == pytest.approx(1600, abs=20)
