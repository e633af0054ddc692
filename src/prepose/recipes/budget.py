"""What a recipe costs in floating-point operations, and recipes made to cost the same, pre-training included."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch

from prepose.data.batch import PoseBatch
from prepose.errors import RecipeError
from prepose.models.flops import count_flops, flop_counter
from prepose.models.pose_net import PoseNet
from prepose.predict.pseudo_labels import PASSES
from prepose.recipes.objective import loss_names, losses_of
from prepose.recipes.optimiser import set_trained
from prepose.specs.model import ModelSpec
from prepose.specs.recipe import Recipe, Stage


@dataclass(frozen=True)
class StageCost:
    """What a stage asks of the network, per sample.

    Attributes:
        forward: Operations of one prediction.
        training: Operations of forward and backward, through what the stage trains and its losses reach.
        reached: Names of the parameters that get a gradient; a heat-map loss alone does not reach the depth head.
    """

    forward: int
    training: int
    reached: frozenset[str]


def stage_cost(model: ModelSpec, stage: Stage) -> StageCost:
    """The cost of a stage, counted by running one step of it on tensors without storage."""
    return _cost(model.model_dump_json(), stage.trained, stage.frozen_groups, loss_names(stage))


@lru_cache(maxsize=64)
def _cost(model_json: str, trained: str, frozen_groups: int, losses: tuple[str, ...]) -> StageCost:
    model = ModelSpec.model_validate_json(model_json)
    with torch.device("meta"):
        net = PoseNet(model).train()
        # Two samples, because BatchNorm refuses to learn from a single value a channel.
        known = torch.ones(2, len(net.skeleton), dtype=torch.bool)
        batch = PoseBatch(
            image=torch.zeros(2, 3, model.size, model.size, dtype=torch.uint8),
            joints_crop=torch.zeros(*known.shape, 3),
            has_2d=known,
            has_3d=known,
            img_from_crop=torch.zeros(2, 3, 3),
            source=torch.zeros(2, dtype=torch.int64),
            index=torch.zeros(2, dtype=torch.int64),
        )
    set_trained(net, trained, frozen_groups)
    with flop_counter() as counter:
        output = net(batch.image)
        forward = counter.get_total_flops()
        losses_of(losses, output, batch, size=model.size, skeleton=net.skeleton).sum().backward()
    reached = frozenset(name for name, parameter in net.named_parameters() if parameter.grad is not None)
    return StageCost(forward // 2, counter.get_total_flops() // 2, reached)


def training_flops(recipe: Recipe) -> float:
    """Floating-point operations of all forward and backward passes of all stages (the optimiser is not counted).

    The predictions that become pseudo-labels are counted too.
    """
    return sum(stage_flops(recipe, stage) for stage in recipe.stages)


def stage_flops(recipe: Recipe, stage: Stage) -> float:
    """Those of one of its stages."""
    steps = recipe.steps(stage) * recipe.batch_size * stage_cost(recipe.model, stage).training
    return float(steps + labelling_flops(recipe, stage))


def labelling_flops(recipe: Recipe, stage: Stage) -> float:
    """Those of the predictions that become pseudo-labels as a stage begins; each source is predicted once."""
    earlier = recipe.stages[: [one.name for one in recipe.stages].index(stage.name)]
    made = {name for one in earlier for name in one.shares}
    specs = [recipe.sources[name].pseudo_labels for name in stage.shares if name not in made]
    samples = sum(spec.samples for spec in specs if spec is not None)
    return float(samples * PASSES * count_flops(recipe.model).forward)


def with_budget(recipe: Recipe, flops: float, *, shared_by: Mapping[str, int] | None = None) -> Recipe:
    """The recipe with every stage made longer or shorter by one factor, so that training costs `flops`.

    Args:
        recipe: The recipe.
        flops: What training may cost.
        shared_by: stage -> number of trainings that use its outcome; only that part of its cost counts.

    Raises:
        RecipeError: the budget is too small for one batch in each stage.
    """
    sharing = shared_by or {}
    labelling = sum(labelling_flops(recipe, stage) / sharing.get(stage.name, 1) for stage in recipe.stages)
    if labelling >= flops:
        raise RecipeError(
            f"recipe {recipe.name!r}: its pseudo-labels alone cost {labelling:.3g} of {flops:.3g} FLOPs; lower "
            "pseudo_labels.samples"
        )
    return scaled(
        recipe,
        {
            stage.name: recipe.batch_size * stage_cost(recipe.model, stage).training / sharing.get(stage.name, 1)
            for stage in recipe.stages
        },
        flops - labelling,
        unit="FLOPs",
    )


def scaled(recipe: Recipe, step_prices: Mapping[str, float], amount: float, *, unit: str) -> Recipe:
    """The recipe with every stage made longer or shorter by one factor, so that all steps together cost an amount.

    Lengths are whole batches; the last stage takes up what rounding the others left, so that the whole is within half a
    batch of the amount.

    Args:
        recipe: The recipe.
        step_prices: stage -> price of one of its steps.
        amount: What they may cost together.
        unit: Of prices and amount, for the message.

    Raises:
        RecipeError: the amount is too small for one batch in each stage.
    """
    prices = [step_prices[stage.name] for stage in recipe.stages]
    factor = amount / sum(price * recipe.steps(stage) for price, stage in zip(prices, recipe.stages, strict=True))
    steps = [round(factor * recipe.steps(stage)) for stage in recipe.stages]
    spent = sum(price * count for price, count in zip(prices[:-1], steps[:-1], strict=True))
    steps[-1] = round((amount - spent) / prices[-1])
    if min(steps) < 1:
        raise RecipeError(
            f"recipe {recipe.name!r}: {amount:.3g} {unit} are too few for one batch in each of its stages, which cost "
            f"{sum(prices):.3g}"
        )
    stages = tuple(
        stage.model_copy(update={"samples": count * recipe.batch_size})
        for stage, count in zip(recipe.stages, steps, strict=True)
    )
    return recipe.model_copy(update={"stages": stages})
