"""An evaluation as tables for the terminal and as plain values for machines."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
from rich.console import Console
from rich.table import Table

from prepose.console import PlainConsole, table_of
from prepose.metrics.evaluation import Evaluation, Row
from prepose.metrics.evaluation_files import joints_plain, plain
from prepose.metrics.protocol import IN_MM_OR_PX, MEASURE_TEXTS, Measure
from prepose.metrics.reliability import Reliability, reliability_in_image, reliability_mm

LEGEND = (
    "MPJPE, PA (Procrustes), N (best scale): mm. PCK3D (150 mm), AUC: %. 2D: px. PCK (0.2 torso), box (0.1 box), PCKh, "
    "@.1: %."
)
LEGEND_OKS = "AP, AR: OKS, %, by pycocotools with the true boxes given."
# Facts of predictions that other systems made, each a line of its own.
SAID = ("read", "matched", "unmatched", "unit", "frame", "size")
# measure -> (heading, factor, digits)
COLUMNS: Mapping[str, tuple[str, float, int]] = {
    "mpjpe_mm": ("MPJPE", 1.0, 1),
    "pa_mpjpe_mm": ("PA", 1.0, 1),
    "n_mpjpe_mm": ("N", 1.0, 1),
    "pck3d_150": ("PCK3D", 100.0, 1),
    "auc3d": ("AUC", 100.0, 1),
    "error_px": ("2D", 1.0, 1),
    "pck2d": ("PCK", 100.0, 1),
    "pck2d_10": ("P@.1", 100.0, 1),
    "pck2d_box": ("box", 100.0, 1),
    "pckh_50": ("PCKh", 100.0, 1),
    "pckh_10": ("@.1", 100.0, 1),
    "oks_ap": ("AP", 100.0, 1),
    "oks_ap_50": ("AP50", 100.0, 1),
    "oks_ap_75": ("AP75", 100.0, 1),
    "oks_ap_medium": ("APM", 100.0, 1),
    "oks_ap_large": ("APL", 100.0, 1),
    "oks_ar": ("AR", 100.0, 1),
}


def told(measure: Measure, value: float) -> str:
    """A measure in words, with its unit: `MPJPE 152.3 mm`, `PCK at 0.1 box 61.2 %`."""
    _, factor, digits = COLUMNS[measure]
    unit = measure.rpartition("_")[2] if measure in IN_MM_OR_PX else "%"
    return f"{MEASURE_TEXTS[measure].partition(',')[0]} {value * factor:.{digits}f} {unit}"


def as_plain(evaluation: Evaluation) -> dict[str, Any]:
    """Everything that the tables show, for JSON."""
    groups = {
        "per_joint": evaluation.per_joint(),
        "per_action": evaluation.per_action(),
        "per_subject": evaluation.per_subject(),
        "per_state": evaluation.per_state(),
        "baselines": evaluation.per_variant(),
        "per_group": evaluation.per_group(),
        "per_state_group": evaluation.per_state_group(),
    }
    headline = plain({evaluation.protocol.headline: evaluation.headline})[evaluation.protocol.headline]
    return {
        "protocol": evaluation.protocol.to_json(),
        "dataset": evaluation.dataset,
        "split": evaluation.split,
        "weights": evaluation.weights,
        "num_samples": len(evaluation),
        "headline": {"protocol": evaluation.protocol.name, "measure": evaluation.protocol.headline, "value": headline},
        "facts": dict(evaluation.facts),
        "joints": joints_plain(evaluation),
        "found": found_plain(evaluation),
        "overall": plain(evaluation.overall()),
        "reliability_mm": {name: asdict(part) for name, part in reliability_mm(evaluation).items()},
        "reliability_in_image": {name: asdict(part) for name, part in reliability_in_image(evaluation).items()},
        **{title: {name: plain(row) for name, row in rows.items()} for title, rows in groups.items()},
    }


def found_plain(evaluation: Evaluation) -> dict[str, Any] | None:
    """How many people and joints were predicted, and the measures over those alone; None where all were."""
    if not evaluation.has_missed:
        return None
    return {
        "people": int(evaluation.found.sum()),
        "of_people": len(evaluation),
        "joints_missed_3d": _missed(evaluation, "3d"),
        "joints_missed_2d": _missed(evaluation, "2d"),
        "of_found": plain(evaluation.of_found().overall()),
    }


def _missed(evaluation: Evaluation, kind: Literal["3d", "2d"]) -> int:
    """Labelled joints of people who were found that were not predicted."""
    missed, scored = getattr(evaluation, f"missed_{kind}"), getattr(evaluation, f"scored_{kind}")
    return 0 if missed is None else int((missed & scored)[evaluation.found].sum())


def print_evaluation(evaluation: Evaluation, console: Console | None = None) -> None:
    """The headline, overall, baselines, by group, by what hides a joint, by joint, by action, by subject."""
    console = console or PlainConsole()
    for line in (*heading(evaluation), LEGEND, *([LEGEND_OKS] if evaluation.protocol.headline == "oks_ap" else [])):
        console.print(line, highlight=False)
    groups: dict[str, Mapping[str, Row]] = {
        "overall": {**_overall(evaluation), **evaluation.per_variant()},
        "part": evaluation.per_group(),
        "joints": evaluation.per_state_group(),
        "joint is": evaluation.per_state(),
        "joint": evaluation.per_joint(),
        "action": evaluation.per_action(),
        "subject": evaluation.per_subject(),
    }
    for title, rows in groups.items():
        if rows:
            console.print()
            console.print(_table(title, rows))
    _print_reliability(evaluation, console)


def _overall(evaluation: Evaluation) -> dict[str, Row]:
    if not evaluation.has_missed:
        return {"prediction": evaluation.overall()}
    return {"of all": evaluation.overall(), "of found": evaluation.of_found().overall()}


def heading(evaluation: Evaluation) -> tuple[str, ...]:
    """What was scored and how, the figure that the protocol is about, and what must be said beside it."""
    protocol = evaluation.protocol
    flip = "with flip test" if protocol.flip_test else "without flip test"
    how = f"predictions of {evaluation.facts['system']}" if "system" in evaluation.facts else flip
    lines = [f"{evaluation.dataset}/{evaluation.split}: {len(evaluation)} samples, {protocol.name}, {how}"]
    choice = evaluation.facts.get("protocol_is")
    if choice is not None and choice != "asked for":
        lines.append(f"{protocol.name} is {choice}; --protocol names another one")
    overall = evaluation.overall()
    lines.append(f"{_figures(protocol.measures, overall)} ({protocol.averaging_text})")
    lines += _of_found(evaluation)
    lines += [evaluation.facts[name] for name in SAID if name in evaluation.facts]
    lines += _coverage(evaluation)
    if "projected_2d" in evaluation.facts:
        lines.append(f"true 2D joints are projected 3D joints, not labels, in {evaluation.facts['projected_2d']}")
    if "trained_on" in evaluation.facts:
        lines.append(f"trained on: {evaluation.facts['trained_on']}")
    if "approximate_joints" in evaluation.facts:
        lines.append(f"approximate, of the joints that count: {evaluation.facts['approximate_joints']}")
    return tuple(lines)


def _figures(measures: Sequence[Measure], row: Row) -> str:
    return "; ".join(f"{MEASURE_TEXTS[name]}: {_told(name, row.get(name, np.nan))}" for name in measures)


def _of_found(evaluation: Evaluation) -> list[str]:
    """What people and joints without a prediction do to the numbers."""
    if not evaluation.has_missed:
        return []
    found, total = int(evaluation.found.sum()), len(evaluation)
    joints = max(_missed(evaluation, "3d"), _missed(evaluation, "2d"))
    also = f"; {joints:,} labelled joints of these were not predicted" if joints else ""
    return [
        f"found {found:,} of {total:,} people ({100 * found / total:.1f} %){also}",
        f"of found alone: {_figures(evaluation.protocol.measures, evaluation.of_found().overall())}",
        "all other numbers are of all: what was not predicted counts as not correct, in mm as a joint at the root, in "
        "px as a joint at the middle of the box",
    ]


def _coverage(evaluation: Evaluation) -> list[str]:
    """What the figures leave out: labelled joints that could not be scored, and joints that no sample has."""
    lines, counts = [], evaluation.joint_counts()
    kinds: tuple[Literal["3d", "2d"], ...] = ("3d", "2d")
    for kind in kinds:
        scored, labelled = counts[f"scored_{kind}"], counts[f"labelled_{kind}"]
        if scored < labelled:
            parts = [f"{joint.replace('_', ' ')} {count:,}" for joint, count in evaluation.left_out(kind).items()]
            lines.append(f"{kind.upper()}: {scored:,} of {labelled:,} labelled joints scored; left out: {_few(parts)}")
    never, asked = evaluation.joints_never_scored(), len(evaluation.protocol.scored_joints)
    if 0 < len(never) < asked:
        names = _few([joint.replace("_", " ") for joint in never])
        lines.append(f"over {asked - len(never)} of the protocol's {asked} joints; labels or network lack: {names}")
    absent = sorted(set(evaluation.protocol.subjects) - set(evaluation.subjects))
    if absent:
        lines.append(f"no samples of {_few(absent)}, whom the protocol is about as well")
    if evaluation.protocol.averaging == "actions":
        lines.append(f"over {len(set(evaluation.actions))} actions")
    fewer = {name: count for name, count in evaluation.variant_joints().items() if count < counts["scored_3d"]}
    if fewer:
        parts = [f"{name} {count:,}" for name, count in fewer.items()]
        lines.append(f"over fewer joints than the prediction ({counts['scored_3d']:,}): {', '.join(parts)}")
    return lines


def _few(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _told(measure: Measure, value: float) -> str:
    if np.isnan(value):
        return "not scored"
    return f"{value:.1f}" if measure in IN_MM_OR_PX else f"{100 * value:.1f} %"


def _print_reliability(evaluation: Evaluation, console: Console) -> None:
    """Expected beside measured errors, of a network that is calibrated: in bins, and joint by joint."""
    on = evaluation.facts.get("calibrated_on")
    if on is None:
        return
    console.print(f"\nexpected and measured errors; the expected ones are of a calibration on {on}", highlight=False)
    found = {"mm": reliability_mm(evaluation), "% of crop": reliability_in_image(evaluation)}
    if not found["mm"]:
        console.print("none in mm: it takes 3D labels, a calibration in mm and --protocol mean-person", highlight=False)
    for unit, parts in found.items():
        if parts:
            console.print()
            console.print(_reliability_table(unit, parts))


def _reliability_table(unit: str, parts: Mapping[str, Reliability]) -> Table:
    table = table_of(unit, "joints", "expected", "measured", "calibration error")
    for number, each in enumerate(parts["overall"].bins, start=1):
        table.add_row(f"bin {number}", f"{each.num_joints:,}", f"{each.expected:.1f}", f"{each.measured:.1f}", "")
    for name, part in parts.items():
        numbers = (part.expected, part.measured, part.expected_calibration_error)
        table.add_row(name.replace("_", " "), f"{part.num_joints:,}", *(f"{number:.1f}" for number in numbers))
    return table


def _table(title: str, rows: Mapping[str, Row]) -> Table:
    shown = [name for name in COLUMNS if any(not np.isnan(row.get(name, np.nan)) for row in rows.values())]
    # Ten measures fit a terminal of 80 columns only without air between them.
    table = table_of(title, *(COLUMNS[name][0] for name in shown), dense=True)
    table.columns[0].no_wrap = True
    for label, row in rows.items():
        table.add_row(label.replace("_", " "), *(_cell(row.get(name, np.nan), *COLUMNS[name][1:]) for name in shown))
    return table


def _cell(value: float, factor: float, digits: int) -> str:
    return "-" if np.isnan(value) else f"{value * factor:.{digits}f}"
