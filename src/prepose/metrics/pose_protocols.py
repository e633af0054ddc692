"""The field's protocols for 3D datasets, as rows.

Papers swap the names "Protocol 1" and "Protocol 2", so that a row is named by what it does: dataset, joints, measure,
scale rule, averaging. What decides the joints is said in each source.
"""

from dataclasses import replace

from prepose.metrics.protocol import Protocol

_LIMBS = (
    "r_ankle", "r_knee", "r_hip", "l_hip", "l_knee", "l_ankle",
    "r_wrist", "r_elbow", "r_shoulder", "l_shoulder", "l_elbow", "l_wrist",
)  # fmt: skip
_LIMB_GROUPS = {
    part: (f"r_{part}", f"l_{part}") for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
}  # fmt: skip
_BY_OCCLUSION = {
    "visible": ("visible",),
    "occluded": ("occluded", "occluded_by_object", "occluded_by_body"),
}

_H36M_SPLIT = (
    "Subjects 9 and 11 of Human3.6M, every 64th frame, all four cameras, the person's box and the depth of the root "
    "given: Sun et al., 'Compositional Human Pose Regression', ICCV 2017, section 4, and 'Integral Human Pose "
    "Regression', ECCV 2018, section 4; in most papers 'Protocol 1' (there 'Protocol 2'). "
)
_H36M_FRAMES = "every 64th frame of the owners' 50 Hz (the split test; test-every-5th has every 5th)"
_H36M_17 = Protocol(
    name="h36m-17-mpjpe-true-root-depth",
    skeleton="h36m-17",
    scale="true-root-depth",
    source=_H36M_SPLIT + "17 joints, the pelvis among them with an error of 0: Martinez et al., 'A simple yet "
    "effective baseline', ICCV 2017, section 4. Mean over frames.",
    datasets=("h36m",),
    subjects=("S9", "S11"),
    frames=_H36M_FRAMES,
    coverage="all",
    averaging="samples",
)
# Human3.6M's joint 8, called thorax, is the neck of the 14.
_H36M_14 = replace(
    _H36M_17,
    name="h36m-14-mpjpe-true-root-depth",
    source=_H36M_SPLIT + "The 14 joints that Human3.6M shares with LSP, relative to the middle of the hips: Kanazawa "
    "et al., 'End-to-end Recovery of Human Shape and Pose', CVPR 2018, section 4. Human3.6M's thorax stands for LSP's "
    "neck; spine, nose and pelvis are left out. Mean over frames.",
    joints=(*_LIMBS, "thorax", "head_top"),
    root=("l_hip", "r_hip"),
)


def _h36m_forms(row: Protocol) -> tuple[Protocol, ...]:
    """The four published forms: MPJPE and PA-MPJPE, mean over frames and over actions."""
    aligned = replace(
        row,
        name=row.name.replace("mpjpe-true-root-depth", "pa-mpjpe"),
        headline="pa_mpjpe_mm",
        source=row.source + " After the best similarity of each pose: in most papers 'Protocol 2' (Martinez et al.), "
        "which leaves nothing of the scale rule.",
    )
    by_action = (
        replace(
            each,
            name=f"{each.name}-by-action",
            averaging="actions",
            source=each.source.replace(
                "Mean over frames.", "Mean over the 15 actions of the means over their frames, as tables by action end."
            ),
        )
        for each in (row, aligned)
    )
    return (row, aligned, *by_action)


_CHALLENGE = Protocol(
    name="h36m-challenge-bone-sum-4000",
    skeleton="h36m-17",
    scale="bone-sum-4000",
    source="The Val folder of the ECCV 2018 challenge on Human3.6M, as Jiang et al., '2D Pre-Training for 3D Pose "
    "Estimation', arXiv 2604.22830, section 4, score it, mended: prediction and truth are both brought to 4000 mm of "
    "bones, and spine and neck, which that paper invents from other joints, are left out. A perfect prediction scores "
    "0. Errors are those of a person of 4000 mm of bones.",
    datasets=("h36m",),
    subjects=("",),
    frames="every image of the challenge's Val folder (the split test of that layout)",
    joints=("pelvis", *_LIMBS, "thorax", "head_top"),
    coverage="all",
    averaging="samples",
)
_CHALLENGE_LEGACY = replace(
    _CHALLENGE,
    name="h36m-challenge-bone-sum-4000-legacy",
    scale="bone-sum-4000-legacy",
    joints=(),
    coverage="shared",
    source="The Val folder of the ECCV 2018 challenge on Human3.6M, exactly as Jiang et al., '2D Pre-Training for 3D "
    "Pose Estimation', arXiv 2604.22830, section 4, score it (published: under 64.5 mm): weak perspective, flip test, "
    "17 joints of which spine and neck are invented from the 16 predicted ones, the prediction alone brought to 4000 "
    "mm of bones. A perfect prediction does not score 0; for comparison with that paper's figures only.",
)

# Any recording's S9 and S11 first: they are what people mean by Human3.6M.
H36M = (*_h36m_forms(_H36M_17), *_h36m_forms(_H36M_14), _CHALLENGE, _CHALLENGE_LEGACY)

_MPI_SOURCE = (
    "Mehta et al., 'Monocular 3D Human Pose Estimation In The Wild', 3DV 2017, section 5: share of joints within 150 "
    "mm, and its mean over 0, 5, ... 150 mm (AUC); 14 joints relative to the pelvis, the valid frames of TS1 to TS6. "
    "The owners' script asks for less than the threshold, this for at most, so that a perfect prediction's AUC is 1. "
)
_MPI_14 = Protocol(
    name="mpi-inf-3dhp-14-pck3d-true-root-depth",
    skeleton="mpi-inf-3dhp-17",
    scale="true-root-depth",
    source=_MPI_SOURCE + "Poses as annot3 has them, true to the camera in mm.",
    datasets=("mpi-inf-3dhp",),
    subjects=tuple(f"TS{number}" for number in range(1, 7)),
    frames="the frames that the owners call valid (the split test holds no others)",
    joints=("head_top", "neck", *_LIMBS),
    coverage="all",
    accepted_approximations=("neck",),
    headline="pck3d_150",
    also=("auc3d", "mpjpe_mm"),
    groups={"head": ("head_top",), "neck": ("neck",), **_LIMB_GROUPS},
)
_MPI_14_UNIV = replace(
    _MPI_14,
    name="mpi-inf-3dhp-14-pck3d-true-root-depth-univ",
    scale="true-root-depth-univ",
    source=_MPI_SOURCE + "Poses at the size of univ_annot3, as the owners' script takes them: truth and prediction are "
    "both multiplied by the recording's ratio of univ_annot3 to annot3.",
)
_MPI_17 = {
    "joints": (),
    "accepted_approximations": (),
    "groups": {**_MPI_14.groups, "trunk": ("pelvis", "spine", "head")},
}
_MPI_17_NOTE = (
    "All 17 joints of the test set, the pelvis among them with an error of 0, as methods that lift 2D joints "
    "report: Zheng et al., 'PoseFormer', ICCV 2021, section 4."
)
MPI_INF_3DHP = (
    _MPI_14,
    _MPI_14_UNIV,
    replace(
        _MPI_14, name="mpi-inf-3dhp-17-pck3d-true-root-depth", source=f"{_MPI_14.source} {_MPI_17_NOTE}", **_MPI_17
    ),
    replace(
        _MPI_14_UNIV,
        name="mpi-inf-3dhp-17-pck3d-true-root-depth-univ",
        source=f"{_MPI_14_UNIV.source} {_MPI_17_NOTE}",
        **_MPI_17,
    ),
)

_MUPOTS_SOURCE = (
    "Mehta et al., 'Single-Shot Multi-Person 3D Pose Estimation From Monocular RGB', 3DV 2018, sections 3.2 and 5.1, "
    "and the authors' evaluation script: share of joints within 150 mm (3DPCK), and its mean over 0, 5, ... 150 mm "
    "(AUC), of 14 joints relative to the pelvis; of each sequence (here the samples' action), then the mean of the "
    "sequences, as papers have it since (the total of that paper's table 1 is another mean: 65.0, where its sequences"
    " have 65.8). The script matches predicted people to labelled ones by 2D joints within 40 px and gives a figure "
    "for all people, of whom one without a match has no correct joint, and one for the matched people alone. Here "
    "each person's box is given and a pose predicted in it: everybody has a prediction, so that all people and "
    "matched people are the same, and one figure stands for both. It can be compared with figures on true boxes alone"
    " (there VNect's 61.1, AUC 27.6), not with those on detected people. The script asks for less than the threshold,"
    " this for at most, so that a perfect prediction's AUC is 1. "
)
_MUPOTS_14 = replace(
    _MPI_14,
    name="mupots-3d-14-pck3d-true-root-depth",
    source=_MUPOTS_SOURCE + "Poses as annot3 has them, true to the camera in mm, and predictions at the size "
    "that they have there: unnormalised skeletons.",
    datasets=("mupots-3d",),
    subjects=(),
    frames="people whom isValidFrame marks (the store holds no others)",
    averaging="actions",
    also=("auc3d", "pa_mpjpe_mm", "mpjpe_mm"),
    state_groups=_BY_OCCLUSION,
)
MUPOTS_3D = (
    _MUPOTS_14,
    replace(
        _MUPOTS_14,
        name="mupots-3d-14-pck3d-true-bone-lengths-univ",
        scale="true-bone-lengths-univ",
        also=("auc3d",),
        source=_MUPOTS_SOURCE + "As the script scores: truth at the size of univ_annot3, and every bone of the "
        "prediction at its true length, from the pelvis outwards, so that directions of bones alone count. A network "
        "without a spine has its neck at the true distance from the pelvis.",
    ),
)

_3DPW_PA = Protocol(
    name="3dpw-14-pa-mpjpe",
    skeleton="smpl-24",
    scale="true-root-depth",
    source="The 14 joints common with LSP, relative to the middle of the hips, after the best similarity of each pose: "
    "Kanazawa et al., 'Learning 3D Human Dynamics from Video', CVPR 2019, section 5. Papers take them from the SMPL "
    "mesh by a regressor fitted to Human3.6M; here the truth is the SMPL joints of the owners' jointPositions, which "
    "need no body model: SMPL's head stands for the head top. A network that defines hips, neck or head otherwise is "
    "scored on its own, and they are named beside the figure: its error contains the difference of definitions.",
    datasets=("3dpw",),
    frames="frames of people whose camera the owners call valid (the store holds no others)",
    joints=(*_LIMBS, "neck", "head"),
    coverage="all",
    accepted_approximations=("l_hip", "r_hip", "pelvis", "neck", "head"),
    root=("l_hip", "r_hip"),
    headline="pa_mpjpe_mm",
    averaging="samples",
)
_EXACT_LIMBS = tuple(joint for joint in _LIMBS if "hip" not in joint)
THREEDPW = (
    _3DPW_PA,
    replace(
        _3DPW_PA,
        name="3dpw-14-mpjpe-true-root-depth",
        headline="mpjpe_mm",
        source=_3DPW_PA.source.replace(", after the best similarity of each pose", "")
        + " Body-model methods get the size from the model; here the camera and the depth of the pelvis are given.",
    ),
    replace(
        _3DPW_PA,
        name="3dpw-10-pa-mpjpe",
        joints=_EXACT_LIMBS,
        accepted_approximations=("l_hip", "r_hip", "pelvis"),
        source="Of 3dpw-14-pa-mpjpe the ten joints whose definition SMPL shares with the other datasets: knees, "
        "ankles, shoulders, elbows, wrists. Hips and pelvis serve to place the pose before the alignment, which takes "
        "that out again, and are not scored. Not published: the figure to compare networks of other skeletons by.",
    ),
)

_OCCLUSION_PERSON = Protocol(
    name="occlusion-person-15-mpjpe-true-root-depth",
    skeleton="occlusion-person-15",
    scale="true-root-depth",
    source="Zhang et al., 'AdaFuse', IJCV 2021, section 6: MPJPE of the 15 joints on the validation part, which is its "
    "test set, overall and for joints that the owners mark as visible or occluded. There with eight views; here with "
    "one, so that figures of that paper are no comparison.",
    datasets=("occlusion-person",),
    split="validation",
    coverage="all",
    state_groups=_BY_OCCLUSION,
)
OCCLUSION_PERSON = (
    _OCCLUSION_PERSON,
    replace(
        _OCCLUSION_PERSON,
        name="occlusion-person-13-mpjpe-true-root-depth",
        joints=("pelvis", *_LIMBS),
        source=_OCCLUSION_PERSON.source + " Without belly and neck, which no other dataset defines alike.",
    ),
)

WORLDS = (
    Protocol(
        name="worlds-mpjpe-true-root-depth",
        skeleton="mpii-16",
        scale="true-root-depth",
        source="The synthetic worlds of this project (docs/worlds.md), whose truth is exact: all joints of mpii-16, "
        "by what hides a joint; the person's box, the camera and the depth of the root are given.",
        datasets=("lab", "wild", "occluded", "everyday"),
        coverage="all",
        groups=_LIMB_GROUPS,
    ),
)

POSE = (*H36M, *MPI_INF_3DHP, *MUPOTS_3D, *THREEDPW, *OCCLUSION_PERSON, *WORLDS)
