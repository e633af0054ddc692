"""The recipe and the study of photographs: real 2D labels, synthetic 3D labels, tests on real people.

They read stores that the user adds: `data/lsp-extended` (2D labels), `data/room` (3D labels from one real room, such as
Pose2Sim's demonstration by `data add custom`), `data/mupots` (tests); and worlds that `prepose synthesize` draws.
"""

from prepose.specs.augmentation import Augmentation, ColourJitter, Occlusion
from prepose.specs.model import ModelSpec
from prepose.specs.recipe import PseudoLabelSpec, Recipe, SourceSpec, Stage, ValidationSpec
from prepose.specs.study import Budget, Comparison, EvaluationSet, Factor, Level, StoreSpec, Study

LITE0 = ModelSpec(
    backbone="efficientnet-lite0",
    weights="imagenet",
    decoder="light",
    readout="integral",
    size=128,
    skeleton="mpii-16",
)
PHOTOS = SourceSpec(store="data/lsp-extended", labels="2d")
WILD = SourceSpec(store="data/wild", labels="3d")
EVERYDAY = SourceSpec(store="data/everyday", labels="3d")
ROOM = SourceSpec(store="data/room", labels="3d")

LOSSES = {"joint": 1.0, "heatmap_cross_entropy": 0.1, "depth": 5.0}
# People on photographs turn, blur and hide more than those of a laboratory.
ROUGH = Augmentation(
    scale=0.25,
    shift=0.06,
    rotation_deg=35,
    rotation_probability=0.6,
    flip_probability=0.5,
    colour=ColourJitter(brightness=0.1, contrast=0.25, gamma=0.25, channel_gain=0.1, saturation=0.4, hue_deg=10),
    blur_probability=0.3,
    blur_sigma=0.015,
    noise_probability=0.2,
    noise_sigma=0.04,
    occlusion=Occlusion(probability=0.3, patches=2, side_min=0.1, side_max=0.3),
)
# Of 631 people on photographs of LSP-Extended (validation blocks) 37 % have their trunk over 90 degrees from upright.
TURNED = ROUGH.model_copy(update={"rotation_deg": 50.0, "rotation_probability": 0.7})


def _stage(name: str, samples: int, shares: dict[str, float]) -> Stage:
    return Stage(
        name=name,
        samples=samples,
        shares=shares,
        losses=LOSSES,
        learning_rate=2e-3,
        schedule="one-cycle",
        warm_up=0.1,
        weight_decay=0.02,
        # What ImageNet taught the stem and the fine stages is as true of people, and a step takes 0.6 of the time.
        frozen_groups=3,
        backbone_rate=0.5,
        augmentation=ROUGH,
    )


def photographs() -> Recipe:
    """Real 2D labels and 3D labels of synthetic people together, from an ImageNet backbone: a network for photographs.

    Source: the mixed training of Sun et al., "Integral Human Pose Regression", ECCV 2018, section 4.
    Command: `prepose train photographs --out runs/photographs`
    """
    mixed = _stage("mixed", 360_000, {"photos": 0.64, "wild": 0.06, "everyday": 0.26, "room": 0.04})
    return Recipe(
        name="photographs",
        summary="Real 2D labels and 3D labels of synthetic people together, from an ImageNet backbone.",
        # LSP-Extended's people have no more px than that; at 128 px more joints were missed (docs/networks.md).
        model=LITE0.model_copy(update={"size": 192}),
        sources={"photos": PHOTOS, "wild": WILD, "everyday": EVERYDAY, "room": ROOM},
        stages=(mixed.model_copy(update={"losses": LOSSES | {"depth": 10.0}, "augmentation": TURNED}),),
        validation=ValidationSpec(store="data/lsp-extended", metric="pck2d", protocol="pck-torso-20", every=30_000),
        seed=1,
        # Depthwise convolutions are slower in bfloat16 on CPUs.
        precision="fp32",
        clip_norm=1.0,
        ema_decay=0.999,
    )


def photographs_synthetic() -> Recipe:
    """The same without photographs: 3D labels of synthetic people alone, for weights that anybody may use.

    Source: the training on synthetic people of Varol et al., "Learning from Synthetic Humans", CVPR 2017.
    Command: `prepose train photographs-synthetic --out runs/photographs-synthetic`
    """
    return photographs().model_copy(
        update={
            "name": "photographs-synthetic",
            "summary": "3D labels of synthetic people alone, from an ImageNet backbone.",
            "model": LITE0,
            "sources": {"wild": WILD},
            "stages": (_stage("mixed", 50_000, {"wild": 1.0}),),
            "validation": ValidationSpec(store="data/wild", metric="mpjpe_mm", every=20_000, limit=300),
        }
    )


# So many photographs get 3D pseudo-labels in the study: a tenth of the budget of the CPU size, or nearly all that there
# are.
_PSEUDO_LABELLED = {"cpu": 1500, "gpu": 4000}


def _for_study(size: str) -> Recipe:
    """Photographs alone, then with 3D labels, then with 3D pseudo-labels by the network of the stage before.

    The arms leave parts out and put other stores in the place of `wild`.
    """
    whole = photographs()
    return whole.model_copy(
        update={
            "name": "photographs-2d-first",
            "sources": {
                "photos": PHOTOS,
                "wild": WILD,
                "lifted": SourceSpec(
                    store=PHOTOS.store, labels="3d", pseudo_labels=PseudoLabelSpec(samples=_PSEUDO_LABELLED[size])
                ),
            },
            "stages": (
                _stage("pretrain", 12_000, {"photos": 1.0}),
                # Whole batches: as many as the two stages had before there was a third.
                _stage("mixed", 9_024, {"photos": 0.66, "wild": 0.34}),
                _stage("pseudo", 8_992, {"lifted": 0.66, "wild": 0.34}),
            ),
            "validation": ValidationSpec(store="data/wild", metric="mpjpe_mm", every=100_000, limit=300),
            "seed": 0,
        }
    )


# What a trial has to spend: so many images, each of the training FLOPs of the arm `mixed` from ImageNet at its size.
_IMAGES = {"cpu": 12_000, "gpu": 600_000}
_FLOPS_EACH = {"cpu": 4.9e8, "gpu": 3.5e9}


def photographs_study(size: str = "cpu") -> Study:
    """Do 2D labels of photographs help on photographs, in which order, and whose 3D labels do they need?

    Args:
        size: "cpu" (crops of 96 px, three seeds; neither the synthetic lab nor random weights: an hour of one core) or
            "gpu" (256 px, five seeds).
    """
    large = size == "gpu"
    at = {"cpu": 96, "gpu": 256}[size]
    labels = Factor(
        name="labels-2d",
        levels=(
            Level(name="none", parts={"pretrain": 0, "mixed": 1, "pseudo": 0}, changes=('mixed.shares={"wild": 1}',)),
            Level(name="mixed", parts={"pretrain": 0, "mixed": 1, "pseudo": 0}),
            Level(name="2d-first", parts={"pretrain": 0.4, "mixed": 0.6, "pseudo": 0}),
            # The same samples and shares as `mixed`; from the middle on the photographs have depth as well.
            Level(name="lifted", parts={"pretrain": 0, "mixed": 0.5, "pseudo": 0.5}),
        ),
    )
    depth = Factor(
        name="labels-3d",
        levels=(
            Level(name="room", stores={"wild": "room"}),
            *([Level(name="lab", stores={"wild": "lab"})] if large else []),
            Level(name="wild"),
        ),
    )
    start = Factor(
        name="start",
        levels=(
            # Nothing has taught the stem of random weights: it must learn.
            Level(name="random", changes=("model.weights=random", "*.frozen_groups=0", "*.backbone_rate=1")),
            Level(name="imagenet"),
        ),
    )
    sets = {
        "mupots": EvaluationSet(store="mupots", title="MuPoTS-3D"),
        "photos": EvaluationSet(store="lsp-extended", protocol="pck-torso-20", title="LSP-Extended, held-out blocks"),
        "wild": EvaluationSet(store="wild"),
    }
    if large:
        sets["lab"] = EvaluationSet(store="lab", title="lab test")

    def claim(statement: str, arm: str, baseline: str) -> Comparison:
        return Comparison(
            statement=statement,
            arm={"labels-2d": arm},
            baseline={"labels-2d": baseline},
            sets=("mupots",),
            metric="pa_mpjpe_mm",
        )

    about_the_start = (
        Comparison(
            statement="2D pose on top of ImageNet, then mixed, beats ImageNet, then mixed",
            arm={"labels-2d": "2d-first", "start": "imagenet"},
            baseline={"labels-2d": "mixed", "start": "imagenet"},
            sets=("mupots",),
            metric="pa_mpjpe_mm",
        ),
        Comparison(
            statement="ImageNet lowers the error on real people",
            arm={"start": "imagenet"},
            baseline={"start": "random"},
            sets=("mupots",),
            metric="pa_mpjpe_mm",
        ),
    )
    counts = {"train": 6000, "validation": 300, "test": 600 if large else 300}
    worlds = {name: StoreSpec(world=name, counts=counts, size=128) for name in ("wild", *(["lab"] if large else []))}
    return Study(
        name="photographs",
        question="How well does a network do on real people when its 3D labels come from one real room"
        f"{', a synthetic lab' if large else ''} or the synthetic wild; without 2D labels of photographs, with them "
        "from the start, with them first, or with their labels lifted to 3D by the network "
        f"itself{'; from random weights or from ImageNet' if large else ''}?",
        base=_for_study(size),
        changes=(f"model.size={at}",),
        factors=(depth, labels, start) if large else (depth, labels),
        seeds=(0, 1, 2, 3, 4) if large else (0, 1, 2),
        budget=Budget(rule="flops", amount=_IMAGES[size] * _FLOPS_EACH[size]),
        stores={
            "lsp-extended": StoreSpec(path="data/lsp-extended"),
            "room": StoreSpec(path="data/room"),
            "mupots": StoreSpec(path="data/mupots"),
            **worlds,
        },
        sets=sets,
        comparisons=(
            claim("2D labels of photographs lower the error on real people", "mixed", "none"),
            claim("2D labels first beat none", "2d-first", "none"),
            claim("The order pays: 2D first beats mixing from the start", "2d-first", "mixed"),
            claim("Lifted 3D pseudo-labels beat 2D labels, their predictions counted", "lifted", "mixed"),
            Comparison(
                statement="2D labels of photographs find more joints on held-out photographs",
                arm={"labels-2d": "mixed"},
                baseline={"labels-2d": "none"},
                sets=("photos",),
                metric="pck2d",
            ),
            *(about_the_start if large else ()),
        ),
    )
