import numpy as np

from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.motion import draw_pose
from prepose.synthetic.rig import mean_proportions, pose_joints
from prepose.synthetic.sports import ANYTHING, SPORT

PERSON = mean_proportions()


def heights(action, joint):
    """Heights (statures) of a joint over ten draws."""
    generator = np.random.default_rng(0)
    index = PREPOSE_27.index(joint)
    poses = [draw_pose(generator, proportions=PERSON, actions=(action,)) for _ in range(10)]
    return np.array([pose_joints(PERSON, pose)[0][index, 2] for pose in poses]) / PERSON.height


def test_sports_stand_hang_and_fly_as_they_should():
    assert (heights("push_up", "pelvis") < 0.35).all()
    assert (heights("on_all_fours", "r_knee") < 0.16).mean() >= 0.8
    assert (heights("handstand", "r_ankle") > 0.8).all()
    assert (heights("balancing", "head_top") > 0.45).all()
    assert any(action.clearance[1] > 0.2 for action in SPORT.values())


def test_anything_is_wide_and_near_the_ground():
    assert ANYTHING["random"].spread["knee_flexion"] >= 30
    assert heights("random", "head").std() > 0.05
