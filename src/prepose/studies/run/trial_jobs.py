"""Trials carried out by an engine: those that are not done, with a table of how far they are."""

from collections.abc import Mapping, Sequence

from rich.console import Console

from prepose.studies.engines.local import Engine, Failure, Job, Outcome, Resources
from prepose.studies.run.folder import attempts_at, note_failure
from prepose.studies.run.live_table import Expected, live_table
from prepose.studies.run.trial_work import TrialOrder, carry_out


def run_orders(
    orders: Mapping[str, TrialOrder],
    expected: Mapping[str, Expected],
    done: Sequence[str],
    *,
    resources: Resources,
    engine: Engine,
    console: Console,
) -> dict[str, Failure]:
    """Carry out what is not done.

    Args:
        orders: trial -> what there is to do, the first ones first.
        expected: trial -> what its row says.
        done: The trials that are.
        resources: What they may use.
        engine: What carries them out.
        console: Where progress is shown.

    Returns:
        trial -> why it failed; each is noted in its folder, too.
    """
    attempts = {name: attempts_at(order.folder) for name, order in orders.items()}
    failures: dict[str, Failure] = {}
    jobs = [Job(name, carry_out, (order,)) for name, order in orders.items() if name not in done]
    with live_table(console, expected, done) as table:

        def on_done(name: str, outcome: Outcome) -> None:
            if outcome.failure is not None:
                failures[name] = outcome.failure
                note_failure(orders[name].folder, outcome.failure, attempts[name] + 1)
            table.finished(name, outcome.failure)

        engine(jobs, resources=resources, tick=table.tick, on_done=on_done)
    return failures
