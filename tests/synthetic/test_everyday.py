import numpy as np
import pytest

from prepose.synthetic.anatomy import ANGLE_INDEX, ANGLES, base_name, segment_turns, within_limits
from prepose.synthetic.everyday import EVERYDAY, GAIT, GESTURES, LOW, STANDING
from prepose.synthetic.motion import draw_angles
from prepose.synthetic.rig import BodyPose


def course(action, angle):
    """An angle (degrees) over the gait cycle, drawn without spread, in the order of the right hip's flexion."""
    generator = np.random.default_rng(0)
    return np.array([draw_angles(generator, action, breadth=0.0)[ANGLE_INDEX[angle]] for _ in range(300)])


# Winter 1991: ranges of hip and knee at natural cadence; running by Novacheck 1998. Degrees, with a tolerance of 8.
@pytest.mark.parametrize(
    ("action", "angle", "low", "high"),
    [("walking", "r_hip_flexion", -12, 30), ("walking", "l_knee_flexion", 3, 62), ("running", "r_hip_flexion", -14, 60),
     ("running", "l_knee_flexion", 12, 108)],
)  # fmt: skip
def test_gait_goes_over_the_measured_range(action, angle, low, high):
    degrees = course(action, angle)
    assert degrees.min() == pytest.approx(low, abs=8)
    assert degrees.max() == pytest.approx(high, abs=8)


def test_standing_people_have_feet_to_stand_on_and_others_do_not_stride():
    assert all(action.balanced and action.soles == "rl" for action in STANDING.values())
    assert all(action.stride for action in GAIT.values())
    assert not any(action.stride for action in LOW.values())


ARM = {base_name(name) for name in ANGLES if any(part in name for part in ("shoulder", "elbow", "forearm", "wrist"))}


@pytest.mark.parametrize("name", GESTURES)
def test_a_gesture_is_one_an_arm_can_make(name):
    gesture = GESTURES[name]
    assert set(gesture.mean) <= ARM and set(gesture.spread) <= ARM
    assert gesture.other in ("", *GESTURES)
    angles = np.zeros(len(ANGLES))
    for angle, degrees in gesture.mean.items():
        angles[ANGLE_INDEX[f"r_{angle}"]] = angles[ANGLE_INDEX[f"l_{angle}"]] = degrees
    assert within_limits(BodyPose(segment_turns(angles), np.zeros(3)))


def test_everyday_gestures_exist():
    assert set(EVERYDAY) <= set(GESTURES)
