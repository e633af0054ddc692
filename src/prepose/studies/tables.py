"""Numbers over seeds: means, spreads, and how they are written."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np


class Spread(TypedDict):
    """A number over seeds: mean, standard deviation (n - 1; None for a single seed), lowest and highest."""

    mean: float | None
    std: float | None
    low: float | None
    high: float | None


def spread(values: Sequence[float | None]) -> Spread:
    """One number over seeds; None where it was not scored in every seed."""
    if not values or any(value is None or np.isnan(value) for value in values):
        return Spread(mean=None, std=None, low=None, high=None)
    known = np.array(values, dtype=float)
    std = float(known.std(ddof=1)) if len(known) > 1 else None
    return Spread(mean=float(known.mean()), std=std, low=float(known.min()), high=float(known.max()))


def number_of(number: int, noun: str) -> str:
    """A number of things: `1 thread`, `2 threads`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def flops_written(flops: float) -> str:
    """Operations with a power of ten that a reader knows: `12.3 TFLOP`."""
    for unit, size in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6)):
        # 999.6 would be written as 1e+03 of the smaller unit.
        if flops >= 0.9995 * size:
            return f"{flops / size:.3g} {unit}FLOP"
    return f"{flops:.3g} FLOP"


def clearly_apart(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two sets of seeds do not overlap at all. A plain statement about the seeds run, not a test."""
    return max(one) < min(other) or max(other) < min(one)
