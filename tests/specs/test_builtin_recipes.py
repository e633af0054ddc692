from pathlib import Path

import pytest

from prepose.errors import RecipeError
from prepose.files import write_json
from prepose.recipes.budget import training_flops
from prepose.specs.builtin_recipes import RECIPES, TRAINING_FLOPS, recipe_named

ARMS = ("pretrain-finetune", "mixed", "only-3d")


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_found_by_its_own_name_and_says_what_it_is(name: str) -> None:
    recipe = recipe_named(name)
    assert recipe.name == name and recipe.summary
    text = RECIPES[name].__doc__ or ""
    assert "Source:" in text and f"prepose train {name}" in text


def test_the_arms_differ_in_sources_order_and_geometry_alone() -> None:
    recipes = [recipe_named(name) for name in ARMS]
    alone = {"name", "summary", "sources", "stages"}
    assert len({recipe.model_dump_json(exclude=alone) for recipe in recipes}) == 1
    assert len({recipe.samples for recipe in recipes}) == 1
    stages = [stage for recipe in recipes for stage in recipe.stages]
    asked = {"name", "samples", "shares", "losses", "validation", "learning_rate"}
    assert len({stage.model_dump_json(exclude=asked) for stage in stages}) == 1
    weights: dict[str, set[float]] = {}
    for stage in stages:
        for loss, weight in stage.losses.items():
            weights.setdefault(loss, set()).add(weight)
    assert all(len(values) == 1 for values in weights.values())
    # The last, low stage of the pre-trained arm has a rate of its own; all others share one.
    assert len({stage.learning_rate for stage in stages if stage.name != "geometry"}) == 1


@pytest.mark.parametrize("name", RECIPES)
def test_no_recipe_uses_a_loss_without_the_labels_for_it(name: str) -> None:
    recipe = recipe_named(name)
    for stage in recipe.stages:
        has_3d = any(recipe.sources[source].labels == "3d" for source in stage.shares)
        assert has_3d == any("depth" in loss for loss in stage.losses)


def test_a_recipe_is_read_from_a_file(tmp_path: Path) -> None:
    write_json(tmp_path / "mine.json", recipe_named("mixed").model_dump(mode="json") | {"name": "mine"})
    assert recipe_named(str(tmp_path / "mine.json")).name == "mine"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        RecipeError, match=r"'mixd' \(did you mean 'mixed'\?\); known: pretrain-finetune, mixed, only-3d"
    ):
        recipe_named("mixd")
    with pytest.raises(RecipeError, match=r"nowhere\.json: the recipe cannot be read"):
        recipe_named("nowhere.json")


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_costs_what_its_list_says(name: str) -> None:
    assert f"{training_flops(RECIPES[name]()):.2g}" == f"{TRAINING_FLOPS[name]:.2g}"
