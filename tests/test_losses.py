"""Losses: the reference's figures, masks, gradients, and what each has its minimum at."""

import json
from collections.abc import Callable
from dataclasses import replace
from operator import itemgetter, methodcaller
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from prepose.body.skeletons import MPII_16, SKELETONS
from prepose.camera.crop import cell_from_crop, transform
from prepose.loss_maps import gaussian_maps
from prepose.losses import (
    LOSSES,
    LossInputs,
    bone_ratio_loss,
    depth_loss,
    heatmap_cross_entropy,
    heatmap_loss,
    joint_loss,
    masked_mean,
)
from prepose.models.pose_net import PoseOutput

VECTORS = Path(__file__).parent / "vectors"
SIZE, CELLS = 64, 16


class Labels(NamedTuple):
    """The part of a batch that losses read."""

    joints_crop: torch.Tensor
    has_2d: torch.Tensor
    has_3d: torch.Tensor


def inputs(*, seed: int = 0, batch: int = 4) -> LossInputs:
    draw = torch.Generator().manual_seed(seed)
    joints = len(MPII_16)
    maps = (batch, joints, CELLS, CELLS)
    has_2d = torch.rand(batch, joints, generator=draw) < 0.8
    has_3d = has_2d & (torch.arange(batch) < batch // 2)[:, None]
    target = torch.rand(batch, joints, 3, generator=draw) * SIZE
    output = PoseOutput(
        heatmaps=torch.randn(maps, generator=draw).requires_grad_(),
        depth_maps=torch.randn(maps, generator=draw).requires_grad_(),
        joints_crop=(torch.rand(batch, joints, 3, generator=draw) * SIZE).requires_grad_(),
        confidence=torch.ones(batch, joints),
    )
    return LossInputs(output, Labels(target * has_2d[..., None], has_2d, has_3d), SIZE, MPII_16)


def with_output(x: LossInputs, **changes: torch.Tensor) -> LossInputs:
    return replace(x, output=x.output._replace(**changes))


def with_labels(x: LossInputs, **changes: torch.Tensor) -> LossInputs:
    return replace(x, batch=x.batch._replace(**changes))


def mapped(x: LossInputs, change: Callable[[torch.Tensor], torch.Tensor]) -> LossInputs:
    """With every tensor of output and labels changed."""
    return replace(x, output=PoseOutput(*map(change, x.output)), batch=Labels(*map(change, x.batch)))


def gradients(loss: torch.Tensor, x: LossInputs) -> list[torch.Tensor]:
    leaves = x.output[:3]
    found = torch.autograd.grad(loss, leaves, allow_unused=True)
    return [torch.zeros_like(leaf) if grad is None else grad for leaf, grad in zip(leaves, found, strict=True)]


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_a_finite_scalar_with_a_finite_gradient(name: str) -> None:
    x = inputs()
    loss = LOSSES[name](x)
    assert loss.shape == () and loss.dtype == torch.float32 and loss.item() > 0
    grads = gradients(loss, x)
    assert all(grad.isfinite().all() for grad in grads)
    assert any(grad.abs().max() > 0 for grad in grads)


@pytest.mark.parametrize("name", LOSSES)
def test_everything_masked_gives_exactly_zero_and_no_gradient(name: str) -> None:
    nothing = torch.zeros(4, 16, dtype=torch.bool)
    x = with_labels(inputs(), has_2d=nothing, has_3d=nothing, joints_crop=torch.zeros(4, 16, 3))
    loss = LOSSES[name](x)
    assert loss.item() == 0
    assert all((grad == 0).all() for grad in gradients(loss, x))


@pytest.mark.parametrize("name", LOSSES)
def test_masked_joints_change_neither_loss_nor_gradient(name: str) -> None:
    x = inputs()
    hidden = ~x.batch.has_2d
    # has_3d may hold where has_2d does not: a joint without its x, y is no use to the losses that read at the label.
    shown = hidden[..., None, None]
    other = with_output(
        with_labels(x, joints_crop=torch.where(hidden[..., None], -50.0, x.batch.joints_crop)),
        heatmaps=torch.where(shown, 7.0, x.output.heatmaps.detach()).requires_grad_(),
        depth_maps=torch.where(shown, -7.0, x.output.depth_maps.detach()).requires_grad_(),
        joints_crop=torch.where(hidden[..., None], 99.0, x.output.joints_crop.detach()).requires_grad_(),
    )
    here, there = LOSSES[name](x), LOSSES[name](other)
    assert here.item() == pytest.approx(there.item(), rel=1e-6)
    for a, b in zip(gradients(here, x), gradients(there, other), strict=True):
        torch.testing.assert_close(a, b)
        assert (b[hidden] == 0).all()


@pytest.mark.parametrize("name", [name for name in LOSSES if not name.startswith("bone_ratio")])
def test_the_mean_count_makes_two_processes_equal_one(name: str) -> None:
    whole = inputs(seed=3)
    expected = LOSSES[name](whole)
    counts = {
        "count_2d": whole.batch.has_2d.sum() / torch.tensor(2.0),
        "count_3d": whole.batch.has_3d.sum() / torch.tensor(2.0),
    }
    halves = [replace(mapped(whole, itemgetter(part)), **counts) for part in (slice(0, 1), slice(1, 4))]
    mean = (LOSSES[name](halves[0]) + LOSSES[name](halves[1])) / 2
    torch.testing.assert_close(mean, expected)


@pytest.mark.parametrize("name", LOSSES)
def test_bfloat16_maps_are_computed_in_float32(name: str) -> None:
    x = inputs()
    coarse = {field: getattr(x.output, field).detach().bfloat16() for field in ("heatmaps", "depth_maps")}
    same = {field: value.float() for field, value in coarse.items()}
    with torch.autocast("cpu", torch.bfloat16):
        found = LOSSES[name](with_output(x, **coarse))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, LOSSES[name](with_output(x, **same)))


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_never_waits_for_the_device(name: str) -> None:
    """Tensors without storage raise an error as soon as somebody asks for a value, or for how many entries are True."""
    assert LOSSES[name](mapped(inputs(), methodcaller("to", "meta"))).is_meta


def test_joints_and_depth_have_their_minimum_at_the_ground_truth() -> None:
    x = inputs()
    perfect = with_output(x, joints_crop=x.batch.joints_crop.clone().requires_grad_())
    for name in ("joint", "joint_depth", "depth"):
        assert LOSSES[name](perfect).item() == 0


def test_the_geometric_loss_and_its_gradient_are_the_references() -> None:
    case = json.loads((VECTORS / "geometric_loss.json").read_text())["cases"][0]
    depth = torch.tensor(case["z"], requires_grad=True)
    mask = torch.tensor(case["visible"]).bool() & ~torch.tensor(case["has_3d_label"])[:, None]
    loss = bone_ratio_loss(depth, torch.tensor(case["xy"]), mask, skeleton=MPII_16)
    assert loss.item() == pytest.approx(case["loss"], rel=1e-6)
    (3 * loss).backward()  # the incoming gradient counts
    torch.testing.assert_close(depth.grad, 3 * torch.tensor(case["grad_z"]), rtol=1e-5, atol=1e-8)


def test_the_depth_loss_is_the_references() -> None:
    case = json.loads((VECTORS / "depth_loss.json").read_text())
    mask = torch.tensor(case["mask"]).bool()
    loss = depth_loss(torch.tensor(case["pred"]), torch.tensor(case["target"]), mask).item()
    assert loss == pytest.approx(case["loss"], rel=1e-5)
    # The reference adds 1e-4 to the number of joints; with that the figures agree to float32.
    assert loss * mask.sum().item() / (mask.sum().item() + 1e-4) == pytest.approx(case["loss"], rel=2e-7)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_bone_ratios_ignore_bones_that_a_skeleton_lacks(skeleton) -> None:
    draw = torch.Generator().manual_seed(1)
    depth = torch.randn(2, len(skeleton), generator=draw, requires_grad=True)
    everything = torch.ones(2, len(skeleton), dtype=torch.bool)
    loss = bone_ratio_loss(depth, torch.rand(2, len(skeleton), 2, generator=draw), everything, skeleton=skeleton)
    loss.backward()
    assert loss.item() > 0 and depth.grad.isfinite().all()


def test_bone_ratios_are_zero_for_canonical_bones_and_for_a_person_in_one_point() -> None:
    joints = torch.zeros(1, 16, 3)
    steps = {"hip": (0.1, 0, 0), "knee": (0, 0.2, 0), "ankle": (0, 0, 0.2 / 1.0085885098)}
    steps |= {"shoulder": (0.15, 0, 0), "elbow": (0, 0.1, 0), "wrist": (0, 0, 0.1 / 1.1375361377)}
    parents = {"hip": "pelvis", "knee": "hip", "ankle": "knee", "shoulder": "upper_neck", "elbow": "shoulder"}
    parents["wrist"] = "elbow"
    for side in "lr":
        for joint, step in steps.items():
            parent = parents[joint] if parents[joint] in MPII_16.joints else f"{side}_{parents[joint]}"
            place = joints[0, MPII_16.index(parent)] + torch.tensor(step)
            joints[0, MPII_16.index(f"{side}_{joint}")] = place
    everything = torch.ones(1, 16, dtype=torch.bool)
    canonical = bone_ratio_loss(joints[..., 2], joints[..., :2], everything, skeleton=MPII_16)
    assert canonical.item() == pytest.approx(0, abs=1e-12)
    point = torch.zeros(1, 16, requires_grad=True)
    loss = bone_ratio_loss(point, torch.zeros(1, 16, 2), everything, skeleton=MPII_16)
    loss.backward()
    assert point.grad.isfinite().all()


def test_the_heatmap_loss_is_the_mean_square_over_the_cells_of_labelled_joints() -> None:
    x = inputs()
    cells = x.target_cell
    target = gaussian_maps(cells, x.batch.has_2d, CELLS)
    assert heatmap_loss(target, cells, x.batch.has_2d).item() == 0
    everything = torch.ones_like(x.batch.has_2d)
    plain = torch.nn.functional.mse_loss(x.output.heatmaps, gaussian_maps(cells, everything, CELLS))
    torch.testing.assert_close(heatmap_loss(x.output.heatmaps, cells, everything), plain)


def test_cross_entropy_is_least_at_the_logits_of_the_target() -> None:
    cells = torch.tensor([[[3.3, 5.8]]])
    mask = torch.ones(1, 1, dtype=torch.bool)
    squares = (torch.arange(CELLS) - cells[..., None]) ** 2
    logits = (-(squares[:, :, 1, :, None] + squares[:, :, 0, None, :]) / 2).requires_grad_()
    loss = heatmap_cross_entropy(logits, cells, mask)
    (grad,) = torch.autograd.grad(loss, logits)
    assert grad.abs().max() < 1e-6
    assert loss.item() < heatmap_cross_entropy(logits.roll(1, -1), cells, mask).item()


def test_a_joint_outside_the_map_gives_no_cross_entropy() -> None:
    cells = torch.tensor([[[-40.0, 5.0]]])
    mask = torch.ones(1, 1, dtype=torch.bool)
    assert heatmap_cross_entropy(torch.randn(1, 1, CELLS, CELLS), cells, mask).item() == 0


def test_joint_loss_is_the_mean_absolute_error_over_labelled_coordinates() -> None:
    joints, target = torch.tensor([[[1.0, 2.0], [5.0, 5.0]]]), torch.tensor([[[0.0, 4.0], [0.0, 0.0]]])
    assert joint_loss(joints, target, torch.tensor([[True, False]])).item() == 1.5


def test_masked_mean_ignores_what_is_not_a_number() -> None:
    assert masked_mean(torch.tensor([2.0, float("nan")]), torch.tensor([True, False])).item() == 2


def test_targets_reach_cells_by_the_pixel_centre_rule() -> None:
    x = inputs()
    expected = transform(cell_from_crop(SIZE // CELLS), x.batch.joints_crop[..., :2].numpy())
    torch.testing.assert_close(x.target_cell, torch.from_numpy(expected).float())
