"""Trunks: every one has the strides and channels that it promises."""

import json
from pathlib import Path

import pytest
import torch

from prepose.models.backbone import Backbone
from prepose.models.backbones import BACKBONES
from prepose.models.flops import flop_counter
from prepose.models.resnet import RESNETS

TABLE = json.loads((Path(__file__).parents[2] / "docs/backbones.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", BACKBONES)
def test_stage_maps_have_the_promised_channels_and_strides(name: str) -> None:
    with torch.device("meta"):
        trunk = BACKBONES[name]()
        stages = trunk(torch.zeros(1, 3, 128, 128))
    assert isinstance(trunk, Backbone)
    assert tuple(stage.shape[1] for stage in stages) == trunk.channels
    assert tuple(128 // stage.shape[2] for stage in stages) == (4, 8, 16, 32)


@pytest.mark.parametrize("name", RESNETS)
def test_channels_suit_the_packing_of_bfloat16(name: str) -> None:
    assert all(channels % 16 == 0 for channels in (RESNETS[name].stem, *RESNETS[name].channels))


@pytest.mark.parametrize("name", [name for name in RESNETS if RESNETS[name].block == "bottleneck"])
def test_the_stride_is_in_the_3x3_convolution(name: str) -> None:
    with torch.device("meta"):
        trunk = BACKBONES[name]()
    strided = [m for m in trunk.modules() if isinstance(m, torch.nn.Conv2d) and m.stride == (2, 2)]
    kernels = [module.kernel_size[0] for module in strided]
    assert sorted(kernels) == [1, 1, 1, 3, 3, 3, 7]  # shortcuts, blocks, stem


@pytest.mark.parametrize("name", RESNETS)
def test_batch_norm_momentum_is_the_references(name: str) -> None:
    with torch.device("meta"):
        norms = [m for m in BACKBONES[name]().modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms and all(norm.momentum == 0.1 for norm in norms)


@pytest.mark.parametrize("name", BACKBONES)
def test_the_table_of_the_docs_states_what_a_backbone_costs(name: str) -> None:
    with torch.device("meta"):
        net = BACKBONES[name]().eval()
    row = TABLE["backbones"][name]
    assert row["parameters_m"] == pytest.approx(sum(p.numel() for p in net.parameters()) / 1e6, abs=0.005)
    with flop_counter() as counter, torch.no_grad():
        net(torch.zeros(1, 3, 128, 128, device="meta"))
    assert row["gflop_128"] == pytest.approx(counter.get_total_flops() / 1e9, abs=0.005)
