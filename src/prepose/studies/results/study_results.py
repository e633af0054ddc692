"""What a study's trials left in its folder, read without torch: evaluations as they are asked for, costs, failures.

Figures stand side by side only where they were measured alike: within an evaluation set every trial must have been
scored by one protocol on the same samples; anything else is refused. Trials that are missing or failed are listed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from prepose.errors import DataError
from prepose.files import inside, read_object_if_any
from prepose.metrics.protocols import Protocol, protocol_from_json
from prepose.studies.results.outline import ArmOutline, Outline, SetOutline, read_outline

State = Literal["done", "failed", "missing"]

# What must be the same for two evaluations to stand side by side.
_ALIKE = ("protocol", "dataset", "split", "num_samples")
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
        environment: Where it ran (its first sitting); empty where that is not known.
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
        outline: The study and its plan.
        trials: Every planned trial.
    """

    outline: Outline
    trials: tuple[TrialResult, ...]

    @property
    def folder(self) -> Path:
        """The study's folder."""
        return self.outline.folder

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

    @cached_property
    def arms(self) -> tuple[ArmOutline, ...]:
        """The arms that have a trial which is done, in the study's order."""
        there = {trial.arm for trial in self.done}
        return tuple(arm for arm in self.outline.arms if arm.name in there)

    @cached_property
    def sets(self) -> tuple[SetOutline, ...]:
        """The evaluation sets that some trial was measured on, in the study's order."""
        there = {name for trial in self.done for name in trial.headers}
        return tuple(each for each in self.outline.sets if each.name in there)

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
    outline = read_outline(folder)
    trials = tuple(_trial(outline, each.id, each.arm, each.seed) for each in outline.trials)
    results = StudyResults(outline, trials)
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


def _trial(outline: Outline, trial_id: str, arm: str, seed: int) -> TrialResult:
    folder = inside(inside(outline.folder, "trials"), trial_id, named_by=outline.folder / "plan.json")
    costs, failure = _read(inside(folder, "costs.json")), _read(inside(folder, "failure.json"))
    state: State = "done" if costs is not None else "failed" if failure is not None else "missing"
    headers = {}
    if state == "done":
        found = {each.name: _header(outline, folder, each.name) for each in outline.sets}
        headers = {name: header for name, header in found.items() if header is not None}
    return TrialResult(
        id=trial_id,
        arm=arm,
        seed=seed,
        folder=folder,
        state=state,
        costs=costs or {},
        failure=failure if state == "failed" else None,
        environment=_read(inside(folder, "environment.json")) or {},
        headers=headers,
    )


def _read(path: Path) -> dict[str, Any] | None:
    return read_object_if_any(path, advice="run the trial again")


def _header(outline: Outline, trial: Path, set_name: str) -> dict[str, Any] | None:
    """What an evaluation's JSON says; None where the set was not measured."""
    evaluations, study = inside(trial, "evaluations"), outline.folder / "study.json"
    # The arrays lie beside it under the same name, and so will the sums that a report keeps.
    inside(evaluations, f"{set_name}.npz", named_by=study)
    return _read(inside(evaluations, f"{set_name}.json", named_by=study))


def _check_alike(results: StudyResults) -> None:
    for each in results.sets:
        first = next(trial for trial in results.done if each.name in trial.headers)
        expected = first.headers[each.name]
        for trial in results.done:
            header = trial.headers.get(each.name, expected)
            missing = [key for key in _NEEDED if key not in header]
            if missing:
                raise DataError(f"{trial.evaluation_file(each.name)}: lacks {missing[0]!r}; evaluate the trial again")
            unlike = [key for key in _ALIKE if header.get(key) != expected[key]]
            if unlike:
                raise DataError(
                    f"{trial.evaluation_file(each.name)}: measured unlike trial {first.id}: {_told(unlike[0], header)} "
                    f"against {_told(unlike[0], expected)}; figures of unlike protocols do not stand side by side: "
                    "evaluate one of them again"
                )


def _told(key: str, header: Mapping[str, Any]) -> str:
    value = header.get(key)
    if key == "protocol" and isinstance(value, dict):
        settings = json.dumps({k: v for k, v in value.items() if k in ("skeleton", "scale", "flip_test", "averaging")})
        return f"protocol {value.get('name')} {settings}"
    return f"{key} {value!r}"
