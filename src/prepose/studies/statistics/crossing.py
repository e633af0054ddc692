"""Where two curves of error against compute cross: from how much compute on one arm is ahead of another."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from prepose.studies.statistics.curves import ArmCurves, not_told_from_zero, shared_seeds
from prepose.studies.statistics.interval import FEWEST_SEEDS, Interval

Order = Literal["overtakes", "falls behind", "ahead throughout", "behind throughout"]


@dataclass(frozen=True)
class Crossing:
    """The last crossing of an arm with a baseline over the compute that both cover.

    Attributes:
        arm: The arm.
        baseline: The baseline.
        seeds: The seeds compared.
        order: What the arm's mean curve does: from the crossing on it is ahead ("overtakes") or behind.
        flops: Training FLOPs of the crossing; None where the mean curves do not cross.
        interval: 95 % interval of the crossing over seeds: between the last compute before it and the first after it
            at which a t test tells the arms apart; infinite, or 0, where nothing tells them apart to the end of the
            curves. None without a crossing or with fewer than three seeds.
        range_flops: The compute that both cover.
        times_crossed: How often the mean curves cross in all.
        notes: What a reader has to know.
    """

    arm: str
    baseline: str
    seeds: tuple[int, ...]
    order: Order
    flops: float | None
    interval: Interval | None
    range_flops: tuple[float, float]
    times_crossed: int
    notes: tuple[str, ...]


def crossing(arm: ArmCurves, baseline: ArmCurves) -> Crossing:
    """Where the arm's error falls below the baseline's for good, or rises above it.

    Raises:
        ValueError: the arms share no seed or no compute.
    """
    seeds = shared_seeds(arm, baseline)
    places = _shared_places(arm, baseline)
    differences = arm.errors_at(places, seeds) - baseline.errors_at(places, seeds)
    mean = differences.mean(axis=0)
    # Zero belongs to the side it came from, so that curves which touch do not cross.
    ahead = _without_ties(mean)
    changes = np.flatnonzero(ahead[1:] != ahead[:-1]) + 1
    notes = () if len(seeds) >= FEWEST_SEEDS else (f"{len(seeds)} seed(s): fewer than {FEWEST_SEEDS} tell no interval",)
    flops, interval = None, None
    if len(changes):
        i = changes[-1]
        place = places[i - 1] + (places[i] - places[i - 1]) * mean[i - 1] / (mean[i - 1] - mean[i])
        flops = float(np.exp(place))
        interval = _interval(places, differences, int(i), float(place)) if len(seeds) >= FEWEST_SEEDS else None
    return Crossing(
        arm=arm.name,
        baseline=baseline.name,
        seeds=seeds,
        order=_order(bool(ahead[-1]), crossed=len(changes) > 0),
        flops=flops,
        interval=interval,
        range_flops=(float(np.exp(places[0])), float(np.exp(places[-1]))),
        times_crossed=len(changes),
        notes=notes,
    )


def _shared_places(arm: ArmCurves, baseline: ArmCurves) -> Float[np.ndarray, "M"]:
    low, high = (
        np.max([arm.log_range, baseline.log_range], axis=0)[0],
        np.min([arm.log_range, baseline.log_range], 0)[1],
    )
    if low >= high:
        raise ValueError(f"the curves of {arm.name!r} and {baseline.name!r} cover no common compute")
    both = np.unique(np.concatenate([arm.grid(), baseline.grid(), [low, high]]))
    return both[(both >= low) & (both <= high)]


def _without_ties(mean: Float[np.ndarray, "M"]) -> Bool[np.ndarray, "M"]:
    decided = np.flatnonzero(mean != 0)
    if len(decided) == 0:
        return np.zeros(len(mean), bool)
    latest = np.maximum.accumulate(np.where(mean != 0, np.arange(len(mean)), -1))
    return (mean < 0)[np.where(latest < 0, decided[0], latest)]


def _order(ahead: bool, *, crossed: bool) -> Order:  # noqa: FBT001
    if crossed:
        return "overtakes" if ahead else "falls behind"
    return "ahead throughout" if ahead else "behind throughout"


def _interval(
    places: Float[np.ndarray, "M"], differences: Float[np.ndarray, "S M"], after: int, place: float
) -> Interval:
    told = ~not_told_from_zero(differences)
    before = np.flatnonzero(told[:after])
    later = np.flatnonzero(told[after:])
    low = float(np.exp(places[before[-1]])) if len(before) else 0.0
    high = float(np.exp(places[after + later[0]])) if len(later) else float("inf")
    return Interval(min(low, float(np.exp(place))), max(high, float(np.exp(place))))
