"""The studies that ship: the questions of the paper (arXiv 2604.22830), and what it should have asked.

All share network, losses, augmentation, optimiser, samples and budget rule, so that arms differ in what is asked
alone. Each is a function of a size: `cpu` runs on two cores, `gpu` is for one GPU. On real datasets a study changes
names only: give `stores` with paths and rename the sets.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from prepose.camera.crop import BOX_MARGIN
from prepose.errors import RecipeError, nearest
from prepose.specs.photographs import photographs_study
from prepose.specs.search import Halving, Search, SearchRange
from prepose.specs.study import Budget, Comparison, EvaluationSet, Factor, Level, StoreSpec, Study

SETS: Mapping[str, EvaluationSet] = MappingProxyType(
    {
        "lab": EvaluationSet(store="lab", title="lab test"),
        "wild": EvaluationSet(store="wild"),
        "occluded": EvaluationSet(store="occluded"),
    }
)
EVERYWHERE = tuple(SETS)


@dataclass(frozen=True)
class StudySize:
    """How much a study does.

    Attributes:
        train: world -> training samples.
        test: Samples of each test set; a third of it for each validation set.
        picture_px: Side of the stored images.
        images: What a trial has to spend, in images of the arm `mixed` of the size's network.
        flops_each: Training FLOPs of such an image.
        changes: What makes the recipes fit, as `--set` takes it.
        backbones: For the study of model sizes, smallest first.
        seeds: One trial of each arm for each.
    """

    train: Mapping[str, int]
    test: int
    picture_px: int
    images: int
    flops_each: float
    changes: tuple[str, ...]
    backbones: tuple[str, ...]
    seeds: tuple[int, ...] = (0, 1, 2)


STUDY_SIZES: Mapping[str, StudySize] = MappingProxyType(
    {
        "cpu": StudySize(
            train={"wild": 6000, "lab": 3000, "occluded": 3000},
            test=600,
            picture_px=96,
            images=64_000,
            flops_each=175.694e6,
            changes=(),
            backbones=("small-0.3m", "small-0.7m", "small-1.6m", "small-3m", "resnet-18"),
        ),
        "gpu": StudySize(
            train={"wild": 40_000, "lab": 20_000, "occluded": 20_000},
            test=3000,
            picture_px=256,
            images=960_000,
            flops_each=22.964e9,
            changes=(
                "model.backbone=resnet-18",
                "model.decoder=deconv",
                "model.size=256",
                "*.learning_rate=1e-3",
            ),
            backbones=("resnet-18", "resnet-34", "resnet-50", "resnet-101", "resnet-152"),
            seeds=(0, 1, 2, 3, 4),
        ),
    }
)


def study_size(name: str) -> StudySize:
    """The size of that name.

    Raises:
        RecipeError: no size has the name.
    """
    if name not in STUDY_SIZES:
        raise RecipeError(f"no study is of size {name!r}{nearest(name, STUDY_SIZES)}; known: {', '.join(STUDY_SIZES)}")
    return STUDY_SIZES[name]


def study_of_worlds(  # noqa: PLR0913 - what a study is, beside what all share
    name: str,
    question: str,
    size: StudySize,
    *,
    factors: tuple[Factor, ...],
    comparisons: tuple[Comparison, ...],
    left_out: Sequence[Mapping[str, str]] = (),
    budget: Budget | None = None,
    budget_of: float = 1.0,
) -> Study:
    """A study on the three worlds.

    Args:
        name: What it is called.
        question: What it asks.
        size: How much it does.
        factors: What is varied.
        comparisons: What will be compared.
        left_out: Combinations of levels that are not run.
        budget: What each trial has to spend; FLOPs as the size has them without one.
        budget_of: This part of the size's budget.
    """
    counts = {
        world: {"train": train, "validation": size.test // 3, "test": size.test} for world, train in size.train.items()
    }
    return Study(
        name=name,
        question=question,
        base="mixed",
        changes=(*size.changes, "watched.wild.store=wild", "watched.wild.limit=200"),
        factors=factors,
        left_out=tuple(dict(levels) for levels in left_out),
        seeds=size.seeds,
        budget=budget or Budget(rule="flops", amount=budget_of * size.images * size.flops_each),
        stores={world: StoreSpec(world=world, counts=split, size=size.picture_px) for world, split in counts.items()},
        sets=dict(SETS),
        comparisons=comparisons,
    )


ONLY_3D = Level(name="only-3d", recipe="only-3d")
MIXED = Level(name="mixed", recipe="mixed")
# The same samples and losses as `mixed`, 2D alone first: what differs is the order.
PARTS_2D_FIRST = {"pretrain": 0.4, "finetune": 0.6, "geometry": 0.0}
PRETRAINED = Level(name="2d-first", recipe="pretrain-finetune", parts=PARTS_2D_FIRST)
TRAINING = Factor(name="training", levels=(ONLY_3D, MIXED, PRETRAINED))


def pretraining(size: str = "cpu") -> Study:
    """Does 2D pre-training pay at equal compute: is it the 2D data, or the order?"""
    of = study_size(size)
    then_3d = Level(
        name="2d-then-3d",
        recipe="pretrain-finetune",
        parts=PARTS_2D_FIRST,
        changes=('finetune.shares={"lab": 1}',),
    )
    shared = Level(name="2d-first-shared", recipe="pretrain-finetune", parts=PARTS_2D_FIRST, shared_by={"pretrain": 3})
    published = Level(name="published", recipe="pretrain-finetune")
    budgets = Factor(
        name="budget",
        levels=(Level(name="quarter", budget=0.25), Level(name="half", budget=0.5), Level(name="whole")),
    )
    only_whole = [
        {"training": training.name, "budget": budget.name}
        for training in (then_3d, shared, published)
        for budget in budgets.levels[:2]
    ]
    return study_of_worlds(
        "pretraining",
        "Does 2D pre-training beat training on 3D labels alone at equal compute, pre-training included? Is it the 2D "
        "data that help, or the order, 2D first? What is left when fine-tuning sees 3D labels alone, and what if three "
        "trainings share one pre-training?",
        of,
        factors=(Factor(name="training", levels=(*TRAINING.levels, then_3d, shared, published)), budgets),
        left_out=only_whole,
        comparisons=(
            _claim("2D pre-training beats 3D labels alone", "2d-first", "only-3d"),
            _claim("2D data beat 3D labels alone, whatever the order", "mixed", "only-3d"),
            _claim("The order pays: 2D first beats mixing from the start", "2d-first", "mixed"),
            _claim("Keeping 2D data while fine-tuning beats 3D alone after pre-training", "2d-first", "2d-then-3d"),
            _claim("A pre-training that three trainings share beats mixing", "2d-first-shared", "mixed"),
            _claim("The published three stages beat mixing", "published", "mixed"),
        ),
    )


def pretraining_tuned(size: str = "cpu") -> Study:
    """Does 2D pre-training pay when every arm has had the same search for its learning rate and weight decay?

    The search takes more than its trials. So the CPU size has six settings an arm (GPU: nine), a quarter of the budget
    of `pretraining` (half) and half of its training samples (all).
    """
    of = study_size(size)
    ranges = {
        "*.learning_rate": SearchRange(low=1e-3, high=2e-2, log=True),
        "*.weight_decay": SearchRange(low=1e-3, high=0.1, log=True),
    }
    budget_of, settings = 0.25, 6
    if size == "gpu":
        ranges["*.learning_rate"] = SearchRange(low=1e-4, high=5e-3, log=True)
        budget_of, settings = 0.5, 9
    else:
        of = replace(of, train={world: samples // 2 for world, samples in of.train.items()})
    study = study_of_worlds(
        "pretraining-tuned",
        "Does 2D pre-training beat 3D labels alone and mixing from the start at equal compute when each of them has "
        "had the same search for its own learning rate and weight decay?",
        of,
        budget_of=budget_of,
        factors=(TRAINING,),
        comparisons=(
            _claim("2D pre-training beats 3D labels alone", "2d-first", "only-3d"),
            _claim("2D data beat 3D labels alone, whatever the order", "mixed", "only-3d"),
            _claim("The order pays: 2D first beats mixing from the start", "2d-first", "mixed"),
        ),
    )
    # Nobody learns from the occluded people here.
    occluded = study.stores["occluded"].model_copy(update={"counts": {"test": of.test}})
    # All settings at a third of the budget, then a third of them at the whole.
    search = Search(parameters=ranges, trials=settings, halving=Halving())
    return study.model_copy(update={"search": search, "stores": {**study.stores, "occluded": occluded}})


def model_size(size: str = "cpu") -> Study:
    """Does the gain of 2D pre-training depend on the network's size?"""
    of = study_size(size)
    sizes = Factor(
        name="network",
        levels=tuple(Level(name=name, changes=(f"model.backbone={name}",)) for name in of.backbones),
    )
    return study_of_worlds(
        "model-size",
        "How does the network's size change what 2D labels bring, when every network sees the same number of images?",
        of,
        factors=(sizes, TRAINING),
        left_out=(),
        budget=Budget(rule="images", amount=of.images / 2),
        comparisons=(
            _claim("2D pre-training beats 3D labels alone", "2d-first", "only-3d"),
            _claim("2D first beats mixing from the start", "2d-first", "mixed"),
        ),
    )


def pretraining_length(size: str = "cpu") -> Study:
    """How much of the budget should pre-training have?"""
    shares = (0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
    levels = tuple(
        Level(
            name=f"p{round(100 * share)}",
            recipe="pretrain-finetune",
            parts={"pretrain": share, "finetune": 1 - share, "geometry": 0.0},
        )
        for share in shares
    )
    return study_of_worlds(
        "pretraining-length",
        "Which part of the training compute is best spent on 2D labels alone, before 2D and 3D together?",
        study_size(size),
        factors=(Factor(name="pretrained", levels=levels),),
        comparisons=tuple(
            Comparison(
                statement=f"{round(100 * share)} % of the budget for pre-training beats none",
                arm={"pretrained": f"p{round(100 * share)}"},
                baseline={"pretrained": "p0"},
                sets=EVERYWHERE,
            )
            for share in shares[1:-1]
        ),
    )


def pretraining_data(size: str = "cpu") -> Study:
    """Which 2D data help, and how much of them?"""
    first = {"recipe": "pretrain-finetune", "parts": PARTS_2D_FIRST}
    amounts = tuple(
        Level(name=f"wild-{part}pct", changes=(f"sources.wild.keep={part / 100}",), **first) for part in (1, 3, 10, 30)
    )
    levels = (
        ONLY_3D,
        Level(name="lab-2d", stores={"wild": "lab"}, **first),
        Level(name="occluded-2d", stores={"wild": "occluded"}, **first),
        *amounts,
        Level(name="wild-2d", **first),
    )

    def claim(statement: str, arm: str, baseline: str) -> Comparison:
        return Comparison(statement=statement, arm={"data": arm}, baseline={"data": baseline}, sets=EVERYWHERE)

    return study_of_worlds(
        "pretraining-data",
        "Which 2D labels help a network that has 3D labels from one room: the room's own again, another world's, a few "
        "from the wild, or many?",
        study_size(size),
        factors=(Factor(name="data", levels=levels),),
        comparisons=(
            claim("2D labels of the lab's own pictures beat 3D labels alone", "lab-2d", "only-3d"),
            claim("2D labels of occluded scenes beat those of the lab", "occluded-2d", "lab-2d"),
            claim("2D labels from the wild beat those of occluded scenes", "wild-2d", "occluded-2d"),
            *(
                claim(f"All 2D labels from the wild beat {part} % of them", "wild-2d", f"wild-{part}pct")
                for part in (1, 3, 10, 30)
            ),
        ),
    )


def label_efficiency(size: str = "cpu") -> Study:
    """How many 3D labels do 2D labels stand for?"""
    parts = (1, 3, 10, 30, 100)
    levels = tuple(Level(name=f"l{part}pct", changes=(f"sources.lab.keep={part / 100}",)) for part in parts)
    return study_of_worlds(
        "label-efficiency",
        "With 1, 3, 10, 30 or all of 100 % of the 3D labels, what do 2D labels bring at equal compute?",
        study_size(size),
        budget_of=0.5,
        factors=(Factor(name="labels", levels=levels), TRAINING),
        comparisons=(
            _claim("2D pre-training beats 3D labels alone", "2d-first", "only-3d"),
            _claim("2D first beats mixing from the start", "2d-first", "mixed"),
        ),
    )


def generalisation(size: str = "cpu") -> Study:
    """How far does what is learnt in one world carry to the others?"""
    worlds = Factor(
        name="labels-from",
        levels=(
            Level(name="lab-3d"),
            Level(name="occluded-3d", stores={"lab": "occluded"}),
            Level(name="wild-3d", stores={"lab": "wild"}),
        ),
    )
    return study_of_worlds(
        "generalisation",
        "How well does a network with 3D labels of one world do in the others, and what do 2D labels from the wild "
        "change about it?",
        study_size(size),
        budget_of=0.5,
        factors=(worlds, TRAINING),
        comparisons=(
            _claim("2D pre-training beats 3D labels alone", "2d-first", "only-3d"),
            _claim("2D first beats mixing from the start", "2d-first", "mixed"),
        ),
    )


def losses(size: str = "cpu") -> Study:
    """What do the geometric loss and the reading of the maps change?"""
    integral = '"joint": 1.0, "heatmap_cross_entropy": 0.1, "depth": 5.0'
    argmax = '"heatmap": 100.0, "depth_at_label": 5.0'

    def level(name: str, mixed: str, *more: str) -> Level:
        return Level(name=name, recipe="mixed", changes=(*more, f"mixed.losses={{{mixed}}}"))

    levels = (
        level("integral", integral),
        level("integral-geometry", f'{integral}, "bone_ratio": 1.0'),
        level("integral-no-entropy", '"joint": 1.0, "depth": 5.0'),
        level("argmax", argmax, 'mixed.losses={"heatmap": 1}', "model.readout=argmax"),
        level(
            "argmax-geometry",
            f'{argmax}, "bone_ratio_at_label": 1.0',
            'mixed.losses={"heatmap": 1}',
            "model.readout=argmax",
        ),
    )

    def claim(statement: str, arm: str, baseline: str) -> Comparison:
        return Comparison(statement=statement, arm={"losses": arm}, baseline={"losses": baseline}, sets=EVERYWHERE)

    return study_of_worlds(
        "losses",
        "What do the geometric loss, the cross-entropy on the maps, and the integral in place of the argmax bring?",
        study_size(size),
        factors=(Factor(name="losses", levels=levels),),
        comparisons=(
            claim("The geometric loss lowers the error (integral)", "integral-geometry", "integral"),
            claim("The geometric loss lowers the error (argmax)", "argmax-geometry", "argmax"),
            claim("The integral beats the argmax", "integral", "argmax"),
            claim("Cross-entropy on the maps lowers the error", "integral", "integral-no-entropy"),
        ),
    )


def reference_defects(size: str = "cpu") -> Study:
    """What does each mistake of the published training cost?"""
    published = "pretrain-finetune"
    # The published crop of LSP-Extended is 0.68 of the person's height wide; ours is BOX_MARGIN of it.
    tight = round(0.68 / BOX_MARGIN, 3)
    heatmaps = '*.losses={"heatmap": 100.0, "depth_at_label": 5.0}'

    def level(name: str, *changes: str) -> Level:
        return Level(name=name, recipe=published, changes=changes)

    levels = (
        level("none"),
        level("mispaired-labels", 'defects=["mispaired-labels"]'),
        level("integer-labels", 'defects=["integer-labels"]'),
        level("missing-at-origin", 'defects=["missing-at-origin"]'),
        level("tight-crop", f"sources.wild.box_scale={tight}"),
        level("random-third", "sources.lab.keep=0.333"),
        level("first-third", "sources.lab.keep=0.333", "sources.lab.take=first"),
        level("unweighted-geometry", "geometry.losses.bone_ratio=100"),
        level("chosen-in-2d", "validation.metric=pck2d_box"),
        level("argmax", heatmaps, "model.readout=argmax"),
        level("argmax-cell", heatmaps, "model.readout=argmax-cell"),
        Level(name="only-3d", recipe="only-3d"),
        Level(name="only-3d-depth-x10", recipe="only-3d", changes=("only-3d.losses.depth=50",)),
    )
    of = study_size(size)

    def cost(defect: str, right: str = "none") -> Comparison:
        return Comparison(
            statement=f"Doing without the defect {defect} lowers the error",
            arm={"defect": right},
            baseline={"defect": defect},
            sets=EVERYWHERE,
        )

    study = study_of_worlds(
        "reference-defects",
        "The published code has mistakes in data, labels, losses and scoring. What does each of them cost by itself?",
        of,
        budget_of=0.5,
        factors=(Factor(name="defect", levels=levels),),
        comparisons=(
            *(cost(level.name) for level in levels[1:5]),
            cost("first-third", "random-third"),
            *(cost(level.name) for level in levels[7:9]),
            cost("argmax-cell", "argmax"),
            cost("only-3d-depth-x10", "only-3d"),
        ),
    )
    scored_alike = {
        f"lab-{name}": EvaluationSet(store="lab", protocol=protocol, title=f"lab test, {protocol}")
        for name, protocol in (("4000", "bone-sum-4000"), ("4000-legacy", "bone-sum-4000-legacy"))
    }
    return study.model_copy(update={"sets": {**study.sets, **scored_alike}})


def photographs(size: str = "cpu") -> Study:
    """Do 2D labels of photographs help on photographs: in which order, with whose 3D labels, or lifted to 3D?"""
    study_size(size)
    return photographs_study(size)


STUDIES: Mapping[str, Callable[[str], Study]] = MappingProxyType(
    {
        "pretraining": pretraining,
        "pretraining-tuned": pretraining_tuned,
        "model-size": model_size,
        "pretraining-length": pretraining_length,
        "pretraining-data": pretraining_data,
        "label-efficiency": label_efficiency,
        "generalisation": generalisation,
        "losses": losses,
        "reference-defects": reference_defects,
        "photographs": photographs,
    }
)

# Of all trials of each study and its search, by size; counting them takes torch, and a test that has it compares.
TRAINING_FLOPS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "cpu": {
            "pretraining": 2.9e14,
            "pretraining-tuned": 5.9e13,
            "model-size": 5.5e14,
            "pretraining-length": 2.4e14,
            "pretraining-data": 2.7e14,
            "label-efficiency": 2.5e14,
            "generalisation": 1.5e14,
            "losses": 1.7e14,
            "reference-defects": 2.2e14,
            "photographs": 1.4e14,
        },
        "gpu": {
            "pretraining": 9.5e17,
            "pretraining-tuned": 3.6e17,
            "model-size": 2.0e18,
            "pretraining-length": 7.7e17,
            "pretraining-data": 8.8e17,
            "label-efficiency": 8.3e17,
            "generalisation": 5.0e17,
            "losses": 5.5e17,
            "reference-defects": 7.2e17,
            "photographs": 2.5e17,
        },
    }
)


def _claim(statement: str, arm: str, baseline: str) -> Comparison:
    return Comparison(statement=statement, arm={"training": arm}, baseline={"training": baseline}, sets=EVERYWHERE)
