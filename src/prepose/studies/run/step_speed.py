"""How long a training step takes on this machine, and what memory it needs: measured on a few real steps.

The steps are the trial's own, network, losses, augmentation and batch size; the images are noise, so that nothing needs
to be there yet. They are measured in parallel, as the study's trials will run: alone each of them would be faster.
"""

import hashlib
import json
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
