"""A study's planned comparisons, carried out: one test for each set and each combination of unnamed levels."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from prepose.specs.study import Comparison as PlannedComparison
from prepose.studies.analysis.set_scores import SetScores
from prepose.studies.analysis.wording import direction
from prepose.studies.results.study_results import StudyResults
from prepose.studies.statistics.comparison import Comparison, compare, judged_together
from prepose.studies.statistics.scores import ArmScores
from prepose.studies.statistics.uncertainty import effective_clusters


@dataclass(frozen=True)
class PlannedTest:
    """One test of a planned comparison.

    Attributes:
        set_name: The evaluation set.
        where: Level of each factor that the comparison does not name and that has more than one.
        arm: Name of the arm.
        baseline: Name of the arm it is compared with.
        result: The outcome; None where it could not be made.
        reason: Why not; empty where it could.
    """

    set_name: str
    where: Mapping[str, str]
    arm: str
    baseline: str
    result: Comparison | None = None
    reason: str = ""


@dataclass(frozen=True)
class PlannedResult:
    """A planned comparison with its tests."""

    planned: PlannedComparison
    tests: tuple[PlannedTest, ...]


def planned_results(results: StudyResults, sets: Mapping[str, SetScores]) -> tuple[PlannedResult, ...]:
    """Every planned comparison of a study, its tests corrected together for being several.

    Args:
        results: The study.
        sets: set -> its scores; sets that nothing was measured on are missing.
    """
    expanded = [(planned, list(_tests(results, planned))) for planned in results.study.comparisons]
    carried_out = [
        (i, _carried_out(test, planned.metric, sets, number=number))
        for number, (i, planned, test) in enumerate(
            (i, planned, test) for i, (planned, tests) in enumerate(expanded) for test in tests
        )
    ]
    judged = iter(judged_together([test.result for _, test in carried_out if test.result is not None]))
    final = [(i, test if test.result is None else replace(test, result=next(judged))) for i, test in carried_out]
    return tuple(
        PlannedResult(planned, tuple(test for place, test in final if place == i))
        for i, (planned, _) in enumerate(expanded)
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
            yield PlannedTest(set_name, where, arm, baseline)


def _carried_out(test: PlannedTest, metric: str, sets: Mapping[str, SetScores], *, number: int) -> PlannedTest:
    if test.set_name not in sets:
        return replace(test, reason="no trial was measured on this set")
    scores = sets[test.set_name]
    sides: list[ArmScores] = []
    for name in (test.arm, test.baseline):
        if name not in scores.arms:
            return replace(test, reason=f"no trial of {name} is finished")
        if metric not in scores.arms[name].measures:
            return replace(test, reason=f"{name} has no {metric} on this set: its labels do not give it")
        sides.append(scores.arms[name].measures[metric])
    if min(effective_clusters(side.weights) for side in sides) < 1 + 1e-6:
        return replace(test, reason=f"all values of {metric} lie in one subject, which has no spread to tell")
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
