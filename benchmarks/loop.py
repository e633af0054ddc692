"""What the loop costs beside its steps: samples/s of `train` over those of a bare loop with the same arithmetic.

Both draw the same batches and do forward, losses, backward, clipping and the optimiser's step; the loop adds learning
rates, logs, progress, sums and checkpoints. Rounds of both alternate, and the ratio is that of their best times (CPU
time of the process, which a busy machine disturbs least).

    python benchmarks/loop.py [--steps 60] [--rounds 5] [--threads 1] [--json]
"""

import argparse
import json
import logging
import platform
import tempfile
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric
from rich.console import Console

from prepose.body.skeletons import MPII_16
from prepose.data.batch import BatchMaker
from prepose.data.dataset import PoseDataset, dataset_of
from prepose.data.sample import PoseSample
from prepose.models.pose_net import build_pose_net
from prepose.recipes.checkpoint import Position, Snapshot, random_state
from prepose.recipes.log import RunLog
from prepose.recipes.loop import Nets, Setting, train_stage
from prepose.recipes.objective import loss_names, losses_of, weights_of
from prepose.recipes.optimiser import make_optimiser
from prepose.recipes.run import create_run
from prepose.recipes.train import log_columns, stage_batches
from prepose.recipes.validation import Validated
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.overrides import override
from prepose.specs.recipe import Recipe


def noise(count: int, side: int) -> PoseDataset:
    """Images of noise with random joints: the loop does not look at them."""
    generator = np.random.default_rng(0)

    def sample() -> PoseSample:
        image = cv2.imencode(".jpg", generator.integers(0, 255, (side, side, 3), np.uint8))[1].tobytes()
        joints = generator.uniform(0, side, (16, 2))
        cam = np.concatenate([joints, generator.uniform(3000, 3500, (16, 1))], axis=1)
        box = np.array([0.0, 0.0, side, side])
        return PoseSample(image, MPII_16, box, joints, cam, np.ones(16, np.uint8))

    return dataset_of([sample() for _ in range(count)], skeleton=MPII_16)


def bare(recipe: Recipe, batches: BatchMaker, steps: int) -> None:
    """The arithmetic of a stage and nothing else."""
    stage, net = recipe.stages[0], build_pose_net(recipe.model, seed=0).to(memory_format=torch.channels_last)
    net.train()
    optimiser, weights = make_optimiser(stage, net), weights_of(stage, torch.device("cpu"))
    for batch in batches.stream(0, steps):
        with torch.autocast("cpu", torch.bfloat16):
            output = net(batch.image)
        losses = losses_of(loss_names(stage), output, batch, size=recipe.model.size, skeleton=net.skeleton)
        (losses @ weights).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), recipe.clip_norm or 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)


def looped(recipe: Recipe, batches: BatchMaker, folder: Path) -> None:
    """The same by `train`, with a log and a bar that nobody sees."""
    run, log = create_run(folder, recipe), RunLog(folder, log_columns(recipe), after_step=0)
    net = build_pose_net(recipe.model, seed=0).to(memory_format=torch.channels_last)
    console = Console(file=StringIO(), force_terminal=True, width=120)
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    setting = Setting(fabric, log, console, lambda net, spec: Validated({}, 0.0), lambda: False)
    start = Snapshot(Position(), None, None, random_state())
    train_stage(recipe.stages[0], Nets(net, None), batches, run, setting=setting, start=start)
    log.close()


def cpu_seconds(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    recipe = override(RECIPES["only-3d"](), [f"only-3d.samples={32 * options.steps}", "validation=null"])
    sources = {"lab": noise(256, 96)}
    batches = stage_batches(recipe, recipe.stages[0], sources)
    bare(recipe, batches, 5)
    times: dict[str, list[float]] = {"bare": [], "loop": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            times["bare"].append(cpu_seconds(lambda: bare(recipe, batches, options.steps)))
            times["loop"].append(cpu_seconds(lambda: looped(recipe, batches, Path(folder) / str(number))))  # noqa: B023
    samples = 32 * options.steps
    result = {
        "bare_samples_per_cpu_second": round(samples / min(times["bare"]), 1),
        "loop_samples_per_cpu_second": round(samples / min(times["loop"]), 1),
        "ratio": round(min(times["bare"]) / min(times["loop"]), 3),
        "goal": 0.93,
        "rounds": {name: [round(t, 3) for t in values] for name, values in times.items()},
        "machine": {"cpu_threads": options.threads, "platform": platform.platform(), "torch": torch.__version__},
    }
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print(
            f"bare {result['bare_samples_per_cpu_second']} samples/s, loop {result['loop_samples_per_cpu_second']}: "
            f"ratio {result['ratio']} (goal over 0.93; best of {options.rounds} rounds of {samples} samples, CPU time)"
        )


if __name__ == "__main__":
    main()
