import pytest

from prepose.body.skeleton import Provenance, joint_map
from prepose.body.skeletons import MPII_16, SKELETONS, get_skeleton
from prepose.errors import SkeletonMismatch


@pytest.mark.parametrize("name", SKELETONS)
def test_a_skeleton_is_found_by_its_name_which_ends_in_its_number_of_joints(name):
    skeleton = get_skeleton(name)
    assert skeleton.name == name
    assert len(skeleton) == int(name.rsplit("-", 1)[1].removesuffix("b"))


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
    # Halpe-FullBody's and COCO-WholeBody's pages, OpenPose's poseParameters.cpp, MediaPipe's pose landmarker guide.
    "crowdpose-14": {"l_shoulder": 0, "r_ankle": 11, "head": 12, "neck": 13},
    "ai-challenger-14": {"r_shoulder": 0, "l_wrist": 5, "r_hip": 6, "l_ankle": 11, "head_top": 12, "neck": 13},
    "jhmdb-15": {"neck": 0, "belly": 1, "head": 2, "r_shoulder": 3, "r_hip": 5, "l_wrist": 12, "l_ankle": 14},
    "penn-action-13": {"head": 0, "r_shoulder": 1, "l_shoulder": 2, "r_hip": 7, "l_ankle": 12},
    "posetrack-15": {"r_ankle": 0, "r_wrist": 6, "head_bottom": 12, "nose": 13, "head_top": 14},
    "posetrack-17": {"nose": 0, "head_bottom": 1, "head_top": 2, "l_ear": 3, "l_shoulder": 5, "r_ankle": 16},
    "halpe-26": {"r_ankle": 16, "head_top": 17, "neck": 18, "pelvis": 19, "l_big_toe": 20, "r_small_toe": 23},
    "halpe-136": {"r_heel": 25, "r_jaw_1": 26, "chin": 34, "l_jaw_1": 42, "l_hand_root": 94, "r_hand_root": 115},
    "coco-wholebody-133": {
        "l_big_toe": 17,
        "l_heel": 19,
        "r_big_toe": 20,
        "r_jaw_1": 23,
        "r_brow_1": 40,
        "l_brow_1": 49,
        "nose_base": 56,
        "r_eye_1": 59,
        "l_eye_1": 68,
        "r_outer_lip_1": 71,
        "l_outer_lip_1": 77,
        "outer_lip_bottom": 80,
        "r_inner_lip_1": 83,
        "l_inner_lip_1": 87,
        "r_inner_lip_3": 90,
        "l_hand_root": 91,
        "l_thumb1": 92,
        "r_hand_root": 112,
        "r_pinky_finger4": 132,
    },
    "openpose-25": {"neck": 1, "r_shoulder": 2, "pelvis": 8, "l_hip": 12, "r_eye": 15, "l_big_toe": 19, "r_heel": 24},
    "openpose-25b": {"l_shoulder": 5, "upper_neck": 17, "head_top": 18, "l_big_toe": 19, "r_heel": 24},
    "mediapipe-33": {
        "l_eye": 2,
        "l_ear": 7,
        "l_mouth": 9,
        "l_wrist": 15,
        "l_thumb": 21,
        "l_hip": 23,
        "r_foot_index": 32,
    },
    "spin-24": {
        "r_ankle": 0,
        "neck": 12,
        "pelvis": 14,
        "spine": 16,
        "nose_neck": 17,
        "head": 18,
        "nose": 19,
        "r_ear": 23,
    },
    "flic-29": {"l_hip": 6, "l_ankle": 8, "nose": 16, "mid_torso": 20, "r_lower_leg": 28},
}


@pytest.mark.parametrize(("name", "joints"), ORDERS.items(), ids=ORDERS)
def test_joint_order_is_that_of_the_dataset(name, joints):
    assert {joint: get_skeleton(name).index(joint) for joint in joints} == joints


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(SkeletonMismatch, match=r"no skeleton is named 'mpii'.*; known: mpii-16, lsp-14"):
        get_skeleton("mpii")


# Pairs of the 68 face marks (0-based in the face) that are one another's mirror image, from iBUG's drawing.
FACE_PAIRS = (
    (0, 16), (7, 9), (8, 8), (17, 26), (21, 22), (27, 27), (31, 35), (33, 33), (36, 45), (37, 44), (39, 42), (40, 47),
    (41, 46), (48, 54), (50, 52), (51, 51), (55, 59), (56, 58), (57, 57), (60, 64), (61, 63), (62, 62), (65, 67),
)  # fmt: skip


@pytest.mark.parametrize(("name", "first"), [("halpe-136", 26), ("coco-wholebody-133", 23)])
def test_the_face_is_mirrored_mark_by_mark(name, first):
    mirror = get_skeleton(name).mirror[first : first + 68] - first
    assert sorted(mirror) == list(range(68))
    assert [(one, mirror[one]) for one, _ in FACE_PAIRS] == list(FACE_PAIRS)


@pytest.mark.parametrize(
    ("name", "approximate"),
    [
        ("crowdpose-14", {"head_top", "upper_neck"}),
        ("ai-challenger-14", {"upper_neck"}),
        ("jhmdb-15", {"l_hip", "r_hip", "pelvis", "upper_neck", "head_top"}),
        ("penn-action-13", {"head_top"}),
        ("posetrack-17", {"upper_neck"}),
        ("halpe-26", {"l_hip", "r_hip", "pelvis", "upper_neck"}),
        ("coco-wholebody-133", {"l_hip", "r_hip", "pelvis"}),
        ("openpose-25b", {"l_hip", "r_hip", "pelvis"}),
        ("mediapipe-33", {"l_hip", "r_hip", "pelvis"}),
        ("spin-24", {"upper_neck"}),
    ],
)
def test_what_other_datasets_mark_elsewhere_is_approximate_in_mpii(name, approximate):
    mapping = joint_map(get_skeleton(name), MPII_16)
    kinds = dict(zip(MPII_16.joints, mapping.provenance, strict=True))
    assert {joint for joint, kind in kinds.items() if kind == Provenance.APPROXIMATE} == approximate
    assert all(kinds[f"{s}_{end}"] == Provenance.EXACT for s in "lr" for end in ("shoulder", "wrist", "knee", "ankle"))
