"""The hierarchical bootstrap: seeds and clusters of samples are drawn anew, independently of each other.

Every arm sees the same clusters in a resample, and the same seeds where the arms are paired, so that what they share
cancels. Working on sums by seed and cluster makes a resample one row of a small matrix product.

With three seeds a resample holds at most three numbers: percentiles of such draws are too narrow (docs/statistics.md
has the coverage). They are reported beside the t interval of `comparison`, which verdicts rest on, and not instead.

Source: Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007 (both factors of a crossed design are
resampled); Davison and Hinkley, "Bootstrap Methods and their Application", 1997, sections 3.8 and 5.3.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from prepose.studies.statistics.interval import CONFIDENCE, Interval
from prepose.studies.statistics.scores import ArmScores, ratio


def resampled_means(
    arms: Sequence[ArmScores], *, paired: bool, resamples: int, generator: np.random.Generator
) -> Float[np.ndarray, "A R"]:
    """Each arm's mean over seeds in R resamples; NaN where a resample has no value at all.

    Args:
        arms: Arms on the same evaluation set.
        paired: Whether the arms' seeds are drawn together; they must then be the same.
        resamples: R.
        generator: Where the draws come from.

    Raises:
        ValueError: the arms differ in clusters, or in seeds although they are paired.
    """
    if len({arm.sums.shape[1:] for arm in arms}) != 1:
        raise ValueError("the arms were summed by different clusters; use the same `Clusters` for all of them")
    if paired and len({arm.seeds for arm in arms}) != 1:
        raise ValueError("paired arms need the same seeds in the same order")
    clusters = drawn(arms[0].sums.shape[1], resamples, generator)
    shared = drawn(len(arms[0].seeds), resamples, generator)
    seeds = [shared if paired or i == 0 else drawn(len(arm.seeds), resamples, generator) for i, arm in enumerate(arms)]
    return np.stack([_means(arm, clusters, weights) for arm, weights in zip(arms, seeds, strict=True)])


def drawn(count: int, resamples: int, generator: np.random.Generator) -> Int[np.ndarray, "R C"]:
    """How often each of `count` things is drawn in each resample of as many, with replacement."""
    return generator.multinomial(count, np.full(count, 1 / count), size=resamples)


def _means(arm: ArmScores, clusters: Int[np.ndarray, "R C"], seeds: Int[np.ndarray, "R S"]) -> Float[np.ndarray, "R"]:
    num_seeds, num_clusters, num_groups = arm.sums.shape
    sums, counts = (
        (clusters @ column.transpose(1, 0, 2).reshape(num_clusters, -1)).reshape(-1, num_seeds, num_groups)
        for column in (arm.sums, arm.counts)
    )
    groups = ratio(sums, counts)
    present = ~np.isnan(groups)
    of_seeds = ratio(np.where(present, groups, 0).sum(axis=2), present.sum(axis=2).astype(float))
    return (np.where(seeds > 0, seeds * of_seeds, 0)).sum(axis=1) / num_seeds


def percentile_interval(draws: Float[np.ndarray, "R"], confidence: float = CONFIDENCE) -> Interval:
    """The middle part of the draws.

    Percentile and not BCa: the acceleration of BCa is a third moment, which a handful of seeds does not tell.
    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3.
    """
    known = draws[~np.isnan(draws)]
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def bootstrap_p_value(draws: Float[np.ndarray, "R"]) -> float:
    """Twice the share of resampled differences on the far side of 0, two-sided; never 0.

    Source: Davison and Hinkley 1997, equation 4.11 (one is added above and below).
    """
    known = draws[~np.isnan(draws)]
    beyond = min((known <= 0).sum(), (known >= 0).sum())
    return float(min(1.0, 2 * (1 + beyond) / (1 + len(known))))
