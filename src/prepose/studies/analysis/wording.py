"""How numbers are written: measures with their units, differences with their sign, intervals, ratios."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from prepose.metrics.protocol import IN_MM_OR_PX
from prepose.studies.statistics.comparison import Direction
from prepose.studies.statistics.interval import Interval

NONE = "–"
MINUS = "−"


@dataclass(frozen=True)
class Measure:
    """How a measure is shown.

    Attributes:
        title: What tables call it.
        unit: Of a value.
        difference_unit: Of a difference of two.
        factor: Times the stored value.
        digits: After the point.
    """

    title: str
    unit: str
    difference_unit: str
    factor: float
    digits: int


def _length(title: str, unit: str) -> Measure:
    return Measure(title, unit, unit, 1.0, 1)


def _share(title: str) -> Measure:
    return Measure(title, "%", "points", 100.0, 1)


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "mpjpe_mm": _length("MPJPE", "mm"),
        "pa_mpjpe_mm": _length("PA-MPJPE", "mm"),
        "n_mpjpe_mm": _length("N-MPJPE", "mm"),
        "error_px": _length("2D error", "px"),
        "pck3d_150": _share("PCK3D"),
        "auc3d": _share("AUC"),
        "pck2d": _share("PCK 2D"),
        "pck2d_10": _share("PCK 2D @0.1"),
        "pck2d_box": _share("PCK box"),
        "pckh_50": _share("PCKh"),
        "pckh_10": _share("PCKh @0.1"),
        "oks_ap": _share("OKS-AP"),
    }
)


def measure(name: str) -> Measure:
    """How a measure is shown; one that is not known goes by its name."""
    return MEASURES.get(name, Measure(name, "", "", 1.0, 3))


def direction(name: str) -> Direction:
    """Which way of a measure is better: errors in mm and px are better low, shares high."""
    return "lower" if name in IN_MM_OR_PX else "higher"


def figure(value: float | None, name: str, *, unit: bool = True) -> str:
    """`171.3 mm`, `84.2 %`, or a dash."""
    if value is None:
        return NONE
    shown = measure(name)
    text = signed(value * shown.factor, shown.digits, plus=False)
    return f"{text} {shown.unit}".rstrip() if unit else text


def difference(value: float, name: str) -> str:
    """`−12.4 mm`, `+3.1 points`."""
    shown = measure(name)
    return f"{signed(value * shown.factor, shown.digits)} {shown.difference_unit}".rstrip()


def interval(ends: Interval | None, name: str, *, plus: bool = False) -> str:
    """`168.2 to 174.4`, with signs where it is one of differences; empty where there is none."""
    if ends is None:
        return ""
    shown = measure(name)
    low, high = (
        signed(end * shown.factor, shown.digits, plus=plus) if math.isfinite(end) else "∞"
        for end in (ends.low, ends.high)
    )
    return f"{low} to {high}"


def signed(value: float, digits: int, *, plus: bool = True) -> str:
    """A number with a true minus sign; never `−0.0`."""
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return f"{MINUS if value < 0 else '+' if plus else ''}{text}"


def times(ratio: float) -> str:
    """A ratio to the hundredth, with three digits from 10 on: `0.85`, `2.30`, `14.2`."""
    return f"{ratio:.3g}" if ratio >= 10 else f"{ratio:.2f}"


def ratio_interval(ends: Interval) -> str:
    """`1.8 to 3.1`, `at least 1.8`, `at most 3.1`, or `anything`."""
    if not math.isfinite(ends.high):
        return f"at least {times(ends.low)}" if ends.low > 0 else "anything"
    return f"{times(ends.low)} to {times(ends.high)}" if ends.low > 0 else f"at most {times(ends.high)}"


def p_value(value: float | None) -> str:
    """`p = 0.03`, `p < 0.001`, or a dash."""
    if value is None:
        return NONE
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def counted(number: int, thing: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def seconds_written(seconds: float) -> str:
    """`12 s`, `4 min 10 s`, `3 h 05 min`."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def bytes_written(count: float) -> str:
    """`512 MiB`, `3.2 GiB`."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
