import numpy as np
import pytest

from prepose.synthetic.anatomy import ANGLE_INDEX, ANGLES, base_name, segment_turns, within_limits
from prepose.synthetic.gestures import EVERYDAY, GESTURES
from prepose.synthetic.rig import BodyPose

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
