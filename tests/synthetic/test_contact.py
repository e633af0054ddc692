import numpy as np
import pytest

from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.anatomy import ANGLE_INDEX, ANGLES, segment_turns
from prepose.synthetic.contact import FLESH, PAIR_NAMES, lowest_point, penetrations
from prepose.synthetic.rig import BodyPose, mean_proportions, pose_joints

PERSON = mean_proportions()


def joints_of(**degrees: float) -> np.ndarray:
    angles = np.zeros(len(ANGLES))
    for name, value in degrees.items():
        angles[ANGLE_INDEX[name]] = value
    return pose_joints(PERSON, BodyPose(segment_turns(angles), np.zeros(3)))[0]


def test_every_joint_has_flesh():
    assert set(FLESH) == set(PREPOSE_27.joints)
    assert all(0 < radius < 0.07 for radius in FLESH.values())


def test_nothing_overlaps_in_the_rest_pose_and_when_standing():
    assert penetrations(PERSON.rest, PERSON.height).max() < 0
    standing = joints_of(r_shoulder_elevation=10, l_shoulder_elevation=10, r_hip_abduction=4, l_hip_abduction=4)
    assert penetrations(standing, PERSON.height).max() < 0.01


@pytest.mark.parametrize(
    ("pose", "pair"),
    [
        ({"r_shoulder_elevation": 20, "r_shoulder_plane": 90, "r_shoulder_rotation": -80, "r_elbow_flexion": 140},
         "spine-thorax x r_wrist-r_hand"),
        ({"r_hip_abduction": -25}, "l_hip-l_knee x r_knee-r_ankle"),
        ({"r_hip_flexion": 130, "trunk_flexion": 75}, "spine-thorax x r_hip-r_knee"),
    ],
)  # fmt: skip
def test_limbs_inside_each_other_are_found(pose, pair):
    assert penetrations(joints_of(**pose), PERSON.height)[PAIR_NAMES.index(pair)] > 0.01


def test_penetration_is_the_overlap_of_capsules():
    joints = np.arange(27 * 3, dtype=float).reshape(27, 3) * 1000  # everything far apart
    index = PREPOSE_27.index
    joints[index("l_elbow")], joints[index("l_wrist")] = (0, 0, 0), (300, 0, 0)
    joints[index("r_elbow")], joints[index("r_wrist")] = (150, -100, 30), (150, 100, 30)
    overlap = penetrations(joints, 1000.0)[PAIR_NAMES.index("l_elbow-l_wrist x r_elbow-r_wrist")]
    assert overlap == pytest.approx(0.040 - 0.030)


def test_the_lowest_point_is_the_sole_of_a_standing_body():
    joints = joints_of()
    ankle = joints[PREPOSE_27.index("r_ankle"), 2]
    assert lowest_point(joints, PERSON.height) == pytest.approx(ankle - 0.039 * PERSON.height, abs=3)
    raised = joints + np.array([0, 0, 55.0])
    assert lowest_point(raised, PERSON.height) == pytest.approx(lowest_point(joints, PERSON.height) + 55)
