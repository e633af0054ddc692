"""The recipes that ship. Each is a function; its docstring says what it asks, where it comes from and how to run it.

The three arms share every part that the comparison is not about: network, data, augmentation, optimiser, losses and
number of samples seen. They differ in the order and the choice of the sources alone.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from prepose.errors import RecipeError, unknown_name
from prepose.specs.augmentation import Augmentation, ColourJitter
from prepose.specs.model import ModelSpec
from prepose.specs.photographs import photographs, photographs_synthetic
from prepose.specs.reading import read_recipe
from prepose.specs.recipe import Recipe, SourceSpec, Stage, ValidationSpec
from prepose.specs.reference_recipes import reference_3d_only, reference_pretrain_finetune
from prepose.specs.study import Study

WILD = SourceSpec(store="data/wild", labels="2d")
LAB = SourceSpec(store="data/lab", labels="3d")
VALIDATION_3D = ValidationSpec(store="data/lab", metric="mpjpe_mm", every=8000, limit=300)
VALIDATION_2D = ValidationSpec(store="data/lab", metric="pck2d_box", every=8000, limit=300)

# Lengths are fractions of an image a coordinate wide: an L1 of 0.05 is 3 px of 64. Cross-entropy is in nats, 5.5 for
# an even map of 16 x 16 cells. Weights, learning rate and augmentation were chosen on the validation parts of the
# synthetic worlds at 24,000 samples: there stronger augmentation, smaller rates and less cross-entropy learnt slower.
LOSSES_2D = {"joint": 1.0, "heatmap_cross_entropy": 0.1}
LOSSES_3D = {**LOSSES_2D, "depth": 5.0}
GEOMETRY = {"bone_ratio": 1.0}
LIGHT = Augmentation(
    scale=0.1,
    shift=0.03,
    rotation_deg=10,
    rotation_probability=0.3,
    flip_probability=0.5,
    colour=ColourJitter(brightness=0.05, contrast=0.1, channel_gain=0.05),
)
PEAK_RATE = 7e-3

SMALL_NET = ModelSpec(backbone="small-0.7m", decoder="light", readout="integral", size=64, skeleton="mpii-16")
SAMPLES = 96_000


def _stage(name: str, *, samples: int, shares: Mapping[str, float], losses: Mapping[str, float]) -> Stage:
    """A stage of any arm: what it does not take as an argument is the same for all."""
    only_2d = set(shares) == {"wild"}
    return Stage(
        name=name,
        samples=samples,
        shares=dict(shares),
        losses=dict(losses),
        learning_rate=PEAK_RATE,
        schedule="one-cycle",
        warm_up=0.15,
        optimiser="adamw",
        weight_decay=0.02,
        augmentation=LIGHT,
        validation=VALIDATION_2D if only_2d else None,
    )


def _recipe(name: str, summary: str, *stages: Stage) -> Recipe:
    used = {source for stage in stages for source in stage.shares}
    return Recipe(
        name=name,
        summary=summary,
        model=SMALL_NET,
        sources={source: spec for source, spec in {"wild": WILD, "lab": LAB}.items() if source in used},
        stages=stages,
        validation=VALIDATION_3D,
        precision="bf16",
        batch_size=32,
        clip_norm=1.0,
    )


def pretrain_finetune() -> Recipe:
    """First 2D labels alone, then 2D and 3D together, then the same with the geometric loss for what has no depth.

    Source: the three stages of Jiang et al., arXiv 2604.22830, and Zhou et al., ICCV 2017, section 4.
    Command: `prepose train pretrain-finetune --out runs/pretrain-finetune`
    """
    both = {"wild": 0.5, "lab": 0.5}
    return _recipe(
        "pretrain-finetune",
        "2D labels first; then 2D and 3D labels together; then with the geometric loss.",
        _stage("pretrain", samples=SAMPLES * 40 // 100, shares={"wild": 1.0}, losses=LOSSES_2D),
        _stage("finetune", samples=SAMPLES * 50 // 100, shares=both, losses=LOSSES_3D),
        _stage("geometry", samples=SAMPLES * 10 // 100, shares=both, losses={**LOSSES_3D, **GEOMETRY}).model_copy(
            update={"learning_rate": PEAK_RATE / 10}
        ),
    )


def mixed() -> Recipe:
    """2D and 3D labels together from the start: does the *order* of pre-training buy anything beyond the data?

    Source: the mixed training of Sun et al., "Integral Human Pose Regression", ECCV 2018, section 4.
    Command: `prepose train mixed --out runs/mixed`
    """
    return _recipe(
        "mixed",
        "2D and 3D labels together from random weights.",
        _stage("mixed", samples=SAMPLES, shares={"wild": 0.5, "lab": 0.5}, losses=LOSSES_3D),
    )


def only_3d() -> Recipe:
    """3D labels alone: what 2D labels are compared with.

    Source: the baseline of Jiang et al., arXiv 2604.22830, at equal compute and with equal loss weights.
    Command: `prepose train only-3d --out runs/only-3d`
    """
    return _recipe(
        "only-3d",
        "3D labels alone from random weights.",
        _stage("only-3d", samples=SAMPLES, shares={"lab": 1.0}, losses=LOSSES_3D),
    )


RECIPES: Mapping[str, Callable[[], Recipe]] = MappingProxyType(
    {
        "pretrain-finetune": pretrain_finetune,
        "mixed": mixed,
        "only-3d": only_3d,
        "photographs": photographs,
        "photographs-synthetic": photographs_synthetic,
        "reference-pretrain-finetune": reference_pretrain_finetune,
        "reference-3d-only": reference_3d_only,
    }
)

# Of each recipe as it ships; counting them takes torch, and a test that has it compares.
TRAINING_FLOPS: Mapping[str, float] = MappingProxyType(
    {
        "pretrain-finetune": 1.7e13,
        "mixed": 1.7e13,
        "only-3d": 1.7e13,
        "photographs": 7.2e14,
        "photographs-synthetic": 4.4e13,
        "reference-pretrain-finetune": 2.7e17,
        "reference-3d-only": 1.1e17,
    }
)


def recipe_named(name: str) -> Recipe:
    """A recipe that ships, or one in a JSON file.

    Raises:
        RecipeError: no recipe has the name and there is no such file, or the file holds no recipe.
    """
    if name in RECIPES:
        return RECIPES[name]()
    if name.endswith(".json") or Path(name).is_file():
        return read_recipe(Path(name))
    raise RecipeError(f"{unknown_name('recipe', name, RECIPES)}, or a JSON file")


def base_recipe(study: Study) -> Recipe:
    """The recipe that the levels of a study change.

    Raises:
        RecipeError: no recipe has the name that the study gives.
    """
    return study.base if isinstance(study.base, Recipe) else recipe_named(study.base)
