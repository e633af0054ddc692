"""Numbers over seeds: means, spreads, and how they are written."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np


class Spread(TypedDict):
    """A figure over seeds: its mean and standard deviation (n - 1; None for a single seed)."""

    mean: float | None
    std: float | None


def spread(values: Sequence[float | None]) -> Spread:
    """Mean and standard deviation of one figure over seeds; None where it was not scored in every seed."""
    if not values or any(value is None or np.isnan(value) for value in values):
        return Spread(mean=None, std=None)
    known = np.array(values, dtype=float)
    return Spread(mean=float(known.mean()), std=float(known.std(ddof=1)) if len(known) > 1 else None)


def spreads(rows: Sequence[Mapping[str, float | None]]) -> dict[str, Spread]:
    """The same for each figure of rows that have one key set."""
    return {name: spread([row[name] for row in rows]) for name in rows[0]}


def written(value: Spread, *, factor: float = 1.0, digits: int = 0) -> str:
    """`123 ± 4`, `123` for a single seed, or a dash."""
    if value["mean"] is None:
        return "–"
    mean = f"{value['mean'] * factor:.{digits}f}"
    return mean if value["std"] is None else f"{mean} ± {value['std'] * factor:.{digits}f}"


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
