"""The studies that ship, as a table."""

from rich.console import Console
from rich.table import Table

from prepose.console import PlainConsole
from prepose.recipes.budget import training_flops
from prepose.studies.reading import Studies, study_named
from prepose.studies.trials import arms_of


def print_studies(studies: Studies, *, size: str | None = None, console: Console | None = None) -> None:
    """Print every study: its question, its trials, and what training them costs.

    Args:
        studies: name -> size -> study.
        size: `cpu` (the default) or `gpu`.
        console: Where to.
    """
    table = Table(title=f"Studies at size {size or 'cpu'}")
    for column in ("study", "question", "trials", "training FLOPs"):
        table.add_column(column, overflow="fold", justify="right" if column in ("trials", "training FLOPs") else "left")
    for name in studies:
        study = study_named(name, studies=studies, size=size)
        arms = arms_of(study)
        flops = len(study.seeds) * sum(training_flops(arm.recipe) for arm in arms)
        table.add_row(name, study.question, f"{len(arms)} x {len(study.seeds)}", f"{flops:.2g}")
    (console or PlainConsole()).print(table)
