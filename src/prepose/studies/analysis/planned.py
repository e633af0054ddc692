"""A study's planned comparisons, carried out: one test for each set and each combination of unnamed levels."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from prepose.specs.study import Comparison as PlannedComparison
from prepose.studies.analysis.set_scores import SetScores
from prepose.studies.analysis.study_analysis import ComparisonResult, PlannedTest
from prepose.studies.analysis.verdicts import answer, outcome_of, sentence
from prepose.studies.analysis.wording import direction
from prepose.studies.results.study_results import StudyResults
from prepose.studies.statistics.comparison import compare, judged_together
from prepose.studies.statistics.scores import ArmScores
from prepose.studies.statistics.uncertainty import effective_clusters


def planned_results(results: StudyResults, sets: Mapping[str, SetScores]) -> tuple[ComparisonResult, ...]:
    """Every planned comparison of a study, its tests corrected together for being several.

    Args:
        results: The study.
        sets: set -> its scores; sets that nothing was measured on are missing.
    """
    comparisons = results.study.comparisons
    numbers = itertools.count()
    made = [
        [_carried_out(test, planned.metric, sets, number=next(numbers)) for test in _tests(results, planned)]
        for planned in comparisons
    ]
    judged = iter(judged_together([test.result for tests in made for test in tests if test.result is not None]))
    final = [[test if test.result is None else replace(test, result=next(judged)) for test in tests] for tests in made]
    return tuple(_result(results, planned, tests) for planned, tests in zip(comparisons, final, strict=True))


def _result(results: StudyResults, planned: PlannedComparison, tests: Sequence[PlannedTest]) -> ComparisonResult:
    titles = {name: results.study.title_of(name) for name in results.study.sets}
    return ComparisonResult(
        statement=planned.statement,
        arm=planned.arm,
        baseline=planned.baseline,
        metric=planned.metric,
        outcome=outcome_of(tests),
        answer=answer(tests, titles),
        tests=tuple(replace(test, sentence=sentence(test)) for test in tests),
    )


def pairs_of(results: StudyResults, planned: PlannedComparison) -> Iterator[tuple[dict[str, str], str, str]]:
    """(levels of the factors that are not named, arm, baseline) wherever the study has both arms."""
    free = [factor for factor in results.study.factors if factor.name not in planned.arm]
    for levels in itertools.product(*(factor.level_names for factor in free)):
        chosen = dict(zip((factor.name for factor in free), levels, strict=True))
        arm, baseline = (results.plan.arm_at({**chosen, **side}) for side in (planned.arm, planned.baseline))
        if arm is not None and baseline is not None:
            where = {factor.name: chosen[factor.name] for factor in free if len(factor.levels) > 1}
            yield where, arm.name, baseline.name


def _tests(results: StudyResults, planned: PlannedComparison) -> Iterator[PlannedTest]:
    for set_name in planned.sets:
        for where, arm, baseline in pairs_of(results, planned):
            levels = f" ({', '.join(where.values())})" if where else ""
            yield PlannedTest(
                set=set_name,
                where=where,
                place=f"{results.study.title_of(set_name)}{levels}",
                arm=arm,
                baseline=baseline,
                trials=results.trial_ids(arm, set_name),
                baseline_trials=results.trial_ids(baseline, set_name),
            )


def _carried_out(test: PlannedTest, metric: str, sets: Mapping[str, SetScores], *, number: int) -> PlannedTest:
    if test.set not in sets:
        return replace(test, reason="no trial was measured on this set")
    scores = sets[test.set]
    sides: list[ArmScores] = []
    for name in (test.arm, test.baseline):
        if name not in scores.arms:
            return replace(test, reason=f"no trial of {name} is finished")
        if metric not in scores.arms[name].measures:
            return replace(test, reason=f"{name} has no {metric} on this set: its labels do not give it")
        sides.append(scores.arms[name].measures[metric])
    if min(effective_clusters(side.weights) for side in sides) < 1 + 1e-6:
        return replace(test, reason=f"all values of {metric} lie in one subject, so there is no spread over people")
    result = compare(
        sides[0],
        sides[1],
        measure=metric,
        direction=direction(metric),
        clusters=scores.clusters,
        # Its own draws for each test, so that one more test does not move the others' bootstrap.
        generator=np.random.default_rng([0, number]),
    )
    return replace(test, result=result)
