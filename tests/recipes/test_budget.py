import pytest

from prepose.errors import RecipeError
from prepose.models.flops import count_flops
from prepose.recipes.budget import stage_cost, training_flops, with_budget
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.overrides import override

ARMS = ("pretrain-finetune", "mixed", "only-3d")


def test_training_everything_costs_what_the_model_counts() -> None:
    recipe = RECIPES["mixed"]()
    flops = count_flops(recipe.model)
    cost = stage_cost(recipe.model, recipe.stages[0])
    assert (cost.forward, cost.training) == (flops.forward, flops.training)
    # The backward pass of a convolution costs twice its forward pass; only the first one needs no input gradient.
    assert 2.8 < cost.training / cost.forward < 3


def test_a_heat_map_stage_does_not_reach_the_depth_head_and_costs_less() -> None:
    recipe = override(RECIPES["reference-pretrain-finetune"](), ["model.size=64", "model.backbone=resnet-18"])
    flat, deep, _ = (stage_cost(recipe.model, stage) for stage in recipe.stages)
    assert deep.reached - flat.reached == {"depth_head.weight", "depth_head.bias"}
    assert flat.forward == deep.forward
    assert flat.training < deep.training


@pytest.mark.parametrize(("trained", "ratio"), [("heads", 1.2), ("decoder-and-heads", 2.5)])
def test_training_less_costs_less(trained: str, ratio: float) -> None:
    recipe = override(RECIPES["mixed"](), [f"mixed.trained={trained}"])
    cost = stage_cost(recipe.model, recipe.stages[0])
    assert 1 < cost.training / cost.forward < ratio
    assert all(not name.startswith("trunk") for name in cost.reached)


@pytest.mark.parametrize("flops", [3e12, 1.7e13, 2e14])
def test_all_arms_cost_the_same_pretraining_included(flops: float) -> None:
    arms = {name: with_budget(RECIPES[name](), flops) for name in ARMS}
    for name, recipe in arms.items():
        batch = recipe.batch_size * max(stage_cost(recipe.model, stage).training for stage in recipe.stages)
        assert abs(training_flops(recipe) - flops) <= batch / 2
        lengths, before = [s.samples for s in recipe.stages], [s.samples for s in RECIPES[name]().stages]
        shares = [x / sum(lengths) for x in lengths]
        assert shares == pytest.approx([x / sum(before) for x in before], abs=0.01)


def test_arms_of_other_networks_get_fewer_samples_for_the_same_cost() -> None:
    small = RECIPES["mixed"]()
    large = override(small, ["model.backbone=small-1.6m"])
    shortened = with_budget(large, training_flops(small))
    assert training_flops(shortened) == pytest.approx(training_flops(small), rel=1e-3)
    assert shortened.samples < small.samples


def test_a_budget_of_its_own_cost_changes_nothing() -> None:
    recipe = RECIPES["pretrain-finetune"]()
    assert with_budget(recipe, training_flops(recipe)) == recipe


def test_a_budget_without_a_batch_for_each_stage_is_refused() -> None:
    with pytest.raises(RecipeError, match="too few for one batch in each of its stages"):
        with_budget(RECIPES["pretrain-finetune"](), 1e9)
