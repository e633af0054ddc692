"""What a study would take: trials, operations, memory and time, from a few steps of each kind and without a trial."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from prepose.console import PlainConsole, duration, table_of
from prepose.data.store import open_store
from prepose.files import inside
from prepose.metrics.protocols import get_protocol
from prepose.models.flops import count_flops, count_parameters
from prepose.recipes.budget import stage_cost, training_flops
from prepose.specs.recipe import Recipe, Stage, ValidationSpec
from prepose.specs.study import Study
from prepose.studies.engines.local import Engine, run_jobs
from prepose.studies.run.other_studies import check_others, done_elsewhere
from prepose.studies.run.planning import DEFAULT_SETTINGS, Planned, RunSettings, picture_px, plan_study, seconds_of
from prepose.studies.run.step_speed import PICTURES, StepCost, step_costs, step_key
from prepose.studies.run.stores import missing_splits
from prepose.studies.run.trial_work import is_done, placed_set
from prepose.studies.tables import flops_written, number_of
from prepose.studies.trials import Arm, PlannedTrial, counted_flops, store_name

# `data.batch.BatchMaker` keeps decoded images up to this many MB.
CACHE_BYTES = 512 * 2**20


@dataclass(frozen=True)
class ArmForecast:
    """What a trial of an arm would take.

    Attributes:
        arm: Its name.
        levels: factor -> level.
        parameters: Of the network.
        images: Samples that a trial sees.
        train_flops: Of a trial's training.
        counted_flops: The same with a stage that several trainings share counted by its part.
        memory_bytes: Of the process.
        device_memory_bytes: Of the graphics card; None on a processor.
        seconds: Of a trial, validations and evaluations included.
    """

    arm: str
    levels: Mapping[str, str]
    parameters: int
    images: int
    train_flops: float
    counted_flops: float
    memory_bytes: int
    device_memory_bytes: int | None
    seconds: float


@dataclass(frozen=True)
class Forecast:
    """What a study would take.

    Attributes:
        study: Its name.
        arms: What a trial of each arm would take.
        trials: Each trial: `id`, `arm`, `seed`, `done`.
        jobs: Trials side by side.
        threads: Threads of each.
        accelerator: `cpu` or `cuda`.
        seconds: Of all trials that are not done.
        samples_to_draw: Samples of worlds that are not there yet.
        notes: How the figures were found.
    """

    study: str
    arms: tuple[ArmForecast, ...]
    trials: tuple[Mapping[str, Any], ...]
    jobs: int
    threads: int
    accelerator: str
    seconds: float
    samples_to_draw: int
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def forecast(
    study: Study, out: Path, *, settings: RunSettings = DEFAULT_SETTINGS, engine: Engine = run_jobs
) -> Forecast:
    """Plan a study, measure a few steps of each kind, and say what its trials would take; nothing is kept.

    Raises:
        RecipeError: an arm cannot be run.
        DataError: a store is missing.
        PoseError: a step cannot be carried out.
    """
    check_others(settings.trials_of)
    planned = plan_study(study, out, settings=settings, engine=engine)
    recipes = [arm.recipe for arm in planned.arms]
    px = max(picture_px(planned.study, recipe) for recipe in recipes)
    steps = step_costs(
        recipes, known=planned.steps, machine=planned.machine, resources=planned.resources, picture_px=px, engine=engine
    )
    counts = _counts(planned)
    arms = tuple(_arm_forecast(arm, planned, steps=steps, counts=counts, px=px) for arm in planned.arms)
    trials = tuple(_trial_rows(planned, out, settings.trials_of))
    seconds = {each.arm: each.seconds for each in arms}
    left = [seconds[trial["arm"]] for trial in trials if not trial["done"]]
    return Forecast(
        study=planned.study.name,
        arms=arms,
        trials=trials,
        jobs=planned.resources.at_once,
        threads=planned.resources.threads,
        accelerator=planned.machine.accelerator,
        seconds=max(sum(left) / max(1, min(planned.resources.at_once, len(left))), max(left, default=0.0)),
        samples_to_draw=_to_draw(planned),
        notes=_notes(planned, len(steps)),
    )


def _notes(planned: Planned, kinds: int) -> tuple[str, ...]:
    at_once = planned.resources.at_once
    return (
        f"Time: median of a few real steps of each of {kinds} kinds of stage on images of noise, {at_once} side by "
        "side as the trials will run, on the machine as busy as it is now; validation and evaluation by their forward "
        "FLOPs at the same rate.",
        "Memory: the peak of the process in those steps, and the images that it will keep decoded (at most 512 MB).",
    )


def _arm_forecast(
    arm: Arm, planned: Planned, *, steps: Mapping[str, StepCost], counts: Mapping[tuple[str, str], int], px: int
) -> ArmForecast:
    recipe = arm.recipe
    costs = [steps[step_key(recipe, stage)] for stage in recipe.stages]
    device = [cost.peak_device_memory_bytes for cost in costs if cost.peak_device_memory_bytes is not None]
    pictures = sum(counts[store_name(spec.store), spec.split] for spec in recipe.sources.values())
    kept = min(CACHE_BYTES, max(0, pictures - PICTURES) * px * px * 3)
    return ArmForecast(
        arm=arm.name,
        levels=dict(arm.levels),
        parameters=count_parameters(recipe.model),
        images=recipe.samples,
        train_flops=training_flops(recipe),
        counted_flops=counted_flops(arm),
        memory_bytes=max(cost.peak_memory_bytes for cost in costs) + kept,
        device_memory_bytes=max(device) if device else None,
        seconds=_trial_seconds(recipe, planned.study, steps=steps, counts=counts),
    )


def _trial_seconds(
    recipe: Recipe, study: Study, *, steps: Mapping[str, StepCost], counts: Mapping[tuple[str, str], int]
) -> float:
    per_step, forward = seconds_of(recipe, steps), count_flops(recipe.model).forward
    total, a_pass = 0.0, 0.0
    for stage in recipe.stages:
        seconds = per_step[stage.name]
        a_pass = seconds / recipe.batch_size * forward / stage_cost(recipe.model, stage).training
        total += seconds * recipe.steps(stage) + a_pass * _validated(recipe, stage, counts)
    for each in study.sets.values():
        protocol = get_protocol(each.protocol)
        scored = math.ceil(counts[each.store, each.split] / protocol.stride)
        total += a_pass * scored * (2 if protocol.flip_test else 1)
    return total


def _validated(recipe: Recipe, stage: Stage, counts: Mapping[tuple[str, str], int]) -> int:
    """Samples that all validations of a stage look at."""
    spec = recipe.validation_of(stage)
    if spec is None:
        return 0
    sets: list[Any] = [spec, *recipe.watched.values()]
    each_time = sum(_limited(one, counts) for one in sets)
    return math.ceil(recipe.steps(stage) * recipe.batch_size / spec.every) * each_time


def _limited(spec: ValidationSpec | Any, counts: Mapping[tuple[str, str], int]) -> int:
    count = counts[store_name(spec.store), spec.split]
    return count if spec.limit is None else min(count, spec.limit)


def _counts(planned: Planned) -> dict[tuple[str, str], int]:
    """(store, split) -> samples, of all that the study names."""
    counts = {}
    for name, spec in planned.study.stores.items():
        for split, count in spec.counts.items():
            counts[name, split] = count
    pairs = [
        *((store_name(spec.store), spec.split) for arm in planned.arms for spec in _specs(arm.recipe)),
        *((each.store, each.split) for each in planned.study.sets.values()),
    ]
    for name, split in dict.fromkeys(pairs):
        if (name, split) not in counts:
            counts[name, split] = len(open_store(planned.folders[name], split))
    return counts


def _specs(recipe: Recipe) -> list[Any]:
    validations = [spec for stage in recipe.stages if (spec := recipe.validation_of(stage)) is not None]
    return [*recipe.sources.values(), *validations, *recipe.watched.values()]


def _trial_rows(planned: Planned, out: Path, others: Sequence[Path]) -> list[dict[str, Any]]:
    study = planned.study
    sets = {
        name: placed_set(each, study.stores[each.store], planned.folders[each.store])
        for name, each in study.sets.items()
    }

    def done(trial: PlannedTrial) -> bool:
        places = (inside(out, trial.folder), done_elsewhere(trial.id, others))
        return any(place is not None and is_done(place, sets) for place in places)

    return [{"id": trial.id, "arm": trial.arm, "seed": trial.seed, "done": done(trial)} for trial in planned.trials]


def _to_draw(planned: Planned) -> int:
    return sum(
        sum(missing_splits(spec, planned.folders[name]).values())
        for name, spec in planned.study.stores.items()
        if spec.world is not None
    )


def print_forecast(found: Forecast, console: Console | None = None) -> None:
    """Print a forecast: a row for each arm, then the whole."""
    console = console or PlainConsole()
    seeds = sorted({trial["seed"] for trial in found.trials})
    shared = any(arm.counted_flops != arm.train_flops for arm in found.arms)
    title = f"{found.study}: {number_of(len(found.arms), 'arm')} x {number_of(len(seeds), 'seed')}"
    heads = ("parameters", "images", "training", *["counted"] * shared, "memory", "a trial")
    table = table_of("arm", *heads, title=title)
    for arm in found.arms:
        memory = f"{arm.memory_bytes / 1e9:.1f} GB"
        if arm.device_memory_bytes is not None:
            memory += f" + {arm.device_memory_bytes / 1e9:.1f} GB"
        same = arm.counted_flops == arm.train_flops
        table.add_row(
            arm.arm,
            f"{arm.parameters / 1e6:.2f} M",
            f"{arm.images:,}",
            flops_written(arm.train_flops),
            *(["" if same else flops_written(arm.counted_flops)] * shared),
            memory,
            duration(arm.seconds),
        )
    console.print(table)
    done = sum(1 for trial in found.trials if trial["done"])
    drawing = f", after {found.samples_to_draw:,} samples are drawn" if found.samples_to_draw else ""
    lines = [
        f"{number_of(len(found.trials), 'trial')}, {done} done; {found.jobs} side by side on {found.accelerator}, "
        f"{number_of(found.threads, 'thread')} each: about {duration(found.seconds)}{drawing}",
        *found.notes,
    ]
    for line in lines:
        console.print(line, highlight=False)
