"""What an arm is worth in compute, for each planned comparison.

Read off along budgets where the study varies them, else along its training curves.

The two are not the same question. A training that ends at its budget has cooled its learning rate down; a point on the
way has not. Only a study with a factor of budgets compares ends with ends.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from prepose.specs.plan import PlannedArm
from prepose.specs.study import Comparison, Factor, Study
from prepose.studies.analysis.planned import pairs_of
from prepose.studies.analysis.set_scores import SetScores
from prepose.studies.analysis.study_analysis import Along, Basis, Worth
from prepose.studies.analysis.wording import direction, figure, ratio_interval, times
from prepose.studies.results.learning_curves import LearningCurve
from prepose.studies.results.study_results import StudyResults
from prepose.studies.statistics.compute_ratio import RatioAt, compute_ratio
from prepose.studies.statistics.crossing import Crossing, crossing
from prepose.studies.statistics.curves import ArmCurves, ErrorCurve
from prepose.studies.tables import flops_written


def budget_factor(study: Study) -> Factor | None:
    """The factor whose levels differ in what they may spend; None where all arms have one budget."""
    return next((factor for factor in study.factors if factor.varies_budget), None)


def worths(
    results: StudyResults, sets: Mapping[str, SetScores], curves: Mapping[str, LearningCurve]
) -> tuple[Worth, ...]:
    """Every planned comparison in terms of compute, as far as there are curves for it.

    Args:
        results: The study.
        sets: set -> its scores.
        curves: trial -> its learning curve.
    """
    found: list[Worth] = []
    for planned in results.study.comparisons:
        factor = budget_factor(results.study)
        along_budgets = list(_along_budgets(results, planned, factor, sets)) if factor else []
        found += along_budgets or _along_training(results, planned, curves)
    seen = {}
    for worth in found:
        # Two comparisons of the same arms on other sets are one along training.
        seen.setdefault((worth.arm, worth.baseline, worth.along, worth.error_of, worth.measure, worth.basis), worth)
    return tuple(seen.values())


def _along_budgets(
    results: StudyResults, planned: Comparison, factor: Factor, sets: Mapping[str, SetScores]
) -> Iterator[Worth]:
    if planned.arm.get(factor.name) != planned.baseline.get(factor.name):
        return
    # A comparison may be planned for one budget alone; its arms' other budgets are points of their curves all the same.
    planned_sides = [
        {name: level for name, level in side.items() if name != factor.name} for side in (planned.arm, planned.baseline)
    ]
    free = [each for each in results.study.factors if each.name not in planned.arm and each.name != factor.name]
    for set_name, levels in itertools.product(planned.sets, itertools.product(*(each.level_names for each in free))):
        if set_name not in sets:
            continue
        chosen = dict(zip((each.name for each in free), levels, strict=True))
        where = {each.name: chosen[each.name] for each in free if len(each.levels) > 1}
        sides = []
        for side in planned_sides:
            arms = [results.plan.arm_at({**chosen, **side, factor.name: level}) for level in factor.level_names]
            name = " / ".join([*side.values(), *where.values()])
            sides.append(budget_curves(name, [arm for arm in arms if arm], sets[set_name], planned.metric))
        yield from _worth(planned, where, sides, ("budgets", set_name, planned.metric, "counted"))


def budget_curves(name: str, arms: list[PlannedArm], scores: SetScores, measure: str) -> ArmCurves | None:
    """Error on a set against counted training FLOPs, one training a point; None with fewer than two points a seed.

    Args:
        name: What the arms have in common.
        arms: The arms, which differ in their budgets alone.
        scores: The set.
        measure: The error; of a share, what is missing to 1.
    """
    points: dict[int, list[tuple[float, float]]] = {}
    for arm in arms:
        there = scores.arms.get(arm.name)
        if there is None or measure not in there.measures:
            continue
        sums = there.measures[measure]
        for seed, value in zip(sums.seeds, sums.seed_means, strict=True):
            error = float(value) if direction(measure) == "lower" else 1 - float(value)
            points.setdefault(seed, []).append((arm.counted_flops, error))
    return _arm_curves(name, {seed: np.array(sorted(pairs)) for seed, pairs in points.items()})


def _along_training(results: StudyResults, planned: Comparison, curves: Mapping[str, LearningCurve]) -> Iterator[Worth]:
    for where, arm, baseline in pairs_of(results, planned):
        names = [name for trial in results.of_arm(arm) for name in curves[trial.id].errors]
        shared = any(results.plan.arm(name).shared_by for name in (arm, baseline))
        bases: tuple[Basis, ...] = ("full", "counted") if shared else ("full",)
        for error_of, basis in itertools.product(dict.fromkeys(names), bases):
            sides = [training_curves(results, name, curves, error_of=error_of, basis=basis) for name in (arm, baseline)]
            yield from _worth(planned, where, sides, ("training", error_of, "mpjpe_mm", basis))


def training_curves(
    results: StudyResults, arm: str, curves: Mapping[str, LearningCurve], *, error_of: str, basis: Basis
) -> ArmCurves | None:
    """A held-out error against training FLOPs along an arm's trainings; None with fewer than two points a seed."""
    points = {}
    for trial in results.of_arm(arm):
        curve = curves[trial.id]
        if error_of in curve.errors:
            flops = curve.flops if basis == "full" else curve.counted_flops
            points[trial.seed] = np.stack([flops, curve.errors[error_of]], axis=1)
    return _arm_curves(arm, points)


def _arm_curves(name: str, points: Mapping[int, Float[np.ndarray, "P 2"]]) -> ArmCurves | None:
    curves = {}
    for seed, pairs in points.items():
        known = pairs[np.isfinite(pairs).all(axis=1) & (pairs > 0).all(axis=1)]
        _, last = np.unique(known[::-1, 0], return_index=True)
        distinct = known[::-1][last]
        if len(distinct) >= 2:
            curves[seed] = ErrorCurve(distinct[:, 0], distinct[:, 1])
    try:
        return ArmCurves(name, curves)
    except ValueError:
        # No curve, or seeds that cover no common compute: nothing can be read off.
        return None


def _worth(
    planned: Comparison,
    where: Mapping[str, str],
    sides: list[ArmCurves | None],
    what: tuple[Along, str, str, Basis],
) -> Iterator[Worth]:
    arm, baseline = sides
    if arm is None or baseline is None or not set(arm.curves) & set(baseline.curves):
        return
    along, error_of, measure, basis = what
    low, high = (
        max(arm.log_range[0], baseline.log_range[0]),
        min(arm.log_range[1], baseline.log_range[1]),
    )
    found = Worth(
        statement=planned.statement,
        where=where,
        arm=arm.name,
        baseline=baseline.name,
        along=along,
        error_of=error_of,
        measure=measure,
        basis=basis,
        ratio=compute_ratio(arm, baseline, generator=np.random.default_rng(0)),
        crossing=crossing(arm, baseline) if low < high else None,
    )
    yield replace(found, sentence=sentence(found))


def sentence(worth: Worth) -> str:
    """What an arm is worth, in a sentence or two."""
    at = worth.ratio.at_end
    parts = [
        f"{worth.arm} is worth {_bounded(at)} the compute of {worth.baseline} at {_reached(at.error, worth.measure)}"
        f"{_in_brackets(at)}"
    ]
    found = worth.crossing
    if found is not None and found.flops is not None:
        parts.append(f"it {found.order} it at {flops_written(found.flops)}{_crossing_interval(found)}")
    elif found is not None:
        low, high = (flops_written(end) for end in found.range_flops)
        parts.append(f"it is {found.order} from {low} to {high}")
    return "; ".join(parts) + "."


def _reached(error: float, measure: str) -> str:
    if direction(measure) == "lower":
        return figure(error, measure)
    return figure(1 - error, measure)


def _bounded(at: RatioAt) -> str:
    opening = "" if at.relation == "equal" else f"{at.relation} "
    return f"{opening}{times(at.ratio)} times"


def _in_brackets(at: RatioAt) -> str:
    if at.interval is None:
        return " (too few seeds for an interval)"
    return f" (95 % interval {ratio_interval(at.interval)})"


def _crossing_interval(found: Crossing) -> str:
    if found.interval is None:
        return ""
    ends = found.interval
    low = flops_written(ends.low) if ends.low > 0 else "the start"
    high = flops_written(ends.high) if math.isfinite(ends.high) else "beyond the end"
    return f" (95 % interval {low} to {high})"
