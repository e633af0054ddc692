"""The field's protocols for 2D datasets, as rows."""

from dataclasses import replace

from prepose.metrics.protocol import Protocol

_PARTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_LIMB_GROUPS = {part: (f"r_{part}", f"l_{part}") for part in _PARTS}
_LIMBS = tuple(joint for joints in _LIMB_GROUPS.values() for joint in joints)

_PCKH_50 = Protocol(
    name="mpii-pckh-50",
    skeleton="mpii-16",
    scale="image",
    root=(),
    source="Andriluka et al., '2D Human Pose Estimation: New Benchmark', CVPR 2014, section 4, as the owners' script "
    "computes it: joints within 0.5 of the head's length (0.6 of the diagonal of the head box); 14 joints, without "
    "pelvis and thorax; head is the mean of head top and upper neck (some code bases print the head top alone); the "
    "mean is over all labelled joints, occluded ones too. On the validation part of Tompson et al., CVPR 2015, as the "
    "test labels are not public.",
    datasets=("mpii",),
    split="validation",
    frames="people with a head box",
    joints=("upper_neck", "head_top", *_LIMBS),
    coverage="all",
    headline="pckh_50",
    groups={"head": ("upper_neck", "head_top"), **_LIMB_GROUPS},
)
MPII = (
    _PCKH_50,
    replace(
        _PCKH_50,
        name="mpii-pckh-10",
        headline="pckh_10",
        source=_PCKH_50.source.replace("within 0.5 of", "within 0.1 of"),
    ),
)

LSP = (
    Protocol(
        name="lsp-pck-20",
        skeleton="lsp-14",
        scale="image",
        root=(),
        source="Joints within 0.2 of the torso, the distance from left shoulder to right hip: Yang and Ramanan's PCK, "
        "PAMI 2013, as the owners of MPII apply it to LSP (Pishchulin et al., 'DeepCut', CVPR 2016, section 6); "
        "person-centric sides, 14 joints, occluded ones too, the second thousand images. A network that has the "
        "thorax or the upper neck in place of LSP's neck is scored on that, and it is named beside the figure.",
        datasets=("lsp",),
        coverage="all",
        accepted_approximations=("neck",),
        headline="pck2d",
        groups={"head": ("neck", "head_top"), **_LIMB_GROUPS},
    ),
)

_FLIC_20 = Protocol(
    name="flic-pck-20",
    skeleton="flic-11",
    scale="image",
    root=(),
    source="Elbows and wrists within 0.2 of the torso, the distance from left shoulder to right hip: Sapp and Taskar, "
    "'MODEC', CVPR 2013, section 6, and Toshev and Szegedy, 'DeepPose', CVPR 2014, section 4. Sides as intake settled "
    "them: published figures are observer-centric, as the plain files are, and a store of the person-centric files is "
    "scored by the person's sides (its notes say which).",
    datasets=("flic", "flic-full"),
    joints=("l_elbow", "r_elbow", "l_wrist", "r_wrist"),
    coverage="all",
    headline="pck2d",
    groups={"elbow": ("l_elbow", "r_elbow"), "wrist": ("l_wrist", "r_wrist")},
)
FLIC = (
    _FLIC_20,
    replace(
        _FLIC_20,
        name="flic-pck-10",
        headline="pck2d_10",
        source=_FLIC_20.source.replace("within 0.2 of", "within 0.1 of"),
    ),
)

COCO = (
    Protocol(
        name="coco-oks-ap-given-boxes",
        skeleton="coco-17",
        scale="image",
        root=(),
        source="Lin et al., 'Microsoft COCO', ECCV 2014, and cocodataset.org: average precision over object key-point "
        "similarities of 0.50, 0.55 ... 0.95, by pycocotools. The people's true boxes are given (one prediction a "
        "labelled person, its score the mean confidence), so that figures with detected boxes are no comparison. "
        "Crowds and people without key-points, beside which the official script forgives, are not in a store: the "
        "figure is never above the official one.",
        datasets=("coco",),
        split="validation",
        frames="people with labelled key-points",
        coverage="all",
        headline="oks_ap",
    ),
)

IMAGE = (*MPII, *LSP, *FLIC, *COCO)
