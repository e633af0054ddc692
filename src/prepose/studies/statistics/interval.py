"""The textbook formulas that comparisons rest on: t intervals, effect sizes, detectable effects, several tests at once.

Pure functions of numbers and arrays; what they are applied to is the matter of `comparison`, `compute_ratio` and
`crossing`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float
from pydantic import BeforeValidator
from scipy import optimize, special, stats

CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE
POWER = 0.8
# Two values have a spread, but one that says next to nothing: a 95 % t interval of two is 12.7 standard errors wide.
FEWEST_SEEDS = 3


def _open_end(infinite: float) -> BeforeValidator:
    # JSON has no infinite numbers: an open end is null there.
    return BeforeValidator(lambda end: infinite if end is None else end)


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, in the unit of what it belongs to; an open end is infinite (a ratio's lower one 0)."""

    low: Annotated[float, _open_end(-math.inf)]
    high: Annotated[float, _open_end(math.inf)]

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Uncertainty:
    """How far an estimate may be off, in its unit.

    Attributes:
        standard_error: The standard error.
        df: Degrees of freedom of the standard error; they widen the interval where few seeds or subjects told it.
    """

    standard_error: float
    df: float


def combined(parts: Sequence[tuple[float, float]]) -> Uncertainty:
    """The uncertainty of independent parts, each a variance with its degrees of freedom.

    Source: Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 2,
    1946; for two means with unlike spreads this is Welch's test (Biometrika 34, 1947).
    """
    total = sum(variance for variance, _ in parts)
    if total == 0:
        return Uncertainty(0.0, sum(df for _, df in parts))
    return Uncertainty(math.sqrt(total), total**2 / sum(variance**2 / df for variance, df in parts))


def t_interval(estimate: float, uncertainty: Uncertainty, confidence: float = CONFIDENCE) -> Interval:
    """The two-sided interval of an estimate by Student's t."""
    # What scipy.stats.t.ppf calls, without its checks: they take a hundred times as long, and reports ask thousands.
    half = float(special.stdtrit(uncertainty.df, (1 + confidence) / 2)) * uncertainty.standard_error
    return Interval(estimate - half, estimate + half)


def t_p_value(estimate: float, uncertainty: Uncertainty) -> float:
    """How often a true value of 0 would give an estimate at least this far off, two-sided; agrees with `t_interval`."""
    if uncertainty.standard_error == 0:
        return 1.0 if estimate == 0 else 0.0
    return float(2 * stats.t.sf(abs(estimate) / uncertainty.standard_error, uncertainty.df))


def mean_uncertainty(values: Float[np.ndarray, "S"]) -> Uncertainty:
    """The uncertainty of the mean of independent values.

    Raises:
        ValueError: there are fewer than two values.
    """
    if len(values) < 2:
        raise ValueError("one value tells nothing about its spread; at least two are needed")
    return Uncertainty(float(values.std(ddof=1)) / math.sqrt(len(values)), float(len(values) - 1))


def hedges_correction(df: float) -> float:
    """The factor that takes the small-sample bias out of a standardised difference; 0.56 for 2, 0.97 for 24.

    Source: Hedges, "Distribution theory for Glass's estimator of effect size", Journal of Educational Statistics 6,
    1981, equation 6e. For one degree of freedom the expectation does not exist: NaN.
    """
    if df <= 1:
        return float("nan")
    return float(np.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2)) * math.sqrt(2 / df))


def standardised(mean: float, deviation: float, df: float) -> float | None:
    """A difference in units of its standard deviation, corrected for few values; None where nothing varies.

    For paired differences this is Cohen's d_z (Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988,
    section 2.3.5; Lakens, Frontiers in Psychology 4, 2013, equation 6), times Hedges' correction.
    """
    size = mean / deviation * hedges_correction(df) if deviation > 0 else float("nan")
    return size if math.isfinite(size) else None


def minimum_detectable_effect(uncertainty: Uncertainty, *, alpha: float = ALPHA, power: float = POWER) -> float:
    """The smallest true difference that a two-sided t test at level `alpha` finds with the given power.

    The non-centrality at which the noncentral t distribution leaves the critical values with probability `power`,
    times the standard error. Source: Cohen 1988, chapter 2 (power of the t test); Bloom, "Minimum detectable effects",
    Evaluation Review 19, 1995 (the same with the central t: t_alpha/2 + t_power, some per cent too small for few
    seeds).
    """
    critical = float(stats.t.ppf(1 - alpha / 2, uncertainty.df))
    # T = (Z + shift) / s with s^2 chi-squared over its degrees of freedom: the mean of normal tails over s. scipy's own
    # noncentral t gives NaN in the tails that few degrees of freedom need.
    thresholds = critical * np.sqrt(stats.chi2.ppf((np.arange(2000) + 0.5) / 2000, uncertainty.df) / uncertainty.df)

    def surplus(shift: float) -> float:
        return float((special.ndtr(shift - thresholds) + special.ndtr(-shift - thresholds)).mean()) - power

    shift: Any = optimize.brentq(surplus, 0.0, 3 * critical + 10)
    return float(shift) * uncertainty.standard_error


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for being several, in the order given.

    Whoever rejects where the adjusted value is below alpha is wrong about any one of them with probability at most
    alpha, whatever ties the comparisons to each other. Source: Holm, "A simple sequentially rejective multiple test
    procedure", Scandinavian Journal of Statistics 6, 1979.
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(np.asarray(p_values, float)[order] * factors))
    return adjusted.tolist()


def holm_levels(adjusted: Sequence[float], alpha: float = ALPHA) -> list[float]:
    """The level that each p-value is compared with in Holm's procedure, given what it rejects among the others.

    A test is rejected where its own p-value is at most `alpha / (m - k)`, with m tests and k others rejected: the same
    verdicts as `adjusted <= alpha`, told of one test at a time.

    Args:
        adjusted: P-values after `holm`.
        alpha: The level for all of them together.
    """
    rejected = [p < alpha for p in adjusted]
    return [alpha / (len(adjusted) - (sum(rejected) - own)) for own in rejected]
