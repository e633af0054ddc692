"""The built-in comparison: make three worlds, train three arms at equal compute, evaluate, write the page."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from prepose.data.store import describe_store, open_store
from prepose.files import LOCK, locked, write_json
from prepose.metrics.evaluation import Evaluation, with_mean_pose
from prepose.metrics.evaluation_files import save_evaluation
from prepose.metrics.protocols import get_protocol
from prepose.models.checkpoint import load_weights
from prepose.predict.evaluate import evaluate
from prepose.predict.score import mean_pose_of
from prepose.recipes.budget import training_flops
from prepose.recipes.conduct import Machine, run_recipe
from prepose.recipes.log import read_log
from prepose.recipes.run import Run, open_run
from prepose.specs.recipe import Recipe
from prepose.studies.engines.local import Job, Resources, run_jobs, threads_each, values_of
from prepose.studies.quickstart.plan import SIZES, Plan, arm_recipes, claim_folder
from prepose.studies.quickstart.report import write_report
from prepose.studies.quickstart.summary import PROTOCOL, TEST_SETS, summarise
from prepose.studies.tables import flops_written, number_of
from prepose.synthetic.synthesize import synthesize


def run_quickstart(out: Path, size: str = "standard", *, jobs: int = 2, console: Console | None = None) -> Path:
    """Do the whole comparison, or go on where an interrupted one in the folder stopped.

    Args:
        out: The folder.
        size: A name of `plan.SIZES`.
        jobs: Processes side by side.
        console: Where progress is shown.

    Returns:
        The page's path.

    Raises:
        DataError: the folder holds something else, or a quickstart of another size; the disk is full.
    """
    if size not in SIZES:
        raise ValueError(f"no quickstart is of size {size!r}; known: {', '.join(SIZES)}")
    console = console or Console(quiet=True)
    plan = Plan(out, SIZES[size], jobs)
    with locked(out / LOCK, f"is running the quickstart in {out}"):
        claim_folder(plan)
        with _timed(plan, "synthesis"):
            _make_worlds(plan, console)
        recipes = arm_recipes(plan)
        _say(console, recipes, plan)
        with _timed(plan, "training and evaluation"):
            _train_all(plan, recipes, console)
        write_json(out / "report.json", summarise(plan, recipes, plan.seconds()))
        return write_report(out)


@contextmanager
def _timed(plan: Plan, name: str) -> Iterator[None]:
    """Add to the seconds of a step; what an interrupted sitting took counts too."""
    begin = time.perf_counter()
    try:
        yield
    finally:
        seconds = plan.seconds()
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - begin
        plan.note_seconds(seconds)


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<28}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def _make_worlds(plan: Plan, console: Console) -> None:
    with _bars(console) as bars:
        for world, counts in plan.size.counts.items():
            total = sum(counts.values())
            bar = bars.add_task(f"people of the {world} world", total=total, note="")
            missing = _missing_splits(plan.store(world), counts)
            bars.update(bar, completed=total - sum(missing.values()))
            if not missing:
                continue

            def show(done: int, _: int | None, bar: Any = bar, there: int = total - sum(missing.values())) -> None:
                bars.update(bar, completed=there + done)

            synthesize(
                world, out=plan.store(world), counts=missing, size=plan.size.stored_px, workers=plan.jobs, progress=show
            )


def _missing_splits(store: Path, counts: Mapping[str, int]) -> dict[str, int]:
    if not (store / "store.json").exists():
        return dict(counts)
    there = describe_store(store).splits
    return {split: count for split, count in counts.items() if split not in there or not there[split].complete}


def _say(console: Console, recipes: Mapping[str, Recipe], plan: Plan) -> None:
    for arm, recipe in recipes.items():
        stages = " -> ".join(f"{stage.name} {stage.samples:,}" for stage in recipe.stages)
        console.print(f"{arm:<18} {flops_written(training_flops(recipe))} of training: {stages}", highlight=False)
    arms, seeds = number_of(len(recipes), "arm"), number_of(len(plan.size.seeds), "seed")
    console.print(f"{arms} x {seeds}, {plan.jobs} at a time, {number_of(threads_each(plan.jobs), 'thread')} each")


def _train_all(plan: Plan, recipes: Mapping[str, Recipe], console: Console) -> None:
    pairs = [(arm, seed) for seed in plan.size.seeds for arm in recipes]
    with _bars(console) as bars:
        rows = {
            pair: bars.add_task(f"{pair[0]}, seed {pair[1]}", total=recipes[pair[0]].samples, note="") for pair in pairs
        }

        def show(running: Sequence[str] = ()) -> None:
            for pair, row in rows.items():
                log = read_log(plan.run(*pair))
                if log:
                    bars.update(row, completed=int(log[-1]["samples"]), note=_last_error(log))

        jobs = [
            Job(
                f"{arm}-seed{seed}",
                train_and_evaluate,
                (recipes[arm].model_copy(update={"seed": seed}), plan, plan.run(arm, seed)),
            )
            for arm, seed in pairs
        ]
        values_of(run_jobs(jobs, resources=Resources(plan.jobs, threads_each(plan.jobs)), tick=show))
        show()


def _last_error(log: Sequence[Mapping[str, str]]) -> str:
    known = [row["validation_mpjpe_mm"] for row in log if row["validation_mpjpe_mm"]]
    return f"{float(known[-1]):.0f} mm" if known else ""


def train_and_evaluate(recipe: Recipe, plan: Plan, folder: Path) -> str:
    """One trial: train (or go on), then evaluate the chosen weights on every test set. Returns the run's folder."""
    begun = (folder / "recipe.json").exists()
    run = open_run(folder) if begun else None
    if run is None or not run.finished:
        run = run_recipe(
            recipe, folder, resume=begun, machine=Machine(accelerator="cpu", threads=threads_each(plan.jobs))
        )
    for name in TEST_SETS:
        if not (run.evaluations / f"{name}.json").exists():
            save_evaluation(_evaluate(run, plan, name), run.evaluations, name)
    return str(folder)


def _evaluate(run: Run, plan: Plan, name: str) -> Evaluation:
    protocol = replace(get_protocol(PROTOCOL), split="test")
    evaluation = evaluate(load_weights(run.best_weights), open_store(plan.store(name), "test"), protocol)
    return with_mean_pose(evaluation, mean_pose_of(open_store(plan.store("lab"), "train"), protocol))
