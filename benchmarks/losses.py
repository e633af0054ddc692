"""The losses on one core, at batch 32; the geometric loss beside a loop over samples and bones.

Times are of forward and backward together, the best of many.
"""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from prepose.body.skeletons import MPII_16
from prepose.losses import BONE_GROUPS, LOSSES, LossInputs, bone_ratio_loss
from prepose.models.heads import PoseOutput


class Labels(NamedTuple):
    """What losses read of a batch."""

    joints_crop: torch.Tensor
    has_2d: torch.Tensor
    has_3d: torch.Tensor


BATCH, SIZE, CELLS = 32, 256, 64
GOAL_MS = 0.8


def naive_bone_ratio_loss(depth: torch.Tensor, joints_xy: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """What one writes first: a Python loop over samples, groups and bones."""
    total = depth.new_zeros(())
    for sample in range(len(depth)):
        for group in BONE_GROUPS:
            lengths = []
            for first, second, factor in group:
                a, b = MPII_16.index(first.replace("<neck>", "upper_neck")), MPII_16.index(second)
                if mask[sample, a] and mask[sample, b]:
                    across = (joints_xy[sample, a] - joints_xy[sample, b]).square().sum()
                    lengths.append(factor * (across + (depth[sample, a] - depth[sample, b]).square()).sqrt())
            if lengths:
                stacked = torch.stack(lengths)
                total = total + (stacked - stacked.mean()).square().sum() / (2 * len(lengths))
    return total / len(depth)


def best_ms(step: Callable[[], torch.Tensor], *, rounds: int) -> float:
    """Milliseconds of the fastest forward and backward."""
    best = math.inf
    for _ in range(rounds):
        start = time.perf_counter()
        step().backward()
        best = min(best, time.perf_counter() - start)
    return best * 1e3


def main() -> None:
    torch.set_num_threads(1)
    draw = torch.Generator().manual_seed(0)
    depth = torch.randn(BATCH, 16, generator=draw).mul_(0.2).requires_grad_()
    joints_xy = torch.rand(BATCH, 16, 2, generator=draw)
    mask = torch.rand(BATCH, 16, generator=draw) < 0.9
    ours = bone_ratio_loss(depth, joints_xy, mask, skeleton=MPII_16)
    torch.testing.assert_close(ours, naive_bone_ratio_loss(depth, joints_xy, mask))
    vectorised = best_ms(lambda: bone_ratio_loss(depth, joints_xy, mask, skeleton=MPII_16), rounds=500)
    loop = best_ms(lambda: naive_bone_ratio_loss(depth, joints_xy, mask), rounds=5)
    print(f"geometric loss, batch {BATCH}, 1 thread: vectorised {vectorised:.2f} ms (goal {GOAL_MS}), ", end="")
    print(f"Python loop {loop:.1f} ms, ratio {vectorised / loop:.4f}")

    output = PoseOutput(
        heatmaps=torch.randn(BATCH, 16, CELLS, CELLS, generator=draw).requires_grad_(),
        depth_maps=torch.randn(BATCH, 16, CELLS, CELLS, generator=draw).requires_grad_(),
        joints_crop=(torch.rand(BATCH, 16, 3, generator=draw) * SIZE).requires_grad_(),
        confidence=torch.ones(BATCH, 16),
    )
    target = torch.rand(BATCH, 16, 3, generator=draw) * SIZE
    has_3d = mask & (torch.arange(BATCH) < BATCH // 2)[:, None]
    inputs = LossInputs(output, Labels(target, mask, has_3d), SIZE, MPII_16)
    print(f"all losses, batch {BATCH}, {CELLS} x {CELLS} maps, 1 thread")
    for name, loss in LOSSES.items():
        print(f"  {name:24s}{best_ms(lambda loss=loss: loss(inputs), rounds=15):8.2f} ms")


if __name__ == "__main__":
    main()
