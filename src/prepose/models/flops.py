"""What a network costs, counted by running it on tensors without storage.

Matrix products count: convolutions of every kind, linear layers, attention. A multiplication and an addition are two
operations; biases, normalisation, activations, softmax, interpolation, losses and the optimiser are not counted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count, sdpa_flop_count

from prepose.models.pose_net import PoseNet
from prepose.specs.model import ModelSpec

Shape = Sequence[int]


@dataclass(frozen=True)
class Flops:
    """Floating-point operations per sample (a multiplication and an addition are two).

    Attributes:
        forward: One prediction.
        training: One training step: forward and backward (the optimiser is not counted).
    """

    forward: int
    training: int


def flop_counter() -> FlopCounterMode:
    """A counter of the operations that run while it is open, forward and backward, silent.

    PyTorch's own takes the backward pass of a grouped convolution for a dense one, does not know the attention of CPUs,
    and counts what fused attention computes twice to save memory; see `FORMULAS`.
    """
    return FlopCounterMode(display=False, custom_mapping=dict(FORMULAS))


def _convolution_backward(*shapes: Any, out_shape: Any, **_: Any) -> int:
    """Each gradient (of the input, of the weights) multiplies the same pairs of numbers as the forward pass did."""
    output, image, weight, _bias, _stride, _padding, _dilation, transposed, _outside, _groups, wanted = shapes
    return (bool(wanted[0]) + bool(wanted[1])) * conv_flop_count(image, weight, output, transposed=transposed)


def _attention(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query, key, value)


def _attention_backward(_output: Shape, query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    """Four products where the forward pass has two, as when attention is not fused."""
    return 2 * sdpa_flop_count(query, key, value)


_aten = torch.ops.aten
FORMULAS: Mapping[Any, Callable[..., int]] = MappingProxyType(
    {
        _aten.convolution_backward: _convolution_backward,
        _aten._scaled_dot_product_flash_attention_for_cpu: _attention,
        _aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
        _aten._scaled_dot_product_flash_attention_backward: _attention_backward,
        _aten._scaled_dot_product_efficient_attention_backward: _attention_backward,
        _aten._scaled_dot_product_cudnn_attention_backward: _attention_backward,
    }
)


def count_flops(spec: ModelSpec) -> Flops:
    """Operations of the model, per sample."""
    with torch.device("meta"):
        net = PoseNet(spec).train()
        # Two samples, because BatchNorm refuses to learn from a single value per channel (32 px crops).
        image = torch.zeros(2, 3, spec.size, spec.size)
    with flop_counter() as counter:
        heatmaps, depth_maps = net.maps(image)
        forward = counter.get_total_flops()
        (heatmaps.sum() + depth_maps.sum()).backward()
    return Flops(forward // 2, counter.get_total_flops() // 2)


def count_parameters(spec: ModelSpec) -> int:
    """Numbers that the model learns."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in PoseNet(spec).parameters())
