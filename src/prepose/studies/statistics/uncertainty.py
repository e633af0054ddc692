"""How far an arm's figure, or the difference of two, may be off: over seeds and over the people of the test set.

Trainings and test subjects are two samples at once (crossed random effects). The variance of a mean is the sum of what
the seeds' figures tell of it and what the subjects' tell:

    variance = var_s(figure of seed s) / S  +  sum_c (influence of subject c)^2 * correction

and its degrees of freedom are Satterthwaite's. Both parts hold the interaction of seed and subject, which is thus
counted twice: the interval is somewhat too wide where the interaction is all there is, and has the coverage it claims
elsewhere (simulated in benchmarks/intervals.py, tabled in docs/statistics.md). Subtracting an estimate of it gains
little and makes the degrees of freedom unstable with few seeds.

Source: Cameron, Gelbach and Miller, "Robust inference with multiway clustering", Journal of Business and Economic
Statistics 29, 2011 (the two-way sum); Owen 2007 (the pigeonhole bootstrap's variance has the same form).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from prepose.studies.statistics.interval import Uncertainty, combined, mean_uncertainty
from prepose.studies.statistics.scores import ArmScores


def arm_uncertainty(arm: ArmScores) -> Uncertainty:
    """The uncertainty of one arm's mean over its seeds.

    Raises:
        ValueError: there is one seed, or all weight lies in one cluster.
    """
    return combined([_part(arm.seed_means), cluster_part(arm.influences.mean(axis=0), arm.weights)])


def difference_uncertainty(arm: ArmScores, baseline: ArmScores, *, paired: bool) -> Uncertainty:
    """The uncertainty of the difference of two arms' means on the same evaluation set.

    Subjects are paired always. Seeds are where both arms have the same ones; else each arm's spread enters by itself.

    Raises:
        ValueError: an arm has one seed, or all weight lies in one cluster.
    """
    if paired:
        seeds = [_part(arm.seed_means - baseline.seed_means)]
    else:
        seeds = [_part(arm.seed_means), _part(baseline.seed_means)]
    influence = arm.influences.mean(axis=0) - baseline.influences.mean(axis=0)
    return combined([*seeds, cluster_part(influence, (arm.weights + baseline.weights) / 2)])


def _part(values: Float[np.ndarray, "S"]) -> tuple[float, float]:
    uncertainty = mean_uncertainty(values)
    return uncertainty.standard_error**2, uncertainty.df


def cluster_part(influence: Float[np.ndarray, "C"], weights: Float[np.ndarray, "C"]) -> tuple[float, float]:
    """The variance of a weighted mean over clusters, and its degrees of freedom.

    The sum of squared influences, divided by what it would come to on average if all clusters varied alike; C - 1
    degrees of freedom for clusters of one size, fewer where some are much larger.

    Args:
        influence: What each cluster adds to the deviation of the mean; sums to 0.
        weights: Share of each cluster; sums to 1.

    Source: Bell and McCaffrey, "Bias reduction in standard errors for linear regression with multi-stage samples",
    Survey Methodology 28, 2002, for a weighted mean with independent clusters. With a = I - 1 w' and the quadratic
    form A = a' diag(w^2) a, the expectation is tr A and the degrees of freedom are (tr A)^2 / tr A^2, written out in
    the power sums of w.

    Raises:
        ValueError: all weight lies in one cluster.
    """
    two, three, four, five = (float((weights**power).sum()) for power in (2, 3, 4, 5))
    trace = two - 2 * three + two**2
    squared = four - 4 * five + 4 * two * four + 2 * three**2 - 4 * two**2 * three + two**4
    if weights.max() > 1 - 1e-9:
        raise ValueError(
            "all scored values lie in one subject; resample samples instead (`clusters_of` without the others' names)"
        )
    return float((influence**2).sum()) * two / trace, trace**2 / squared


def effective_clusters(weights: Sequence[float] | Float[np.ndarray, "C"]) -> float:
    """How many clusters of one size would weigh as evenly.

    Source: Kish, "Survey Sampling", 1965, section 11.7.
    """
    return float(1 / (np.asarray(weights) ** 2).sum())
