"""Every skeleton of the field, by name. Joint orders are those of the datasets' own files (0-based)."""

from types import MappingProxyType

from prepose.body.skeleton import Skeleton
from prepose.errors import SkeletonMismatch


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
        )
    }
)


def get_skeleton(name: str) -> Skeleton:
    """The skeleton of that name.

    Raises:
        SkeletonMismatch: no skeleton has the name.
    """
    if name not in SKELETONS:
        raise SkeletonMismatch(f"no skeleton is named {name!r}; known: {', '.join(SKELETONS)}")
    return SKELETONS[name]
