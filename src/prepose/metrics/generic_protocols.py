"""Protocols for any dataset: the joints that network and labels share, in mpii-16 unless the rule needs another one."""

from prepose.metrics.protocol import Protocol

# The joints that all skeletons of the field define alike: not the hips, of which there are five definitions.
_ALIKE = tuple(f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "knee", "ankle") for side in "rl")

GENERIC = (
    Protocol(
        name="true-root-depth",
        skeleton="mpii-16",
        scale="true-root-depth",
        source="The usual setting of crop-based methods: Sun et al., 'Integral Human Pose Regression', ECCV "
        "2018, section 4; the person's box, the camera and the depth of the root are given.",
    ),
    Protocol(
        name="mean-person",
        skeleton="mpii-16",
        scale="mean-person",
        source="Nothing but the image and the camera is given. The size is the mean person's, so that even a "
        "perfect prediction misses people of another size by that ratio.",
    ),
    Protocol(
        name="optimal-scale",
        skeleton="mpii-16",
        scale="optimal-scale",
        source="Rhodin et al., 'Unsupervised Geometry-Aware Representation', ECCV 2018 (N-MPJPE).",
    ),
    Protocol(
        name="bone-sum-4000",
        skeleton="mpii-16",
        scale="bone-sum-4000",
        source="The rescaling of Zhou et al., 'Towards 3D Human Pose Estimation in the Wild', ICCV 2017, "
        "section 4, applied to prediction and truth alike. Errors are those of a person of 4000 mm of bones.",
    ),
    Protocol(
        name="bone-sum-4000-legacy",
        skeleton="h36m-17",
        scale="bone-sum-4000-legacy",
        source="The rescaling of Jiang et al., '2D Pre-Training for 3D Pose Estimation', arXiv 2604.22830, as "
        "published: weak perspective, the prediction alone is rescaled, spine and neck are invented in it. "
        "A perfect prediction does not score 0; for comparison with that paper's figures only.",
    ),
    Protocol(
        name="limbs-10-pa-mpjpe",
        skeleton="mpii-16",
        scale="true-root-depth",
        joints=_ALIKE,
        coverage="all",
        accepted_approximations=("l_hip", "r_hip", "pelvis"),
        root=("l_hip", "r_hip"),
        headline="pa_mpjpe_mm",
        also=("n_mpjpe_mm", "mpjpe_mm", "pck3d_150"),
        source="Of any dataset the ten joints whose definition all skeletons share: shoulders, elbows, wrists, knees, "
        "ankles. The middle of the hips serves to place the pose and is not scored: after the alignment nothing is "
        "left of how hips are defined; N-MPJPE, MPJPE and PCK3D contain that. Not published: to compare systems of "
        "different skeletons.",
    ),
    Protocol(
        name="pck-torso-20",
        skeleton="mpii-16",
        scale="image",
        root=(),
        headline="pck2d",
        also=("error_px",),
        source="Key-points within 0.2 of the distance from left shoulder to right hip: Sapp and Taskar, 'MODEC', CVPR "
        "2013, section 6. In mpii-16, on the joints that network and labels share.",
    ),
    Protocol(
        name="pck-box-10",
        skeleton="mpii-16",
        scale="image",
        root=(),
        headline="pck2d_box",
        also=("error_px",),
        source="Key-points within 0.1 of the longer side of the person's box: Yang and Ramanan, 'Articulated Human "
        "Detection with Flexible Mixtures of Parts', PAMI 2013, section 7. Needs no joint or box but the person's.",
    ),
    Protocol(
        name="limbs-10-pck-box-10",
        skeleton="mpii-16",
        scale="image",
        joints=_ALIKE,
        coverage="all",
        root=(),
        headline="pck2d_box",
        also=("error_px",),
        source="The ten joints of limbs-10-pa-mpjpe within 0.1 of the longer side of the person's box, as pck-box-10. "
        "Not published: to compare systems of different skeletons.",
    ),
)
