"""Counting operations."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from prepose.models.flops import count_flops, flop_counter
from prepose.models.pose_net import PoseNet
from prepose.specs.model import ModelSpec


def forward_and_backward(run, *inputs: torch.Tensor) -> tuple[int, int]:
    """Operations of a function's forward pass and of its backward pass to inputs and weights."""
    with flop_counter() as counter:
        output = run(*inputs)
        forward = counter.get_total_flops()
        output.sum().backward()
    return forward, counter.get_total_flops() - forward


# 2 images of 32 channels; a 3x3 convolution has 8 x 8 outputs, a transposed 4x4 one meets 8 x 8 inputs.
CONVOLUTIONS = {
    "dense": (nn.Conv2d(32, 64, 3, padding=1), 2 * 2 * 8 * 8 * 64 * 32 * 9),
    "grouped": (nn.Conv2d(32, 64, 3, padding=1, groups=4), 2 * 2 * 8 * 8 * 64 * 8 * 9),
    "depthwise": (nn.Conv2d(32, 32, 3, padding=1, groups=32), 2 * 2 * 8 * 8 * 32 * 9),
    "strided": (nn.Conv2d(32, 64, 3, padding=1, stride=2), 2 * 2 * 4 * 4 * 64 * 32 * 9),
    "one dimension": (nn.Conv1d(32, 64, 3, padding=1, groups=2), 2 * 2 * 8 * 64 * 16 * 3),
    "transposed": (nn.ConvTranspose2d(32, 64, 4, stride=2, padding=1), 2 * 2 * 8 * 8 * 32 * 64 * 16),
    "transposed, grouped": (nn.ConvTranspose2d(32, 64, 4, stride=2, groups=4), 2 * 2 * 8 * 8 * 32 * 16 * 16),
    "transposed, depthwise": (nn.ConvTranspose2d(32, 32, 4, stride=2, groups=32), 2 * 2 * 8 * 8 * 32 * 16),
}


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolution_costs_what_it_costs_by_hand_and_twice_that_backward(name: str, device: str) -> None:
    layer, by_hand = copy.deepcopy(CONVOLUTIONS[name])
    image = torch.zeros((2, 32, 8) if isinstance(layer, nn.Conv1d) else (2, 32, 8, 8), device=device)
    assert forward_and_backward(layer.to(device), image.requires_grad_()) == (by_hand, 2 * by_hand)
    assert forward_and_backward(layer, image.detach()) == (by_hand, by_hand), "no gradient of the input is wanted"


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_linear_layers_and_attention_cost_what_they_cost_by_hand(device: str) -> None:
    tokens = torch.zeros(2, 5, 16, device=device, requires_grad=True)
    linear = 2 * (2 * 5) * 16 * 24
    assert forward_and_backward(nn.Linear(16, 24, device=device), tokens) == (linear, 2 * linear)
    query, key, value = (torch.zeros(2, 4, n, 8, device=device, requires_grad=True) for n in (10, 12, 12))
    # Scores, and the sum of the values; backward the gradients of both factors of each product.
    attention = 2 * (2 * 4) * (10 * 12 * 8) + 2 * (2 * 4) * (10 * 12 * 8)
    found = forward_and_backward(functional.scaled_dot_product_attention, query, key, value)
    assert found == (attention, 2 * attention)


@pytest.mark.parametrize(("backbone", "decoder"), [("small-0.7m", "light"), ("resnet-50", "deconv")])
def test_networks_without_groups_cost_what_pytorch_counts(backbone: str, decoder: str) -> None:
    spec = ModelSpec(backbone=backbone, decoder=decoder, size=64)
    with torch.device("meta"):
        net, image = PoseNet(spec).train(), torch.zeros(1, 3, 64, 64)
    assert all(layer.groups == 1 for layer in net.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)))
    with FlopCounterMode(display=False) as counter:
        sum(maps.sum() for maps in net.maps(image)).backward()
    assert count_flops(spec).training == counter.get_total_flops()


def test_resnet_18_costs_what_its_convolutions_cost_by_hand() -> None:
    # (cells, in, out, kernel^2) of stem, stages, shortcuts, deconvolutions (4 of 16 taps meet each output) and heads.
    layers = [(128**2, 3, 64, 49), *[(64**2, 64, 64, 9)] * 4]
    for cells, before, after in ((32**2, 64, 128), (16**2, 128, 256), (8**2, 256, 512)):
        layers += [(cells, before, after, 9), (cells, before, after, 1), *[(cells, after, after, 9)] * 3]
    layers += [(16**2, 512, 256, 4), (32**2, 256, 256, 4), (64**2, 256, 256, 4), *[(64**2, 256, 16, 1)] * 2]
    by_hand = sum(2 * cells * before * after * taps for cells, before, after, taps in layers)
    assert count_flops(ModelSpec(backbone="resnet-18")).forward == by_hand


@pytest.mark.parametrize("backbone", ["small-0.7m", "resnet-50"])
def test_training_costs_about_three_forward_passes(backbone: str) -> None:
    flops = count_flops(ModelSpec(backbone=backbone, size=64))
    assert 2.8 < flops.training / flops.forward < 3.01


def test_operations_grow_with_the_area() -> None:
    small, large = (count_flops(ModelSpec(backbone="small-0.7m", decoder="light", size=size)) for size in (64, 128))
    assert large.forward == 4 * small.forward
