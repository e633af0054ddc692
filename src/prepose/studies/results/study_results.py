"""What a study's trials left in its folder, read without torch: evaluations as they are asked for, costs, failures.

Only results under one protocol are comparable: within an evaluation set every trial must have been scored by the same
protocol on the same samples; anything else is refused. Trials that are missing or failed are listed.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from prepose.errors import DataError, shortened
from prepose.files import inside, read_object, read_object_if_any
from prepose.metrics.protocols import Protocol, protocol_from_json
from prepose.specs.plan import Plan, PlannedArm, PlannedRun
from prepose.specs.reading import FORMAT, checked, listed
from prepose.specs.search import Tuning
from prepose.specs.study import EvaluationSet, Study

State = Literal["done", "failed", "missing"]

# What must be the same for two evaluations to be comparable.
_ALIKE = ("protocol", "dataset", "split", "num_samples")
COST_NUMBERS = (
    "train_flops", "counted_flops", "validation_flops", "evaluation_flops", "images_seen", "train_seconds",
    "validation_seconds", "evaluation_seconds", "peak_memory_bytes", "peak_device_memory_bytes", "energy_joules",
)  # fmt: skip
_NEEDED = (*_ALIKE, "arrays_sha256")


@dataclass(frozen=True)
class TrialResult:
    """One trial as its folder shows it.

    Attributes:
        id: Name of its folder.
        arm: Name of its arm.
        seed: Its seed.
        folder: Its folder; it may not be there.
        state: `done` when it has its costs, which are written last.
        costs: What it cost; empty until it is done.
        failure: Why it failed: `kind`, `message`, `attempts`, `when`; None where it did not.
        environment: Where it ran (its first session); empty where that is not known.
        headers: set -> what the evaluation's JSON says; sets that were not measured are missing.
    """

    id: str
    arm: str
    seed: int
    folder: Path
    state: State
    costs: Mapping[str, Any]
    failure: Mapping[str, Any] | None
    environment: Mapping[str, Any]
    headers: Mapping[str, Mapping[str, Any]]

    def evaluation_file(self, set_name: str) -> Path:
        """The JSON file of an evaluation."""
        return self.folder / "evaluations" / f"{set_name}.json"


@dataclass(frozen=True, eq=False)
class StudyResults:
    """A study with what its trials left.

    Attributes:
        folder: The study's folder.
        study: The study.
        plan: Its arms and trials.
        size: Size of a built-in study.
        budget_scale: The budget was this many times the study's own.
        trials: Every planned trial.
        tuning: What the search for settings came to; None where the study has none.
    """

    folder: Path
    study: Study
    plan: Plan
    size: str | None
    budget_scale: float
    trials: tuple[TrialResult, ...]
    tuning: Tuning | None = None

    @property
    def done(self) -> tuple[TrialResult, ...]:
        """The trials that are done."""
        return tuple(trial for trial in self.trials if trial.state == "done")

    def of_arm(self, arm: str) -> tuple[TrialResult, ...]:
        """The trials of an arm that are done, in the order of the seeds."""
        return tuple(trial for trial in self.done if trial.arm == arm)

    def measured(self, arm: str, set_name: str) -> tuple[TrialResult, ...]:
        """The trials of an arm that were measured on a set."""
        return tuple(trial for trial in self.of_arm(arm) if set_name in trial.headers)

    def trial_ids(self, arm: str, set_name: str) -> tuple[str, ...]:
        """The names of those."""
        return tuple(trial.id for trial in self.measured(arm, set_name))

    @cached_property
    def arms(self) -> tuple[PlannedArm, ...]:
        """The arms that have a trial which is done, in the study's order."""
        there = {trial.arm for trial in self.done}
        return tuple(arm for arm in self.plan.arms if arm.name in there)

    @cached_property
    def sets(self) -> Mapping[str, EvaluationSet]:
        """The evaluation sets that some trial was measured on, in the study's order."""
        there = {name for trial in self.done for name in trial.headers}
        return {name: each for name, each in self.study.sets.items() if name in there}

    def header(self, set_name: str) -> Mapping[str, Any]:
        """What every evaluation of a set has in common, as the first one's JSON says it."""
        return next(trial.headers[set_name] for trial in self.done if set_name in trial.headers)

    def protocol(self, set_name: str) -> Protocol:
        """How a set is scored."""
        return protocol_from_json(self.header(set_name)["protocol"])


def read_study(folder: Path) -> StudyResults:
    """A study's results; the arrays of its evaluations are read when they are asked for.

    Raises:
        DataError: the folder holds no study, or one of another version; a file is damaged; no trial is finished; trials
            of one set were measured by unlike protocols.
    """
    head, study = _definition(folder)
    plan = _plan(folder)
    trials = tuple(_trial(folder, study, each) for each in plan.trials)
    scale = float(head.get("budget_scale", 1.0))
    results = StudyResults(folder, study, plan, head.get("size"), scale, trials, _tuning(folder, study))
    if not results.done:
        failed = sum(trial.state == "failed" for trial in trials)
        raise DataError(
            f"{folder}: none of the study's {len(trials)} trials is finished ({failed} failed); run `prepose study` on "
            "it to its end"
        )
    if not results.sets:
        raise DataError(f"{folder}: no trial has an evaluation; run `prepose study` on it again")
    _check_alike(results)
    return results


def _definition(folder: Path) -> tuple[dict[str, Any], Study]:
    """What `study.json` holds, and the study in it."""
    path = inside(folder, "study.json")
    if not path.is_file():
        raise DataError(
            f"{folder}: holds no study (no study.json) and no quickstart; give a folder that `prepose study` made"
        )
    head = read_object(path, advice="run `prepose study` again")
    version = head.get("format")
    if version != FORMAT:
        raise DataError(
            f"{path}: study format {version}, this version reads {FORMAT}; report it with the version that ran it"
        )
    study, faults = checked(Study, head.get("study"))
    scale, size = head.get("budget_scale", 1.0), head.get("size")
    if isinstance(scale, bool) or not isinstance(scale, int | float):
        faults.append("budget_scale: expected a number")
    if not isinstance(size, str | None):
        faults.append("size: expected a name")
    if study is None or faults:
        raise _damaged(path, faults)
    return head, study


def _plan(folder: Path) -> Plan:
    path = inside(folder, "plan.json")
    if not path.is_file():
        raise DataError(f"{folder}: the study has no plan.json yet; run `prepose study` on it to its end")
    plan, faults = checked(Plan, read_object(path, advice="run `prepose study` again"))
    if plan is None:
        raise _damaged(path, faults)
    unknown = sorted({trial.arm for trial in plan.trials} - {arm.name for arm in plan.arms})
    if unknown:
        raise _damaged(path, [f"trials of arms that it does not have: {unknown}"])
    # What is there twice would count twice.
    arms = Counter(arm.name for arm in plan.arms)
    trials = Counter(f"arm {trial.arm}, seed {trial.seed}" for trial in plan.trials)
    again = [name for name, times in (arms + trials).items() if times > 1]
    if again:
        raise _damaged(path, [f"{again[0]}: is there twice"])
    return plan


def _tuning(folder: Path, study: Study) -> Tuning | None:
    """What the search came to; a study that has one has no trials before it ended."""
    if study.search is None:
        return None
    path = inside(folder, "tuning.json")
    if not path.is_file():
        raise DataError(f"{folder}: its search for settings has not ended; run `prepose study` on it again")
    tuning, faults = checked(Tuning, read_object(path, advice="run `prepose study` again"))
    if tuning is None:
        raise _damaged(path, faults)
    return tuning


def _damaged(path: Path, faults: Sequence[str]) -> DataError:
    return DataError(
        f"{path}: is damaged or of another version ({listed(faults)}); run `prepose study` again into another folder"
    )


def _trial(study_folder: Path, study: Study, planned: PlannedRun) -> TrialResult:
    plan = study_folder / "plan.json"
    if planned.folder is None:
        folder = inside(inside(study_folder, "trials"), planned.id, named_by=plan)
    else:
        folder = inside(study_folder, planned.folder, named_by=plan)
    costs, failure = _read(inside(folder, "costs.json")), _read(inside(folder, "failure.json"))
    state: State = "done" if costs is not None else "failed" if failure is not None else "missing"
    for name in COST_NUMBERS:
        value = (costs or {}).get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
            raise DataError(
                f"{folder / 'costs.json'}: is damaged ({name}: {shortened(repr(value), 60)}, expected a number from "
                "0); run the trial again"
            )
    headers = {}
    if state == "done":
        found = {name: _header(study_folder, folder, name) for name in study.sets}
        headers = {name: header for name, header in found.items() if header is not None}
    return TrialResult(
        id=planned.id,
        arm=planned.arm,
        seed=planned.seed,
        folder=folder,
        state=state,
        costs=costs or {},
        failure=failure if state == "failed" else None,
        environment=_read(inside(folder, "environment.json")) or {},
        headers=headers,
    )


def _read(path: Path) -> dict[str, Any] | None:
    return read_object_if_any(path, advice="run the trial again")


def _header(study_folder: Path, trial: Path, set_name: str) -> dict[str, Any] | None:
    """What an evaluation's JSON says; None where the set was not measured."""
    evaluations, study = inside(trial, "evaluations"), study_folder / "study.json"
    # The arrays lie beside it under the same name, and so will the sums that a report keeps.
    inside(evaluations, f"{set_name}.npz", named_by=study)
    return _read(inside(evaluations, f"{set_name}.json", named_by=study))


def _check_alike(results: StudyResults) -> None:
    for name in results.sets:
        first = next(trial for trial in results.done if name in trial.headers)
        expected = first.headers[name]
        for trial in results.done:
            header = trial.headers.get(name, expected)
            missing = [key for key in _NEEDED if key not in header]
            if missing:
                raise DataError(f"{trial.evaluation_file(name)}: lacks {missing[0]!r}; evaluate the trial again")
            unlike = [key for key in _ALIKE if header.get(key) != expected[key]]
            if unlike:
                raise DataError(
                    f"{trial.evaluation_file(name)}: measured unlike trial {first.id}: {_told(unlike[0], header)} "
                    f"against {_told(unlike[0], expected)}; trials measured in different ways are not comparable: "
                    "evaluate one of them again"
                )


def _told(key: str, header: Mapping[str, Any]) -> str:
    value = header.get(key)
    if key == "protocol" and isinstance(value, dict):
        settings = json.dumps({k: v for k, v in value.items() if k in ("skeleton", "scale", "flip_test", "averaging")})
        return f"protocol {value.get('name')} {settings}"
    return f"{key} {value!r}"
