import pytest

from prepose.body.skeletons import SKELETONS, get_skeleton
from prepose.errors import SkeletonMismatch


@pytest.mark.parametrize("name", SKELETONS)
def test_a_skeleton_is_found_by_its_name_which_ends_in_its_number_of_joints(name):
    skeleton = get_skeleton(name)
    assert skeleton.name == name
    assert len(skeleton) == int(name.rsplit("-", 1)[1])


@pytest.mark.parametrize("name", SKELETONS)
def test_limbs_run_from_the_trunk_outwards(name):
    skeleton = get_skeleton(name)
    limbs = [("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")]
    for side in "lr":
        for inner, outer in limbs:
            if f"{side}_{outer}" in skeleton.joints:
                assert (f"{side}_{inner}", f"{side}_{outer}") in skeleton.bones


# Fixed by the datasets' own files: (joint, index).
ORDERS = {
    "mpii-16": {"r_ankle": 0, "pelvis": 6, "head_top": 9, "r_wrist": 10, "l_wrist": 15},
    "lsp-14": {"r_ankle": 0, "r_wrist": 6, "neck": 12, "head_top": 13},
    "h36m-17": {"pelvis": 0, "r_hip": 1, "l_hip": 4, "spine": 7, "l_shoulder": 11, "r_wrist": 16},
    "occlusion-person-15": {"belly": 7, "neck": 8, "l_shoulder": 9, "r_wrist": 14},
    "mpi-inf-3dhp-17": {"head_top": 0, "r_shoulder": 2, "pelvis": 14, "spine": 15, "head": 16},
    "mpi-inf-3dhp-28": {"spine3": 0, "pelvis": 4, "l_wrist": 11, "r_hip": 23, "r_toe": 27},
    "coco-17": {"nose": 0, "l_shoulder": 5, "r_ankle": 16},
    "smpl-24": {"pelvis": 0, "l_hip": 1, "neck": 12, "head": 15, "r_hand": 23},
    "flic-11": {"l_shoulder": 0, "r_wrist": 5, "l_hip": 6, "nose": 10},
    "flic-29": {"l_hip": 6, "l_ankle": 8, "nose": 16, "mid_torso": 20, "r_lower_leg": 28},
}


@pytest.mark.parametrize(("name", "joints"), ORDERS.items(), ids=ORDERS)
def test_joint_order_is_that_of_the_dataset(name, joints):
    assert {joint: get_skeleton(name).index(joint) for joint in joints} == joints


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(SkeletonMismatch, match=r"no skeleton is named 'mpii'; known: mpii-16, lsp-14"):
        get_skeleton("mpii")
