import numpy as np
import pytest

from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.action import Action
from prepose.synthetic.anatomy import ANGLE_INDEX, ANGLES, segment_turns, within_limits
from prepose.synthetic.contact import FLESH, FLESH_OF_JOINT, PAIR_NAMES, lowest_point, penetrations, settle, sinking
from prepose.synthetic.motion import ACTIONS, draw_angles
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


FEET = ("l_ankle", "r_ankle", "l_toe", "r_toe")


def standing(**degrees: float) -> np.ndarray:
    angles = np.zeros(len(ANGLES))
    for name, value in degrees.items():
        angles[ANGLE_INDEX[name]] = value
    return angles


def soles(angles: np.ndarray) -> dict[str, float]:
    """Heights (statures) of the flesh under each joint."""
    joints, _ = pose_joints(PERSON, BodyPose(segment_turns(angles), np.zeros(3)))
    return dict(zip(PREPOSE_27.joints, joints[:, 2] / PERSON.height - FLESH_OF_JOINT, strict=True))


def test_nothing_changes_without_supports():
    angles = standing(r_knee_flexion=40)
    np.testing.assert_array_equal(settle(angles, Action(), PERSON), angles)


def test_a_body_on_two_feet_stands_on_both_with_level_soles():
    action = Action(supports=FEET, balanced=True, soles="rl")
    settled = soles(settle(standing(pelvis_roll=5, r_hip_abduction=8, r_hip_flexion=10), action, PERSON))
    assert max(settled[name] for name in FEET) - min(settled[name] for name in FEET) < 0.012


@pytest.mark.parametrize("action", ["standing", "bending", "crouching", "reaching_forward", "kicking", "balancing"])
def test_the_mass_of_a_balanced_body_is_above_its_supports(action):
    generator = np.random.default_rng(0)
    supports = [PREPOSE_27.index(name) for name in ACTIONS[action].supports]
    for _ in range(10):
        angles = settle(draw_angles(generator, action), ACTIONS[action], PERSON)
        joints, _ = pose_joints(PERSON, BodyPose(segment_turns(angles), np.zeros(3)))
        trunk = joints[[PREPOSE_27.index(name) for name in ("pelvis", "spine", "thorax", "r_knee", "l_knee")]]
        drift = (trunk.mean(axis=0) - joints[supports].mean(axis=0))[:2] / PERSON.height
        assert np.linalg.norm(drift) < 0.16


@pytest.mark.parametrize("action", ["push_up", "lying_on_back", "sitting_ground"])
def test_supports_come_level(action):
    generator = np.random.default_rng(1)
    for _ in range(10):
        drawn = draw_angles(generator, action)
        drawn[ANGLE_INDEX["pelvis_pitch"]] += 15
        settled = settle(drawn, ACTIONS[action], PERSON)
        before, after = (
            np.ptp([soles(angles)[name] for name in ACTIONS[action].supports]) for angles in (drawn, settled)
        )
        assert after < 0.75 * before or after < 0.05


def test_settling_keeps_the_limits():
    generator = np.random.default_rng(2)
    for name, action in ACTIONS.items():
        angles = settle(draw_angles(generator, name), action, PERSON)
        assert within_limits(BodyPose(segment_turns(angles), np.zeros(3)))


def test_sinking_is_how_far_a_limb_reaches_below_the_supports():
    action = Action(supports=("r_hip", "l_hip"))
    joints, _ = pose_joints(PERSON, BodyPose(segment_turns(standing()), np.zeros(3)))
    joints = joints / PERSON.height
    heights = joints[:, 2] - FLESH_OF_JOINT
    assert sinking(joints, action) == pytest.approx(heights[PREPOSE_27.index("r_hip")] - heights.min())
    assert sinking(joints, Action()) == 0
