"""The objective of a stage: its losses, weighted, over the global batch."""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor

from prepose.body.skeleton import Skeleton
from prepose.losses import LOSSES, Labelled, LossInputs
from prepose.models.pose_net import PoseOutput
from prepose.recipes.distributed import process_count
from prepose.specs.recipe import Stage


def loss_names(stage: Stage) -> tuple[str, ...]:
    """The losses that the stage computes: those with a weight."""
    return tuple(name for name, weight in stage.losses.items() if weight > 0)


def losses_of(
    names: Sequence[str], output: PoseOutput, batch: Labelled, *, size: int, skeleton: Skeleton
) -> Float[Tensor, "L"]:
    """The losses of those names, not yet weighted, each with its gradient.

    Masked losses divide by the number of labelled joints of the *global* batch (as its mean over the processes), so
    that the gradient averaged over processes is that of one process with the whole batch, however unevenly the labels
    fall. One process divides by the same number.
    """
    count_2d, count_3d = _mean_over_processes(torch.stack([batch.has_2d.sum(), batch.has_3d.sum()]))
    inputs = LossInputs(output, batch, size, skeleton, count_2d, count_3d)
    return torch.stack([LOSSES[name](inputs) for name in names])


def _mean_over_processes(counts: Tensor) -> Tensor:
    counts = counts.float()
    if process_count() > 1:
        dist.all_reduce(counts)
        counts /= process_count()
    return counts


def weights_of(stage: Stage, device: torch.device) -> Float[Tensor, "L"]:
    """The weights of `loss_names(stage)`."""
    return torch.tensor([stage.losses[name] for name in loss_names(stage)], device=device)
