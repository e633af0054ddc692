"""Every skeleton of the field, by name. Joint orders are those of the datasets' own files (0-based)."""

from itertools import pairwise
from types import MappingProxyType

from prepose.body.skeleton import Skeleton
from prepose.errors import SkeletonMismatch, unknown_name


def _limbs(*, head: tuple[tuple[str, str], ...], trunk: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    arms = tuple((f"{s}_{a}", f"{s}_{b}") for s in "rl" for a, b in (("shoulder", "elbow"), ("elbow", "wrist")))
    legs = tuple((f"{s}_{a}", f"{s}_{b}") for s in "rl" for a, b in (("hip", "knee"), ("knee", "ankle")))
    return trunk + head + arms + legs


def _pairs(parent: str, child: str) -> tuple[tuple[str, str], ...]:
    return (parent, f"r_{child}"), (parent, f"l_{child}")


MPII_16 = Skeleton(
    name="mpii-16",
    joints=(
        "r_ankle", "r_knee", "r_hip", "l_hip", "l_knee", "l_ankle", "pelvis", "thorax",
        "upper_neck", "head_top", "r_wrist", "r_elbow", "r_shoulder", "l_shoulder", "l_elbow", "l_wrist",
    ),
    bones=_limbs(
        trunk=(*_pairs("pelvis", "hip"), ("pelvis", "thorax"), *_pairs("thorax", "shoulder")),
        head=(("thorax", "upper_neck"), ("upper_neck", "head_top")),
    ),
    root="pelvis",
)  # fmt: skip

LSP_14 = Skeleton(
    name="lsp-14",
    joints=(
        "r_ankle", "r_knee", "r_hip", "l_hip", "l_knee", "l_ankle",
        "r_wrist", "r_elbow", "r_shoulder", "l_shoulder", "l_elbow", "l_wrist", "neck", "head_top",
    ),
    bones=_limbs(trunk=(*_pairs("neck", "shoulder"), *_pairs("neck", "hip")), head=(("neck", "head_top"),)),
    root=None,
)  # fmt: skip

H36M_17 = Skeleton(
    name="h36m-17",
    joints=(
        "pelvis", "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle", "spine", "thorax", "nose_neck",
        "head_top", "l_shoulder", "l_elbow", "l_wrist", "r_shoulder", "r_elbow", "r_wrist",
    ),
    bones=_limbs(
        trunk=(*_pairs("pelvis", "hip"), ("pelvis", "spine"), ("spine", "thorax"), *_pairs("thorax", "shoulder")),
        head=(("thorax", "nose_neck"), ("nose_neck", "head_top")),
    ),
    root="pelvis",
)  # fmt: skip

OCCLUSION_PERSON_15 = Skeleton(
    name="occlusion-person-15",
    joints=(
        "pelvis", "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle", "belly", "neck",
        "l_shoulder", "l_elbow", "l_wrist", "r_shoulder", "r_elbow", "r_wrist",
    ),
    bones=_limbs(
        trunk=(*_pairs("pelvis", "hip"), ("pelvis", "belly"), ("belly", "neck"), *_pairs("neck", "shoulder")), head=()
    ),
    root="pelvis",
)  # fmt: skip

MPI_INF_3DHP_17 = Skeleton(
    name="mpi-inf-3dhp-17",
    joints=(
        "head_top", "neck", "r_shoulder", "r_elbow", "r_wrist", "l_shoulder", "l_elbow", "l_wrist",
        "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle", "pelvis", "spine", "head",
    ),
    bones=_limbs(
        trunk=(*_pairs("pelvis", "hip"), ("pelvis", "spine"), ("spine", "neck"), *_pairs("neck", "shoulder")),
        head=(("neck", "head"), ("head", "head_top")),
    ),
    root="pelvis",
)  # fmt: skip

MPI_INF_3DHP_28 = Skeleton(
    name="mpi-inf-3dhp-28",
    joints=(
        "spine3", "spine4", "spine2", "spine", "pelvis", "neck", "head", "head_top",
        "l_clavicle", "l_shoulder", "l_elbow", "l_wrist", "l_hand",
        "r_clavicle", "r_shoulder", "r_elbow", "r_wrist", "r_hand",
        "l_hip", "l_knee", "l_ankle", "l_foot", "l_toe", "r_hip", "r_knee", "r_ankle", "r_foot", "r_toe",
    ),
    bones=(
        *_limbs(
            trunk=(
                *_pairs("pelvis", "hip"), ("pelvis", "spine"), ("spine", "spine2"), ("spine2", "spine3"),
                ("spine3", "spine4"), ("spine4", "neck"), *_pairs("spine4", "clavicle"),
                ("r_clavicle", "r_shoulder"), ("l_clavicle", "l_shoulder"),
            ),
            head=(("neck", "head"), ("head", "head_top")),
        ),
        ("r_wrist", "r_hand"), ("l_wrist", "l_hand"),
        ("r_ankle", "r_foot"), ("l_ankle", "l_foot"), ("r_foot", "r_toe"), ("l_foot", "l_toe"),
    ),
    root="pelvis",
)  # fmt: skip

# COCO marks the hips on the skin, above and outside the joint centres of the other datasets.
COCO_17 = Skeleton(
    name="coco-17",
    joints=(
        "nose", "l_eye", "r_eye", "l_ear", "r_ear", "l_shoulder", "r_shoulder", "l_elbow", "r_elbow",
        "l_wrist", "r_wrist", "l_hip", "r_hip", "l_knee", "r_knee", "l_ankle", "r_ankle",
    ),
    bones=_limbs(
        trunk=(("r_shoulder", "r_hip"), ("l_shoulder", "l_hip")),
        head=(("nose", "r_eye"), ("nose", "l_eye"), ("r_eye", "r_ear"), ("l_eye", "l_ear")),
    ),
    root=None,
    variants={"l_hip": "skin", "r_hip": "skin"},
)  # fmt: skip

# SMPL's hips lie in its own regressor's place, nearer to the middle line than the marker-based joint centres.
SMPL_24 = Skeleton(
    name="smpl-24",
    joints=(
        "pelvis", "l_hip", "r_hip", "spine1", "l_knee", "r_knee", "spine2", "l_ankle", "r_ankle", "spine3",
        "l_foot", "r_foot", "neck", "l_collar", "r_collar", "head", "l_shoulder", "r_shoulder",
        "l_elbow", "r_elbow", "l_wrist", "r_wrist", "l_hand", "r_hand",
    ),
    bones=(
        *_limbs(
            trunk=(
                *_pairs("pelvis", "hip"), ("pelvis", "spine1"), ("spine1", "spine2"), ("spine2", "spine3"),
                ("spine3", "neck"), *_pairs("spine3", "collar"),
                ("r_collar", "r_shoulder"), ("l_collar", "l_shoulder"),
            ),
            head=(("neck", "head"),),
        ),
        ("r_wrist", "r_hand"), ("l_wrist", "l_hand"), ("r_ankle", "r_foot"), ("l_ankle", "l_foot"),
    ),
    root="pelvis",
    variants={"l_hip": "smpl", "r_hip": "smpl", "pelvis": "smpl", "spine2": "smpl", "spine3": "smpl"},
)  # fmt: skip

FLIC_11 = Skeleton(
    name="flic-11",
    joints=(
        "l_shoulder", "l_elbow", "l_wrist", "r_shoulder", "r_elbow", "r_wrist",
        "l_hip", "r_hip", "l_eye", "r_eye", "nose",
    ),
    bones=(
        ("l_shoulder", "l_elbow"), ("l_elbow", "l_wrist"), ("r_shoulder", "r_elbow"), ("r_elbow", "r_wrist"),
        ("l_shoulder", "l_hip"), ("r_shoulder", "r_hip"), ("nose", "l_eye"), ("nose", "r_eye"),
    ),
    root=None,
)  # fmt: skip

FLIC_29 = Skeleton(
    name="flic-29",
    joints=(
        "l_shoulder", "l_elbow", "l_wrist", "r_shoulder", "r_elbow", "r_wrist",
        "l_hip", "l_knee", "l_ankle", "r_hip", "r_knee", "r_ankle",
        "l_eye", "r_eye", "l_ear", "r_ear", "nose", "mid_shoulder", "mid_hip", "mid_ear", "mid_torso",
        "l_upper_arm", "r_upper_arm", "l_lower_arm", "r_lower_arm",
        "l_upper_leg", "r_upper_leg", "l_lower_leg", "r_lower_leg",
    ),
    bones=(
        ("l_shoulder", "l_elbow"), ("l_elbow", "l_wrist"), ("r_shoulder", "r_elbow"), ("r_elbow", "r_wrist"),
        ("l_shoulder", "l_hip"), ("r_shoulder", "r_hip"), ("nose", "l_eye"), ("nose", "r_eye"),
        ("l_hip", "l_knee"), ("l_knee", "l_ankle"), ("r_hip", "r_knee"), ("r_knee", "r_ankle"),
    ),
    root=None,
)  # fmt: skip

# What a synthetic person knows of itself: every joint that the datasets above define as a joint centre or a face mark.
PREPOSE_27 = Skeleton(
    name="prepose-27",
    joints=(
        "pelvis", "spine", "thorax", "upper_neck", "head", "head_top", "nose", "l_eye", "r_eye", "l_ear", "r_ear",
        "l_shoulder", "l_elbow", "l_wrist", "l_hand", "r_shoulder", "r_elbow", "r_wrist", "r_hand",
        "l_hip", "l_knee", "l_ankle", "l_toe", "r_hip", "r_knee", "r_ankle", "r_toe",
    ),
    bones=(
        *_limbs(
            trunk=(*_pairs("pelvis", "hip"), ("pelvis", "spine"), ("spine", "thorax"), *_pairs("thorax", "shoulder")),
            head=(
                ("thorax", "upper_neck"), ("upper_neck", "head"), ("head", "head_top"), ("head", "nose"),
                ("nose", "r_eye"), ("nose", "l_eye"), ("r_eye", "r_ear"), ("l_eye", "l_ear"),
            ),
        ),
        ("r_wrist", "r_hand"), ("l_wrist", "l_hand"), ("r_ankle", "r_toe"), ("l_ankle", "l_toe"),
    ),
    root="pelvis",
)  # fmt: skip

# CrowdPose (Li et al., CVPR 2019, github.com/Jeff-sjtu/CrowdPose): the order of its files' category. Its `head` lies on
# the upper part of the head, below the top (drawn on its images).
CROWDPOSE_14 = Skeleton(
    name="crowdpose-14",
    joints=(
        "l_shoulder", "r_shoulder", "l_elbow", "r_elbow", "l_wrist", "r_wrist",
        "l_hip", "r_hip", "l_knee", "r_knee", "l_ankle", "r_ankle", "head", "neck",
    ),
    bones=_limbs(trunk=(*_pairs("neck", "shoulder"), *_pairs("neck", "hip")), head=(("neck", "head"),)),
    root=None,
    variants={"head": "crowdpose"},
)  # fmt: skip

# AI Challenger (Wu et al., arXiv 1711.06475): the order of its files.
AI_CHALLENGER_14 = Skeleton(
    name="ai-challenger-14",
    joints=(
        "r_shoulder", "r_elbow", "r_wrist", "l_shoulder", "l_elbow", "l_wrist",
        "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle", "head_top", "neck",
    ),
    bones=LSP_14.bones,
    root=None,
)  # fmt: skip

# JHMDB (Jhuang et al., ICCV 2013): joints of a puppet that is laid over the person; its hips lie at the waist, its head
# joint in the face (drawn on its images).
JHMDB_15 = Skeleton(
    name="jhmdb-15",
    joints=(
        "neck", "belly", "head", "r_shoulder", "l_shoulder", "r_hip", "l_hip",
        "r_elbow", "l_elbow", "r_knee", "l_knee", "r_wrist", "l_wrist", "r_ankle", "l_ankle",
    ),
    bones=_limbs(
        trunk=(("neck", "belly"), *_pairs("neck", "shoulder"), *_pairs("belly", "hip")), head=(("neck", "head"),)
    ),
    root=None,
    variants={"head": "face", "l_hip": "puppet", "r_hip": "puppet"},
)  # fmt: skip

# Penn Action (Zhang et al., ICCV 2013). Its README lists the left joint of each pair first. The labels have the right
# one first: who sits up facing the image's left side shows the second joint of each pair and hides the first, pull-ups
# from the front and strokes from behind agree, and so does Kanazawa's loader (akanazawa/human_dynamics).
PENN_ACTION_13 = Skeleton(
    name="penn-action-13",
    joints=(
        "head", "r_shoulder", "l_shoulder", "r_elbow", "l_elbow", "r_wrist", "l_wrist",
        "r_hip", "l_hip", "r_knee", "l_knee", "r_ankle", "l_ankle",
    ),
    bones=_limbs(trunk=(("r_shoulder", "r_hip"), ("l_shoulder", "l_hip")), head=()),
    root=None,
    variants={"head": "penn-action"},
)  # fmt: skip

_POSETRACK_HEAD = (("head_bottom", "nose"), ("nose", "head_top"))
# PoseTrack 2017 (Andriluka et al., CVPR 2018): the order of its evaluation kit (leonid-pishchulin/poseval).
POSETRACK_15 = Skeleton(
    name="posetrack-15",
    joints=(
        "r_ankle", "r_knee", "r_hip", "l_hip", "l_knee", "l_ankle", "r_wrist", "r_elbow", "r_shoulder",
        "l_shoulder", "l_elbow", "l_wrist", "head_bottom", "nose", "head_top",
    ),
    bones=_limbs(trunk=(*_pairs("head_bottom", "shoulder"), *_pairs("head_bottom", "hip")), head=_POSETRACK_HEAD),
    root=None,
)  # fmt: skip

# PoseTrack 2018 and 2021: the order of their files' category. Ears are listed and never labelled.
POSETRACK_17 = Skeleton(
    name="posetrack-17",
    joints=(
        "nose", "head_bottom", "head_top", "l_ear", "r_ear", "l_shoulder", "r_shoulder", "l_elbow", "r_elbow",
        "l_wrist", "r_wrist", "l_hip", "r_hip", "l_knee", "r_knee", "l_ankle", "r_ankle",
    ),
    bones=(*POSETRACK_15.bones, ("nose", "r_ear"), ("nose", "l_ear")),
    root=None,
)  # fmt: skip

_FEET_BY_SIDE = tuple(f"{s}_{part}" for s in "lr" for part in ("big_toe", "small_toe", "heel"))
_FOOT_BONES = tuple((f"{s}_ankle", f"{s}_{part}") for s in "rl" for part in ("big_toe", "small_toe", "heel"))

# Halpe (Fang et al., TPAMI 2022, github.com/Fang-Haoshu/Halpe-FullBody): COCO's joints, head top, neck, the middle of
# the hips, feet; then 68 face marks and two hands.
HALPE_26 = Skeleton(
    name="halpe-26",
    joints=(
        *COCO_17.joints, "head_top", "neck", "pelvis",
        "l_big_toe", "r_big_toe", "l_small_toe", "r_small_toe", "l_heel", "r_heel",
    ),
    bones=(
        *_limbs(
            trunk=(*_pairs("pelvis", "hip"), ("pelvis", "neck"), *_pairs("neck", "shoulder")),
            head=(("neck", "nose"), ("neck", "head_top"), *COCO_17.bones[2:6]),
        ),
        *_FOOT_BONES,
    ),
    root="pelvis",
    variants={**COCO_17.variants, "pelvis": "skin"},
)  # fmt: skip


def _face() -> tuple[str, ...]:
    """The 68 marks of the face that iBUG defined (Sagonas et al., 2013), from the person's right to the left."""
    right_eye, left_eye = (1, 2, 3, 4, 5, 6), (4, 3, 2, 1, 6, 5)
    lips = tuple(
        name
        for lip, across in (("outer_lip", 3), ("inner_lip", 2))
        for name in (
            *(f"r_{lip}_{number}" for number in range(1, across + 1)),
            f"{lip}_top",
            *(f"l_{lip}_{number}" for number in range(across, 0, -1)),
            *(f"l_{lip}_{number}" for number in range(across + 1, 2 * across)),
            f"{lip}_bottom",
            *(f"r_{lip}_{number}" for number in range(2 * across - 1, across, -1)),
        )
    )
    return (
        *(f"r_jaw_{number}" for number in range(1, 9)), "chin", *(f"l_jaw_{number}" for number in range(8, 0, -1)),
        *(f"r_brow_{number}" for number in range(1, 6)), *(f"l_brow_{number}" for number in range(5, 0, -1)),
        *(f"nose_bridge_{number}" for number in range(1, 5)),
        "r_nostril_1", "r_nostril_2", "nose_base", "l_nostril_2", "l_nostril_1",
        *(f"r_eye_{number}" for number in right_eye), *(f"l_eye_{number}" for number in left_eye),
        *lips,
    )  # fmt: skip


FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")


def _hand(s: str) -> tuple[str, ...]:
    return (f"{s}_hand_root", *(f"{s}_{finger}{number}" for finger in FINGERS for number in range(1, 5)))


def _hand_bones(s: str) -> tuple[tuple[str, str], ...]:
    chains = [(f"{s}_hand_root", *(f"{s}_{finger}{number}" for number in range(1, 5))) for finger in FINGERS]
    return ((f"{s}_wrist", f"{s}_hand_root"), *(pair for chain in chains for pair in pairwise(chain)))


HALPE_136 = Skeleton(
    name="halpe-136",
    joints=(*HALPE_26.joints, *_face(), *_hand("l"), *_hand("r")),
    bones=(*HALPE_26.bones, *_hand_bones("r"), *_hand_bones("l")),
    root="pelvis",
    variants=HALPE_26.variants,
)

# COCO-WholeBody (Jin et al., ECCV 2020, github.com/jin-s13/COCO-WholeBody): COCO's joints, feet, face, hands.
COCO_WHOLEBODY_133 = Skeleton(
    name="coco-wholebody-133",
    joints=(*COCO_17.joints, *_FEET_BY_SIDE, *_face(), *_hand("l"), *_hand("r")),
    bones=(*COCO_17.bones, *_FOOT_BONES, *_hand_bones("r"), *_hand_bones("l")),
    root=None,
    variants=COCO_17.variants,
)

# OpenPose BODY_25 and BODY_25B (Cao et al., TPAMI 2019; Hidalgo et al., ICCV 2019): the order of its output. BODY_25's
# neck is the middle of the shoulders, its middle hip that of the hips, both as COCO marks them.
OPENPOSE_25 = Skeleton(
    name="openpose-25",
    joints=(
        "nose", "neck", "r_shoulder", "r_elbow", "r_wrist", "l_shoulder", "l_elbow", "l_wrist",
        "pelvis", "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle",
        "r_eye", "l_eye", "r_ear", "l_ear", *_FEET_BY_SIDE,
    ),
    bones=(
        *_limbs(
            trunk=(*_pairs("pelvis", "hip"), ("pelvis", "neck"), *_pairs("neck", "shoulder")),
            head=(("neck", "nose"), *COCO_17.bones[2:6]),
        ),
        *_FOOT_BONES,
    ),
    root="pelvis",
    variants={**COCO_17.variants, "pelvis": "skin", "neck": "mid-shoulder"},
)  # fmt: skip

OPENPOSE_25B = Skeleton(
    name="openpose-25b",
    joints=(*COCO_17.joints, "upper_neck", "head_top", *_FEET_BY_SIDE),
    bones=(*COCO_17.bones, ("upper_neck", "head_top"), *_FOOT_BONES),
    root=None,
    variants=COCO_17.variants,
)

# MediaPipe's pose landmarks (Bazarevsky et al., arXiv 2006.10204; ai.google.dev/edge/mediapipe), in its output's order.
MEDIAPIPE_33 = Skeleton(
    name="mediapipe-33",
    joints=(
        "nose", "l_eye_inner", "l_eye", "l_eye_outer", "r_eye_inner", "r_eye", "r_eye_outer", "l_ear", "r_ear",
        "l_mouth", "r_mouth", "l_shoulder", "r_shoulder", "l_elbow", "r_elbow", "l_wrist", "r_wrist",
        "l_pinky", "r_pinky", "l_index", "r_index", "l_thumb", "r_thumb",
        "l_hip", "r_hip", "l_knee", "r_knee", "l_ankle", "r_ankle", "l_heel", "r_heel", "l_foot_index", "r_foot_index",
    ),
    bones=(
        *COCO_17.bones,
        *((f"{s}_wrist", f"{s}_{end}") for s in "rl" for end in ("pinky", "index", "thumb")),
        *((f"{s}_ankle", f"{s}_{end}") for s in "rl" for end in ("heel", "foot_index")),
    ),
    root=None,
    variants={"l_hip": "mediapipe", "r_hip": "mediapipe"},
)  # fmt: skip

# The 24 joints in which SPIN (Kolotouros et al., ICCV 2019) keeps the labels of several datasets: LSP's, MPII's, three
# of Human3.6M (spine, jaw, head) and COCO's face. Human3.6M's thorax is kept in the place of LSP's neck.
SPIN_24 = Skeleton(
    name="spin-24",
    joints=(
        *LSP_14.joints[:12], "neck", "head_top", "pelvis", "thorax", "spine", "nose_neck", "head",
        "nose", "l_eye", "r_eye", "l_ear", "r_ear",
    ),
    bones=_limbs(
        trunk=(*_pairs("pelvis", "hip"), ("pelvis", "spine"), ("spine", "thorax"), *_pairs("thorax", "shoulder")),
        head=(
            ("thorax", "neck"), ("neck", "nose_neck"), ("nose_neck", "head"), ("neck", "head_top"),
            ("nose_neck", "nose"), *COCO_17.bones[2:6],
        ),
    ),
    root="pelvis",
    variants={"neck": "spin", "head": "h36m"},
)  # fmt: skip

SKELETONS = MappingProxyType(
    {
        skeleton.name: skeleton
        for skeleton in (
            MPII_16,
            LSP_14,
            H36M_17,
            OCCLUSION_PERSON_15,
            MPI_INF_3DHP_17,
            MPI_INF_3DHP_28,
            COCO_17,
            SMPL_24,
            FLIC_11,
            FLIC_29,
            PREPOSE_27,
            CROWDPOSE_14,
            AI_CHALLENGER_14,
            JHMDB_15,
            PENN_ACTION_13,
            POSETRACK_15,
            POSETRACK_17,
            HALPE_26,
            HALPE_136,
            COCO_WHOLEBODY_133,
            OPENPOSE_25,
            OPENPOSE_25B,
            MEDIAPIPE_33,
            SPIN_24,
        )
    }
)


def get_skeleton(name: str) -> Skeleton:
    """The skeleton of that name.

    Raises:
        SkeletonMismatch: no skeleton has the name.
    """
    if name not in SKELETONS:
        raise SkeletonMismatch(unknown_name("skeleton", name, SKELETONS))
    return SKELETONS[name]
