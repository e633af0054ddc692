"""What learns in a stage, and by which rule: trained parts, optimiser, learning rates, averaged weights."""

import math
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from prepose.errors import DataError, RecipeError
from prepose.models.pose_net import PoseNet
from prepose.specs.recipe import Stage

# The key of an optimiser's group under which its part of the learning rate stands.
RATE_FACTOR = "rate_factor"

TRAINED: Mapping[str, Callable[[PoseNet], tuple[nn.Module, ...]]] = MappingProxyType(
    {
        "all": lambda net: (net.trunk, net.decoder, net.heatmap_head, net.depth_head),
        "decoder-and-heads": lambda net: (net.decoder, net.heatmap_head, net.depth_head),
        "heads": lambda net: (net.heatmap_head, net.depth_head),
    }
)


def set_trained(net: PoseNet, trained: str, frozen_groups: int = 0) -> None:
    """Let that part of the network have gradients, and nothing else.

    Args:
        net: The network.
        trained: A name of `TRAINED`.
        frozen_groups: So many groups of the backbone, from its stem on, have none all the same.

    Raises:
        RecipeError: the backbone has fewer groups.
    """
    net.requires_grad_(requires_grad=False)
    for part in TRAINED[trained](net):
        part.requires_grad_(requires_grad=True)
    for module in frozen_modules(net, frozen_groups):
        module.requires_grad_(requires_grad=False)


def frozen_modules(net: PoseNet, groups: int) -> tuple[nn.Module, ...]:
    """The modules of the first groups of the backbone.

    Raises:
        RecipeError: it has fewer groups.
    """
    stages = net.trunk.stages()
    if groups > len(stages):
        raise RecipeError(
            f"frozen_groups is {groups}, but backbone {net.spec.backbone} has {len(stages)} groups (stem and stages)"
        )
    return tuple(module for stage in stages[:groups] for module in stage)


def set_training_mode(net: PoseNet, stage: Stage) -> None:
    """Training mode for what the stage trains; the rest, and frozen BatchNorm, keeps its running statistics."""
    net.eval()
    for part in TRAINED[stage.trained](net):
        part.train()
    for module in frozen_modules(net, stage.frozen_groups):
        module.eval()
    if stage.frozen_batch_norm:
        for module in net.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


def make_optimiser(stage: Stage, net: nn.Module) -> Optimizer:
    """The stage's optimiser over all parameters that have gradients.

    Weight decay leaves out biases and normalisation, whose size means nothing to the function. The backbone has groups
    of its own where it learns at a rate of its own.
    """
    learning = [parameter for parameter in net.parameters() if parameter.requires_grad]
    of_backbone = {id(p) for p in net.get_submodule("trunk").parameters()} if stage.backbone_rate != 1 else set()
    groups: list[dict[str, Any]] = []
    for factor, chosen in (
        (1.0, [p for p in learning if id(p) not in of_backbone]),
        (stage.backbone_rate, [p for p in learning if id(p) in of_backbone]),
    ):
        rated = {} if factor == 1 else {RATE_FACTOR: factor}
        groups += [
            {"params": [p for p in chosen if p.ndim > 1], "weight_decay": stage.weight_decay, **rated},
            {"params": [p for p in chosen if p.ndim <= 1], "weight_decay": 0.0, **rated},
        ]
    return OPTIMISERS[stage.optimiser](stage, [group for group in groups if group["params"]])


def _adamw(stage: Stage, groups: list[dict]) -> Optimizer:
    return torch.optim.AdamW(groups, lr=stage.learning_rate, fused=True)


def _adam(stage: Stage, groups: list[dict]) -> Optimizer:
    return torch.optim.Adam(groups, lr=stage.learning_rate, fused=True)


def _sgd(stage: Stage, groups: list[dict]) -> Optimizer:
    return torch.optim.SGD(groups, lr=stage.learning_rate, momentum=stage.momentum, fused=True)


OPTIMISERS: Mapping[str, Callable[[Stage, list[dict]], Optimizer]] = MappingProxyType(
    {"adamw": _adamw, "adam": _adam, "sgd": _sgd}
)


def restore_optimiser(optimiser: Optimizer, state: Mapping[str, Any]) -> None:
    """Give a new optimiser the state of one of the same kind over the same parameters.

    Raises:
        DataError: the state is of another one, or not finite.
    """
    fresh = [_settings(group) for group in optimiser.param_groups]
    try:
        optimiser.load_state_dict(dict(state))
        found = [_settings(group) for group in optimiser.param_groups]
        same = all(old[name] == new[name] for old, new in zip(fresh, found, strict=True) for name in old if name in new)
        fits = same and all(_fits(tensor, p) for p, kept in optimiser.state.items() for tensor in kept.values())
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(f"the checkpoint's optimiser state is damaged ({type(error).__name__})") from error
    if not fits:
        raise DataError("the checkpoint's optimiser state is damaged: it is of other settings or sizes, or not finite")


def _settings(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name not in ("lr", "params")}


def _fits(value: Any, parameter: Tensor) -> bool:
    if not isinstance(value, Tensor):
        return value is None
    return bool(value.isfinite().all()) and (value.ndim == 0 or value.shape == parameter.shape)


def set_learning_rate(optimiser: Optimizer, rate: float) -> None:
    """Give every group the rate, times its own factor where it has one."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get(RATE_FACTOR, 1.0)


@torch.no_grad()
def average_into(averaged: nn.Module, net: nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights and running statistics towards the net's.

    The decay rises with the step, (1 + step) / (10 + step) at most, so that the first weights are soon forgotten.
    Source: the moving average of TensorFlow's `ExponentialMovingAverage` with `num_updates`.
    """
    rate = 1 - min(decay, (1 + step) / (10 + step))
    means, values = _floating(averaged), _floating(net)
    torch._foreach_lerp_(means, values, rate)  # pyright: ignore[reportPrivateImportUsage]


def _floating(net: nn.Module) -> list[Tensor]:
    tensors: Iterable[Tensor] = net.state_dict().values()
    return [tensor for tensor in tensors if tensor.is_floating_point()]


# Learning rates as functions of the samples seen.

# Source: Smith and Topin, "Super-Convergence", 2018; the start and end of the cycle as PyTorch's OneCycleLR has them.
ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = ONE_CYCLE_START / 1e4


def learning_rate(stage: Stage, samples_seen: int) -> float:
    """The rate of the step that begins when the stage has seen so many samples."""
    done = min(max(samples_seen / stage.samples, 0.0), 1.0)
    return stage.learning_rate * SCHEDULES[stage.schedule](stage, done)


def _one_cycle(stage: Stage, done: float) -> float:
    if done < stage.warm_up:
        return _cosine_between(ONE_CYCLE_START, 1.0, done / stage.warm_up)
    return _cosine_between(1.0, ONE_CYCLE_END, (done - stage.warm_up) / (1 - stage.warm_up))


def _cosine(stage: Stage, done: float) -> float:
    if done < stage.warm_up:
        return _rise(stage, done)
    return _cosine_between(1.0, 0.0, (done - stage.warm_up) / (1 - stage.warm_up))


def _steps(stage: Stage, done: float) -> float:
    return _rise(stage, done) * stage.decay ** sum(done >= milestone for milestone in stage.milestones)


def _constant(stage: Stage, done: float) -> float:
    return _rise(stage, done)


def _rise(stage: Stage, done: float) -> float:
    # From a hundredth, not from nothing, so that the first step is not lost.
    return 1.0 if done >= stage.warm_up else 0.01 + 0.99 * done / stage.warm_up


def _cosine_between(start: float, end: float, part: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


SCHEDULES: Mapping[str, Callable[[Stage, float], float]] = MappingProxyType(
    {"one-cycle": _one_cycle, "cosine": _cosine, "steps": _steps, "constant": _constant}
)
