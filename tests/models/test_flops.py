"""Counting operations."""

import pytest

from prepose.models.flops import count_flops
from prepose.models.pose_net import ModelSpec


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
