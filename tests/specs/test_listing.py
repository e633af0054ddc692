import json
from io import StringIO

import pytest
from rich.console import Console

from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.builtin_studies import STUDIES
from prepose.specs.listing import print_recipes, print_studies, ready_to_edit
from prepose.specs.recipe import Recipe
from prepose.specs.study import Study


def test_every_recipe_is_listed_with_its_summary_stages_and_cost() -> None:
    text = StringIO()
    print_recipes(Console(file=text, width=250))
    lines = text.getvalue().splitlines()
    assert len(lines) == 2 * len(RECIPES)
    for first, second, (name, make) in zip(lines[::2], lines[1::2], RECIPES.items(), strict=True):
        recipe = make()
        assert first == f"{name}  {recipe.summary}"
        assert recipe.model.backbone in second and second.endswith(" training FLOPs")
        assert all(f"{stage.name} {recipe.steps(stage) * recipe.batch_size:,}" in second for stage in recipe.stages)


def test_each_study_stands_with_question_trials_and_cost() -> None:
    text = StringIO()
    print_studies(size="gpu", console=Console(file=text, width=120))
    shown = " ".join(text.getvalue().split())
    assert "Studies at size gpu" in shown
    assert all(name in shown for name in STUDIES)
    assert "9 x 5" in shown and "9.5e+17" in shown


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_that_was_printed_can_be_read_again(name: str) -> None:
    recipe = RECIPES[name]()
    printed = json.loads(ready_to_edit(recipe))
    assert Recipe.model_validate(printed) == recipe
    assert {"seed", "batch_size"} <= printed.keys() and "log_every" not in printed
    assert "momentum" not in printed["stages"][0]


def test_a_study_that_was_printed_can_be_read_again() -> None:
    study = STUDIES["losses"]("cpu")
    printed = json.loads(ready_to_edit(study))
    assert Study.model_validate(printed) == study
    assert printed["seeds"] == [0, 1, 2]
