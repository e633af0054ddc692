"""A study's results as tables for reading: what the page and the Markdown show, made from `results.json` alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prepose.studies.analysis.checklist import validation_beside_test
from prepose.studies.analysis.study_analysis import Costs, OverSeeds, SetResult, StudyAnalysis
from prepose.studies.analysis.wording import (
    NONE,
    bytes_written,
    direction,
    figure,
    interval,
    measure,
    seconds_written,
    signed,
)
from prepose.studies.results.error_groups import KINDS
from prepose.studies.statistics.across_tasks import AcrossTasks, EfficiencyPoint, LabelPoint
from prepose.studies.statistics.comparison import ArmFigure
from prepose.studies.statistics.interval import Interval
from prepose.studies.tables import flops_written

# Beside the headline measure of a set, at most these are shown; the CSV files have them all.
BESIDE = ("pa_mpjpe_mm", "pck2d", "pck2d_box", "pckh_50")
MOST_BESIDE = 2
# Nine columns of numbers and more are wider than a page.
MOST_SETS_BESIDE = 2
PART_TITLES = {"scale": "scale", "orientation": "orientation", "rest": "rest (PA)"}
VARIANT_TITLES = {
    "mean-pose": "mean training pose",
    "true-2d-flat-depth": "true 2D, flat depth",
    "true-2d-predicted-depth": "true 2D, predicted depth",
    "predicted-2d-true-depth": "predicted 2D, true depth",
    "decoding-floor": "quantisation error",
}
# These know nothing of the network.
BASELINES = ("mean-pose", "true-2d-flat-depth")
KIND_TITLES = {
    "joint": "by joint",
    "state": "by occlusion of the joint",
    "hidden": "by share of occluded joints",
    "action": "by action",
}


@dataclass(frozen=True)
class Cell:
    """A number, with its interval in small print."""

    text: str
    note: str = ""
    best: bool = False


@dataclass(frozen=True)
class Row:
    """A row: the arm's name where it is one, else empty; what stands at its head; its cells."""

    arm: str
    head: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class WideTable:
    """A table for reading.

    Attributes:
        title: Its heading.
        note: What a reader has to know.
        label: Above the heads of the rows.
        groups: (title, number of columns) above the columns; empty where there is none.
        columns: Above each column of cells.
        rows: From top to bottom.
        set_name: The evaluation set it is about; empty for more than one.
    """

    title: str
    note: str
    label: str
    groups: Sequence[tuple[str, int]]
    columns: Sequence[str]
    rows: Sequence[Row]
    set_name: str = ""


def main_table(found: StudyAnalysis) -> WideTable:
    """Every arm on every set: the headline measure and one or two beside it, with intervals."""
    beside = MOST_BESIDE if len(found.sets) <= MOST_SETS_BESIDE else 1
    measures = {each.name: _shown(each, beside) for each in found.sets}
    rows = [*_baseline_rows(found, measures)]
    for arm in found.arms:
        cells = [
            _figure_cell(each.figure(arm.name, name), name, best_mean(each, name))
            for each in found.sets
            for name in measures[each.name]
        ]
        rows.append(Row(arm.name, arm.name, cells))
    return WideTable(
        title="Error on every test set",
        note="Mean over seeds; below it the 95 % interval over trainings and test subjects. Bold: the best mean. "
        "Baselines use no network.",
        label="trained",
        groups=[(each.title, len(measures[each.name])) for each in found.sets],
        columns=[_column(name) for each in found.sets for name in measures[each.name]],
        rows=rows,
    )


def _shown(each: SetResult, most: int) -> list[str]:
    there = {name for arm in each.arms.values() for name in arm.measures}
    headline = each.headline if each.headline in there else next(iter(sorted(there)), each.headline)
    beside = [name for name in BESIDE if name in there and name != headline]
    return [headline, *beside[:most]]


def _column(name: str) -> str:
    shown = measure(name)
    return f"{shown.title}, {shown.unit}".rstrip(", ")


def best_mean(each: SetResult, name: str) -> float | None:
    """The best arm's mean of a measure; None with fewer than two arms."""
    means = [arm.measures[name].mean for arm in each.arms.values() if name in arm.measures]
    if len(means) < 2:
        return None
    return min(means) if direction(name) == "lower" else max(means)


def _figure_cell(row: ArmFigure | None, name: str, best: float | None = None) -> Cell:
    if row is None:
        return Cell(NONE)
    return Cell(figure(row.mean, name, unit=False), interval(row.interval, name), row.mean == best)


def _baseline_rows(found: StudyAnalysis, measures: Mapping[str, Sequence[str]]) -> Iterator[Row]:
    for variant in BASELINES:
        cells = []
        for each in found.sets:
            means = [arm.variants[variant].mean for arm in each.arms.values() if variant in arm.variants]
            cells += [
                Cell(_range(means, name) if means and name == "mpjpe_mm" else NONE) for name in measures[each.name]
            ]
        if any(cell.text != NONE for cell in cells):
            yield Row("", VARIANT_TITLES[variant], cells)


def _range(means: Sequence[float], name: str) -> str:
    """One number; from the lowest to the highest where arms have other training poses, and so another mean of them."""
    low, high = (figure(end, name, unit=False) for end in (min(means), max(means)))
    return low if low == high else f"{low} to {high}"


def costs_table(found: StudyAnalysis) -> WideTable:
    """What each arm cost."""
    rows = []
    for arm in found.arms:
        costs = arm.costs
        texts = [
            f"{len(arm.done)} of {len(arm.trials)}",
            f"{arm.parameters:,}",
            f"{arm.images:,}",
            flops_written(arm.train_flops),
            flops_written(arm.counted_flops),
            _or_none(costs.validation_flops, flops_written),
            _or_none(costs.evaluation_flops, flops_written),
            _or_none(costs.train_seconds, seconds_written),
            _or_none(_memory(costs), bytes_written),
            _or_none(costs.energy_joules, lambda joules: f"{joules / 3600:.1f} Wh"),
        ]
        rows.append(Row(arm.name, arm.name, [Cell(text) for text in texts]))
    return WideTable(
        title="Costs of each arm",
        note="One trial, mean over finished trials. FLOPs are forward and backward passes, pre-training included; "
        "counted: a stage that several trainings share is divided among them. Memory is the peak of the process, or "
        "of the GPU where there is one.",
        label="trained",
        groups=(),
        columns=("trials", "parameters", "images", "training", "counted", "validation", "test", "time", "memory",
                 "energy"),
        rows=rows,
    )  # fmt: skip


def tuning_table(found: StudyAnalysis) -> WideTable | None:
    """What setting was chosen for each arm, among how many; None without a search."""
    if found.tuning is None:
        return None
    search, rows = found.tuning.search, []
    for arm in found.tuning.arms:
        chosen = arm.setting
        last = [setting.scores[-1] for setting in arm.settings if len(setting.scores) == len(chosen.scores)]
        known = [score for score in last if score is not None]
        diverged = sum(None in setting.scores for setting in arm.settings)
        texts = [
            ", ".join(chosen.changes),
            figure(chosen.scores[-1], arm.metric),
            f"{figure(min(known), arm.metric, unit=False)} to {figure(max(known), arm.metric)}",
            f"{len(arm.settings)}" + (f", {diverged} diverged" if diverged else ""),
            ", ".join(arm.at_edge) or NONE,
            flops_written(sum(setting.train_flops for setting in arm.settings)),
        ]
        rows.append(Row(arm.arm, arm.arm, [Cell(text) for text in texts]))
    ranges = ", ".join(f"{name} {spread.written}" for name, spread in search.parameters.items())
    halved = f"; the worse were stopped early, over {len(search.rungs)} rungs" if search.halving else ""
    return WideTable(
        title="Search for settings",
        note=f"Every arm had the same search before its trials: {search.trials} settings of {ranges} by "
        f"{search.sampler}, each a training of {search.part:.3g} of the arm's budget{halved}. The validation chose, "
        f"with seed {search.seed}, which no trial has; test sets were not looked at. At an end of its range: the best "
        "may lie beyond. Scores: of the settings that went as far as the chosen one.",
        label="trained",
        groups=(),
        columns=("chosen", "validation", "scores", "settings", "at an end of its range", "training"),
        rows=rows,
    )


def _memory(costs: Costs) -> float | None:
    return costs.peak_device_memory_bytes or costs.peak_memory_bytes


def _or_none(value: float | None, write: Any) -> str:
    return NONE if value is None else write(value)


def parts_tables(found: StudyAnalysis) -> Iterator[WideTable]:
    """What the error is made of, for each set with 3D ground truth."""
    for each in found.sets:
        arms = {name: arm for name, arm in each.arms.items() if arm.parts}
        if not arms:
            continue
        named: dict[str, None] = dict.fromkeys(name for arm in arms.values() for name in arm.variants)
        variants = [name for name in named if name not in BASELINES]
        rows = [
            Row(
                name,
                name,
                [
                    _figure_cell(arm.measures.get("mpjpe_mm"), "mpjpe_mm"),
                    *(_figure_cell(arm.parts.get(part), "mpjpe_mm") for part in PART_TITLES),
                    *(_figure_cell(arm.variants.get(variant), "mpjpe_mm") for variant in variants),
                ],
            )
            for name, arm in arms.items()
        ]
        yield WideTable(
            title=f"Parts of the error: {each.title}",
            note="mm. MPJPE is the sum of what the best scale removes (scale), what the best rotation, shift and scale "
            "remove beyond it (orientation), and the rest, which is PA-MPJPE. Then MPJPE with a part of the "
            "prediction replaced.",
            label="trained",
            groups=[("MPJPE", 1), ("its parts", len(PART_TITLES)), ("instead of the prediction", len(variants))],
            columns=["", *PART_TITLES.values(), *(VARIANT_TITLES.get(name, name) for name in variants)],
            rows=rows,
            set_name=each.name,
        )


def group_tables(found: StudyAnalysis, kinds: Sequence[str] = KINDS) -> Iterator[WideTable]:
    """Errors by joint, state, share hidden and action, for each set: groups down, arms across."""
    for each in found.sets:
        for kind in kinds:
            arms = {name: arm for name, arm in each.arms.items() if kind in arm.groups}
            if not arms:
                continue
            name = next(iter(arms.values())).group_measure
            # The root's error is 0 by definition.
            labels = dict.fromkeys(
                label for arm in arms.values() for label, row in arm.groups[kind].items() if any(row.seed_means)
            )
            rows = [
                Row(
                    "",
                    label.replace("_", " "),
                    [_group_cell(arm.groups[kind].get(label), name) for arm in arms.values()],
                )
                for label in labels
            ]
            yield WideTable(
                title=f"{measure(name).title} {KIND_TITLES[kind]}: {each.title}",
                note=f"{measure(name).unit}; mean over seeds ± half the 95 % interval over seeds alone.",
                label="",
                groups=(),
                columns=list(arms),
                rows=rows,
                set_name=each.name,
            )


def _group_cell(row: OverSeeds | None, name: str) -> Cell:
    if row is None or row.mean is None:
        return Cell(NONE)
    ends, shown = row.interval, measure(name)
    half = "" if ends is None else f"±{signed((ends.high - ends.low) / 2 * shown.factor, shown.digits, plus=False)}"
    return Cell(figure(row.mean, name, unit=False), half)


def matrix_tables(found: StudyAnalysis) -> Iterator[WideTable]:
    """Train x test, one table for each combination of the other levels."""
    for each in found.matrices:
        where = f" ({', '.join(each.where.values())})" if each.where else ""
        rows = []
        for level, cells in zip(each.rows, each.cells, strict=True):
            rows.append(Row("", level, [_figure_cell(cell.figure, each.measure) for cell in cells]))
        yield WideTable(
            title=f"{each.factor} × test set{where}",
            note=f"{_column(each.measure)}, protocol {each.protocol}, with 95 % intervals.",
            label=each.factor,
            groups=(),
            columns=[found.titles[name] for name in each.columns],
            rows=rows,
        )


def across_tables(found: StudyAnalysis) -> Iterator[WideTable]:
    """All tasks together: interquartile means, probabilities of improvement, error against compute."""
    across = found.across
    if across is None:
        return
    best = min(each.iqm for each in across.methods)
    yield WideTable(
        title="Interquartile mean of the relative error",
        note=f"Over {len(across.tasks)} tasks: {'; '.join(across.tasks)}. 1: the mean of all that is compared; "
        "lower is better.",
        label=" / ".join(across.factors),
        groups=(),
        columns=("trainings", "IQM"),
        rows=[
            Row("", each.name, [Cell(str(each.trainings)), _plain_cell(each.iqm, each.interval, best=each.iqm == best)])
            for each in across.methods
        ],
    )
    yield WideTable(
        title="Probability of improvement",
        note="How often a training of the first has a lower error than one of the second on the same task; 0.5: as "
        "often as not.",
        label="",
        groups=(),
        columns=("probability",),
        rows=[
            Row("", f"{each.arm} over {each.baseline}", [_plain_cell(each.probability, each.interval)])
            for each in across.improvements
        ],
    )
    if across.efficiency:
        yield _efficiency_table(
            "Relative error at each level of compute", found.study.budget_factor or "", across, across.efficiency
        )
    if across.labels is not None:
        yield _efficiency_table(
            "Relative error at each number of labels", across.labels.factor, across, across.labels.points
        )


def _efficiency_table(
    title: str, factor: str, across: AcrossTasks, points: Sequence[EfficiencyPoint | LabelPoint]
) -> WideTable:
    amounts = {point.level: getattr(point, "amount", None) for point in points}
    cells = {(point.method, point.level): _plain_cell(point.iqm, point.interval) for point in points}
    return WideTable(
        title=title,
        note=f"Interquartile mean over the test sets at each level of {factor}, relative to the mean of all levels."
        + (f" In brackets: {across.labels.what}." if across.labels and any(amounts.values()) else ""),
        label=" / ".join(across.factors),
        groups=(),
        columns=[level if amount is None else f"{level} ({amount:,.4g})" for level, amount in amounts.items()],
        rows=[
            Row("", name, [cells.get((name, level), Cell(NONE)) for level in amounts])
            for name in dict.fromkeys(point.method for point in points)
        ],
    )


def _plain_cell(value: float, ends: Interval | None, *, best: bool = False) -> Cell:
    told = "" if ends is None else f"{signed(ends.low, 2, plus=False)} to {signed(ends.high, 2, plus=False)}"
    return Cell(signed(value, 2, plus=False), told, best)


def validation_table(found: StudyAnalysis) -> WideTable:
    """Each arm's lowest validation error beside its test errors."""
    return WideTable(
        title="Validation beside test",
        note="The lowest validation MPJPE along each training, mean over seeds, beside the headline measure of each "
        "test set.",
        label="trained",
        groups=(),
        columns=("validation", *(each.title for each in found.sets)),
        rows=[
            Row(arm, arm, [Cell(validation), *map(Cell, tests)])
            for arm, validation, tests in validation_beside_test(found)
        ],
    )
