"""What a network costs, counted by running it on tensors without storage."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from prepose.models.pose_net import ModelSpec, PoseNet


@dataclass(frozen=True)
class Flops:
    """Floating-point operations per sample (a multiplication and an addition are two).

    Attributes:
        forward: One prediction.
        training: One training step: forward and backward (the optimiser is not counted).
    """

    forward: int
    training: int


def count_flops(spec: ModelSpec) -> Flops:
    """Operations in the convolutions of the model, per sample."""
    with torch.device("meta"):
        net = PoseNet(spec).train()
        # Two samples, because BatchNorm refuses to learn from a single value per channel (32 px crops).
        image = torch.zeros(2, 3, spec.size, spec.size)
    counter = FlopCounterMode(display=False)
    with counter:
        heatmaps, depth_maps = net.maps(image)
        forward = counter.get_total_flops()
        (heatmaps.sum() + depth_maps.sum()).backward()
    return Flops(forward // 2, counter.get_total_flops() // 2)


def count_parameters(spec: ModelSpec) -> int:
    """Numbers that the model learns."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in PoseNet(spec).parameters())
