"""The analysis of a study from what its trials left.

Train x test: where a factor says which samples the 3D labels come from, errors on every evaluation set.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from prepose import __version__
from prepose.errors import DataError
from prepose.files import inside, read_object, read_object_if_any
from prepose.specs.fields import from_json
from prepose.specs.ledger import Ledger
from prepose.specs.plan import Plan, PlannedArm
from prepose.specs.study import Factor, Study
from prepose.studies.analysis.across import across_tasks
from prepose.studies.analysis.checklist import checklist, data_terms
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
    Matrix,
    MatrixCell,
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
                own = from_json(Ledger, values)
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


def matrices(results: StudyResults, sets: Mapping[str, SetScores]) -> tuple[Matrix, ...]:
    """The matrices of a study: none unless the levels of a factor take their 3D labels from different stores.

    Sets under different protocols are not comparable: each protocol with two sets or more has a matrix of its own.
    """
    stores = {arm.name: labelled_stores(results, arm.name) for arm in results.arms}
    found = []
    for factor in results.study.factors:
        if _tells_train_sets(results.plan, factor, stores):
            for columns in _alike(sets):
                found += _of_factor(results, factor, columns, stores)
    return tuple(found)


def labelled_stores(results: StudyResults, arm: str) -> frozenset[str]:
    """The study's names of the stores that an arm has 3D labels of, from the recipe of one of its trials."""
    path = inside(results.of_arm(arm)[0].folder, "recipe.json")
    recipe = read_object(path, advice="run the trial again")
    try:
        sources = recipe["sources"].values()
        return frozenset(store_of_folder(results.study, spec["store"]) for spec in sources if spec["labels"] == "3d")
    except (TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: cannot be read as a recipe ({error!r}); run the trial again") from error


def store_of_folder(study: Study, folder: str) -> str:
    """The study's name of a store's folder: its own name, without the digest that shared stores carry."""
    for name, spec in study.stores.items():
        if spec.path and Path(spec.path) == Path(folder):
            return name
    return re.sub(r"-[0-9a-f]{8}$", "", Path(folder).name)


def _tells_train_sets(plan: Plan, factor: Factor, stores: Mapping[str, frozenset[str]]) -> bool:
    by_level: dict[str, set[frozenset[str]]] = {}
    for arm in plan.arms:
        if arm.name in stores:
            by_level.setdefault(arm.levels[factor.name], set()).add(stores[arm.name])
    known = [next(iter(found)) for found in by_level.values() if len(found) == 1]
    return len(known) == len(by_level) and len(set(known)) > 1


def _alike(sets: Mapping[str, SetScores]) -> Iterator[dict[str, SetScores]]:
    by_protocol: dict[str, dict[str, SetScores]] = {}
    for name, scores in sets.items():
        key = json.dumps(scores.protocol.to_json(), sort_keys=True)
        by_protocol.setdefault(key, {})[name] = scores
    yield from (columns for columns in by_protocol.values() if len(columns) > 1)


def _of_factor(
    results: StudyResults,
    factor: Factor,
    columns: Mapping[str, SetScores],
    stores: Mapping[str, frozenset[str]],
) -> Iterator[Matrix]:
    study, plan = results.study, results.plan
    others = [each for each in study.factors if each.name != factor.name]
    origin = {name: each.store for name, each in study.sets.items()}
    protocol = next(iter(columns.values())).protocol
    for levels in itertools.product(*(each.level_names for each in others)):
        chosen = dict(zip((each.name for each in others), levels, strict=True))
        rows = {level: plan.arm_at({**chosen, factor.name: level}) for level in factor.level_names}
        there = {level: arm.name for level, arm in rows.items() if arm is not None and arm.name in stores}
        if len(there) < 2:
            continue
        yield Matrix(
            factor=factor.name,
            where={each.name: chosen[each.name] for each in others if len(each.levels) > 1},
            measure=protocol.headline,
            protocol=protocol.name,
            rows=tuple(there),
            columns=tuple(columns),
            cells=tuple(
                tuple(
                    MatrixCell(_figure(scores, arm, protocol.headline), origin[name] in stores[arm])
                    for name, scores in columns.items()
                )
                for arm in there.values()
            ),
        )


def _figure(scores: SetScores, arm: str, measure: str) -> ArmFigure | None:
    there = scores.arms.get(arm)
    return None if there is None or measure not in there.measures else figure_of(there.measures[measure])
