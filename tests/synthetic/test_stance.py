import numpy as np
import pytest

from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.action import Action
from prepose.synthetic.actions import ACTIONS
from prepose.synthetic.anatomy import ANGLE_INDEX, ANGLES, segment_turns, within_limits
from prepose.synthetic.contact import FLESH_OF_JOINT
from prepose.synthetic.motion import draw_angles
from prepose.synthetic.rig import BodyPose, mean_proportions, pose_joints
from prepose.synthetic.stance import settle, sinking

PERSON = mean_proportions()
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
