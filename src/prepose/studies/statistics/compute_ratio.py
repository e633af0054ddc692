"""How much compute an arm is worth: the ratio of training FLOPs at which it and a baseline reach the same error.

Only the trainings' seeds are resampled here: a curve's points are means over an evaluation set, and all points share
its people.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from prepose.studies.statistics.bootstrap import drawn
from prepose.studies.statistics.curves import ArmCurves, Root, root_along, shared_seeds
from prepose.studies.statistics.interval import CONFIDENCE, FEWEST_SEEDS, Interval

LEVELS = 20
RESAMPLES = 1000
# Where more resamples than this have no error that both arms reach, the others do not stand for all.
MOST_LOST = 0.05

Relation = Literal["equal", "at least", "at most"]


@dataclass(frozen=True)
class RatioAt:
    """The ratio at one error.

    Attributes:
        error: The error that is reached, mean over seeds.
        arm_flops: FLOPs after which the arm reaches it; where it does not, or does so already at its first point, that
            end of its curve.
        baseline_flops: The same of the baseline.
        ratio: baseline_flops / arm_flops: what the arm is worth in compute.
        relation: "equal" to the ratio; "at least", where the baseline never gets there or the arm's first point is
            there already; "at most", the other way round.
        interval: 95 % interval over seeds; an end of 0 or infinity is open. None with fewer than three seeds.
    """

    error: float
    arm_flops: float
    baseline_flops: float
    ratio: float
    relation: Relation
    interval: Interval | None


@dataclass(frozen=True)
class ComputeRatio:
    """What an arm is worth in compute.

    Attributes:
        arm: The arm.
        baseline: The baseline.
        seeds: The seeds compared.
        at_end: At the larger of the two final errors: the last that both reach.
        levels: At the errors that the baseline reaches along its curve, from its first point to its last.
        geometric_mean: Geometric mean of the ratio over the errors that both reach, evenly in log error; None where
            there are none.
        geometric_mean_interval: Its 95 % interval over seeds.
        notes: What a reader has to know.
    """

    arm: str
    baseline: str
    seeds: tuple[int, ...]
    at_end: RatioAt
    levels: tuple[RatioAt, ...]
    geometric_mean: float | None
    geometric_mean_interval: Interval | None
    notes: tuple[str, ...]


def compute_ratio(arm: ArmCurves, baseline: ArmCurves, *, generator: np.random.Generator) -> ComputeRatio:
    """The ratio at the end, along the way, and in the mean.

    Args:
        arm: The arm's curves.
        baseline: The baseline's. Only seeds of both are used.
        generator: For the bootstrap of the mean.

    Raises:
        ValueError: the arms share no seed.
    """
    seeds = shared_seeds(arm, baseline)
    pair = _pair(arm, baseline)
    mean, interval, notes = _geometric_mean(pair, generator)
    alone = [seed for seed in (*arm.curves, *baseline.curves) if seed not in seeds]
    if alone:
        notes = (*notes, f"seeds without a partner are left out: {alone}")
    if len(seeds) < FEWEST_SEEDS:
        notes = (*notes, f"{len(seeds)} seed(s): fewer than {FEWEST_SEEDS} carry no conclusion")
    places = np.linspace(pair.baseline_at[0], pair.baseline_at[-1], LEVELS)
    return ComputeRatio(
        arm=arm.name,
        baseline=baseline.name,
        seeds=seeds,
        at_end=_at_end(pair),
        levels=tuple(_at_baseline(pair, float(place)) for place in places),
        geometric_mean=mean,
        geometric_mean_interval=interval,
        notes=notes,
    )


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two arms' curves, each over its own log FLOPs, for the seeds of both."""

    arm_at: Float[np.ndarray, "M"]
    arm_errors: Float[np.ndarray, "S M"]
    baseline_at: Float[np.ndarray, "K"]
    baseline_errors: Float[np.ndarray, "S K"]


def _pair(arm: ArmCurves, baseline: ArmCurves) -> _Pair:
    seeds = shared_seeds(arm, baseline)
    ours, theirs = arm.grid(), baseline.grid()
    return _Pair(ours, arm.errors_at(ours, seeds), theirs, baseline.errors_at(theirs, seeds))


def _ratio_at(
    error: float, arm_at: float, baseline_at: float, *, relation: Relation, interval: Interval | None
) -> RatioAt:
    return RatioAt(
        error=error,
        arm_flops=float(np.exp(arm_at)),
        baseline_flops=float(np.exp(baseline_at)),
        ratio=float(np.exp(baseline_at - arm_at)),
        relation=relation,
        interval=interval,
    )


def _relation(root: Root) -> Relation:
    # A root before the path's start means less compute of the arm, or more of the baseline, than the curves cover.
    return {"inside": "equal", "before": "at least", "after": "at most"}[root.where]  # pyright: ignore[reportReturnType]


def _exponentials(low: float, high: float) -> Interval:
    return Interval(float(np.exp(low)), float(np.exp(high)))


def _at_baseline(pair: _Pair, place: float) -> RatioAt:
    """The ratio at what the baseline has at a place of its curve."""
    target = np.array([np.interp(place, pair.baseline_at, errors) for errors in pair.baseline_errors])
    root = root_along(pair.arm_at, pair.arm_errors - target[:, None])
    interval = root.interval and _exponentials(place - root.interval.high, place - root.interval.low)
    return _ratio_at(float(target.mean()), root.place, place, relation=_relation(root), interval=interval)


def _at_end(pair: _Pair) -> RatioAt:
    """The ratio at the larger of the two final errors.

    Along one path: the arm's compute grows while the baseline is at its end; then the arm stays at its end while the
    baseline's compute shrinks. The arm's error less the baseline's falls all the way, and so does the ratio.
    """
    ours_end, theirs_end = pair.arm_at[-1], pair.baseline_at[-1]
    places = np.concatenate([pair.arm_at - theirs_end, (ours_end - pair.baseline_at)[::-1][1:]])
    differences = np.concatenate(
        [
            pair.arm_errors - pair.baseline_errors[:, -1:],
            (pair.arm_errors[:, -1:] - pair.baseline_errors)[:, ::-1][:, 1:],
        ],
        axis=1,
    )
    root = root_along(places, differences)
    arm_is_moved = root.place <= ours_end - theirs_end
    interval = root.interval and _exponentials(-root.interval.high, -root.interval.low)
    return _ratio_at(
        float((pair.baseline_errors if arm_is_moved else pair.arm_errors)[:, -1].mean()),
        root.place + theirs_end if arm_is_moved else float(ours_end),
        float(theirs_end) if arm_is_moved else float(ours_end - root.place),
        relation=_relation(root),
        interval=interval,
    )


def _geometric_mean(
    pair: _Pair, generator: np.random.Generator
) -> tuple[float | None, Interval | None, tuple[str, ...]]:
    """The mean log ratio with an interval from the bootstrap's standard error over seeds.

    Resampling n seeds makes the variance (n - 1) / n of what it should be, and its percentiles know nothing of t: the
    standard error is corrected for the one and multiplied by the quantile of t for the other. Source: Hesterberg,
    "What teachers should know about the bootstrap", The American Statistician 69, 2015, section 3.
    """
    count = len(pair.arm_errors)
    estimate = _mean_log_ratio(pair, np.full(count, 1 / count))
    if estimate is None:
        return None, None, ("no error is reached by both arms: there is no mean ratio",)
    if count < FEWEST_SEEDS:
        return float(np.exp(estimate)), None, ()
    rows, times = np.unique(drawn(count, RESAMPLES, generator), axis=0, return_counts=True)
    means = [_mean_log_ratio(pair, row / count) for row in rows]
    kept = np.array([mean is not None for mean in means])
    if times[~kept].sum() > MOST_LOST * RESAMPLES:
        note = "some seeds reach no common error: the mean ratio has no interval"
        return float(np.exp(estimate)), None, (note,)
    deviation = _deviation(np.array([mean for mean in means if mean is not None]), times[kept])
    half = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * deviation * np.sqrt(count / (count - 1))
    return float(np.exp(estimate)), _exponentials(estimate - half, estimate + half), ()


def _deviation(values: Float[np.ndarray, "R"], times: Int[np.ndarray, "R"]) -> float:
    mean = np.average(values, weights=times)
    return float(np.sqrt(np.average((values - mean) ** 2, weights=times)))


def _mean_log_ratio(pair: _Pair, weights: Float[np.ndarray, "S"]) -> float | None:
    ours, theirs = weights @ pair.arm_errors, weights @ pair.baseline_errors
    largest, smallest = min(ours[0], theirs[0]), max(ours[-1], theirs[-1])
    if largest <= smallest:
        return None
    levels = np.geomspace(largest, smallest, LEVELS)
    return float((_reached_at(levels, pair.baseline_at, theirs) - _reached_at(levels, pair.arm_at, ours)).mean())


def _reached_at(
    levels: Float[np.ndarray, "L"], places: Float[np.ndarray, "M"], errors: Float[np.ndarray, "M"]
) -> Float[np.ndarray, "L"]:
    """The first place at which a falling curve is at or below each level, between its points along straight lines."""
    after = np.clip(np.searchsorted(-errors, -levels, side="left"), 1, len(errors) - 1)
    before = after - 1
    drop = errors[before] - errors[after]
    part = np.clip((errors[before] - levels) / np.where(drop > 0, drop, 1), 0, 1)
    return places[before] + part * (places[after] - places[before])
