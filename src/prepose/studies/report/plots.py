"""What a study's page draws: curves, budgets, matrices, parts and confidence as values for the script."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from prepose.studies.analysis.across import compared_factors
from prepose.studies.analysis.study_analysis import Matrix, SetResult, StudyAnalysis
from prepose.studies.analysis.wording import NONE, figure, interval, measure
from prepose.studies.report.tables_of_page import BASELINES, VARIANT_TITLES
from prepose.studies.statistics.across_tasks import EfficiencyPoint, LabelPoint
from prepose.studies.statistics.comparison import ArmFigure
from prepose.studies.statistics.crossing import Crossing
from prepose.studies.statistics.interval import Interval
from prepose.studies.tables import flops_written

# Orange and blue are a person's right and left side. Of the others these are told apart with any colour vision.
# Source: Paul Tol, "Colour Schemes", SRON technical note, 2021, the muted scheme without indigo, cyan and sand.
ARM_COLOURS = ("#117733", "#CC6677", "#882255", "#44AA99", "#999933", "#AA4499")


DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash")
# The same in SVG, for a legend outside the plot.
STROKES: Mapping[str, str] = dict(zip(DASHES, ("none", "9 5", "3 3", "9 4 3 4", "15 4"), strict=True))
ALONE = "#3550c8"
# Two levels are read off a table sooner.
FEWEST_LEVELS = 3
# Labels nearer to each other on an axis of compute would overlap.
TICKS_APART = 1.2


def styles_of(found: StudyAnalysis) -> dict[str, tuple[str, str]]:
    """The colour and dash of each arm: colours tell levels that are compared, dashes those they are crossed with."""
    varied, first = _varied(found), compared_factors(found)
    keys = {
        arm.name: (
            tuple(arm.levels[name] for name in first),
            tuple(arm.levels[name] for name in varied if name not in first),
        )
        for arm in found.arms
    }
    colours, dashes = (list(dict.fromkeys(key[side] for key in keys.values())) for side in (0, 1))
    styles = {}
    for name, (one, other) in keys.items():
        i = colours.index(one)
        dash = dashes.index(other) + i // len(ARM_COLOURS)
        styles[name] = (ARM_COLOURS[i % len(ARM_COLOURS)], DASHES[dash % len(DASHES)])
    return styles


def colours_of(found: StudyAnalysis) -> dict[str, str]:
    """The colour of each arm."""
    return {name: colour for name, (colour, _) in styles_of(found).items()}


def _compared(found: StudyAnalysis) -> set[str]:
    # A factor that both sides name at one level says where they are compared, not what is.
    return {name for each in found.comparisons for name, level in each.arm.items() if each.baseline.get(name) != level}


def _varied(found: StudyAnalysis) -> list[str]:
    return [factor.name for factor in found.study.factors if len(factor.levels) > 1]


def curve_errors(found: StudyAnalysis) -> list[tuple[str, str]]:
    """The held-out errors that some arm has a curve of, with what the reader calls them."""
    names = dict.fromkeys(name for arm in found.curves for seed in arm.seeds for name in seed.errors)
    return [(name, "validation" if name == "validation" else f"held-out {name}") for name in names]


def script_data(found: StudyAnalysis) -> dict[str, Any]:
    """What the script draws, but for poses."""
    return {
        "arms": [{"name": name, "colour": colour, "dash": dash} for name, (colour, dash) in styles_of(found).items()],
        "sets": [{"name": each.name, "title": each.title} for each in found.sets],
        "curves": _curves(found),
        "levels": [*_level_lines(found)],
        "budgets": [*_budget_curves(found)],
        "budget_ticks": _budget_ticks(found),
        "crossings": _crossings(found),
        "across": _across(found),
        "matrices": [_matrix(each, found.titles) for each in found.matrices],
        "parts": {each.name: _parts(each) for each in found.sets},
        "confidence": {each.name: _confidence(each) for each in found.sets},
    }


def _curves(found: StudyAnalysis) -> dict[str, list[dict[str, Any]]]:
    """For each error, each arm's mean and range over seeds at the points that all its seeds have."""
    curves: dict[str, list[dict[str, Any]]] = {}
    for name, _ in curve_errors(found):
        for arm in found.curves:
            seeds = [seed for seed in arm.seeds if name in seed.errors]
            length = min((len(seed.images) for seed in seeds), default=0)
            errors = np.array([seed.errors[name][:length] for seed in seeds], dtype=float).reshape(len(seeds), length)
            known = ~np.isnan(errors).any(axis=0) if length else np.zeros(0, bool)
            if not known.any():
                continue
            axes = {
                axis: _rounded(np.mean([getattr(seed, axis)[:length] for seed in seeds], axis=0)[known], 4)
                for axis in ("images", "flops", "counted_flops", "seconds")
            }
            band = {"mean": errors.mean(axis=0), "low": errors.min(axis=0), "high": errors.max(axis=0)}
            shown = {key: _rounded(values[known], 5) for key, values in band.items()}
            curves.setdefault(name, []).append({"arm": arm.arm, **axes, **shown})
    return curves


def _rounded(values: np.ndarray, digits: int) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values.tolist()]


def level_factor(found: StudyAnalysis) -> str | None:
    """The factor along whose levels errors are drawn: the longest that is not what arms are compared by, if any is."""
    compared, varied = _compared(found), _varied(found)
    counts = {factor.name: len(factor.levels) for factor in found.study.factors}
    longest = max([name for name in varied if name not in compared] or varied, key=counts.__getitem__, default=None)
    # Budgets have a plot of their own, against compute.
    drawn = longest is not None and longest != found.study.budget_factor and counts[longest] >= FEWEST_LEVELS
    return longest if drawn else None


def _level_lines(found: StudyAnalysis) -> Iterator[dict[str, Any]]:
    """Error at each level of a factor, for each set and combination of the other levels."""
    factor = level_factor(found)
    if factor is None:
        return
    styles, others = styles_of(found), [name for name in _varied(found) if name != factor]
    for each in found.sets:
        lines: dict[str, list[tuple[str, ArmFigure]]] = {}
        for arm in found.arms:
            row = each.figure(arm.name, each.headline)
            if row is not None:
                lines.setdefault(" / ".join(arm.levels[other] for other in others), []).append((arm.name, row))
        levels = {arm.name: arm.levels[factor] for arm in found.arms}
        for name, points in lines.items():
            colour, dash = styles[points[0][0]] if others else (ALONE, "solid")
            style = {"set": each.name, "name": name, "colour": colour, "dash": dash}
            shown = _with_ends([row for _, row in points], each.headline)
            yield style | shown | {"levels": [levels[arm] for arm, _ in points]}


def _budget_curves(found: StudyAnalysis) -> Iterator[dict[str, Any]]:
    """Error at the end of trainings of several budgets, for each set and combination of the other levels."""
    factor = found.study.budget_factor
    if factor is None:
        return
    styles = styles_of(found)
    others = [name for name in _varied(found) if name != factor]
    for each in found.sets:
        lines: dict[str, list[tuple[float, str, ArmFigure]]] = {}
        for arm in found.arms:
            row = each.figure(arm.name, each.headline)
            if row is not None:
                name = " / ".join(arm.levels[other] for other in others) or each.title
                lines.setdefault(name, []).append((arm.counted_flops, arm.name, row))
        drawn: list[str] = []
        for name, points in lines.items():
            colour = styles[points[0][1]][0]
            dash = DASHES[drawn.count(colour) % len(DASHES)]
            drawn.append(colour)
            style = {"set": each.name, "name": name, "colour": colour, "dash": dash}
            ordered = sorted(points, key=lambda point: point[0])
            shown = _with_ends([row for _, _, row in ordered], each.headline)
            yield style | shown | {"flops": [flops for flops, _, _ in ordered]}


def _budget_ticks(found: StudyAnalysis) -> list[dict[str, Any]]:
    """The budgets that the plot against compute has points at, as a reader writes them."""
    ticks: list[float] = []
    for flops in sorted({flops for line in _budget_curves(found) for flops in line["flops"]}):
        # Budgets are kept to whole steps, so that arms of one budget may differ a little.
        if not ticks or flops > TICKS_APART * ticks[-1]:
            ticks.append(flops)
    return [{"flops": flops, "text": flops_written(flops)} for flops in ticks]


def _across(found: StudyAnalysis) -> dict[str, Any]:
    """Performance profiles and error against compute over all tasks, each method in the style of its first arm."""
    across = found.across
    if across is None:
        return {"profiles": [], "efficiency": [], "labels": [], "thresholds": []}
    styles = styles_of(found)
    drawn: dict[str, dict[str, str]] = {}
    for arm in found.arms:
        colour, dash = styles[arm.name]
        name = " / ".join(arm.levels[factor] for factor in compared_factors(found))
        drawn.setdefault(name, {"name": name, "colour": colour, "dash": dash})
    profiles = [
        drawn[each.name]
        | {key: _rounded(np.array(getattr(each, key)), 4) for key in ("profile", "profile_low", "profile_high")}
        for each in across.methods
    ]
    along_labels = across.labels.points if across.labels else ()
    return {
        "profiles": profiles,
        "efficiency": _lines([(each.flops, each) for each in across.efficiency], drawn),
        "labels": _lines([(each.amount, each) for each in along_labels], drawn),
        "labels_axis": across.labels.what if across.labels else "",
        "thresholds": _rounded(np.array(across.thresholds), 4),
    }


def _lines(
    points: Sequence[tuple[float, EfficiencyPoint | LabelPoint]], drawn: Mapping[str, dict[str, str]]
) -> list[dict[str, Any]]:
    """A line with a band for each method, from (x, point)."""
    lines = []
    for name in dict.fromkeys(point.method for _, point in points):
        own = sorted(((x, point) for x, point in points if point.method == name), key=lambda pair: pair[0])
        ends = [point.interval or Interval(point.iqm, point.iqm) for _, point in own]
        values = {
            "x": [x for x, _ in own],
            "mean": [point.iqm for _, point in own],
            "low": [end.low for end in ends],
            "high": [end.high for end in ends],
        }
        lines.append(drawn[name] | {key: _rounded(np.array(each), 4) for key, each in values.items()})
    return lines


def _with_ends(rows: Sequence[ArmFigure], name: str) -> dict[str, Any]:
    """Means with their intervals, in the unit that readers see."""
    shown = measure(name)
    ends = [row.interval or Interval(row.mean, row.mean) for row in rows]
    return {
        "axis": f"{shown.title}, {shown.unit}",
        "mean": [shown.factor * row.mean for row in rows],
        "low": [shown.factor * end.low for end in ends],
        "high": [shown.factor * end.high for end in ends],
    }


def _crossings(found: StudyAnalysis) -> list[dict[str, Any]]:
    """Where budget curves cross within the budgets, as far as seeds tell; as words of a vertical line.

    A crossing that may as well lie before the first budget or behind the last is told in words alone: a line would say
    more than the study shows.
    """
    return [
        {
            "set": each.error_of,
            "flops": each.crossing.flops,
            "text": f"{each.arm} {each.crossing.order} {each.baseline}",
        }
        for each in found.compute
        if each.along == "budgets" and each.crossing is not None and _is_bounded(each.crossing)
    ]


def _is_bounded(crossing: Crossing) -> bool:
    ends = crossing.interval
    return ends is not None and ends.low > 0 and math.isfinite(ends.high)


def _matrix(each: Matrix, titles: Mapping[str, str]) -> dict[str, Any]:
    shown = measure(each.measure)
    cells = [[cell.figure for cell in row] for row in each.cells]
    return {
        "title": ", ".join(each.where.values()),
        "factor": each.factor,
        "axis": f"{shown.title}, {shown.unit}",
        "rows": each.rows,
        "columns": [titles[name] for name in each.columns],
        "values": [[None if cell is None else shown.factor * cell.mean for cell in row] for row in cells],
        "texts": [[_matrix_text(cell, each.measure) for cell in row] for row in cells],
        "home": [[cell.at_home for cell in row] for row in each.cells],
    }


def _matrix_text(cell: ArmFigure | None, name: str) -> str:
    if cell is None:
        return NONE
    ends = interval(cell.interval, name)
    return f"<b>{figure(cell.mean, name, unit=False)}</b>" + (f"<br>{ends}" if ends else "")


def _parts(each: SetResult) -> list[dict[str, Any]]:
    return [
        {
            "arm": name,
            "parts": {part: round(row.mean, 2) for part, row in arm.parts.items()},
            "variants": {
                VARIANT_TITLES.get(variant, variant): round(row.mean, 2) for variant, row in arm.variants.items()
            },
            "baselines": [VARIANT_TITLES[variant] for variant in BASELINES if variant in arm.variants],
        }
        for name, arm in each.arms.items()
        if arm.parts
    ]


def _confidence(each: SetResult) -> list[dict[str, Any]]:
    return [
        {
            "arm": name,
            "confidence": [round(one.confidence, 4) for one in arm.confidence.bins],
            "error": [round(one.error, 4) for one in arm.confidence.bins],
            "share": [round(one.share_well_placed, 4) for one in arm.confidence.bins],
            "order": arm.confidence.rank_correlation.mean,
        }
        for name, arm in each.arms.items()
        if arm.confidence
    ]
