"""Training steps: the reference's form (float32, contiguous) against ours (bfloat16, channels last, fused AdamW).

One step is forward, losses, backward and optimiser on random pictures. Times are the best of several, because other
work on the machine only ever adds; the ratio is of wall times, and beside it of processor times, which other work
disturbs less (with `--threads 1` hardly at all).
"""

import argparse
import math
import platform
import time
from dataclasses import dataclass
from typing import NamedTuple

import torch

from losses import Labels
from prepose.losses import LOSSES, LossInputs
from prepose.models.flops import count_flops
from prepose.models.pose_net import PoseNet, build_pose_net
from prepose.specs.model import ModelSpec

BIG_LOSSES = {"heatmap": 1.0, "depth_at_label": 0.1}
SMALL_LOSSES = {"joint": 1.0, "heatmap_cross_entropy": 0.05, "joint_depth": 1.0}
GOAL = 0.4  # ours over the reference's


@dataclass(frozen=True)
class Form:
    """How a step is computed."""

    name: str
    bfloat16: bool
    channels_last: bool
    fused: bool


class Seconds(NamedTuple):
    """A duration, on the wall and summed over processors."""

    wall: float
    processor: float

    def over(self, other: "Seconds") -> str:
        """The ratio, for people."""
        return f"ratio {self.wall / other.wall:.2f} (processor {self.processor / other.processor:.2f})"


REFERENCE = Form("float32 contiguous", bfloat16=False, channels_last=False, fused=False)
OURS = Form("bfloat16 channels_last", bfloat16=True, channels_last=True, fused=True)


def time_step(spec: ModelSpec, form: Form, weights: dict[str, float], *, batch: int, rounds: int) -> Seconds:
    """The fastest step."""
    net = build_pose_net(spec, seed=0).train()
    if form.channels_last:
        net = net.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=form.fused)
    draw = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (batch, 3, spec.size, spec.size), generator=draw, dtype=torch.uint8)
    target = torch.rand(batch, len(net.skeleton), 3, generator=draw) * spec.size
    best = Seconds(math.inf, math.inf)
    for _ in range(rounds + 2):
        start = Seconds(time.perf_counter(), time.process_time())
        _loss(net, image, target, weights, bfloat16=form.bfloat16).backward()
        optimiser.step()
        optimiser.zero_grad()
        best = Seconds(
            min(best.wall, time.perf_counter() - start.wall),
            min(best.processor, time.process_time() - start.processor),
        )
    return best


def _loss(
    net: PoseNet, image: torch.Tensor, target: torch.Tensor, weights: dict[str, float], *, bfloat16: bool
) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        output = net(image)
    labelled = torch.ones(target.shape[:2], dtype=torch.bool)
    inputs = LossInputs(output, Labels(target, labelled, labelled), net.spec.size, net.skeleton)
    return torch.stack([weight * LOSSES[name](inputs) for name, weight in weights.items()]).sum()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2, help="for the large networks; the small ones use one")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, torch {torch.__version__}; the best of {arguments.rounds} steps")

    torch.set_num_threads(arguments.threads)
    print(f"batch 8, 256 px, {arguments.threads} threads, deconvolution decoder; the goal is a ratio of {GOAL}")
    for backbone in ("resnet-18", "resnet-50"):
        spec = ModelSpec(backbone=backbone, readout="argmax")
        theirs, ours = (
            time_step(spec, form, BIG_LOSSES, batch=8, rounds=arguments.rounds) for form in (REFERENCE, OURS)
        )
        rate = 8 * count_flops(spec).training / ours.wall / 1e9
        print(
            f"  {backbone}: {REFERENCE.name} {theirs.wall:.3f} s, {OURS.name} {ours.wall:.3f} s "
            f"({rate:.0f} GFLOP/s), {ours.over(theirs)}"
        )

    torch.set_num_threads(1)
    print("batch 32, 64 px, 1 thread, light decoder")
    for backbone in ("small-0.7m", "small-1.6m"):
        spec = ModelSpec(backbone=backbone, decoder="light", size=64)
        theirs, ours = (
            time_step(spec, form, SMALL_LOSSES, batch=32, rounds=5 * arguments.rounds) for form in (REFERENCE, OURS)
        )
        print(
            f"  {backbone}: {REFERENCE.name} {32 / theirs.wall:.0f} images/s, {OURS.name} {32 / ours.wall:.0f} "
            f"images/s ({32 / ours.processor:.0f} a processor second), {ours.over(theirs)}"
        )


if __name__ == "__main__":
    main()
