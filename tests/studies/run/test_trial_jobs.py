"""Tests for trials as jobs of an engine."""

import io
import json

from rich.console import Console

from prepose.recipes.train import Machine
from prepose.specs.builtin_recipes import recipe_named
from prepose.studies.engines.local import Failure, Outcome, Resources
from prepose.studies.run.live_table import Expected
from prepose.studies.run.trial_jobs import run_orders
from prepose.studies.run.trial_work import TrialOrder


def test_what_is_not_done_is_carried_out_and_failures_are_noted(tmp_path):
    recipe = recipe_named("only-3d")
    orders = {
        name: TrialOrder(recipe, tmp_path / name, sets={}, counted_flops=1.0, machine=Machine(), side_by_side=1)
        for name in ("done", "good", "bad")
    }
    expected = {name: Expected(name, order.folder, 8, 1.0) for name, order in orders.items()}
    seen = []

    def engine(jobs, *, resources, tick, on_done):
        seen.extend(job.name for job in jobs)
        on_done("good", Outcome())
        on_done("bad", Outcome(failure=Failure("Killed", "gone")))
        return {}

    failures = run_orders(
        orders, expected, ["done"], resources=Resources(1, 1), engine=engine, console=Console(file=io.StringIO())
    )
    assert seen == ["good", "bad"] and failures == {"bad": Failure("Killed", "gone")}
    assert json.loads((tmp_path / "bad" / "failure.json").read_text())["attempts"] == 1
