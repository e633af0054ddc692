"""A study's folder: what was asked, what is planned, and one run folder for each trial.

```
STUDY/study.json      the definition, its size and budget scale
      plan.json       arms with their cost, trials with their arm and seed
      environment.json  versions, machine, command line; one entry for each session
      tuning.json     what the search for settings came to, where the study has one; its trainings are in tuning/ID/
      stores/         the worlds that the study drew, unless they are kept elsewhere
      trials/ID/      a run folder; evaluations/SET.npz and .json; costs.json when it is done, failure.json if it failed
                      (runs/ARM-seedN/ where the study names folders by arm)
```
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prepose.errors import DataError, shortened
from prepose.files import inside, is_left_over, read_object, write_json
from prepose.models.flops import count_flops, count_parameters
from prepose.recipes.budget import stage_flops, training_flops
from prepose.recipes.run import differences
from prepose.specs.plan import Plan, PlannedArm, PlannedRun, PlannedStage
from prepose.specs.reading import FORMAT
from prepose.specs.recipe import Recipe
from prepose.specs.study import Study
from prepose.studies.engines.local import Failure
from prepose.studies.trials import Arm, PlannedTrial, counted_flops

DAMAGED = "delete it, or choose another --out"
EXTEND = "add --extend to go on with the new definition (trials that it still has are kept), or choose another --out"


def definition(study: Study, base: Recipe, *, size: str | None, budget_scale: float) -> dict[str, Any]:
    """What `study.json` holds; the base recipe is spelt out, so that it stays what it was."""
    spelt_out = study.model_copy(update={"base": base})
    plain = spelt_out.model_dump(mode="json")
    if study.folders == "hash":
        # So that studies that are there, which do not say it, are the same.
        del plain["folders"]
    if study.search is None:
        del plain["search"]
    return {"format": FORMAT, "study": plain, "size": size, "budget_scale": budget_scale}


def claim_folder(folder: Path, wanted: Mapping[str, Any], *, extend: bool) -> None:
    """Make the folder this study's own, or check that it is.

    Args:
        folder: The study's folder.
        wanted: Its definition.
        extend: Whether another definition takes the place of the one that is there.

    Raises:
        DataError: the folder holds something else, or a study of another definition.
    """
    path = inside(folder, "study.json")
    if not path.exists():
        # A process that died in its first write leaves its lock and what it was writing.
        others = [each.name for each in folder.iterdir() if not is_left_over(each)] if folder.is_dir() else []
        if others:
            raise DataError(f"{folder}: holds no study and is not empty ({others[0]}); choose another --out")
        write_json(path, wanted)
        return
    there = read_object(path, advice=DAMAGED)
    found = differences(there, wanted)
    if not found:
        return
    if not extend:
        raise DataError(f"{folder}: holds a study of another definition: {found}; {EXTEND}")
    write_json(path, wanted)


def plan_of(arms: Sequence[Arm], trials: Sequence[PlannedTrial]) -> dict[str, Any]:
    """What `plan.json` holds."""
    plan = Plan(
        arms=tuple(_planned(arm) for arm in arms),
        trials=tuple(_run(trial) for trial in trials),
    )
    plain = plan.model_dump(mode="json")
    # So that plans of studies that are there, which do not say it, are the same.
    plain["trials"] = [trial.model_dump(mode="json", exclude_none=True) for trial in plan.trials]
    return plain


def keep_plan(folder: Path, plan: Mapping[str, Any], *, extend: bool) -> None:
    """Write the plan, or check that the one that is there is the same.

    Raises:
        DataError: the same definition now means other trials: a recipe it names has changed.
    """
    path = inside(folder, "plan.json")
    there = read_plan(folder) if path.exists() else None
    if there is not None and not extend:
        now = {trial["id"] for trial in plan["trials"]}
        changed = [trial for trial in there["trials"] if trial["id"] not in now]
        if changed:
            raise DataError(
                f"{folder}: arm {changed[0]['arm']!r} is no longer the training that it was: a recipe that the study "
                f"names, or this version of prepose, has changed; {EXTEND}"
            )
    if there is not None:
        _check_named(folder, there["trials"], plan["trials"])
    if there != plan:
        write_json(path, plan)


def _check_named(folder: Path, there: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> None:
    """A folder that is not named by what defines its trial must not be taken for another's."""
    known = {trial["folder"]: trial["id"] for trial in there if "folder" in trial}
    for trial in now:
        if known.get(trial.get("folder", ""), trial["id"]) != trial["id"]:
            raise DataError(f"{folder}: {trial['folder']} is of another training than now; choose another --out")


def read_plan(folder: Path) -> dict[str, Any]:
    """The plan of a study's folder.

    Raises:
        DataError: the file is missing, damaged or of another version.
    """
    path = inside(folder, "plan.json")
    plan = read_object(path, advice=DAMAGED)
    trials, machine = plan.get("trials"), plan.get("machine", {})
    named = isinstance(trials, list) and all(
        isinstance(trial, dict)
        and isinstance(trial.get("id"), str)
        and isinstance(trial.get("folder", ""), str)
        and "arm" in trial
        for trial in trials
    )
    threads = machine.get("threads") if isinstance(machine, dict) else ""
    if not named or not isinstance(threads, int | None) or isinstance(threads, bool):
        wrong = "threads" if named else "trials"
        raise DataError(f"{path}: is damaged ({wrong}); {DAMAGED}")
    return plan


def trial_folder(folder: Path, trial: str) -> Path:
    """Where the run folder of a trial is.

    Raises:
        DataError: the trial's name leads out of the study's folder, or a link is in the way.
    """
    return inside(inside(folder, "trials"), trial, named_by=folder / "plan.json")


def attempts_at(run: Path) -> int:
    """How often a trial has failed so far."""
    path = inside(run, "failure.json")
    attempts = read_object(path, advice=DAMAGED).get("attempts", 0) if path.exists() else 0
    if not isinstance(attempts, int):
        raise DataError(f"{path}: is damaged (attempts: {shortened(repr(attempts), 60)}); {DAMAGED}")
    return attempts


def note_failure(run: Path, failure: Failure, attempts: int) -> None:
    """Keep why a trial failed, and how often it has been tried."""
    run.mkdir(parents=True, exist_ok=True)
    write_json(
        run / "failure.json",
        {
            "kind": failure.kind,
            "message": failure.message,
            "attempts": attempts,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "trace": failure.trace,
        },
    )


def clear_failure(run: Path) -> None:
    """Forget that a trial had failed."""
    (run / "failure.json").unlink(missing_ok=True)


def note_session(folder: Path, facts: Mapping[str, Any]) -> None:
    """Add a session's facts to `environment.json`: the first are the file's own, later ones lie under `resumed`."""
    path = inside(folder, "environment.json")
    if path.exists():
        first = read_object(path, advice=DAMAGED)
        resumed = first.get("resumed", [])
        write_json(path, first | {"resumed": [*(resumed if isinstance(resumed, list) else []), dict(facts)]})
    else:
        write_json(path, dict(facts))


def _run(trial: PlannedTrial) -> PlannedRun:
    folder = None if trial.folder == f"trials/{trial.id}" else trial.folder
    return PlannedRun(id=trial.id, arm=trial.arm, seed=trial.seed, folder=folder)


def _planned(arm: Arm) -> PlannedArm:
    recipe = arm.recipe
    samples = {stage.name: recipe.steps(stage) * recipe.batch_size for stage in recipe.stages}
    return PlannedArm(
        name=arm.name,
        levels=dict(arm.levels),
        train_flops=training_flops(recipe),
        counted_flops=counted_flops(arm),
        images=recipe.samples,
        parameters=count_parameters(recipe.model),
        forward_flops=count_flops(recipe.model).forward,
        shared_by=dict(arm.shared_by),
        stages=tuple(
            PlannedStage(name=stage.name, samples=samples[stage.name], train_flops=stage_flops(recipe, stage))
            for stage in recipe.stages
        ),
    )
