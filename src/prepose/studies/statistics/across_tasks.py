"""Ways of training across all tasks at once: interquartile mean, performance profile, probability of improvement.

A *task* is a test set at one combination of the levels that are not compared. Scores are relative errors: the error of
one training over the mean error of all that is compared on the task, so that tasks weigh alike; below 1 is better.

- *Interquartile mean* (IQM): the mean of the middle half of all scores (trainings x tasks).
- *Performance profile*: the share of the scores that are at most tau.
- *Probability of improvement*: how often a training of one method beats one of another on the same task, ties by half,
  averaged over tasks (Mann and Whitney's U).
- *Bands*: percentiles of the stratified bootstrap. Trainings are redrawn within each method and level, and the test
  sets that one training was measured on stay together, as they are not independent of each other.

Source: Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice", NeurIPS 2021 (its
library: `rliable`); profiles: Dolan and More, "Benchmarking optimization software with performance profiles",
Mathematical Programming 91, 2002. With three to five seeds such percentiles are too narrow (docs/statistics.md); no
verdict rests on them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from prepose.studies.statistics.bootstrap import percentile_interval
from prepose.studies.statistics.interval import Interval

RESAMPLES = 2000
# Points of a profile.
THRESHOLDS = 41

# One array for each level of what is not compared: S trainings x K test sets.
Scores = Sequence[Float[np.ndarray, "_ _"]]


@dataclass(frozen=True)
class MethodAcross:
    """One way of training over all tasks.

    Attributes:
        name: Of the method.
        trainings: How many trainings its scores come from.
        iqm: Interquartile mean of its relative errors.
        interval: 95 % bootstrap interval; None where some level has a single training.
        profile: Share of its scores at most each threshold.
        profile_low: Lower end of the profile's 95 % band, point by point; empty where there is none.
        profile_high: Upper end.
    """

    name: str
    trainings: int
    iqm: float
    interval: Interval | None
    profile: tuple[float, ...]
    profile_low: tuple[float, ...]
    profile_high: tuple[float, ...]


@dataclass(frozen=True)
class Improvement:
    """How probable it is that a training of `arm` beats one of `baseline` on a task; None as for `MethodAcross`."""

    arm: str
    baseline: str
    probability: float
    interval: Interval | None


@dataclass(frozen=True)
class EfficiencyPoint:
    """A method at one level of compute, over all test sets; relative to the mean error over all levels.

    Attributes:
        method: Its name.
        level: The level of the budget.
        flops: Training FLOPs of one trial, shared stages by their part.
        iqm: Interquartile mean of its relative errors.
        interval: 95 % bootstrap interval; None for a single training.
    """

    method: str
    level: str
    flops: float
    iqm: float
    interval: Interval | None


@dataclass(frozen=True)
class LabelPoint:
    """A method at one number of labels, over all test sets; relative to the mean error over all levels.

    Attributes:
        method: Its name.
        level: The level of the factor that varies the labels.
        amount: How many labels there are, as `LabelEfficiency.what` says.
        iqm: Interquartile mean of its relative errors.
        interval: 95 % bootstrap interval; None for a single training.
    """

    method: str
    level: str
    amount: float
    iqm: float
    interval: Interval | None


@dataclass(frozen=True)
class LabelEfficiency:
    """Error against the number of labels: the sample efficiency of each method.

    Attributes:
        factor: The factor that varies them.
        what: Which labels, and in what they are counted.
        points: Every method at every level.
    """

    factor: str
    what: str
    points: tuple[LabelPoint, ...]


@dataclass(frozen=True)
class AcrossTasks:
    """Ways of training over all tasks; see the module.

    Attributes:
        factors: What tells the methods apart.
        tasks: Test set and levels of the other factors, in words.
        left_out: Tasks that some method was not measured on, and sets that share their samples with another.
        methods: Every method.
        thresholds: Of the performance profiles.
        improvements: For the pairs of the planned comparisons; for all pairs where none is planned.
        efficiency: Error against compute where the study has levels of it; else empty.
        labels: Error against the number of labels; None where the study does not vary it.
    """

    factors: tuple[str, ...]
    tasks: tuple[str, ...]
    left_out: tuple[str, ...]
    methods: tuple[MethodAcross, ...]
    thresholds: tuple[float, ...]
    improvements: tuple[Improvement, ...]
    efficiency: tuple[EfficiencyPoint, ...]
    # Left out of the file where there is none: so that results of before are the same.
    labels: LabelEfficiency | None = field(default=None, metadata={"absent": True})


def relative_errors(errors: Mapping[str, Scores]) -> dict[str, list[np.ndarray]]:
    """Errors over the mean of the methods' mean errors on the same task.

    Args:
        errors: method -> its errors; every method has the same levels and test sets.
    """
    levels = range(len(next(iter(errors.values()))))
    means = [np.mean([rows[level].mean(axis=0) for rows in errors.values()], axis=0) for level in levels]
    return {name: [rows[level] / means[level] for level in levels] for name, rows in errors.items()}


def interquartile_mean(scores: Float[np.ndarray, "... N"]) -> Float[np.ndarray, "..."]:
    """Mean of the scores without the lowest and the highest quarter, each rounded down, along the last axis."""
    count = scores.shape[-1]
    cut = count // 4
    return np.asarray(np.sort(scores, axis=-1)[..., cut : count - cut].mean(axis=-1))


def methods_across(
    scores: Mapping[str, Scores], generator: np.random.Generator
) -> tuple[tuple[MethodAcross, ...], tuple[float, ...]]:
    """Every method over all tasks, and the thresholds of the profiles.

    Args:
        scores: method -> relative errors.
        generator: For the bootstrap.
    """
    flat = {name: _flat(rows) for name, rows in scores.items()}
    ends = min(each.min() for each in flat.values()), max(each.max() for each in flat.values())
    thresholds = np.linspace(*ends, THRESHOLDS)
    found = []
    for name, rows in scores.items():
        low, high, interval = np.zeros(0), np.zeros(0), None
        if _has_spread(rows):
            redrawn = _redrawn(rows, _draws(rows, generator))
            interval = percentile_interval(interquartile_mean(redrawn))
            shares = np.stack([(redrawn <= each).mean(axis=1) for each in thresholds], axis=1)
            low, high = np.quantile(shares, [0.025, 0.975], axis=0)
        profile = (flat[name] <= thresholds[:, None]).mean(axis=1)
        curves = (tuple(curve.tolist()) for curve in (profile, low, high))
        found.append(MethodAcross(name, sum(map(len, rows)), float(interquartile_mean(flat[name])), interval, *curves))
    return tuple(found), tuple(thresholds.tolist())


def improvement(arm: tuple[str, Scores], baseline: tuple[str, Scores], generator: np.random.Generator) -> Improvement:
    """The probability that a training of one method has a lower error than one of another, mean over tasks."""
    (name, ours), (other, theirs) = arm, baseline
    # S x T trainings and K test sets of each level.
    wins = [_wins(a[:, None], b[None]) for a, b in zip(ours, theirs, strict=True)]
    tasks = sum(each.shape[2] for each in wins)
    probability = sum(float(each.mean(axis=(0, 1)).sum()) for each in wins) / tasks
    interval = None
    if _has_spread(ours) and _has_spread(theirs):
        drawn = np.zeros(RESAMPLES)
        for each, mine, yours in zip(wins, _draws(ours, generator), _draws(theirs, generator), strict=True):
            first, second = (_weights(picked, size) for picked, size in ((mine, each.shape[0]), (yours, each.shape[1])))
            drawn += np.einsum("rs,rt,stk->r", first, second, each, optimize=True)
        interval = percentile_interval(drawn / tasks)
    return Improvement(name, other, probability, interval)


def _wins(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    return (ours < theirs) + 0.5 * (ours == theirs)


def _flat(rows: Scores) -> Float[np.ndarray, "N"]:
    return np.concatenate([each.ravel() for each in rows])


def _has_spread(rows: Scores) -> bool:
    return all(len(each) > 1 for each in rows)


def _draws(rows: Scores, generator: np.random.Generator) -> list[Int[np.ndarray, "R S"]]:
    return [generator.integers(0, len(each), (RESAMPLES, len(each))) for each in rows]


def _redrawn(rows: Scores, draws: Sequence[np.ndarray]) -> Float[np.ndarray, "R N"]:
    return np.concatenate(
        [each[picked].reshape(RESAMPLES, -1) for each, picked in zip(rows, draws, strict=True)], axis=1
    )


def _weights(picked: Int[np.ndarray, "R S"], size: int) -> Float[np.ndarray, "R S"]:
    return np.stack([(picked == one).mean(axis=1) for one in range(size)], axis=1)
