"""Tests for the list of studies."""

import io

from rich.console import Console

from fake_studies import small_study
from prepose.recipes.budget import training_flops
from prepose.studies.listing import print_studies
from prepose.studies.trials import arms_of


def test_each_study_stands_with_question_trials_and_cost():
    console = Console(file=io.StringIO(), width=120)
    print_studies({"small": lambda size: small_study(question=f"What of {size}?")}, size="gpu", console=console)
    text = console.file.getvalue()
    flops = 2 * sum(training_flops(arm.recipe) for arm in arms_of(small_study()))
    assert "Studies at size gpu" in text
    assert all(part in text for part in ("small", "What of gpu?", "2 x 2", f"{flops:.2g}"))
