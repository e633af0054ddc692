"""What a study runs: its arms, and one trial of each for each seed, named by the hash of what defines it."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from prepose.errors import RecipeError, nearest
from prepose.specs.builtin_recipes import base_recipe, recipe_named
from prepose.specs.overrides import override
from prepose.specs.recipe import Recipe
from prepose.specs.study import Level, Study, store_name

ID_LENGTH = 12
UNTUNED: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclass(frozen=True)
class Arm:
    """One combination of levels.

    Attributes:
        name: The levels' names, joined.
        levels: factor -> level.
        recipe: What its trials carry out, but for the seed; stores by the study's names.
        shared_by: stage -> number of trainings that use its outcome.
    """

    name: str
    levels: Mapping[str, str]
    recipe: Recipe
    shared_by: Mapping[str, int]


@dataclass(frozen=True)
class PlannedTrial:
    """One training of one arm.

    Attributes:
        id: Hash of the recipe, its seed and the samples it learns from.
        arm: Name of its arm.
        seed: Of the first weights and of every draw.
        recipe: What it carries out; stores by the study's names.
        folder: Its run folder in the study's: `trials/ID`, or `runs/ARM-seedN` where the study says so.
    """

    id: str
    arm: str
    seed: int
    recipe: Recipe
    folder: str


def arms_of(study: Study, tuned: Mapping[str, Sequence[str]] = UNTUNED) -> tuple[Arm, ...]:
    """Every combination of levels that the study runs, with its recipe at the study's budget.

    Args:
        study: The study.
        tuned: arm -> changes that come after its levels', as `--set` takes them.

    Raises:
        RecipeError: a level changes a field that its recipe does not have, or gives it a wrong value; the budget
            cannot be split; a recipe needs a store that the study does not have.
    """
    arms = []
    for levels in study.combinations():
        chosen = study.named(levels)
        name = arm_name(study, chosen)
        try:
            recipe = recipe_of(study, levels, tuned.get(name, ()))
            shared_by = _merged(levels, recipe)
            recipe = _at_budget(study, recipe, levels, shared_by)
            _check_stores(study, recipe)
        except RecipeError as error:
            raise RecipeError(f"study {study.name!r}, arm {name!r}: {error}") from None
        arms.append(Arm(name, chosen, recipe.model_copy(update={"name": _slug(name)}), shared_by))
    if not arms:
        raise RecipeError(f"study {study.name!r}: every combination of levels is left out")
    return tuple(arms)


def arm_name(study: Study, levels: Mapping[str, str]) -> str:
    """The levels of the factors that have more than one, joined."""
    varied = [levels[factor.name] for factor in study.factors if len(factor.levels) > 1]
    return " / ".join(varied or levels.values())


def trials_of(study: Study, arms: tuple[Arm, ...]) -> tuple[PlannedTrial, ...]:
    """One trial of each arm for each seed; all arms of the first seed come first."""
    trials = []
    for seed in study.seeds:
        for arm in arms:
            recipe = arm.recipe.model_copy(update={"seed": seed})
            name = _identity(study, recipe)
            folder = f"trials/{name}" if study.folders == "hash" else f"runs/{_slug(arm.name)}-seed{seed}"
            trials.append(PlannedTrial(name, arm.name, seed, recipe, folder))
    ids: dict[str, str] = {}
    for trial in trials:
        if trial.id in ids:
            raise RecipeError(
                f"study {study.name!r}: arms {ids[trial.id]!r} and {trial.arm!r} are the same training; leave one out, "
                "or change what the level sets"
            )
        ids[trial.id] = trial.arm
    return tuple(trials)


def on_stores(recipe: Recipe, folders: Mapping[str, Path]) -> Recipe:
    """The recipe with the study's names of stores replaced by their folders."""
    return _placed(recipe, lambda name: str(folders[name]))


def _placed(recipe: Recipe, place: Callable[[str], str]) -> Recipe:
    def placed(spec: Any) -> Any:
        return spec and spec.model_copy(update={"store": place(store_name(spec.store))})

    return recipe.model_copy(
        update={
            "sources": {name: placed(spec) for name, spec in recipe.sources.items()},
            "stages": tuple(
                stage.model_copy(update={"validation": placed(stage.validation)}) for stage in recipe.stages
            ),
            "validation": placed(recipe.validation),
            "watched": {name: placed(spec) for name, spec in recipe.watched.items()},
        }
    )


def stores_of(recipe: Recipe) -> list[tuple[str, str]]:
    """(the study's name, split) of every store that a recipe reads."""
    specs = [
        *recipe.sources.values(),
        *(stage.validation for stage in recipe.stages),
        recipe.validation,
        *recipe.watched.values(),
    ]
    return list(dict.fromkeys((store_name(spec.store), spec.split) for spec in specs if spec is not None))


def recipe_of(study: Study, levels: Sequence[Level], changes: Sequence[str] = ()) -> Recipe:
    """The recipe of an arm as long as its recipe says, before the study's budget.

    Args:
        study: The study.
        levels: One level of each factor.
        changes: What comes after the levels' changes, as `--set` takes it.

    Raises:
        RecipeError: a level does not fit its recipe.
    """
    replaced = [level for level in levels if level.recipe is not None]
    if len(replaced) > 1:
        raise RecipeError(
            f"levels {replaced[0].name!r} and {replaced[1].name!r} both give a recipe; one factor alone may"
        )
    recipe = base_recipe(study)
    if replaced and replaced[0].recipe is not None:
        recipe = recipe_named(replaced[0].recipe)
    for level in levels:
        recipe = _with_parts(_exchanged(recipe, level), level)
    of_levels = [change for level in levels for change in level.changes]
    return override(recipe, [*study.changes, *of_levels, *changes])


def _exchanged(recipe: Recipe, level: Level) -> Recipe:
    names = [name for name, _ in stores_of(recipe)]
    for name in level.stores:
        if name not in names:
            raise RecipeError(
                f"level {level.name!r} replaces store {name!r}{nearest(name, names)}; "
                f"the stores of {recipe.name!r} are {', '.join(names)}"
            )
    return _placed(recipe, lambda name: level.stores.get(name, name))


def _with_parts(recipe: Recipe, level: Level) -> Recipe:
    if not level.parts:
        return recipe
    names = [stage.name for stage in recipe.stages]
    for name in level.parts:
        if name not in names:
            raise RecipeError(
                f"level {level.name!r} gives a part to stage {name!r}{nearest(name, names)}; "
                f"the stages of {recipe.name!r} are {', '.join(names)}"
            )
    missing = [name for name in names if name not in level.parts]
    if missing:
        raise RecipeError(f"level {level.name!r} gives no part to stage {missing[0]!r}; give one to every stage, or 0")
    whole, total = recipe.samples, sum(level.parts.values())
    stages = tuple(
        stage.model_copy(update={"samples": max(1, round(whole * level.parts[stage.name] / total))})
        for stage in recipe.stages
        if level.parts[stage.name] > 0
    )
    if not stages:
        raise RecipeError(f"level {level.name!r} leaves out every stage")
    used = {source for stage in stages for source in stage.shares}
    sources = {name: spec for name, spec in recipe.sources.items() if name in used}
    return recipe.model_copy(update={"stages": stages, "sources": sources})


def _merged(levels: tuple[Level, ...], recipe: Recipe) -> dict[str, int]:
    merged: dict[str, int] = {}
    names = [stage.name for stage in recipe.stages]
    for level in levels:
        for name, number in level.shared_by.items():
            if name not in names:
                raise RecipeError(f"level {level.name!r} shares stage {name!r}, which {recipe.name!r} does not have")
            merged[name] = number
    return merged


def _at_budget(study: Study, recipe: Recipe, levels: tuple[Level, ...], shared_by: Mapping[str, int]) -> Recipe:
    # Counting FLOPs takes torch, which takes seconds; whoever asks for an arm's recipe alone needs none.
    from prepose.recipes.budget import scaled, with_budget

    factor = 1.0
    for level in levels:
        factor *= level.budget
    if study.budget.amount is None:
        return scaled(recipe, {stage.name: 1.0 for stage in recipe.stages}, factor * recipe.samples, unit="samples")
    amount = factor * study.budget.amount
    if study.budget.rule == "flops":
        return with_budget(recipe, amount, shared_by=shared_by)
    prices = {stage.name: recipe.batch_size / shared_by.get(stage.name, 1) for stage in recipe.stages}
    return scaled(recipe, prices, amount, unit="images")


def counted_flops(arm: Arm) -> float:
    """Training FLOPs of an arm, with a stage that several trainings share counted by its part."""
    from prepose.recipes.budget import stage_flops, training_flops

    whole = training_flops(arm.recipe)
    for stage in arm.recipe.stages:
        whole -= stage_flops(arm.recipe, stage) * (1 - 1 / arm.shared_by.get(stage.name, 1))
    return whole


def _check_stores(study: Study, recipe: Recipe) -> None:
    for name, split in stores_of(recipe):
        if name not in study.stores:
            raise RecipeError(
                f"the recipe reads store {name!r}{nearest(name, study.stores)}; the study's stores are "
                f"{', '.join(study.stores)}"
            )
        counts = study.stores[name].counts
        if counts and split not in counts:
            raise RecipeError(
                f"the recipe reads split {split!r} of store {name!r}, which draws {', '.join(counts)} alone"
            )


def _identity(study: Study, recipe: Recipe) -> str:
    # The name and the summary are words: they change nothing that is computed.
    defining = {
        "recipe": recipe.model_dump(mode="json", exclude={"name", "summary"}),
        "stores": {name: study.stores[name].model_dump(mode="json") for name, _ in stores_of(recipe)},
    }
    text = json.dumps(defining, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]


def _slug(name: str) -> str:
    return "-".join(name.replace("/", " ").split())
