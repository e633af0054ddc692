"""Error against training compute: one curve for each seed, made monotone, and where a difference of curves is zero.

Points are either several budgets (each a training of its own) or evaluations along one training. The two are not the
same question: a schedule that ends at the full budget has not yet cooled down at the earlier points.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy import optimize, stats

from prepose.studies.statistics.interval import CONFIDENCE, FEWEST_SEEDS, Interval

# Steps of log FLOPs in which roots are looked for; over two decades of compute a step is half a per cent.
STEPS = 1024


@dataclass(frozen=True, eq=False)
class ErrorCurve:
    """One training's error at several amounts of compute.

    Attributes:
        flops: Training FLOPs up to each point, ascending.
        errors: The error there, lower is better, above 0 (give 1 - PCK, not PCK).
    """

    flops: Float[np.ndarray, "P"]
    errors: Float[np.ndarray, "P"]

    def __post_init__(self) -> None:
        if len(self.flops) != len(self.errors) or len(self.flops) < 2:
            raise ValueError(
                f"a curve needs two points or more, an error for each; found {len(self.flops)} and {len(self.errors)}"
            )
        if not (self.flops[0] > 0 and (np.diff(self.flops) > 0).all() and np.isfinite(self.flops).all()):
            raise ValueError("the FLOPs of a curve must be positive, finite and ascending")
        if not (np.isfinite(self.errors).all() and (self.errors > 0).all()):
            raise ValueError("the errors of a curve must be positive and finite (give 1 - PCK, not PCK)")


@dataclass(frozen=True, eq=False)
class ArmCurves:
    """An arm's curves: seed -> curve."""

    name: str
    curves: Mapping[int, ErrorCurve]

    def __post_init__(self) -> None:
        if not self.curves:
            raise ValueError(f"arm {self.name!r} has no curve")
        low, high = self.log_range
        if low >= high:
            raise ValueError(f"arm {self.name!r}: its seeds' curves cover no common compute")

    @property
    def log_range(self) -> tuple[float, float]:
        """Natural logarithms of the FLOPs between which every seed has a curve."""
        firsts = [curve.flops[0] for curve in self.curves.values()]
        lasts = [curve.flops[-1] for curve in self.curves.values()]
        return float(np.log(max(firsts))), float(np.log(min(lasts)))

    def grid(self) -> Float[np.ndarray, "M"]:
        """Places of log FLOPs over the arm's range: even steps and every point of the curves."""
        low, high = self.log_range
        knots = np.log(np.concatenate([curve.flops for curve in self.curves.values()]))
        inside = knots[(knots > low) & (knots < high)]
        return np.unique(np.concatenate([np.linspace(low, high, STEPS), inside]))

    def errors_at(self, log_flops: Float[np.ndarray, "M"], seeds: tuple[int, ...]) -> Float[np.ndarray, "S M"]:
        """Each seed's monotone error at the given log FLOPs, which must lie within its range."""
        return np.stack([np.exp(np.interp(log_flops, *_monotone(self.curves[seed]))) for seed in seeds])


def _monotone(curve: ErrorCurve) -> tuple[Float[np.ndarray, "P"], Float[np.ndarray, "P"]]:
    # Straight lines between points in log-log are power laws, the form in which errors fall with compute (Hestness et
    # al., "Deep learning scaling is predictable, empirically", arXiv 1712.00409). Isotonic least squares (Barlow et
    # al. 1972) levels what goes up again, which between two validations is mostly noise.
    fitted = optimize.isotonic_regression(np.log(curve.errors.astype(float)), increasing=False)
    return np.log(curve.flops.astype(float)), fitted.x


def shared_seeds(arm: ArmCurves, baseline: ArmCurves) -> tuple[int, ...]:
    """The seeds that both have, in the arm's order.

    Raises:
        ValueError: there is none.
    """
    seeds = tuple(seed for seed in arm.curves if seed in baseline.curves)
    if not seeds:
        raise ValueError(
            f"{arm.name!r} and {baseline.name!r} share no seed; curves are compared between trainings of one seed"
        )
    return seeds


@dataclass(frozen=True)
class Root:
    """Where differences of paired curves reach zero from above along a path.

    Attributes:
        place: The place on the path at which the mean difference falls to 0, or the end that it does not reach it at.
        where: "inside"; "before" if it is at or below 0 from the start; "after" if it stays above 0.
        interval: The places where a t test of the seeds does not tell the difference from 0, from the first to the
            last; an infinite end: so does the path's end. None with fewer than three seeds.
    """

    place: float
    where: Literal["inside", "before", "after"]
    interval: Interval | None


def root_along(places: Float[np.ndarray, "M"], differences: Float[np.ndarray, "S M"]) -> Root:
    """The root of a difference that falls along a path, with its interval by inverting the paired t test.

    At the true place the seeds' differences have mean 0, so that a 5 % test keeps that place in 95 % of studies
    whatever the shape of the curves: few seeds make the interval wide, or open, and not wrong.

    Source: Fieller, "Some problems in interval estimation", Journal of the Royal Statistical Society B 16, 1954.

    Args:
        places: Ascending places.
        differences: Difference of each of S seeds at each place.
    """
    mean = differences.mean(axis=0)
    place, where = _first_zero(places, mean)
    if len(differences) < FEWEST_SEEDS:
        return Root(place, where, None)
    untold = not_told_from_zero(differences)
    if not untold.any():
        low = -np.inf if where == "before" else place
        return Root(place, where, Interval(float(low), float(np.inf if where == "after" else place)))
    low = -np.inf if untold[0] else places[untold][0]
    high = np.inf if untold[-1] else places[untold][-1]
    return Root(place, where, Interval(float(min(low, place)), float(max(high, place))))


def not_told_from_zero(differences: Float[np.ndarray, "S M"]) -> np.ndarray:
    """Where a two-sided 5 % t test of the seeds does not reject a mean of 0 (boolean, M)."""
    count = len(differences)
    critical = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)
    return np.abs(differences.mean(axis=0)) <= critical * differences.std(axis=0, ddof=1) / np.sqrt(count)


def _first_zero(
    places: Float[np.ndarray, "M"], mean: Float[np.ndarray, "M"]
) -> tuple[float, Literal["inside", "before", "after"]]:
    reached = np.flatnonzero(mean <= 0)
    if len(reached) == 0:
        return float(places[-1]), "after"
    i = reached[0]
    if i == 0:
        return float(places[0]), "before"
    return float(places[i - 1] + (places[i] - places[i - 1]) * mean[i - 1] / (mean[i - 1] - mean[i])), "inside"
