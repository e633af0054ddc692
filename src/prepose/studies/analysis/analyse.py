"""The figures of a study as `results.json` holds them: plain values, every one with its interval, trials and protocol.

The report is written from this alone (but for pictures), so that what a page shows can be found in the file.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from prepose import __version__
from prepose.specs.plan import PlannedArm
from prepose.studies.analysis.matrix import matrices
from prepose.studies.analysis.planned import PlannedResult, planned_results
from prepose.studies.analysis.set_scores import ArmOnSet, SetScores, figure_of, set_scores
from prepose.studies.analysis.verdicts import answer, caution, outcome_of, place, sentence
from prepose.studies.analysis.worth import budget_factor, worths
from prepose.studies.results.confidence import FIGURES, bins_together
from prepose.studies.results.learning_curves import LearningCurve, learning_curve
from prepose.studies.results.study_results import StudyResults, TrialResult
from prepose.studies.statistics.interval import mean_uncertainty, plain, t_interval
from prepose.studies.statistics.scores import ArmScores

FORMAT = 2

Json = dict[str, Any]


def analyse(results: StudyResults) -> Json:
    """Every figure of a study's report.

    Raises:
        DataError: an evaluation or a log is damaged, or trials were measured on different samples.
    """
    sets = {name: set_scores(results, name) for name in results.sets}
    curves = {trial.id: learning_curve(trial.folder, _shared_by(results, trial)) for trial in results.done}
    planned = planned_results(results, sets)
    return {
        "format": FORMAT,
        "prepose": __version__,
        "study": _study(results),
        "caution": caution(*_fewest(results)),
        "comparisons": [_comparison(each, results) for each in planned],
        "compute": [each.to_json() for each in worths(results, sets, curves)],
        "matrices": [each.to_json() for each in matrices(results, sets)],
        "sets": [_set(results, scores) for scores in sets.values()],
        "arms": [_arm(results, arm) for arm in results.plan.arms],
        "curves": [_curves(results, arm, curves) for arm in results.arms],
        "trials": [_trial(results, trial) for trial in results.trials],
    }


def _shared_by(results: StudyResults, trial: TrialResult) -> Mapping[str, int]:
    return results.plan.arm(trial.arm).shared_by


def _fewest(results: StudyResults) -> tuple[int, list[str]]:
    planned = {arm.name: 0 for arm in results.plan.arms}
    for trial in results.trials:
        planned[trial.arm] += 1
    short = [name for name, count in planned.items() if len(results.of_arm(name)) < count]
    return min(len(results.of_arm(arm.name)) for arm in results.arms), short


def _study(results: StudyResults) -> Json:
    study, factor = results.study, budget_factor(results.study)
    return {
        "name": study.name,
        "question": study.question,
        "size": results.size,
        "budget": study.budget.model_dump(mode="json"),
        "budget_scale": results.budget_scale,
        "budget_factor": None if factor is None else factor.name,
        "seeds": list(study.seeds),
        "factors": [{"name": each.name, "levels": list(each.level_names)} for each in study.factors],
        "definition": study.model_dump(mode="json"),
    }


def _comparison(result: PlannedResult, results: StudyResults) -> Json:
    titles = {name: results.study.title_of(name) for name in results.study.sets}
    planned = result.planned
    return {
        "statement": planned.statement,
        "arm": dict(planned.arm),
        "baseline": dict(planned.baseline),
        "metric": planned.metric,
        "outcome": outcome_of(result),
        "answer": answer(result, titles),
        "tests": [
            {
                "set": test.set_name,
                "where": dict(test.where),
                "place": place(test, titles),
                "arm": test.arm,
                "baseline": test.baseline,
                "trials": _trials_of(results, test.arm, test.set_name),
                "baseline_trials": _trials_of(results, test.baseline, test.set_name),
                "reason": test.reason,
                "sentence": sentence(test, titles),
                "result": None if test.result is None else test.result.to_json(),
            }
            for test in result.tests
        ],
    }


def _trials_of(results: StudyResults, arm: str, set_name: str) -> list[str]:
    return [trial.id for trial in results.measured(arm, set_name)]


def _set(results: StudyResults, scores: SetScores) -> Json:
    asked = results.sets[scores.name]
    return {
        "name": scores.name,
        "title": results.study.title_of(scores.name),
        "store": asked.store,
        "split": asked.split,
        "protocol": scores.protocol.to_json(),
        "headline": scores.protocol.headline,
        "num_samples": scores.num_samples,
        "num_subjects": scores.num_subjects,
        "resampled": scores.clusters.text,
        "arms": {name: _on_set(results, scores, name, found) for name, found in scores.arms.items()},
    }


def _on_set(results: StudyResults, scores: SetScores, arm: str, found: ArmOnSet) -> Json:
    return {
        "trials": _trials_of(results, arm, scores.name),
        "measures": _figures(found.measures),
        "parts": _figures(found.parts),
        "variants": _figures(found.variants),
        "group_measure": found.group_measure,
        "groups": {
            kind: {label: _over_seeds(values) for label, values in rows.items()} for kind, rows in found.groups.items()
        },
        "confidence": _confidence(found.calibrations) if found.calibrations else None,
    }


def _confidence(seeds: Sequence[Mapping[str, Any]]) -> Json:
    figures = {name: [float("nan") if each[name] is None else each[name] for each in seeds] for name in FIGURES}
    return {
        "bins": bins_together(seeds),
        "num_joints": sum(each["num_joints"] for each in seeds),
        **{name: _over_seeds(values) for name, values in figures.items()},
    }


def _figures(found: Mapping[str, ArmScores]) -> Json:
    return {name: figure_of(scores).to_json() for name, scores in found.items()}


def _over_seeds(values: Sequence[float]) -> Json:
    """A figure of each seed with its mean and the t interval over seeds alone."""
    known = np.array([value for value in values if np.isfinite(value)])
    several = len(known) > 1
    return plain_row(
        seeds=[float(value) if np.isfinite(value) else None for value in values],
        mean=float(known.mean()) if len(known) else None,
        ends=t_interval(float(known.mean()), mean_uncertainty(known)) if several else None,
    )


def plain_row(*, seeds: list[float | None], mean: float | None, ends: Any) -> Json:
    """A figure over seeds for JSON."""
    return {"mean": mean, "interval": None if ends is None else plain(ends), "seed_means": seeds}


def _arm(results: StudyResults, arm: PlannedArm) -> Json:
    done = results.of_arm(arm.name)
    return {
        "name": arm.name,
        "levels": dict(arm.levels),
        "parameters": arm.parameters,
        "train_flops": arm.train_flops,
        "counted_flops": arm.counted_flops,
        "images": arm.images,
        "shared_by": dict(arm.shared_by),
        "stages": [stage.model_dump() for stage in arm.stages],
        "trials": [trial.id for trial in results.trials if trial.arm == arm.name],
        "done": [trial.id for trial in done],
        "seeds": [trial.seed for trial in done],
        "costs": {name: _mean_cost(done, name) for name in COSTS},
    }


COSTS = (
    "train_seconds", "validation_seconds", "evaluation_seconds", "validation_flops", "evaluation_flops",
    "peak_memory_bytes", "peak_device_memory_bytes", "energy_joules",
)  # fmt: skip


def _mean_cost(trials: Sequence[TrialResult], name: str) -> float | None:
    values = [trial.costs.get(name) for trial in trials]
    known = [float(value) for value in values if value is not None]
    # A mean over some of the trials would pass for one over all.
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _curves(results: StudyResults, arm: PlannedArm, curves: Mapping[str, LearningCurve]) -> Json:
    return {
        "arm": arm.name,
        "seeds": [
            {
                "seed": trial.seed,
                "trial": trial.id,
                "images": curves[trial.id].images.tolist(),
                "flops": curves[trial.id].flops.tolist(),
                "counted_flops": curves[trial.id].counted_flops.tolist(),
                "seconds": curves[trial.id].seconds.tolist(),
                "errors": {
                    name: [None if np.isnan(value) else float(value) for value in values]
                    for name, values in curves[trial.id].errors.items()
                },
            }
            for trial in results.of_arm(arm.name)
        ],
    }


def _trial(results: StudyResults, trial: TrialResult) -> Json:
    environment = trial.environment
    return {
        "id": trial.id,
        "arm": trial.arm,
        "seed": trial.seed,
        "state": trial.state,
        "folder": str(trial.folder.relative_to(results.folder)),
        "failure": None if trial.failure is None else dict(trial.failure),
        "sets": list(trial.headers),
        "costs": dict(trial.costs),
        "environment": {name: environment.get(name) for name in ENVIRONMENT},
    }


ENVIRONMENT = ("date", "git_commit", "prepose", "torch", "python", "platform", "cpu", "cpu_count", "threads", "gpus")
