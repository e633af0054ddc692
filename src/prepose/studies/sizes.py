"""How much the studies that ship do, and the worlds that they share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from prepose.errors import RecipeError
from prepose.recipes.spelling import nearest
from prepose.studies.study import Budget, Comparison, EvaluationSet, Factor, StoreSpec, Study

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
        picture_px: Side of the stored pictures.
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
