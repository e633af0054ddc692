"""The recipes as a table for the terminal."""

from rich.console import Console
from rich.table import Table

from prepose.recipes.budget import training_flops
from prepose.recipes.builtin import RECIPES, recipe_named
from prepose.recipes.stage import Recipe


def print_recipes(console: Console | None = None) -> None:
    """Every recipe that ships: stages, sources, network, cost."""
    console = console or Console()
    table = Table(
        "recipe", "what", "network", "stages (samples)", "training FLOPs", title="Recipes", title_justify="left"
    )
    for name in RECIPES:
        recipe = recipe_named(name)
        network = f"{recipe.model.backbone}, {recipe.model.size} px"
        table.add_row(name, recipe.summary, network, _stages(recipe), f"{training_flops(recipe):.2g}", end_section=True)
    console.print(table)
    console.print("`prepose train RECIPE --out RUN` runs one; `--set finetune.learning_rate=1e-3` changes a field.")


def _stages(recipe: Recipe) -> str:
    return "\n".join(f"{stage.name} {stage.samples:,}: {' + '.join(stage.shares)}" for stage in recipe.stages)
