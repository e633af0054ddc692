"""Carrying a study out: its folder, its worlds, its trials; and resuming where an earlier session stopped."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from prepose.console import split_progress
from prepose.files import LOCK, inside, locked
from prepose.models.flops import count_parameters
from prepose.recipes.budget import training_flops
from prepose.recipes.run import environment
from prepose.specs.builtin_recipes import base_recipe
from prepose.specs.study import Study
from prepose.studies.engines.local import Engine, Failure, cores, run_jobs
from prepose.studies.run.folder import claim_folder, definition, keep_plan, note_session
from prepose.studies.run.live_table import Expected
from prepose.studies.run.other_studies import check_others, take_over
from prepose.studies.run.planning import (
    DEFAULT_SETTINGS,
    Planned,
    RunSettings,
    check_device,
    check_sets,
    machine_of,
    plan_study,
)
from prepose.studies.run.search import check_search, run_search, tuned
from prepose.studies.run.stores import draw_worlds
from prepose.studies.run.trial_work import TrialOrder, is_done, placed_set, run_orders
from prepose.studies.tables import flops_written, number_of
from prepose.studies.trials import counted_flops, on_stores


@dataclass(frozen=True)
class StudyEnd:
    """How a study ended.

    Attributes:
        folder: Its folder.
        done: Trials that are done, of this session and earlier ones.
        failures: trial, in words -> why it failed.
        stores: Where each of the study's stores is.
    """

    folder: Path
    done: int
    failures: Mapping[str, Failure]
    stores: Mapping[str, Path]


def run_study(
    study: Study,
    out: Path,
    *,
    settings: RunSettings = DEFAULT_SETTINGS,
    engine: Engine = run_jobs,
    console: Console | None = None,
) -> StudyEnd:
    """Run every trial of a study that is not done yet.

    Args:
        study: The study.
        out: Its folder.
        settings: How to run it.
        engine: What carries the trials out.
        console: Where progress is shown.

    Raises:
        RecipeError: an arm cannot be run, or a cluster not be reached, found before anything is rendered.
        DataError: the folder holds something else, or a store does not fit, found before anything is trained.
        KeyboardInterrupt: Ctrl-C or SIGTERM; what is finished is kept, trainings have saved their state.
    """
    console = console or Console(quiet=True)
    check_device(settings.accelerator, cluster=settings.cluster)
    planned = plan_study(study, out, settings=settings)
    check_search(planned.study)
    check_others(settings.trials_of)
    with locked(out / LOCK, f"is running the study in {out}"):
        wanted = definition(study, base_recipe(study), size=settings.size, budget_scale=settings.budget_scale)
        claim_folder(out, wanted, extend=settings.extend)
        # The folder may have been begun on another machine, or by another process since it was looked at.
        machine, resources = machine_of(out, settings)
        planned = replace(planned, machine=machine, resources=resources)
        check_device(planned.machine.accelerator, cluster=planned.cluster)
        if study.search is None:
            keep_plan(out, planned.as_json(), extend=settings.extend)
        elif not (out / "plan.json").exists():
            # The trials are known when their settings are; until then the machine is kept, on which rounding depends.
            keep_plan(out, planned.as_json() | {"trials": []}, extend=settings.extend)
        note_session(out, environment())
        if planned.cluster:
            # Without jobs it only checks whether it could run any, before minutes are spent on rendering.
            reached = replace(planned.resources, shared=(out,))
            engine((), resources=reached, tick=lambda running: None, on_done=lambda name, outcome: None)
        with split_progress(console) as show:
            draw_worlds(planned.study, planned.folders, workers=cores(), progress=show)
        check_sets(planned.study, planned.arms, planned.folders)
        if study.search is not None:
            found = run_search(out, planned, engine=engine, console=console)
            if found.tuning is None:
                return StudyEnd(out, 0, found.failures, planned.folders)
            planned = tuned(planned, found.tuning)
            keep_plan(out, planned.as_json(), extend=settings.extend)
        orders = _orders(out, planned)
        if settings.trials_of:
            taken = take_over(orders, settings.trials_of)
            console.print(f"{len(taken)} of {len(orders)} trials copied from other studies", highlight=False)
        return _run_trials(out, planned, orders, engine=engine, console=console)


def _orders(out: Path, planned: Planned) -> dict[str, TrialOrder]:
    study, folders = planned.study, planned.folders
    sets = {name: placed_set(each, study.stores[each.store], folders[each.store]) for name, each in study.sets.items()}
    counted = {arm.name: counted_flops(arm) for arm in planned.arms}
    return {
        trial.id: TrialOrder(
            recipe=on_stores(trial.recipe, folders),
            folder=inside(out.resolve(), trial.folder, named_by=out / "plan.json"),
            sets=sets,
            counted_flops=counted[trial.arm],
            machine=planned.machine,
            side_by_side=planned.side_by_side,
        )
        for trial in planned.trials
    }


def _run_trials(
    out: Path, planned: Planned, orders: Mapping[str, TrialOrder], *, engine: Engine, console: Console
) -> StudyEnd:
    trials = planned.trials
    expected = _expected(planned, orders)
    done = [trial.id for trial in trials if is_done(orders[trial.id].folder, orders[trial.id].sets)]
    for name in done:
        _without_left_lock(orders[name].folder)
    shared = (out, *dict.fromkeys(planned.folders.values()))
    resources = replace(planned.resources, shared=shared if planned.cluster else ())
    for line in _start_of(planned, done):
        console.print(line, highlight=False, soft_wrap=True)
    found = run_orders(orders, expected, done, resources=resources, engine=engine, console=console)
    failures = {expected[name].title: failure for name, failure in found.items()}
    if not failures:
        folder, store = orders[trials[-1].id].folder, next(iter(orders[trials[-1].id].sets.values())).store
        console.print(
            f"next: prepose evaluate {shlex.quote(str(folder))} --data {shlex.quote(str(store))}", soft_wrap=True
        )
    return StudyEnd(out, len(trials) - len(failures), failures, planned.folders)


def _start_of(planned: Planned, done: Sequence[str]) -> Iterator[str]:
    """Each arm with its network and cost, then how the trials are run."""
    for arm in planned.arms:
        stages = " -> ".join(f"{stage.name} {stage.samples:,}" for stage in arm.recipe.stages)
        parameters = count_parameters(arm.recipe.model) / 1e6
        flops = flops_written(training_flops(arm.recipe))
        yield f"{arm.name}: {arm.recipe.model.backbone}, {parameters:.2f} M parameters, {flops} of training: {stages}"
    resources, machine = planned.resources, planned.machine
    at_once = f"{min(resources.at_once, len(planned.trials))} at a time" if not planned.cluster else "on the cluster"
    yield (
        f"{number_of(len(planned.arms), 'arm')} x {number_of(len(planned.study.seeds), 'seed')}: "
        f"{number_of(len(planned.trials), 'trial')}, {len(done)} done; {at_once} on {machine.accelerator}, "
        f"{number_of(resources.threads, 'thread')} each"
    )


def _expected(planned: Planned, orders: Mapping[str, TrialOrder]) -> dict[str, Expected]:
    flops = {arm.name: training_flops(arm.recipe) for arm in planned.arms}
    return {
        trial.id: Expected(
            f"{trial.arm}, seed {trial.seed}", orders[trial.id].folder, trial.recipe.samples, flops[trial.arm]
        )
        for trial in planned.trials
    }


def _without_left_lock(folder: Path) -> None:
    """Remove the lock of a training that died after its last write: nobody will train there again and do so."""
    if (folder / LOCK).exists():
        with locked(folder / LOCK, f"is training in {folder}"):
            pass
