"""How far a measurement agrees with a reference: bias, limits of agreement, ICC(2,1) and RMSE, clustered by subject.

- *Limits of agreement*: bias ± 1.96 standard deviations of the differences. The standard deviation is that of a new
  sample of a new subject: the variance within subjects plus that between them, from a one-way analysis of variance of
  subjects of unlike size, the method for several measurements of each subject whose true value varies. Source: Bland
  and Altman, "Agreement between methods of measurement with multiple observations per individual", Journal of
  Biopharmaceutical Statistics 17, 2007; the limits themselves: the same, Lancet 327, 1986.
- *ICC(2,1)*: two-way random effects, absolute agreement, single measurement. Source: Shrout and Fleiss, "Intraclass
  correlations", Psychological Bulletin 86, 1979; called ICC(A,1) by McGraw and Wong, Psychological Methods 1, 1996.
- *Intervals*: frames of one person are far from independent. Every statistic is a function of sums over subjects; what
  each subject adds to it is its derivative with respect to the subject's weight (the infinitesimal jackknife: Efron,
  "The Jackknife, the Bootstrap and Other Resampling Plans", 1982, chapter 6), and the variance and the degrees of
  freedom of these follow as everywhere in a study (`uncertainty.cluster_part`). The ICC's interval is computed on
  Fisher's z scale.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from prepose.studies.statistics.interval import Interval, combined, t_interval
from prepose.studies.statistics.scores import Clusters
from prepose.studies.statistics.uncertainty import cluster_part, effective_clusters

# 95 % of a normal distribution.
LIMITS_Z = 1.96
FEWEST_PAIRS = 3


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval over subjects (or over blocks of samples); None where it cannot be told."""

    value: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Agreement:
    """A measurement beside a reference, both in one unit; differences are measurement - reference.

    Attributes:
        pairs: How many pairs there are.
        subjects: How many clusters they come from.
        bias: Mean difference.
        deviation: Standard deviation of the differences, of a new sample of a new subject.
        lower: Lower limit of agreement.
        upper: Upper limit of agreement.
        within: Share of the differences that lie between the limits; 0.95 where they are normally distributed.
        rmse: Root of the mean squared difference.
        icc: ICC(2,1); of no unit.
    """

    pairs: int
    subjects: int
    bias: Estimate
    deviation: float
    lower: Estimate
    upper: Estimate
    within: float
    rmse: Estimate
    icc: Estimate


def agreement(
    measured: Float[np.ndarray, "N"], reference: Float[np.ndarray, "N"], clusters: Clusters
) -> Agreement | None:
    """A measurement against its reference; None where fewer than `FEWEST_PAIRS` pairs are known.

    Args:
        measured: NaN where unknown.
        reference: NaN where unknown.
        clusters: Which samples belong together.
    """
    known = ~(np.isnan(measured) | np.isnan(reference))
    if known.sum() < FEWEST_PAIRS:
        return None
    x, y = measured[known].astype(float), reference[known].astype(float)
    _, index = np.unique(clusters.index[known], return_inverse=True)
    sums, apart = _sums(x, y, index), x - y
    bias, deviation = float(apart.mean()), total_deviation(apart, index)
    rmse, icc = float(np.sqrt((apart**2).mean())), icc_2_1(np.stack([x, y], axis=1))
    of_bias = _interval(bias, _bias, sums)
    of_deviation = _positive(deviation, _variance, sums)
    lower, upper = (
        Estimate(bias + sign * deviation, _of_limit(bias, of_bias, sign * deviation, of_deviation, sign))
        for sign in (-LIMITS_Z, LIMITS_Z)
    )
    return Agreement(
        pairs=len(x),
        subjects=len(sums),
        bias=Estimate(bias, of_bias),
        deviation=deviation,
        lower=lower,
        upper=upper,
        within=float((np.abs(apart - bias) <= LIMITS_Z * deviation).mean()),
        rmse=Estimate(rmse, _positive(rmse, _mean_square, sums)),
        icc=Estimate(icc, _of_icc(icc, sums)),
    )


def icc_2_1(ratings: Float[np.ndarray, "N K"]) -> float | None:
    """ICC(2,1) of N targets, each rated by the same K raters; None where nothing varies.

    Source: Shrout and Fleiss 1979, page 423: (BMS - EMS) / (BMS + (k - 1) EMS + k (JMS - EMS) / n).
    """
    n, k = ratings.shape
    rows, columns, grand = ratings.mean(axis=1), ratings.mean(axis=0), ratings.mean()
    between = k * ((rows - grand) ** 2).sum() / (n - 1)
    judges = n * ((columns - grand) ** 2).sum() / (k - 1)
    rest = ((ratings - rows[:, None] - columns + grand) ** 2).sum() / ((n - 1) * (k - 1))
    below = between + (k - 1) * rest + k * (judges - rest) / n
    return float((between - rest) / below) if below > 0 else None


def total_deviation(differences: Float[np.ndarray, "N"], index: Int[np.ndarray, "N"]) -> float:
    """Standard deviation of the difference of a new sample of a new subject, from samples of several subjects.

    Args:
        differences: One for each sample.
        index: Subject of each, 0 to C - 1, every one of them there.
    """
    counts = np.bincount(index).astype(float)
    means = np.bincount(index, weights=differences) / counts
    total, clusters = counts.sum(), len(counts)
    if clusters == 1 or clusters == len(index):
        return float(differences.std(ddof=1))
    within = ((differences - means[index]) ** 2).sum() / (total - clusters)
    between = (counts * (means - differences.mean()) ** 2).sum() / (clusters - 1)
    size = (total - (counts**2).sum() / total) / (clusters - 1)
    return math.sqrt(within + max(0.0, (between - within) / size))


def _sums(x: np.ndarray, y: np.ndarray, index: Int[np.ndarray, "N"]) -> Float[np.ndarray, "C 6"]:
    """Of each cluster: how many pairs, and the sums of x, y, x², y² and xy about the mean of y, which keeps digits."""
    # Differences and the ICC do not change when both are moved alike.
    x, y = x - y.mean(), y - y.mean()
    columns = (np.ones_like(x), x, y, x * x, y * y, x * y)
    return np.stack([np.bincount(index, weights=column) for column in columns], axis=1)


def _bias(total: np.ndarray) -> float:
    return (total[1] - total[2]) / total[0]


def _mean_square(total: np.ndarray) -> float:
    return (total[3] + total[4] - 2 * total[5]) / total[0]


def _variance(total: np.ndarray) -> float:
    return _mean_square(total) - _bias(total) ** 2


def _fisher_z(total: np.ndarray) -> float:
    """Of the ICC(2,1) of many targets, which is Lin's concordance coefficient (Biometrics 45, 1989)."""
    mean_x, mean_y, xx, yy, xy = total[1:] / total[0]
    both = xx - mean_x**2 + yy - mean_y**2 + (mean_x - mean_y) ** 2
    return math.atanh(2 * (xy - mean_x * mean_y) / both)


def _interval(
    value: float, statistic: Callable[[np.ndarray], float], sums: Float[np.ndarray, "C 6"]
) -> Interval | None:
    weights = sums[:, 0] / sums[:, 0].sum()
    if effective_clusters(weights) < 1 + 1e-6:
        return None
    total, step = sums.sum(axis=0), 1e-4
    moved = np.array([statistic(total + step * each) - statistic(total - step * each) for each in sums]) / (2 * step)
    return t_interval(value, combined([cluster_part(moved, weights)]))


def _positive(root: float, square: Callable[[np.ndarray], float], sums: Float[np.ndarray, "C 6"]) -> Interval | None:
    """Of the root of a positive statistic, on a log scale; None where it is 0, as far as its digits go."""
    total = sums.sum(axis=0)
    if square(total) <= 1e-12 * max(1.0, total[4] / total[0]):
        return None
    ends = _interval(math.log(root), lambda each: math.log(square(each)) / 2, sums)
    return None if ends is None else Interval(math.exp(ends.low), math.exp(ends.high))


def _of_limit(
    bias: float, of_bias: Interval | None, beyond: float, of_deviation: Interval | None, sign: float
) -> Interval | None:
    """Of bias + beyond, where `beyond` is `sign` standard deviations."""
    if of_bias is None or of_deviation is None:
        return None
    low, high = sorted((sign * of_deviation.low, sign * of_deviation.high))
    limit = bias + beyond
    return Interval(
        limit - math.hypot(bias - of_bias.low, beyond - low), limit + math.hypot(of_bias.high - bias, high - beyond)
    )


def _of_icc(icc: float | None, sums: Float[np.ndarray, "C 6"]) -> Interval | None:
    if icc is None or abs(icc) > 1 - 1e-9:
        return None
    ends = _interval(math.atanh(icc), _fisher_z, sums)
    return None if ends is None else Interval(math.tanh(ends.low), math.tanh(ends.high))
