"""The analysis of a study from what its trials left."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from prepose import __version__
from prepose.errors import DataError
from prepose.files import inside, read_object_if_any
from prepose.specs.ledger import Ledger, ledger_from_json
from prepose.specs.plan import PlannedArm
from prepose.studies.analysis.across import across_tasks
from prepose.studies.analysis.checklist import checklist, data_terms
from prepose.studies.analysis.matrix import matrices
from prepose.studies.analysis.planned import planned_results
from prepose.studies.analysis.set_scores import ArmSums, SetScores, figure_of, set_scores
from prepose.studies.analysis.study_analysis import (
    FORMAT,
    ArmOnSet,
    ArmSummary,
    Confidence,
    Costs,
    CurvesOfArm,
    FactorLevels,
    Machine,
    OverSeeds,
    SeedCurve,
    SetResult,
    StudyAnalysis,
    StudyFacts,
    TrialSummary,
)
from prepose.studies.analysis.verdicts import caution
from prepose.studies.analysis.worth import budget_factor, worths
from prepose.studies.results.confidence import FIGURES, bins_together
from prepose.studies.results.learning_curves import LearningCurve, learning_curve
from prepose.studies.results.study_results import StudyResults, TrialResult
from prepose.studies.statistics.comparison import ArmFigure
from prepose.studies.statistics.interval import mean_uncertainty, t_interval
from prepose.studies.statistics.scores import ArmScores


def analyse(results: StudyResults) -> StudyAnalysis:
    """Every number of a study's report.

    Raises:
        DataError: an evaluation or a log is damaged, or trials were measured on different samples.
    """
    sets = {name: set_scores(results, name) for name in results.sets}
    curves = {trial.id: learning_curve(trial.folder, results.plan.arm(trial.arm).shared_by) for trial in results.done}
    found = StudyAnalysis(
        format=FORMAT,
        prepose=__version__,
        study=_study(results),
        caution=tuple(caution(*_fewest(results))),
        comparisons=planned_results(results, sets),
        compute=worths(results, sets, curves),
        matrices=matrices(results, sets),
        sets=tuple(_set(results, scores) for scores in sets.values()),
        arms=tuple(_arm(results, arm) for arm in results.plan.arms),
        curves=tuple(
            CurvesOfArm(arm.name, tuple(_curve(trial, curves[trial.id]) for trial in results.of_arm(arm.name)))
            for arm in results.arms
        ),
        trials=tuple(_trial(results, trial) for trial in results.trials),
        tuning=results.tuning,
    )
    return completed(found, _ledger(results))


def completed(found: StudyAnalysis, ledger: Ledger | None = None) -> StudyAnalysis:
    """The analysis with what follows from its own numbers: data and terms, all tasks together, the checklist.

    Args:
        found: An analysis that lacks them, as those that earlier versions wrote do.
        ledger: What the trials' ledgers say; None where they are not there any more.
    """
    found = replace(found, data=data_terms(found, ledger), across=across_tasks(found))
    return replace(found, checklist=checklist(found))


def _ledger(results: StudyResults) -> Ledger | None:
    """All that the finished trials learnt from; None where none says."""
    merged = None
    for trial in results.done:
        path = inside(trial.folder, "ledger.json")
        values = read_object_if_any(path, advice="run the trial again")
        if values is not None:
            try:
                own = ledger_from_json(values)
            except ValueError as error:
                raise DataError(f"{path}: is not a ledger ({error}); run the trial again") from error
            merged = own if merged is None else merged.merged(own)
    return merged


def _fewest(results: StudyResults) -> tuple[int, list[str]]:
    planned = {arm.name: 0 for arm in results.plan.arms}
    for trial in results.trials:
        planned[trial.arm] += 1
    short = [name for name, count in planned.items() if len(results.of_arm(name)) < count]
    return min(len(results.of_arm(arm.name)) for arm in results.arms), short


def _study(results: StudyResults) -> StudyFacts:
    study, factor = results.study, budget_factor(results.study)
    return StudyFacts(
        name=study.name,
        question=study.question,
        size=results.size,
        budget=study.budget,
        budget_scale=results.budget_scale,
        budget_factor=None if factor is None else factor.name,
        seeds=study.seeds,
        factors=tuple(FactorLevels(each.name, each.level_names) for each in study.factors),
        definition=study.model_dump(mode="json"),
    )


def _set(results: StudyResults, scores: SetScores) -> SetResult:
    asked = results.sets[scores.name]
    return SetResult(
        name=scores.name,
        title=results.study.title_of(scores.name),
        store=asked.store,
        split=asked.split,
        protocol=scores.protocol,
        headline=scores.protocol.headline,
        num_samples=scores.num_samples,
        num_subjects=scores.num_subjects,
        resampled=scores.clusters.text,
        arms={name: _on_set(results.trial_ids(name, scores.name), found) for name, found in scores.arms.items()},
    )


def _on_set(trials: tuple[str, ...], found: ArmSums) -> ArmOnSet:
    return ArmOnSet(
        trials=trials,
        measures=_figures(found.measures),
        parts=_figures(found.parts),
        variants=_figures(found.variants),
        group_measure=found.group_measure,
        groups={
            kind: {label: _over_seeds(values) for label, values in rows.items()} for kind, rows in found.groups.items()
        },
        confidence=_confidence(found.calibrations) if found.calibrations else None,
    )


def _figures(found: Mapping[str, ArmScores]) -> dict[str, ArmFigure]:
    return {name: figure_of(scores) for name, scores in found.items()}


def _confidence(seeds: Sequence[Mapping[str, Any]]) -> Confidence:
    figures = {name: [float("nan") if each[name] is None else each[name] for each in seeds] for name in FIGURES}
    return Confidence(
        bins=bins_together(seeds),
        num_joints=sum(each["num_joints"] for each in seeds),
        **{name: _over_seeds(values) for name, values in figures.items()},
    )


def _over_seeds(values: Sequence[float]) -> OverSeeds:
    known = np.array([value for value in values if np.isfinite(value)])
    mean = float(known.mean()) if len(known) else None
    return OverSeeds(
        mean=mean,
        interval=t_interval(mean, mean_uncertainty(known)) if mean is not None and len(known) > 1 else None,
        seed_means=tuple(float(value) if np.isfinite(value) else None for value in values),
    )


def _arm(results: StudyResults, arm: PlannedArm) -> ArmSummary:
    done = results.of_arm(arm.name)
    return ArmSummary(
        name=arm.name,
        levels=arm.levels,
        parameters=arm.parameters,
        train_flops=arm.train_flops,
        counted_flops=arm.counted_flops,
        images=arm.images,
        shared_by=arm.shared_by,
        stages=arm.stages,
        trials=tuple(trial.id for trial in results.trials if trial.arm == arm.name),
        done=tuple(trial.id for trial in done),
        seeds=tuple(trial.seed for trial in done),
        costs=Costs(**{field.name: _mean_cost(done, field.name) for field in fields(Costs)}),
    )


def _mean_cost(trials: Sequence[TrialResult], name: str) -> float | None:
    values = [trial.costs.get(name) for trial in trials]
    known = [float(value) for value in values if value is not None]
    # A mean over some of the trials would pass for one over all.
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _curve(trial: TrialResult, found: LearningCurve) -> SeedCurve:
    return SeedCurve(
        seed=trial.seed,
        trial=trial.id,
        images=tuple(found.images.tolist()),
        flops=tuple(found.flops.tolist()),
        counted_flops=tuple(found.counted_flops.tolist()),
        seconds=tuple(found.seconds.tolist()),
        errors={
            name: tuple(None if np.isnan(value) else value for value in values.tolist())
            for name, values in found.errors.items()
        },
    )


def _trial(results: StudyResults, trial: TrialResult) -> TrialSummary:
    environment: dict[str, Any] = {field.name: trial.environment.get(field.name) for field in fields(Machine)}
    if isinstance(environment["gpus"], list):
        environment["gpus"] = tuple(environment["gpus"])
    return TrialSummary(
        id=trial.id,
        arm=trial.arm,
        seed=trial.seed,
        state=trial.state,
        folder=str(trial.folder.relative_to(results.folder)),
        failure=trial.failure,
        sets=tuple(trial.headers),
        costs=trial.costs,
        environment=Machine(**environment),
    )
