"""The recipes and studies that ship, as text, and one of them as JSON ready to edit."""

import json

from rich.console import Console

from prepose.console import PlainConsole, table_of
from prepose.specs import builtin_recipes, builtin_studies
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.builtin_studies import STUDIES
from prepose.specs.reading import study_named
from prepose.specs.recipe import Recipe
from prepose.specs.study import Study

# Written out even where they are the defaults: what people change first.
CHANGED_FIRST = ("seed", "seeds", "batch_size")


def print_recipes(console: Console | None = None) -> None:
    """Print each recipe: its name and summary, its network, stages and cost."""
    console = console or Console()
    for name, make in RECIPES.items():
        recipe = make()
        stages = ", ".join(f"{stage.name} {recipe.steps(stage) * recipe.batch_size:,}" for stage in recipe.stages)
        console.print(f"[bold]{name}[/bold]  {recipe.summary}", highlight=False)
        console.print(
            f"    {recipe.model.backbone} at {recipe.model.size} px; samples: {stages}; "
            f"{builtin_recipes.TRAINING_FLOPS[name]:.2g} training FLOPs",
            highlight=False,
        )


def print_studies(*, size: str | None = None, console: Console | None = None) -> None:
    """Print every study: its question, its trials, and what training them costs.

    Args:
        size: `cpu` (the default) or `gpu`.
        console: Where to.
    """
    title = f"Studies at size {size or 'cpu'}"
    table = table_of("study", "question", "trials", "training FLOPs", title=title, texts=2)
    for name in STUDIES:
        study = study_named(name, studies=STUDIES, size=size)
        flops = builtin_studies.TRAINING_FLOPS[size or "cpu"][name]
        arms, search = len(study.combinations()), study.search
        trials = f"{arms} x {len(study.seeds)}" + (f" + {arms} x {search.trainings} of a search" if search else "")
        table.add_row(name, study.question, trials, f"{flops:.2g}", end_section=True)
    (console or PlainConsole()).print(table)


def ready_to_edit(spec: Recipe | Study) -> str:
    """A recipe or a study as JSON, defaults left out."""
    plain = spec.model_dump(mode="json")
    kept = spec.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(kept | {field: plain[field] for field in CHANGED_FIRST if field in plain}, indent=2)
