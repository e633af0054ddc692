import pytest
from pydantic import ValidationError

from prepose.recipes.builtin import RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_frozen(name: str) -> None:
    recipe = RECIPES[name]()
    with pytest.raises(ValidationError, match="frozen"):
        recipe.seed = 3
    with pytest.raises(ValidationError, match="frozen"):
        recipe.stages[0].samples = 3


@pytest.mark.parametrize("name", RECIPES)
def test_steps_cover_every_sample_of_a_stage_by_whole_batches(name: str) -> None:
    recipe = RECIPES[name]()
    for stage in recipe.stages:
        assert 0 <= recipe.steps(stage) * recipe.batch_size - stage.samples < recipe.batch_size
    assert recipe.samples == sum(recipe.steps(stage) * recipe.batch_size for stage in recipe.stages)


def test_a_stages_own_validation_comes_before_the_recipes() -> None:
    recipe = RECIPES["pretrain-finetune"]()
    pretrain, finetune, _ = recipe.stages
    assert recipe.validation_of(pretrain) is pretrain.validation
    assert recipe.validation_of(finetune) is recipe.validation
