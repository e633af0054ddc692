"""What a study would take: trials, FLOPs, memory and time, from a few steps of each kind and without a trial."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console

from prepose.console import PlainConsole, duration, table_of
from prepose.data.store import open_store
from prepose.files import inside
from prepose.metrics.protocols import get_protocol
from prepose.models.flops import count_flops, count_parameters
from prepose.recipes.budget import labelling_flops, training_flops
from prepose.specs.recipe import Recipe
from prepose.specs.study import Study, store_name
from prepose.studies.engines.local import Engine, run_jobs
from prepose.studies.run.other_studies import check_others, done_elsewhere
from prepose.studies.run.planning import DEFAULT_SETTINGS, Planned, RunSettings, image_px, plan_study
from prepose.studies.run.search import check_search, known_tuning, search_flops, search_line, tuned
from prepose.studies.run.step_speed import IMAGES, StepCost, step_costs, step_key
from prepose.studies.run.stores import missing_splits
from prepose.studies.run.trial_work import is_done, placed_set
from prepose.studies.tables import flops_written, number_of
from prepose.studies.trials import Arm, PlannedTrial, counted_flops

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
        device_memory_bytes: Of the GPU; None on a processor.
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
class SearchForecast:
    """What the search for settings would take, before the trials.

    Attributes:
        trainings: Of all arms.
        train_flops: Of all of them.
        seconds: Of what is not done: all, or none of it.
        done: Whether it has ended.
        line: In words.
    """

    trainings: int
    train_flops: float
    seconds: float
    done: bool
    line: str


@dataclass(frozen=True)
class Forecast:
    """What a study would take.

    Attributes:
        study: Its name.
        arms: What a trial of each arm would take.
        trials: Each trial: `id`, `arm`, `seed`, `done`.
        jobs: Trials in parallel.
        threads: CPU threads of each.
        accelerator: `cpu` or `cuda`.
        seconds: Of all trials that are not done.
        samples_to_draw: Samples of worlds that are not there yet.
        notes: How the numbers were found.
        search: The search before the trials; None where the study has none.
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
    search: SearchForecast | None = None

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
    planned = plan_study(study, out, settings=settings)
    check_search(planned.study)
    tuning = known_tuning(out, planned.study) if study.search else None
    planned = planned if tuning is None else tuned(planned, tuning)
    machine, resources, folders = planned.machine, planned.resources, planned.folders
    recipes = [arm.recipe for arm in planned.arms]
    px = max(image_px(planned.study, recipe) for recipe in recipes)
    steps = step_costs(recipes, machine=machine, resources=resources, image_px=px, engine=engine)
    arms = tuple(_arm_forecast(arm, planned, steps, px) for arm in planned.arms)
    trials = tuple(_trial_rows(planned, out, settings.trials_of))
    seconds = {each.arm: each.seconds for each in arms}
    left = [seconds[trial["arm"]] for trial in trials if not trial["done"]]
    worlds = {name: spec for name, spec in planned.study.stores.items() if spec.world is not None}
    return Forecast(
        study=planned.study.name,
        arms=arms,
        trials=trials,
        jobs=resources.at_once,
        threads=resources.threads,
        accelerator=machine.accelerator,
        seconds=max(sum(left) / max(1, min(resources.at_once, len(left))), max(left, default=0.0)),
        samples_to_draw=sum(sum(missing_splits(spec, folders[name]).values()) for name, spec in worlds.items()),
        notes=(
            f"Time: median of a few real steps of each of {len(steps)} kinds of stage on noise images, "
            f"{resources.at_once} in parallel as the trials will run, on the machine as busy as it is now; validation "
            "and evaluation by their forward FLOPs at the same rate.",
            "Memory: the peak of the process in those steps, and its cache of decoded images (at most 512 MB).",
        ),
        search=_search_forecast(planned, seconds, done=tuning is not None),
    )


def _search_forecast(planned: Planned, seconds: Mapping[str, float], *, done: bool) -> SearchForecast | None:
    search = planned.study.search
    if search is None:
        return None
    # A training of the search has no test sets; the time is a little too long.
    whole = search.whole_trainings * sum(seconds.values()) / max(1, min(planned.resources.at_once, len(planned.arms)))
    return SearchForecast(
        trainings=search.trainings * len(planned.arms),
        train_flops=search_flops(planned.study, planned.arms),
        seconds=0.0 if done else whole,
        done=done,
        line=search_line(planned.study, planned.arms),
    )


def _arm_forecast(arm: Arm, planned: Planned, steps: Mapping[str, StepCost], px: int) -> ArmForecast:
    recipe, study, flops = arm.recipe, planned.study, training_flops(arm.recipe)
    labelling = sum(labelling_flops(recipe, stage) for stage in recipe.stages)
    costs = [steps[step_key(recipe, stage)] for stage in recipe.stages]
    device = [cost.peak_device_memory_bytes for cost in costs if cost.peak_device_memory_bytes is not None]

    @cache
    def count(name: str, split: str) -> int:
        known = study.stores[name].counts.get(split)
        return len(open_store(planned.folders[name], split)) if known is None else known

    images = sum(count(store_name(spec.store), spec.split) for spec in recipe.sources.values())
    passes = _validation_passes(recipe, count)
    for each in study.sets.values():
        protocol = get_protocol(each.protocol)
        scored = math.ceil(count(each.store, each.split) / protocol.stride)
        passes += scored * (2 if protocol.flip_test else 1)
    training = sum(cost.seconds * recipe.steps(stage) for cost, stage in zip(costs, recipe.stages, strict=True))
    return ArmForecast(
        arm=arm.name,
        levels=dict(arm.levels),
        parameters=count_parameters(recipe.model),
        images=recipe.samples,
        train_flops=flops,
        counted_flops=counted_flops(arm),
        memory_bytes=max(cost.peak_memory_bytes for cost in costs)
        + min(CACHE_BYTES, max(0, images - IMAGES) * px * px * 3),
        device_memory_bytes=max(device, default=None),
        seconds=training * (1 + (labelling + passes * count_flops(recipe.model).forward) / (flops - labelling)),
    )


def _validation_passes(recipe: Recipe, count: Any) -> int:
    """Samples that all validations of a trial look at."""
    passes = 0
    for stage in recipe.stages:
        spec = recipe.validation_of(stage)
        if spec is not None:
            sets = (spec, *recipe.watched.values())
            counts = [(count(store_name(each.store), each.split), each.limit) for each in sets]
            each_time = sum(there if limit is None else min(there, limit) for there, limit in counts)
            passes += math.ceil(recipe.steps(stage) * recipe.batch_size / spec.every) * each_time
    return passes


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


def print_forecast(found: Forecast, console: Console | None = None) -> None:
    """Print a forecast: a row for each arm, then the whole."""
    console = console or PlainConsole()
    seeds = {trial["seed"] for trial in found.trials}
    shared = any(arm.counted_flops != arm.train_flops for arm in found.arms)
    title = f"{found.study}: {number_of(len(found.arms), 'arm')} x {number_of(len(seeds), 'seed')}"
    heads = ("parameters", "images", "training", *["counted"] * shared, "memory", "a trial")
    table = table_of("arm", *heads, title=title)
    for arm in found.arms:
        counted = "" if arm.counted_flops == arm.train_flops else flops_written(arm.counted_flops)
        memory = " + ".join(f"{each / 1e9:.1f} GB" for each in (arm.memory_bytes, arm.device_memory_bytes) if each)
        table.add_row(
            arm.arm,
            f"{arm.parameters / 1e6:.2f} M",
            f"{arm.images:,}",
            flops_written(arm.train_flops),
            *[counted] * shared,
            memory,
            duration(arm.seconds),
        )
    console.print(table)
    done = sum(1 for trial in found.trials if trial["done"])
    drawing = f", after {found.samples_to_draw:,} samples are rendered" if found.samples_to_draw else ""
    whole = (
        f"{number_of(len(found.trials), 'trial')}, {done} done; {found.jobs} in parallel on {found.accelerator}, "
        f"{number_of(found.threads, 'thread')} each: about {duration(found.seconds)}{drawing}"
    )
    before = () if found.search is None else (_search_words(found.search),)
    for line in (*before, whole, *found.notes):
        console.print(line, highlight=False)


def _search_words(search: SearchForecast) -> str:
    """What the search takes, in a line."""
    return f"{search.line}; {'done' if search.done else f'about {duration(search.seconds)} before the trials'}"
