"""How long a training step takes on this machine, and what memory it needs: measured on a few real steps.

The steps are the trial's own, network, losses, augmentation and batch size; the images are noise, so that nothing
needs to be there yet. Steps are measured side by side, as the study's trials will run, because trials share caches and
memory: alone each of them would be faster.
"""

import hashlib
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from prepose.body.skeletons import get_skeleton
from prepose.data.sample import PoseSample
from prepose.data.store import StoreDescription, write_store
from prepose.recipes.log import read_log
from prepose.recipes.train import Machine, run_recipe
from prepose.specs.recipe import Recipe, Stage
from prepose.studies.engines.local import Engine, Job, Resources, values_of
from prepose.studies.run.trial_costs import forget_peak_memory, peak_memory_bytes

# Each measurement takes about so long, after a warm-up.
MEASURED_SECONDS = 2.0
WARM_UP, MOST_STEPS, ROUNDS = 2, 40, 4
PICTURES = 64
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
        peak_device_memory_bytes: Of the graphics card; None on a processor.
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
    recipes: Sequence[Recipe],
    *,
    known: Mapping[str, StepCost],
    machine: Machine,
    resources: Resources,
    picture_px: int,
    engine: Engine,
) -> dict[str, StepCost]:
    """What a step of each stage of each recipe takes, by `step_key`.

    Args:
        recipes: The recipes.
        known: What need not be measured again.
        machine: What each trial may use.
        resources: How many run side by side.
        picture_px: Side of the stored images.
        engine: Where to measure.

    Raises:
        PoseError: a step cannot be carried out; for want of memory, say.
    """
    wanted = {step_key(recipe, stage): (recipe, stage) for recipe in recipes for stage in recipe.stages}
    missing = {key: pair for key, pair in wanted.items() if key not in known}
    if not missing:
        return {key: known[key] for key in wanted}
    # Fewer measurements than trials at once would be measured in a quieter machine than the study will have.
    copies = math.ceil(min(resources.at_once, 16) / len(missing))
    jobs = [
        Job(f"{stage.name} of {recipe.name} ({key}.{copy})", measure_step, (recipe, stage, machine, picture_px))
        for copy in range(copies)
        for key, (recipe, stage) in missing.items()
    ]
    outcomes = engine(jobs, resources=resources, tick=lambda running: None, on_done=lambda name, outcome: None)
    found = list(values_of(outcomes).values())
    measured = {key: _together(found[number :: len(missing)]) for number, key in enumerate(missing)}
    return {key: known[key] if key in known else measured[key] for key in wanted}


def _together(costs: Sequence[Any]) -> StepCost:
    device = [cost.peak_device_memory_bytes for cost in costs if cost.peak_device_memory_bytes is not None]
    return StepCost(
        sum(cost.seconds for cost in costs) / len(costs),
        max(cost.peak_memory_bytes for cost in costs),
        max(device) if device else None,
    )


def measure_step(recipe: Recipe, stage: Stage, machine: Machine, picture_px: int) -> StepCost:
    """Carry a few steps of a stage out on images of noise, by the training loop itself."""
    cuda = machine.accelerator == "cuda"
    forget_peak_memory(cuda=cuda)
    with tempfile.TemporaryDirectory(prefix="prepose-") as folder:
        store = Path(folder) / "noise"
        _write_noise(store, recipe.model.skeleton, picture_px)
        alone = _on_noise(recipe, stage, store)
        first = _seconds_a_step(alone, Path(folder) / "first", machine, steps=WARM_UP, rounds=WARM_UP)[-1]
        steps = min(MOST_STEPS, max(ROUNDS, math.ceil(MEASURED_SECONDS / first)))
        found = _seconds_a_step(alone, Path(folder) / "second", machine, steps=steps, rounds=ROUNDS)
    return StepCost(
        # The first round warms up.
        float(np.median(found[1:])),
        peak_memory_bytes(),
        torch.cuda.max_memory_allocated() if cuda else None,
    )


def _seconds_a_step(recipe: Recipe, out: Path, machine: Machine, *, steps: int, rounds: int) -> list[float]:
    """Seconds of a step in each of the rounds."""
    batch = recipe.batch_size
    stages = tuple(stage.model_copy(update={"samples": steps * batch}) for stage in recipe.stages)
    short = recipe.model_copy(update={"stages": stages, "log_every": max(1, steps // rounds) * batch})
    run_recipe(short, out, machine=replace(machine, checkpoint_seconds=3600.0))
    rows = read_log(out)
    return [batch / float(row["samples_per_second"]) for row in rows]


def _on_noise(recipe: Recipe, stage: Stage, store: Path) -> Recipe:
    sources = {
        name: spec.model_copy(update={"store": str(store), "split": "train", "keep": 1.0, "cap": None})
        for name, spec in recipe.sources.items()
    }
    return recipe.model_copy(
        update={
            "sources": sources,
            "stages": (stage.model_copy(update={"validation": None}),),
            "validation": None,
            "watched": {},
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

    samples = (sample() for _ in range(PICTURES))
    write_store(folder, StoreDescription("noise", skeleton), "train", samples, total=PICTURES)


def plain_costs(costs: Mapping[str, StepCost]) -> dict[str, Any]:
    """For `plan.json`."""
    return {key: asdict(cost) for key, cost in costs.items()}


def costs_from_plain(content: Mapping[str, Any]) -> dict[str, StepCost]:
    """What `plain_costs` wrote."""
    return {key: StepCost(**values) for key, values in content.items()}
