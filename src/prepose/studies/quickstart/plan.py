"""The quickstart as a study: three arms at equal compute on three worlds, and how much each size of it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from prepose.recipes.budget import training_flops
from prepose.specs.builtin_recipes import recipe_named
from prepose.specs.study import Budget, Comparison, EvaluationSet, Factor, Level, StoreSpec, Study

NAME = "quickstart"
QUESTION = (
    "Three ways to spend the same training compute on one small network: 3D labels from a lab alone (only-3d), the "
    "same with images from the wild that have only 2D labels mixed in (mixed), and 2D labels first, both second "
    "(pretrain-finetune). How well does each estimate a person's joints in 3D, in the lab and elsewhere?"
)
ARMS = ("only-3d", "mixed", "pretrain-finetune")
PROTOCOL = "true-root-depth"
TITLES: Mapping[str, str] = MappingProxyType({"lab": "lab test", "wild": "wild", "occluded": "occluded"})


@dataclass(frozen=True)
class Size:
    """How much a quickstart does.

    Attributes:
        name: What the command line calls it.
        counts: world -> split -> samples.
        stored_px: Side of the stored images.
        samples: Samples that the only-3d arm sees; the others are trained for as many FLOPs.
        seeds: One training of each arm for each.
        validate_every: Samples between two validations.
    """

    name: str
    counts: Mapping[str, Mapping[str, int]]
    stored_px: int
    samples: int
    seeds: tuple[int, ...]
    validate_every: int


def _counts(*, wild: int, lab: int, test: int) -> dict[str, dict[str, int]]:
    held_out = max(100, test // 2)
    return {
        "wild": {"train": wild, "validation": held_out, "test": test},
        "lab": {"train": lab, "validation": held_out, "test": test},
        "occluded": {"test": test},
    }


SIZES: Mapping[str, Size] = MappingProxyType(
    {
        "quick": Size("quick", _counts(wild=900, lab=450, test=120), 96, 8_000, (0,), 2_000),
        "standard": Size("standard", _counts(wild=2800, lab=1000, test=200), 96, 20_000, (0, 1), 4_000),
        "full": Size("full", _counts(wild=20_000, lab=6000, test=1000), 96, 480_000, (0, 1, 2), 40_000),
    }
)


def quickstart_study(size: Size) -> Study:
    """Three ways to spend the same training FLOPs; what they are measured on chooses nothing."""
    base = recipe_named("only-3d")
    every = f"every={size.validate_every}"
    # Its first stage sees no 3D labels, and has a validation of its own.
    of_pretraining = {"pretrain-finetune": (f"pretrain.validation.{every}",)}
    levels = tuple(Level(name=arm, recipe=arm, changes=of_pretraining.get(arm, ())) for arm in ARMS)

    def claim(statement: str, baseline: str) -> Comparison:
        first, second = {"training": "pretrain-finetune"}, {"training": baseline}
        return Comparison(statement=statement, arm=first, baseline=second, sets=tuple(TITLES))

    return Study(
        name=NAME,
        question=QUESTION,
        base="only-3d",
        changes=(f"validation.{every}", "watched.wild.store=wild"),
        factors=(Factor(name="training", levels=levels),),
        seeds=size.seeds,
        budget=Budget(rule="flops", amount=training_flops(base) * size.samples / base.samples),
        stores={
            world: StoreSpec(world=world, counts=dict(counts), size=size.stored_px)
            for world, counts in size.counts.items()
        },
        sets={
            name: EvaluationSet(store=name, split="test", protocol=PROTOCOL, title=title)
            for name, title in TITLES.items()
        },
        comparisons=(
            claim("2D pre-training beats 3D labels alone", "only-3d"),
            claim("2D first beats mixing from the start", "mixed"),
        ),
        folders="arm",
    )
