from io import StringIO

from rich.console import Console

from prepose.recipes.builtin import RECIPES
from prepose.recipes.listing import print_recipes


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
