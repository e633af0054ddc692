"""Carrying a study out: its folder, its worlds, its trials; and going on where an earlier sitting stopped."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from prepose.recipes.budget import training_flops
from prepose.recipes.conduct import Machine
from prepose.recipes.environment import environment
from prepose.studies.engine import Engine, Failure, Job, Outcome, Resources, cores, run_jobs, threads_each
from prepose.studies.live_table import Expected, drawing_bars, live_table
from prepose.studies.study import Study
from prepose.studies.study_checks import check_sets, check_stores
from prepose.studies.study_folder import (
    attempts_at,
    claim_folder,
    definition,
    keep_plan,
    locked,
    note_failure,
    note_sitting,
    plan_of,
    read_plan,
    trial_folder,
)
from prepose.studies.study_reading import at_scale
from prepose.studies.study_stores import check_worlds, draw_worlds, store_folders
from prepose.studies.trial_work import PlacedSet, TrialOrder, carry_out, is_done, placed_set
from prepose.studies.trials import Arm, PlannedTrial, arms_of, base_recipe, counted_flops, on_stores, trials_of


@dataclass(frozen=True)
class Sitting:
    """How a study is run; nothing but rounding depends on it, except what `budget_scale` scales.

    Attributes:
        jobs: Trials side by side; None: as many as the machine has cores, or graphics cards.
        threads: Threads of arithmetic of each; None: what the study's folder was begun with, or its share of the cores.
        accelerator: `auto`, `cpu` or `cuda`; `auto` is what the folder was begun with, or what there is.
        gpus: Graphics cards of each trial; less than 1: shared.
        stores: Where worlds are kept that several studies use; None: in the study's folder.
        budget_scale: This many times the study's budget.
        size: The size that a built-in study was asked for in.
        extend: Whether a changed definition takes the place of the one in the folder.
        checkpoint_seconds: Time between checkpoints.
    """

    jobs: int | None = None
    threads: int | None = None
    accelerator: str = "auto"
    gpus: float | None = None
    stores: Path | None = None
    budget_scale: float = 1.0
    size: str | None = None
    extend: bool = False
    checkpoint_seconds: float = 60.0


@dataclass(frozen=True)
class StudyEnd:
    """How a study ended.

    Attributes:
        folder: Its folder.
        done: Trials that are done, of this sitting and earlier ones.
        failures: trial, in words -> why it failed.
    """

    folder: Path
    done: int
    failures: Mapping[str, Failure]


def run_study(
    study: Study, out: Path, *, sitting: Sitting = Sitting(), engine: Engine = run_jobs, console: Console | None = None
) -> StudyEnd:
    """Run every trial of a study that is not done yet.

    Args:
        study: The study.
        out: Its folder.
        sitting: How to run it.
        engine: What carries the trials out.
        console: Where progress is shown.

    Raises:
        RecipeError: an arm cannot be run, found before anything runs.
        DataError: the folder holds something else, or a store does not fit, found before anything is trained.
        KeyboardInterrupt: Ctrl-C or SIGTERM; what is finished is kept, trainings have saved their state.
    """
    console = console or Console(quiet=True)
    scaled = at_scale(study, sitting.budget_scale)
    check_worlds(scaled)
    folders = store_folders(scaled, out, sitting.stores)
    arms = arms_of(scaled)
    trials = trials_of(scaled, arms)
    check_stores(scaled, arms, folders)
    with locked(out / ".lock", f"works in {out}"):
        wanted = definition(study, base_recipe(study), size=sitting.size, budget_scale=sitting.budget_scale)
        claim_folder(out, wanted, extend=sitting.extend)
        machine, resources = _machine(out, sitting)
        keep_plan(out, plan_of(arms, trials) | {"machine": _kept(machine)}, extend=sitting.extend)
        note_sitting(out, environment())
        with drawing_bars(console) as progress:
            draw_worlds(scaled, folders, workers=cores(), progress=progress)
        check_sets(scaled, arms, folders)
        orders = _orders(scaled, arms, trials, folders=folders, out=out, machine=machine, resources=resources)
        return _run_trials(out, trials, orders, engine=engine, resources=resources, console=console)


def _machine(out: Path, sitting: Sitting) -> tuple[Machine, Resources]:
    """What each trial may use; threads and device stay what they were, because rounding depends on them."""
    before = read_plan(out).get("machine", {}) if (out / "plan.json").exists() else {}
    accelerator = (
        before.get("accelerator") or found_accelerator() if sitting.accelerator == "auto" else sitting.accelerator
    )
    cuda = accelerator == "cuda"
    jobs = sitting.jobs or default_jobs(cuda=cuda)
    threads = sitting.threads or before.get("threads") or threads_each(jobs)
    gpus = (1.0 if sitting.gpus is None else sitting.gpus) if cuda else 0.0
    workers = max(1, min(8, threads)) if cuda else 0
    machine = Machine(
        accelerator=accelerator, threads=threads, workers=workers, checkpoint_seconds=sitting.checkpoint_seconds
    )
    return machine, Resources(jobs, threads, gpus)


def _kept(machine: Machine) -> dict[str, object]:
    return {"accelerator": machine.accelerator, "threads": machine.threads}


def found_accelerator() -> str:
    """`cuda` where there is a graphics card, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def default_jobs(*, cuda: bool) -> int:
    """Trials side by side where nobody says: one for each graphics card, or for each core while memory lasts."""
    import torch

    if cuda:
        return max(1, torch.cuda.device_count())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # A worker with a small network and its cache of pictures takes about 1.5 GB.
    return max(1, min(cores(), int(memory / 1.5e9)))


def _orders(  # noqa: PLR0913 - what is run, where it lies, and what it may use
    study: Study,
    arms: Sequence[Arm],
    trials: Sequence[PlannedTrial],
    *,
    folders: Mapping[str, Path],
    out: Path,
    machine: Machine,
    resources: Resources,
) -> dict[str, TrialOrder]:
    sets = placed_sets(study, folders)
    counted = {arm.name: counted_flops(arm) for arm in arms}
    return {
        trial.id: TrialOrder(
            recipe=on_stores(trial.recipe, folders),
            folder=trial_folder(out.resolve(), trial.id),
            sets=sets,
            counted_flops=counted[trial.arm],
            machine=machine,
            side_by_side=_side_by_side(resources),
        )
        for trial in trials
    }


def _side_by_side(resources: Resources) -> int:
    """Trials that share a device."""
    import torch

    devices = torch.cuda.device_count() if resources.gpus else 1
    return math.ceil(resources.at_once / max(1, devices))


def placed_sets(study: Study, folders: Mapping[str, Path]) -> dict[str, PlacedSet]:
    """What every trial is measured on, in the folders of its stores."""
    return {name: placed_set(each, study.stores[each.store], folders[each.store]) for name, each in study.sets.items()}


def _run_trials(
    out: Path,
    trials: Sequence[PlannedTrial],
    orders: Mapping[str, TrialOrder],
    *,
    engine: Engine,
    resources: Resources,
    console: Console,
) -> StudyEnd:
    titles = {trial.id: f"{trial.arm}, seed {trial.seed}" for trial in trials}
    done = [trial.id for trial in trials if is_done(orders[trial.id].folder, orders[trial.id].sets)]
    attempts = {trial.id: attempts_at(orders[trial.id].folder) for trial in trials}
    failures: dict[str, Failure] = {}
    jobs = [Job(trial.id, carry_out, (orders[trial.id],)) for trial in trials if trial.id not in done]
    with live_table(console, _expected(trials, orders, titles), done) as table:

        def on_done(name: str, outcome: Outcome) -> None:
            if outcome.failure is not None:
                failures[titles[name]] = outcome.failure
                note_failure(orders[name].folder, outcome.failure, attempts[name] + 1)
            table.finished(name, outcome.failure)

        engine(jobs, resources=resources, tick=table.tick, on_done=on_done)
    return StudyEnd(out, len(trials) - len(failures), failures)


def _expected(
    trials: Sequence[PlannedTrial], orders: Mapping[str, TrialOrder], titles: Mapping[str, str]
) -> dict[str, Expected]:
    flops: dict[str, float] = {}
    for trial in trials:
        flops.setdefault(trial.arm, training_flops(trial.recipe))
    return {
        trial.id: Expected(titles[trial.id], orders[trial.id].folder, trial.recipe.samples, flops[trial.arm])
        for trial in trials
    }
