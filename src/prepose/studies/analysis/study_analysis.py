"""What an analysis of a study found: every number of its report, each with its interval, trials and protocol.

The fields of these classes are the keys of `results.json`, in its order: `to_json` writes them and `analysis_from`
reads them again. The report is made from this alone (but for the images), so that every number on the page can be
found in the file. Intervals are those of 95 %; what cannot be computed is None.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache, cached_property
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

from prepose.metrics.protocols import Protocol
from prepose.specs.plan import PlannedStage
from prepose.specs.search import Tuning
from prepose.specs.study import Budget, Levels
from prepose.studies.results.confidence import ConfidenceBin
from prepose.studies.results.study_results import State
from prepose.studies.statistics.across_tasks import AcrossTasks
from prepose.studies.statistics.comparison import ArmFigure, Comparison
from prepose.studies.statistics.compute_ratio import ComputeRatio
from prepose.studies.statistics.crossing import Crossing
from prepose.studies.statistics.interval import Interval

FORMAT = 2

Along = Literal["budgets", "training"]
Basis = Literal["full", "counted"]
Outcome = Literal[
    "holds", "holds in part", "the opposite holds", "the opposite holds in part", "depends on where", "not shown",
    "no conclusion", "not run",
]  # fmt: skip


@dataclass(frozen=True)
class FactorLevels:
    """A factor with the names of its levels."""

    name: str
    levels: tuple[str, ...]


@dataclass(frozen=True)
class StudyFacts:
    """What was asked.

    Attributes:
        name: Of the study.
        question: What it asks.
        size: Size of a study that ships; None for one from a file.
        budget: What every trial has to spend.
        budget_scale: It was run at this many times that budget.
        budget_factor: The factor whose levels differ in what they may spend; None where there is none.
        seeds: One trial of each arm for each.
        factors: What is varied.
        definition: The whole study, as JSON.
    """

    name: str
    question: str
    size: str | None
    budget: Budget
    budget_scale: float
    budget_factor: str | None
    seeds: tuple[int, ...]
    factors: tuple[FactorLevels, ...]
    definition: Mapping[str, Any]


@dataclass(frozen=True)
class PlannedTest:
    """One test of a planned comparison.

    Attributes:
        set: Name of the evaluation set.
        where: Level of each factor that the comparison does not name and that has more than one.
        place: Both in words.
        arm: Name of the arm.
        baseline: Name of the arm that it is compared with.
        trials: Ids of the arm's trials.
        baseline_trials: Ids of the baseline's.
        reason: Why it could not be made; empty where it was.
        sentence: The test in one sentence.
        result: The outcome; None where it could not be made.
    """

    set: str
    where: Mapping[str, str]
    place: str
    arm: str
    baseline: str
    trials: tuple[str, ...]
    baseline_trials: tuple[str, ...]
    reason: str = ""
    sentence: str = ""
    result: Comparison | None = None


@dataclass(frozen=True)
class ComparisonResult:
    """A planned comparison.

    Attributes:
        statement: What was claimed.
        arm: factor -> level on which the claim was made.
        baseline: The same factors -> the levels compared with.
        metric: The measure.
        outcome: What it came to over all its tests, corrected for their number.
        answer: The same in sentences.
        tests: One for each set and each combination of the factors that are not named.
    """

    statement: str
    arm: Levels
    baseline: Levels
    metric: str
    outcome: Outcome
    answer: str
    tests: tuple[PlannedTest, ...]


@dataclass(frozen=True)
class Worth:
    """What one arm is worth against another in training compute.

    Attributes:
        statement: Of the planned comparison.
        where: Level of each factor that the comparison does not name and that has more than one.
        arm: Name of the arm; along budgets the levels they have in common.
        baseline: Likewise.
        along: `budgets`: each point a training of its own; `training`: validations along one training.
        error_of: Along budgets the evaluation set; along training `validation` or a watched set.
        measure: The error.
        basis: `full`: all training FLOPs; `counted`: a stage that several trainings share counts by its part.
        ratio: The ratio of compute.
        crossing: Where the curves cross; None where they share no compute.
        sentence: All of it in words.
    """

    statement: str
    where: Mapping[str, str]
    arm: str
    baseline: str
    along: Along
    error_of: str
    measure: str
    basis: Basis
    ratio: ComputeRatio
    crossing: Crossing | None
    sentence: str = ""


@dataclass(frozen=True)
class MatrixCell:
    """One level on one set.

    Attributes:
        figure: Mean and interval; None where it was not measured.
        at_home: Whether the set's samples come from a store that the 3D labels came from.
    """

    figure: ArmFigure | None
    at_home: bool


@dataclass(frozen=True)
class Matrix:
    """Levels of a factor (rows) on evaluation sets (columns) that are scored by one protocol.

    Attributes:
        factor: The factor.
        where: Level of each other factor that has more than one.
        measure: What the cells hold.
        protocol: How every column is scored.
        rows: Names of the levels.
        columns: Names of the sets.
        cells: Row by row.
    """

    factor: str
    where: Mapping[str, str]
    measure: str
    protocol: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[MatrixCell, ...], ...]


@dataclass(frozen=True)
class OverSeeds:
    """A number of each seed: the mean, its t interval over seeds alone (None for one seed), and each seed's own."""

    mean: float | None
    interval: Interval | None
    seed_means: tuple[float | None, ...]


@dataclass(frozen=True)
class Confidence:
    """How an arm's confidence goes with its errors in the image; see `metrics.calibration`."""

    bins: tuple[ConfidenceBin, ...]
    num_joints: int
    expected_calibration_error: OverSeeds
    overconfidence: OverSeeds
    rank_correlation: OverSeeds
    ordering: OverSeeds


@dataclass(frozen=True)
class ArmOnSet:
    """One arm on one evaluation set.

    Attributes:
        trials: Ids of the trials that were measured.
        measures: measure -> its figure.
        parts: Part of the MPJPE -> its figure, mm; empty without 3D ground truth.
        variants: What replaced a part of the prediction -> MPJPE, mm.
        group_measure: What the groups show.
        groups: Kind of group -> label -> the error of the joints in it.
        confidence: Its calibration; None where a seed has none.
    """

    trials: tuple[str, ...]
    measures: Mapping[str, ArmFigure]
    parts: Mapping[str, ArmFigure]
    variants: Mapping[str, ArmFigure]
    group_measure: str
    groups: Mapping[str, Mapping[str, OverSeeds]]
    confidence: Confidence | None


@dataclass(frozen=True)
class SetResult:
    """An evaluation set with every arm that was measured on it.

    Attributes:
        name: The set.
        title: What tables call it.
        store: Name of its store.
        split: Its split.
        protocol: How it is scored.
        headline: The measure that the protocol is about.
        num_samples: How many samples it has.
        num_subjects: How many people it names.
        resampled: What the intervals' spread over the test set comes from.
        arms: arm -> its numbers.
    """

    name: str
    title: str
    store: str
    split: str
    protocol: Protocol
    headline: str
    num_samples: int
    num_subjects: int
    resampled: str
    arms: Mapping[str, ArmOnSet]

    def figure(self, arm: str, measure: str) -> ArmFigure | None:
        """A measure of an arm; None where it has none."""
        there = self.arms.get(arm)
        return None if there is None else there.measures.get(measure)


@dataclass(frozen=True)
class Costs:
    """What a trial cost, mean over the trials of an arm; None where it is not known of all of them."""

    train_seconds: float | None
    validation_seconds: float | None
    evaluation_seconds: float | None
    validation_flops: float | None
    evaluation_flops: float | None
    peak_memory_bytes: float | None
    peak_device_memory_bytes: float | None
    energy_joules: float | None


@dataclass(frozen=True)
class ArmSummary:
    """An arm as it was planned (see `specs.plan.PlannedArm`), and its trials.

    Attributes:
        name: The levels' names, joined.
        levels: factor -> level.
        parameters: Of the network.
        train_flops: Training FLOPs of one trial, pre-training in full.
        counted_flops: The same with a stage that several trainings share counted by its part.
        images: Samples seen by one trial.
        shared_by: stage -> number of trainings that use its outcome.
        stages: Stage by stage.
        trials: Ids of its trials.
        done: Ids of those that are done.
        seeds: The seeds of those that are done.
        costs: Of a trial.
    """

    name: str
    levels: Levels
    parameters: int
    train_flops: float
    counted_flops: float
    images: int
    shared_by: Mapping[str, int]
    stages: tuple[PlannedStage, ...]
    trials: tuple[str, ...]
    done: tuple[str, ...]
    seeds: tuple[int, ...]
    costs: Costs


@dataclass(frozen=True)
class SeedCurve:
    """The held-out errors along one training; see `results.learning_curves.LearningCurve`."""

    seed: int
    trial: str
    images: tuple[float, ...]
    flops: tuple[float, ...]
    counted_flops: tuple[float, ...]
    seconds: tuple[float, ...]
    errors: Mapping[str, tuple[float | None, ...]]


@dataclass(frozen=True)
class CurvesOfArm:
    """The learning curves of an arm, one for each seed."""

    arm: str
    seeds: tuple[SeedCurve, ...]


@dataclass(frozen=True)
class Machine:
    """Where a trial ran, as its first session noted it."""

    date: str | None = None
    git_commit: str | None = None
    prepose: str | None = None
    torch: str | None = None
    python: str | None = None
    platform: str | None = None
    cpu: str | None = None
    cpu_count: int | None = None
    threads: int | None = None
    gpus: tuple[str, ...] | None = None


@dataclass(frozen=True)
class TrialSummary:
    """A planned trial.

    Attributes:
        id: Its name.
        arm: Name of its arm.
        seed: Its seed.
        state: `done`, `failed` or `missing`.
        folder: Its folder in the study's.
        failure: Why it failed: `kind`, `message`, `attempts`, `when`; None where it did not.
        sets: The evaluation sets that it was measured on.
        costs: What costs.json says.
        environment: Where it ran.
    """

    id: str
    arm: str
    seed: int
    state: State
    folder: str
    failure: Mapping[str, Any] | None
    sets: tuple[str, ...]
    costs: Mapping[str, Any]
    environment: Machine


@dataclass(frozen=True)
class DataTerms:
    """A store that a study used, and on which terms.

    Attributes:
        store: Its name in the study.
        use: Splits that trainings drew from, that chose weights, or that were tests.
        licence: The terms that it states; None where they are not known.
        source: Where that was read.
    """

    store: str
    use: str
    licence: str | None
    source: str


@dataclass(frozen=True)
class ChecklistItem:
    """What a reviewer asks, and what the study says to it; `known` is False where it does not say."""

    item: str
    answer: str
    known: bool = True


@dataclass(frozen=True)
class StudyAnalysis:
    """Every number of a study's report.

    Attributes:
        format: Of `results.json`.
        prepose: The version that analysed the study.
        study: What was asked.
        caution: What the numbers of the whole study cannot carry.
        comparisons: The planned comparisons.
        compute: What arms are worth in compute.
        matrices: Train x test.
        sets: The evaluation sets.
        arms: Every planned arm.
        curves: The learning curves of the arms that have a finished trial.
        trials: Every planned trial.
        data: The stores, with their terms.
        across: All tasks together; None with fewer than two tasks or methods.
        checklist: A reviewer's questions.
        tuning: The search for settings before the trials, arm by arm; None where the study has none.
    """

    format: int
    prepose: str
    study: StudyFacts
    caution: tuple[str, ...]
    comparisons: tuple[ComparisonResult, ...]
    compute: tuple[Worth, ...]
    matrices: tuple[Matrix, ...]
    sets: tuple[SetResult, ...]
    arms: tuple[ArmSummary, ...]
    curves: tuple[CurvesOfArm, ...]
    trials: tuple[TrialSummary, ...]
    # Results of earlier versions lack these; `analyse.completed` computes them.
    data: tuple[DataTerms, ...] = ()
    across: AcrossTasks | None = None
    checklist: tuple[ChecklistItem, ...] = ()
    # Left out of the file where there is none: so that results of before are the same.
    tuning: Tuning | None = field(default=None, metadata={"absent": True})

    @cached_property
    def titles(self) -> Mapping[str, str]:
        """What tables call each evaluation set."""
        return {each.name: each.title for each in self.sets}

    @property
    def done(self) -> tuple[TrialSummary, ...]:
        """The trials that are done."""
        return tuple(trial for trial in self.trials if trial.state == "done")


def to_json(value: Any) -> Any:
    """Dataclasses of results as JSON's values: fields by name, tuples as lists, non-finite numbers as null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: to_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(each) for each in value]
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value):
        found = {each: getattr(value, each.name) for each in fields(value)}
        return {
            each.name: to_json(inner)
            for each, inner in found.items()
            if inner is not None or "absent" not in each.metadata
        }
    return value


def analysis_from(values: Any) -> StudyAnalysis:
    """The analysis that `to_json` wrote.

    Raises:
        pydantic.ValidationError: the values are not those of an analysis.
    """
    return _adapter().validate_python(values)


# Building it takes a while, and only a report of published results needs it.
_adapter = cache(lambda: TypeAdapter(StudyAnalysis))
