"""The recipes that ship, as text."""

from rich.console import Console

from prepose.recipes.budget import training_flops
from prepose.recipes.builtin import RECIPES


def print_recipes(console: Console | None = None) -> None:
    """Print each recipe: its name and summary, its network, stages and cost."""
    console = console or Console()
    for name, make in RECIPES.items():
        recipe = make()
        stages = ", ".join(f"{stage.name} {recipe.steps(stage) * recipe.batch_size:,}" for stage in recipe.stages)
        console.print(f"[bold]{name}[/bold]  {recipe.summary}", highlight=False)
        console.print(
            f"    {recipe.model.backbone} at {recipe.model.size} px; samples: {stages}; "
            f"{training_flops(recipe):.2g} training FLOPs",
            highlight=False,
        )
