"""How an error falls with labels and compute: error = E + A / N2^a + B / N3^b + C / F^c, fitted to levels of a study.

By variable projection: for given exponents the law is linear in E, A, B and C, which are at least 0 and come from
non-negative least squares; only the exponents are searched. Source: Golub and Pereyra, "The differentiation of
pseudo-inverses and nonlinear least squares problems whose variables separate", SIAM J. Numer. Anal. 10, 1973. The form
with a floor: Hoffmann et al., "Training compute-optimal large language models", arXiv 2203.15556, equation 2, whose
parabolas through iso-FLOP points are not used, as they are biased where the grid is off centre.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import optimize, stats

from prepose.studies.statistics.bootstrap import percentile_interval
from prepose.studies.statistics.interval import Interval

# Beyond these a power of the amounts that studies vary looks like a constant, or like the first level alone.
EXPONENTS = (0.05, 3.0)
# Where the search starts: the best few of all their combinations.
STARTS = (0.1, 0.3, 0.7, 1.5)
RESAMPLES = 500
# A law says nothing beyond this many times the largest amount that it was fitted to, nor below the smallest.
FURTHEST = 3.0


@dataclass(frozen=True, eq=False)
class LawLevel:
    """What several trainings came to at one place.

    Attributes:
        amounts: Of each variable of the law, above 0.
        errors: Of each training, lower is better.
    """

    amounts: Float[np.ndarray, "V"]
    errors: Float[np.ndarray, "S"]


@dataclass(frozen=True, eq=False)
class Law:
    """One law, or R of them: `floor + sum(terms * (amounts / reference) ** -exponents)`.

    Attributes:
        floor: E, the error that no amount takes away, in the error's unit.
        terms: What each variable adds at its reference.
        exponents: How fast that falls.
        reference: The largest amount of each variable among the levels.
    """

    floor: Float[np.ndarray, "*R"]
    terms: Float[np.ndarray, "*R V"]
    exponents: Float[np.ndarray, "*R V"]
    reference: Float[np.ndarray, "V"]

    def error_at(self, amounts: Float[np.ndarray, "V"]) -> Float[np.ndarray, "*R"]:
        """The error that is expected at an amount of each variable."""
        return np.asarray(self.floor + (self.terms * (amounts / self.reference) ** -self.exponents).sum(-1))


@dataclass(frozen=True)
class Goodness:
    """How well a law describes the levels; errors in their unit.

    Attributes:
        left_out: Root mean square error at a level that the law was not fitted to, each left out in turn, but for those
            that lie where a law of the others says nothing (`within_reach`).
        left_out_constant: The same of a constant: the mean of the other levels.
        left_out_without: The same of the law without one of its terms, term by term.
        left_out_errors: Level by level: what the law of the others says less what was measured; None where it says
            nothing.
        noise: Root mean square standard error of a level's mean: what no law can do better than.
        lack_of_fit_p: Of "the law describes the levels": F test of the levels' distances from the law against the
            spread of trainings; None where nothing varies.
        off_law: Standard deviation of the levels about the law that the spread of trainings does not explain; 0 where
            it explains all.
    """

    left_out: float
    left_out_constant: float
    left_out_without: tuple[float, ...]
    left_out_errors: tuple[float | None, ...]
    noise: float
    lack_of_fit_p: float | None
    off_law: float


@dataclass(frozen=True, eq=False)
class FittedLaw:
    """A law with what its uncertainty was computed from.

    Attributes:
        levels: What it was fitted to.
        law: The law.
        resampled: The laws of the bootstrap: trainings redrawn within each level.
        goodness: How well it describes the levels.
        effects: What each variable takes off the error from its least to its largest amount, with its interval.
        shown: Of each term, whether it is more than a constant: the interval of its effect excludes 0, and levels left
            out are predicted better with it than without.
    """

    levels: tuple[LawLevel, ...]
    law: Law
    resampled: Law
    goodness: Goodness
    effects: tuple[tuple[float, Interval], ...]
    shown: tuple[bool, ...]

    def error_at(self, amounts: Float[np.ndarray, "V"]) -> tuple[float, Interval]:
        """The expected error at an amount of each variable, with its 95 % interval over trainings."""
        return float(self.law.error_at(amounts)), percentile_interval(self.resampled.error_at(amounts))

    def gain(
        self, before: Float[np.ndarray, "V"], after: Float[np.ndarray, "V"]
    ) -> tuple[float, Interval, Float[np.ndarray, "R"]]:
        """What the error is expected to fall by from one place to another, its 95 % interval, and each resample's."""
        draws = self.resampled.error_at(before) - self.resampled.error_at(after)
        return float(self.law.error_at(before) - self.law.error_at(after)), percentile_interval(draws), draws


def fewest_levels(variables: int) -> int:
    """One more level than the law has numbers, so that it could be wrong."""
    return 2 + 2 * variables


def fit_law(levels: Sequence[LawLevel], *, generator: np.random.Generator, resamples: int = RESAMPLES) -> FittedLaw:
    """The law of some levels, with the bootstrap over their trainings.

    Trainings are redrawn within their level, and their distances from its mean stretched by sqrt(n / (n - 1)), as a
    resample of n values spreads by that less than what they were drawn from. Where levels are further from the law than
    their trainings explain, each level is moved by a normal draw of that size, so that intervals cover it too.

    Args:
        levels: At least `fewest_levels`, each with two trainings or more.
        generator: Draws the resamples.
        resamples: How many.

    Raises:
        ValueError: there are too few levels or trainings.
    """
    amounts = np.stack([level.amounts for level in levels])
    least = fewest_levels(amounts.shape[1])
    if len(levels) < least or any(len(level.errors) < 2 for level in levels):
        raise ValueError(f"a law needs {least} levels of two trainings or more, found {len(levels)}")
    means = np.array([level.errors.mean() for level in levels])
    weights = np.array([float(len(level.errors)) for level in levels])
    law = _fitted(amounts, means, weights)
    goodness = _goodness(levels, amounts, means, weights, law)
    drawn = np.stack([level_means(level, generator, resamples) for level in levels], axis=1)
    drawn = drawn + goodness.off_law * generator.standard_normal(drawn.shape)
    resampled = _stacked([_fitted(amounts, each, weights, start=law.exponents) for each in drawn])
    effects, shown = [], []
    for variable, without in enumerate(goodness.left_out_without):
        one, draws = (_effect(each, amounts, variable) for each in (law, resampled))
        interval = percentile_interval(draws)
        effects.append((float(one), interval))
        shown.append(interval.low > 0 and goodness.left_out < without)
    return FittedLaw(tuple(levels), law, resampled, goodness, tuple(effects), tuple(shown))


def level_means(level: LawLevel, generator: np.random.Generator, resamples: int) -> Float[np.ndarray, "R"]:
    """The mean of a level in each resample of its trainings."""
    count, mean = len(level.errors), level.errors.mean()
    stretched = (level.errors - mean) * math.sqrt(count / (count - 1))
    return mean + stretched[generator.integers(count, size=(resamples, count))].mean(axis=1)


def _fitted(
    amounts: Float[np.ndarray, "L V"],
    means: Float[np.ndarray, "L"],
    weights: Float[np.ndarray, "L"],
    *,
    start: Float[np.ndarray, "V"] | None = None,
) -> Law:
    """The law of the levels' means; without a place to start, the search starts from the best of a grid."""
    reference, variables = amounts.max(axis=0), amounts.shape[1]
    roots = np.sqrt(weights)
    logs, target = np.log(amounts / reference), roots * means

    def solved(log_exponents: np.ndarray) -> tuple[np.ndarray, float]:
        columns = np.exp(-np.exp(log_exponents) * logs)
        return optimize.nnls(roots[:, None] * np.column_stack([np.ones(len(means)), columns]), target)

    bounds = [(math.log(EXPONENTS[0]), math.log(EXPONENTS[1]))] * variables
    if start is None:
        grid = [np.log(each) for each in itertools.product(STARTS, repeat=variables)]
    else:
        # Where a term of the start is 0, no step away from it changes anything: the middle is tried too.
        grid = [np.log(start), np.full(variables, math.log(0.5))]
    starts = sorted(grid, key=lambda each: solved(each)[1])[: 2 if start is None else 1]
    found = [
        optimize.minimize(
            lambda at: solved(at)[1] ** 2,
            each,
            method="Nelder-Mead",
            bounds=bounds,
            options={"xatol": 1e-3, "fatol": 1e-6 * float(target @ target) / len(means), "maxfev": 200 * variables},
        )
        for each in starts
    ]
    exponents = min(found, key=lambda each: each.fun).x
    solution = solved(exponents)[0]
    return Law(np.asarray(solution[0]), solution[1:], np.exp(exponents), reference)


def _stacked(laws: Sequence[Law]) -> Law:
    return Law(
        np.array([law.floor for law in laws]),
        np.stack([law.terms for law in laws]),
        np.stack([law.exponents for law in laws]),
        laws[0].reference,
    )


def _effect(law: Law, amounts: Float[np.ndarray, "L V"], variable: int) -> Float[np.ndarray, "*R"]:
    largest = amounts.max(axis=0)
    least = largest.copy()
    least[variable] = amounts[:, variable].min()
    return np.asarray(law.error_at(least) - law.error_at(largest))


def _goodness(
    levels: Sequence[LawLevel],
    amounts: Float[np.ndarray, "L V"],
    means: Float[np.ndarray, "L"],
    weights: Float[np.ndarray, "L"],
    law: Law,
) -> Goodness:
    count, variables = amounts.shape
    judged = [i for i in range(count) if within_reach(np.delete(amounts, i, axis=0), amounts[i])]
    errors = _left_out_errors(amounts, means, weights, judged, start=law.exponents)
    constant = _left_out_errors(amounts[:, :0], means, weights, judged, start=law.exponents[:0])
    without = [
        _left_out_errors(np.delete(amounts, each, axis=1), means, weights, judged, start=np.delete(law.exponents, each))
        for each in range(variables)
    ]
    of_level = dict(zip(judged, errors.tolist(), strict=True))
    noises = [level.errors.var(ddof=1) / len(level.errors) for level in levels]
    degrees = sum(len(level.errors) - 1 for level in levels)
    within = sum(level.errors.var(ddof=1) * (len(level.errors) - 1) for level in levels) / degrees
    left = count - 1 - 2 * variables
    law_errors = np.array([law.error_at(each) for each in amounts])
    away = float((weights * (means - law_errors) ** 2).sum()) / left
    return Goodness(
        left_out=_rms(errors),
        left_out_constant=_rms(constant),
        left_out_without=tuple(_rms(each) for each in without),
        left_out_errors=tuple(of_level.get(i) for i in range(count)),
        noise=math.sqrt(float(np.mean(noises))),
        lack_of_fit_p=float(stats.f.sf(away / within, left, degrees)) if within > 0 else None,
        off_law=math.sqrt(max(0.0, away - within) / float(weights.mean())),
    )


def within_reach(seen: Float[np.ndarray, "L V"], amounts: Float[np.ndarray, "V"], furthest: float = FURTHEST) -> bool:
    """Whether a law of the levels seen says anything of a place.

    A power law rises without bound towards few labels, and levels off towards many: it is not followed below the least
    amount seen, and up to `furthest` times the largest.
    """
    return bool((amounts >= 0.999 * seen.min(axis=0)).all() and (amounts <= 1.001 * furthest * seen.max(axis=0)).all())


def _left_out_errors(
    amounts: Float[np.ndarray, "L V"],
    means: Float[np.ndarray, "L"],
    weights: Float[np.ndarray, "L"],
    judged: Sequence[int],
    *,
    start: Float[np.ndarray, "V"],
) -> Float[np.ndarray, "K"]:
    """What the law of the other levels says of each level, less its mean; without variables that is their mean."""
    errors = []
    for i in judged:
        others = np.arange(len(means)) != i
        if amounts.shape[1] == 0:
            said = float(np.average(means[others], weights=weights[others]))
        else:
            said = float(_fitted(amounts[others], means[others], weights[others], start=start).error_at(amounts[i]))
        errors.append(said - means[i])
    return np.array(errors)


def _rms(errors: Float[np.ndarray, "K"]) -> float:
    return float(np.sqrt(np.mean(errors**2)))
