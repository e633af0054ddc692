"""The page's sentences and tables, from the figures alone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from prepose.studies.quickstart.findings import Findings
from prepose.studies.tables import Spread, clearly_apart, flops_written, written

MEASURES = (("mpjpe_mm", 1.0, 0), ("pa_mpjpe_mm", 1.0, 0), ("pck2d", 100.0, 0))
BASELINE_TITLES = {"mean-pose": "mean pose", "true-2d-flat-depth": "true 2D, flat"}
STATE_TITLES = {
    "visible": "visible",
    "occluded_by_object": "occluded by an object",
    "occluded_by_body": "self-occluded",
    "outside": "outside the image",
}


def answers(findings: Findings) -> Iterator[str]:
    """One sentence a comparison, from the figures alone."""
    names = [arm["name"] for arm in findings.report["arms"]]
    comparisons = (("pretrain-finetune", "only-3d", "2D pre-training"), ("pretrain-finetune", "mixed", "2D first"))
    for arm, other, what in comparisons:
        if arm not in names or other not in names:
            continue
        parts = []
        for each in findings.sets:
            mine, theirs = (findings.arm_errors(each["name"], name) for name in (arm, other))
            change = float(np.mean(mine) - np.mean(theirs))
            verdict = "seeds do not overlap" if clearly_apart(mine, theirs) else "seeds overlap"
            direction = "lower" if change < 0 else "higher"
            note = f", {verdict}" if len(mine) > 1 else ""
            figures = f"{np.mean(mine):.0f} against {np.mean(theirs):.0f}{note}"
            parts.append(f"{each['title']}: {abs(change):.0f} mm {direction} ({figures})")
        yield f"{what} ({arm}) against {other}: {'; '.join(parts)}."


def caution(findings: Findings) -> str:
    """What the figures cannot carry; empty where there is nothing to warn of."""
    count = len(findings.report["seeds"])
    budget = flops_written(findings.report["arms"][0]["train_flops"])
    if count < 3:
        word = "One seed is" if count == 1 else f"{count} seeds are"
        return (
            f"{word} too few for a statistical conclusion, and the networks are small and trained briefly ({budget} an "
            "arm). The differences above are what this run measured; a study with more seeds gives intervals."
        )
    return ""


def numbers(findings: Findings) -> dict[str, Any]:
    """The tables of the page: arms and baselines, by what hides a joint, by joint."""
    arms = findings.report["arms"]
    return {
        "sets": findings.sets,
        "arms": arms,
        "rows": [*_baseline_rows(findings), *_arm_rows(findings)],
        "breakdowns": [_by_state(findings), _by_joint(findings)],
    }


def _arm_rows(findings: Findings) -> list[dict[str, Any]]:
    arms, rows = findings.report["arms"], []
    for arm in arms:
        cells = []
        for each in findings.sets:
            for measure, factor, digits in MEASURES:
                value: Spread = arm["evaluations"][each["name"]][measure]
                cells.append(
                    {"text": written(value, factor=factor, digits=digits), "best": _is_best(arms, arm, each, measure)}
                )
        rows.append(
            {
                "kind": "arm",
                "name": arm["name"],
                "colour": findings.colours[arm["name"]],
                "cells": cells,
                "images": f"{arm['images_seen']:,}",
                "flops": flops_written(arm["train_flops"]),
                "seconds": f"{arm['seconds']:.0f} s",
            }
        )
    return rows


def _is_best(arms: Sequence[Mapping[str, Any]], arm: Mapping[str, Any], each: Mapping[str, str], measure: str) -> bool:
    means = [other["evaluations"][each["name"]][measure]["mean"] for other in arms]
    mine = arm["evaluations"][each["name"]][measure]["mean"]
    known = [mean for mean in means if mean is not None]
    if mine is None or not known:
        return False
    return mine == (max(known) if measure == "pck2d" else min(known))


def _baseline_rows(findings: Findings) -> list[dict[str, Any]]:
    rows = []
    for name, sets in findings.report["baselines"].items():
        cells = []
        for each in findings.sets:
            for measure, factor, digits in MEASURES:
                value = sets[each["name"]].get(measure)
                text = "–" if value is None else f"{value * factor:.{digits}f}"
                cells.append({"text": text, "best": False})
        rows.append(
            {"kind": "baseline", "name": BASELINE_TITLES.get(name, name), "colour": "", "cells": cells}
            | dict.fromkeys(("images", "flops", "seconds"), "–")
        )
    return rows


def _by_state(findings: Findings) -> dict[str, Any]:
    columns = [f"{each['title']}: {arm['name']}" for each in findings.sets for arm in findings.report["arms"]]
    rows = []
    for state, title in STATE_TITLES.items():
        cells = []
        for each in findings.sets:
            for arm in findings.report["arms"]:
                values = [seed.per_state().get(state, {}) for seed in findings.evaluations[each["name"]][arm["name"]]]
                known = [value["mpjpe_mm"] for value in values if value and not np.isnan(value["mpjpe_mm"])]
                cells.append(f"{np.mean(known):.0f}" if known else "–")
        rows.append({"name": title, "cells": cells})
    return {
        "title": "Error by what hides a joint",
        "note": "MPJPE in mm over the joints in each state, mean over seeds.",
        "label": "joint is",
        "columns": columns,
        "rows": rows,
    }


def _by_joint(findings: Findings) -> dict[str, Any]:
    columns = [f"{each['title']}: {arm['name']}" for each in findings.sets for arm in findings.report["arms"]]
    tables = [
        [seed.per_joint() for seed in findings.evaluations[each["name"]][arm["name"]]]
        for each in findings.sets
        for arm in findings.report["arms"]
    ]
    joints = [joint for joint in tables[0][0] if joint != "pelvis"]
    rows = [
        {
            "name": joint,
            "cells": [
                f"{np.mean([seed[joint]['mpjpe_mm'] for seed in seeds]):.0f}" if joint in seeds[0] else "–"
                for seeds in tables
            ],
        }
        for joint in joints
    ]
    return {
        "title": "Error by joint",
        "note": "MPJPE in mm relative to the pelvis, mean over seeds.",
        "label": "joint",
        "columns": columns,
        "rows": rows,
    }
