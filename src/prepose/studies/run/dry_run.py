"""What a study would take: trials, FLOPs, memory and time, without a trial.

Time and memory come from a few real steps: network, losses, augmentation and batch size are the trial's own; the images
are noise, so that nothing needs to be there yet. They are measured in parallel, as the study's trials will run: alone
each of them would be faster.
"""

import hashlib
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.console import Console

from prepose.body.skeletons import get_skeleton
from prepose.console import PlainConsole, duration, table_of
from prepose.data.sample import PoseSample
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.files import inside
from prepose.metrics.protocols import get_protocol
from prepose.models.flops import count_flops, count_parameters
from prepose.recipes.budget import labelling_flops, training_flops
from prepose.recipes.log import read_log
from prepose.recipes.train import Machine, run_recipe
from prepose.specs.recipe import Recipe, Stage
from prepose.specs.study import Study, store_name
from prepose.studies.engines.local import Engine, Job, Resources, run_jobs, values_of
from prepose.studies.run.other_studies import check_others, done_elsewhere
from prepose.studies.run.planning import DEFAULT_SETTINGS, Planned, RunSettings, image_px, plan_study
from prepose.studies.run.search import check_search, known_tuning, search_flops, search_line, tuned
from prepose.studies.run.stores import missing_splits
from prepose.studies.run.trial_costs import forget_peak_memory, peak_memory_bytes
from prepose.studies.run.trial_work import is_done, placed_set
from prepose.studies.tables import flops_written, number_of
from prepose.studies.trials import Arm, PlannedTrial, counted_flops

# The first steps allocate memory and choose kernels.
WARM_UP, MEASURED = 3, 9
IMAGES = 64
MOST_AT_ONCE = 16
# What a step costs does not depend on these.
_WITHOUT_COST = frozenset(
    {"name", "samples", "learning_rate", "schedule", "warm_up", "milestones", "decay", "momentum", "validation"}
)


@dataclass(frozen=True)
class StepCost:
    """What a step takes.

    Attributes:
        seconds: The median of a few.
        peak_memory_bytes: Of the process, with a cache of few images.
        peak_device_memory_bytes: Of the GPU; None on a processor.
    """

    seconds: float
    peak_memory_bytes: int
    peak_device_memory_bytes: int | None = None


def step_key(recipe: Recipe, stage: Stage) -> str:
    """What a step's cost depends on, as a short digest: stages with one key take equally long."""
    defining = {
        "model": recipe.model.model_dump(mode="json"),
        "batch_size": recipe.batch_size,
        "precision": recipe.precision,
        "averaged": recipe.ema_decay is not None,
        "clipped": recipe.clip_norm is not None,
        "stage": stage.model_dump(mode="json", exclude=set(_WITHOUT_COST)),
    }
    return hashlib.sha256(json.dumps(defining, sort_keys=True).encode()).hexdigest()[:12]


def step_costs(
    recipes: Sequence[Recipe], *, machine: Machine, resources: Resources, image_px: int, engine: Engine
) -> dict[str, StepCost]:
    """What a step of each stage of each recipe takes, by `step_key`.

    Args:
        recipes: The recipes.
        machine: What each trial may use.
        resources: How many run in parallel.
        image_px: Side of the stored images.
        engine: Where to measure.

    Raises:
        PoseError: a step cannot be carried out; for want of memory, say.
    """
    kinds = {step_key(recipe, stage): (recipe, stage) for recipe in recipes for stage in recipe.stages}
    # Fewer measurements than trials at once would be measured in a quieter machine than the study will have.
    copies = math.ceil(min(resources.at_once, MOST_AT_ONCE) / len(kinds))
    jobs = [
        Job(f"{stage.name} of {recipe.name} ({key}.{copy})", measure_step, (recipe, stage, machine, image_px))
        for copy in range(copies)
        for key, (recipe, stage) in kinds.items()
    ]
    outcomes = engine(jobs, resources=resources, tick=lambda running: None, on_done=lambda name, outcome: None)
    found: list[Any] = list(values_of(outcomes).values())
    return {key: _together(found[number :: len(kinds)]) for number, key in enumerate(kinds)}


def _together(costs: Sequence[StepCost]) -> StepCost:
    device = [cost.peak_device_memory_bytes for cost in costs if cost.peak_device_memory_bytes is not None]
    return StepCost(
        sum(cost.seconds for cost in costs) / len(costs),
        max(cost.peak_memory_bytes for cost in costs),
        max(device, default=None),
    )


def measure_step(recipe: Recipe, stage: Stage, machine: Machine, image_px: int) -> StepCost:
    """Carry out a few steps of a stage on noise images, by the training loop itself."""
    cuda = machine.accelerator == "cuda"
    forget_peak_memory(cuda=cuda)
    with tempfile.TemporaryDirectory(prefix="prepose-") as folder:
        store, run = Path(folder) / "noise", Path(folder) / "run"
        _write_noise(store, recipe.model.skeleton, image_px)
        run_recipe(_few_steps(recipe, stage, store), run, machine=replace(machine, checkpoint_seconds=3600.0))
        seconds = [recipe.batch_size / float(row["samples_per_second"]) for row in read_log(run)]
    device = torch.cuda.max_memory_allocated() if cuda else None
    return StepCost(float(np.median(seconds[WARM_UP:])), peak_memory_bytes(), device)


def _few_steps(recipe: Recipe, stage: Stage, store: Path) -> Recipe:
    """The stage alone, on a store of noise, with a row in the log for each step."""
    noise = {"store": str(store), "split": "train", "keep": 1.0, "cap": None}
    samples = (WARM_UP + MEASURED) * recipe.batch_size
    return recipe.model_copy(
        update={
            "sources": {name: spec.model_copy(update=noise) for name, spec in recipe.sources.items()},
            "stages": (stage.model_copy(update={"validation": None, "samples": samples}),),
            "log_every": recipe.batch_size,
            "validation": None,
            "watched": {},
            "start": None,
            # Random weights cost what trained ones do, and need not be fetched.
            "model": recipe.model.model_copy(update={"weights": "random"}),
        }
    )


def _write_noise(folder: Path, skeleton_name: str, side: int) -> None:
    skeleton, generator = get_skeleton(skeleton_name), np.random.default_rng(0)

    def sample() -> PoseSample:
        image = cv2.imencode(".jpg", generator.integers(0, 255, (side, side, 3), np.uint8))[1].tobytes()
        joints = generator.uniform(0.2 * side, 0.8 * side, (len(skeleton), 2))
        cam = np.concatenate([joints, generator.uniform(3000, 3500, (len(skeleton), 1))], axis=1)
        box = np.array([0.0, 0.0, side, side])
        return PoseSample(image, skeleton, box, joints, cam, np.ones(len(skeleton), np.uint8))

    samples = (sample() for _ in range(IMAGES))
    write_store(folder, StoreDescription("noise", skeleton), "train", samples, total=IMAGES)


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
