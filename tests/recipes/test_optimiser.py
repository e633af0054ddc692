import copy
from itertools import pairwise

import pytest
import torch
from torch import nn

from prepose.errors import DataError, RecipeError
from prepose.models.pose_net import PoseNet, build_pose_net
from prepose.recipes.optimiser import (
    OPTIMISERS,
    RATE_FACTOR,
    SCHEDULES,
    TRAINED,
    average_into,
    learning_rate,
    make_optimiser,
    restore_optimiser,
    set_learning_rate,
    set_trained,
    set_training_mode,
)
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.overrides import override
from prepose.specs.recipe import Stage


def stage(*changes: str) -> Stage:
    return override(RECIPES["mixed"](), [f"mixed.{change}" for change in changes]).stages[0]


@pytest.fixture
def net() -> PoseNet:
    return build_pose_net(RECIPES["mixed"]().model, seed=1).to(memory_format=torch.channels_last)


def step(net: PoseNet, optimiser: torch.optim.Optimizer) -> None:
    image = torch.randint(0, 255, (4, 3, 64, 64), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    output = net(image)
    (output.heatmaps.square().mean() + output.depth_maps.square().mean()).backward()
    optimiser.step()
    optimiser.zero_grad()


@pytest.mark.parametrize("trained", TRAINED)
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_only_the_trained_part_moves_its_statistics_included(net: PoseNet, trained: str, optimiser: str) -> None:
    chosen = stage(f"trained={trained}", f"optimiser={optimiser}")
    set_trained(net, chosen.trained)
    set_training_mode(net, chosen)
    before = copy.deepcopy(net.state_dict())
    step(net, make_optimiser(chosen, net))
    moved = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    learns = {
        "all": ("trunk", "decoder", "heatmap_head", "depth_head"),
        "decoder-and-heads": ("decoder", "heatmap_head", "depth_head"),
        "heads": ("heatmap_head", "depth_head"),
    }[trained]
    assert moved
    assert {name.split(".")[0] for name in moved} <= set(learns)
    assert {f"{part}.weight" for part in ("heatmap_head", "depth_head")} <= moved


def test_frozen_batch_norm_keeps_its_statistics_but_learns_its_weights(net: PoseNet) -> None:
    chosen = stage("frozen_batch_norm=true")
    set_trained(net, chosen.trained)
    set_training_mode(net, chosen)
    before = copy.deepcopy(net.state_dict())
    step(net, make_optimiser(chosen, net))
    moved = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    assert not any("running" in name or "tracked" in name for name in moved)
    assert any(name.startswith("trunk") for name in moved)


@pytest.mark.parametrize("groups", [0, 1, 3, 5])
def test_frozen_groups_have_no_gradient_and_keep_their_statistics(net: PoseNet, groups: int) -> None:
    chosen = stage(f"frozen_groups={groups}")
    set_trained(net, chosen.trained, chosen.frozen_groups)
    set_training_mode(net, chosen)
    before = copy.deepcopy(net.state_dict())
    step(net, make_optimiser(chosen, net))
    moved = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    prefixes = ("trunk.resnet.embedder.", *(f"trunk.resnet.encoder.stages.{index}." for index in range(4)))
    for index, prefix in enumerate(prefixes):
        assert any(name.startswith(prefix) for name in moved) == (index >= groups), prefix
        learns = {p.requires_grad for name, p in net.named_parameters() if name.startswith(prefix)}
        assert learns == {index >= groups}
    assert any(name.startswith("decoder.") for name in moved)


def test_more_frozen_groups_than_the_backbone_has_are_refused(net: PoseNet, monkeypatch) -> None:
    stages = net.trunk.stages()
    monkeypatch.setattr(net.trunk, "stages", lambda: stages[:3])
    chosen = stage("frozen_groups=4")
    for act in (lambda: set_trained(net, "all", 4), lambda: set_training_mode(net, chosen)):
        with pytest.raises(RecipeError, match=r"frozen_groups is 4, but backbone small-0\.7m has 3 groups"):
            act()


def test_the_backbone_learns_at_a_rate_of_its_own(net: PoseNet) -> None:
    chosen = stage("backbone_rate=0.1", "optimiser=sgd", "momentum=0", "weight_decay=0", "learning_rate=0.5")
    set_trained(net, chosen.trained)
    optimiser = make_optimiser(chosen, net)
    set_learning_rate(optimiser, 0.5)
    trunk = {id(parameter) for parameter in net.trunk.parameters()}
    rates = {id(p): group["lr"] for group in optimiser.param_groups for p in group["params"]}
    assert len(rates) == len(list(net.parameters()))
    assert [rate for key, rate in rates.items() if key in trunk] == pytest.approx([0.05] * len(trunk))
    assert {rate for key, rate in rates.items() if key not in trunk} == {0.5}
    assert {group.get(RATE_FACTOR, 1) for group in optimiser.param_groups} == {0.1, 1}
    weight = net.trunk.resnet.embedder.embedder.convolution.weight
    before = weight.detach().clone()
    net.train()
    image = torch.randint(0, 255, (4, 3, 64, 64), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    net(image).heatmaps.square().mean().backward()
    gradient = weight.grad.clone()
    optimiser.step()
    torch.testing.assert_close(weight.detach(), before - 0.05 * gradient)


def one_weight() -> nn.Linear:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 2.0)
    return layer


def test_sgd_honours_momentum_and_weight_decay() -> None:
    layer = one_weight()
    optimiser = make_optimiser(stage("optimiser=sgd", "learning_rate=0.1", "momentum=0.5", "weight_decay=0.25"), layer)
    for _ in range(2):
        layer.weight.grad = torch.ones(1, 1)
        optimiser.step()
    # v1 = 1 + 0.25 * 2 = 1.5, w1 = 2 - 0.15; v2 = 0.5 * 1.5 + 1 + 0.25 * 1.85, w2 = 1.85 - 0.1 * v2
    assert layer.weight.item() == pytest.approx(1.85 - 0.1 * (0.75 + 1 + 0.25 * 1.85))


def test_adamw_decays_weights_apart_from_their_gradient_and_adam_does_not() -> None:
    found = {}
    for name in ("adamw", "adam"):
        layer = one_weight()
        optimiser = make_optimiser(stage(f"optimiser={name}", "learning_rate=0.1", "weight_decay=0.5"), layer)
        layer.weight.grad = torch.ones(1, 1)
        optimiser.step()
        found[name] = layer.weight.item()
    assert found["adamw"] == pytest.approx(2 * (1 - 0.1 * 0.5) - 0.1, abs=1e-6)
    assert found["adam"] == pytest.approx(2 - 0.1, abs=1e-6)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_biases_and_normalisation_are_not_decayed(net: PoseNet, optimiser: str) -> None:
    groups = make_optimiser(stage(f"optimiser={optimiser}", "weight_decay=0.3"), net).param_groups
    for group in groups:
        assert group["weight_decay"] == (0.3 if group["params"][0].ndim > 1 else 0)
    assert {parameter.ndim > 1 for parameter in groups[1]["params"]} == {False}
    assert sum(len(group["params"]) for group in groups) == len(list(net.parameters()))


def test_the_rate_reaches_every_group(net: PoseNet) -> None:
    optimiser = make_optimiser(stage(), net)
    set_learning_rate(optimiser, 0.125)
    assert {group["lr"] for group in optimiser.param_groups} == {0.125}


def test_the_average_forgets_its_start_quickly_and_then_moves_by_the_decay() -> None:
    averaged, net = nn.BatchNorm2d(1), nn.BatchNorm2d(1)
    nn.init.constant_(averaged.weight, 0.0)
    net.running_mean = torch.full((1,), 5.0)
    average_into(averaged, net, 0.99, 0)
    assert averaged.weight.item() == pytest.approx(0.9)
    assert averaged.running_mean is not None and averaged.running_mean.item() == pytest.approx(4.5)
    nn.init.constant_(averaged.weight, 0.0)
    average_into(averaged, net, 0.99, 100_000)
    assert averaged.weight.item() == pytest.approx(0.01)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_an_optimiser_is_restored_and_another_ones_state_is_refused(net: PoseNet, optimiser: str) -> None:
    chosen = stage(f"optimiser={optimiser}")
    first = make_optimiser(chosen, net)
    step(net, first)
    state = first.state_dict()
    second = make_optimiser(chosen, net)
    restore_optimiser(second, state)
    assert str(second.state_dict()) == str(state)
    for damage in (
        lambda each: each.update(param_groups=each["param_groups"][:1]),
        lambda each: each.update(state=[1]),
        lambda each: each.pop("state"),
        lambda each: each["param_groups"][0].update(weight_decay=-3.0),
        lambda each: each["state"][0].update({name: torch.zeros(1, 2) for name in each["state"][0]}),
        lambda each: next(value for value in each["state"][0].values() if value.ndim).fill_(float("nan")),
    ):
        broken = copy.deepcopy(state)
        damage(broken)
        with pytest.raises(DataError, match="optimiser state is damaged"):
            restore_optimiser(make_optimiser(chosen, net), broken)


def scheduled(schedule: str, **changes: object) -> Stage:
    first = RECIPES["mixed"]().stages[0].model_dump()
    milestones = (0.5, 0.75) if schedule == "steps" else ()
    return Stage.model_validate(
        first | {"schedule": schedule, "milestones": milestones, "samples": 1000, "learning_rate": 0.1} | changes
    )


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warm_up", [0.0, 0.3])
def test_every_rate_is_positive_and_its_peak_is_the_stages(schedule: str, warm_up: float) -> None:
    rates = [learning_rate(scheduled(schedule, warm_up=warm_up), seen) for seen in range(1000)]
    assert all(rate > 0 for rate in rates)
    assert max(rates) == pytest.approx(0.1, rel=1e-3)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_rate_rises_while_warming_up_and_never_rises_after(schedule: str) -> None:
    rates = [learning_rate(scheduled(schedule, warm_up=0.3), seen) for seen in range(1000)]
    assert all(a < b for a, b in pairwise(rates[:301]))
    assert all(a >= b for a, b in pairwise(rates[300:]))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_longer_stage_has_the_same_curve_over_its_length(schedule: str) -> None:
    short, long = scheduled(schedule), scheduled(schedule, samples=4000)
    assert [learning_rate(short, s) for s in range(1000)] == [learning_rate(long, 4 * s) for s in range(1000)]


def test_steps_falls_by_its_decay_at_each_milestone() -> None:
    stepped = scheduled("steps", warm_up=0.0, decay=0.1)
    found = [learning_rate(stepped, seen) for seen in (0, 499, 500, 749, 750, 999)]
    assert found == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_one_cycle_begins_at_a_25th_and_ends_at_almost_nothing() -> None:
    cycle = scheduled("one-cycle")
    assert learning_rate(cycle, 0) == pytest.approx(0.1 / 25)
    assert learning_rate(cycle, 1000) == pytest.approx(0.1 / 25 / 1e4)
