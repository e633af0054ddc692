"""What a study's page is made of: its words and tables for the template, its curves and poses for the script."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from prepose.studies.findings import ARM_COLOURS
from prepose.studies.study_facts import command, commits, facts, protocols, unfinished
from prepose.studies.study_markdown import along
from prepose.studies.study_tables import (
    BASELINES,
    VARIANT_TITLES,
    costs_table,
    group_tables,
    main_table,
    matrix_tables,
    parts_tables,
    titles_of,
)
from prepose.studies.wording import NONE, difference, figure, interval, measure, p_value, signed

Json = Mapping[str, Any]

DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
OUTCOME_KINDS = {
    "holds": "good", "better": "good", "holds in part": "part", "mixed": "part", "the opposite holds": "bad",
    "the opposite holds in part": "bad",
    "worse": "bad",
}  # fmt: skip


def styles_of(found: Json) -> dict[str, tuple[str, str]]:
    """The colour and dash of each arm: colours tell the levels that are compared, dashes those they are crossed with."""
    compared = {factor for each in found["comparisons"] for factor in each["arm"]}
    varied = _varied(found)
    first = [name for name in varied if name in compared] or varied
    keys = {
        arm["name"]: (
            tuple(arm["levels"][name] for name in first),
            tuple(arm["levels"][name] for name in varied if name not in first),
        )
        for arm in found["arms"]
    }
    colours, dashes = (list(dict.fromkeys(key[side] for key in keys.values())) for side in (0, 1))
    styles = {}
    for name, (one, other) in keys.items():
        i = colours.index(one)
        dash = dashes.index(other) + i // len(ARM_COLOURS)
        styles[name] = (ARM_COLOURS[i % len(ARM_COLOURS)], DASHES[dash % len(DASHES)])
    return styles


def colours_of(found: Json) -> dict[str, str]:
    """The colour of each arm."""
    return {name: colour for name, (colour, _) in styles_of(found).items()}


def words(found: Json) -> dict[str, Any]:
    """What the template names, but for pictures."""
    study, colours = found["study"], colours_of(found)
    first = next(trial for trial in found["trials"] if trial["state"] == "done")
    return {
        "title": study["name"].replace("-", " "),
        "question": study["question"],
        "eyebrow": " · ".join(
            filter(
                None,
                ("prepose study", study["size"] and f"{study['size']} size", (first["environment"]["date"] or "")[:10]),
            )
        ),
        "caution": [*found["caution"], *_commit_caution(found)],
        "answers": [{**each, "kind": OUTCOME_KINDS.get(each["outcome"], "none")} for each in found["comparisons"]],
        "forest": [*_forest(found)],
        "forest_notes": forest_notes(found),
        "compute": _compute(found),
        "main": main_table(found),
        "costs": costs_table(found),
        "matrix_tables": [*matrix_tables(found)],
        "parts_tables": [*parts_tables(found)],
        "group_tables": [*group_tables(found)],
        "confidence": any(arm["confidence"] for each in found["sets"] for arm in each["arms"].values()),
        "has_curves": any(seed["images"] for arm in found["curves"] for seed in arm["seeds"]),
        "counted": any(arm["shared_by"] for arm in found["arms"]),
        "curve_errors": _curve_errors(found),
        "budget_factor": study["budget_factor"],
        "sets": found["sets"],
        "colours": colours,
        "unfinished": unfinished(found),
        "facts": facts(found),
        "protocols": protocols(found),
        "command": command(found),
        "trials": [trial for trial in found["trials"] if trial["state"] == "done"],
    }


def _commit_caution(found: Json) -> Iterator[str]:
    known = commits(found)
    if len(known) > 1:
        yield f"The trials were run by {len(known)} commits ({', '.join(commit[:12] or 'none' for commit in known)})."
    dirty = [commit for commit in known if commit.endswith("-dirty")]
    if dirty:
        yield "The code had changes that no commit holds: the figures cannot be made again from the commit alone."


def _forest(found: Json) -> Iterator[dict[str, Any]]:
    reach: dict[str, float] = {}
    for each in found["comparisons"]:
        for result in (test["result"] for test in each["tests"] if test["result"]):
            ends = result["interval"] or {"low": result["difference"], "high": result["difference"]}
            reach[each["metric"]] = max(reach.get(each["metric"], 0.0), *map(abs, ends.values()))
    for each in found["comparisons"]:
        scale = 1.04 * reach.get(each["metric"], 0.0) or 1.0
        notes = forest_notes(found)
        yield {
            "statement": each["statement"],
            "outcome": each["outcome"],
            "kind": OUTCOME_KINDS.get(each["outcome"], "none"),
            "measure": measure(each["metric"]).title,
            "rows": [_forest_row(test, each["metric"], scale, notes=notes) for test in each["tests"]],
        }


def forest_notes(found: Json) -> list[str]:
    """What readers of the comparisons have to know, each once; rows refer to them by number."""
    results = [test["result"] for each in found["comparisons"] for test in each["tests"]]
    return list(dict.fromkeys(note for result in results if result for note in result["notes"]))


def _forest_row(test: Json, metric: str, scale: float, *, notes: Sequence[str]) -> dict[str, Any]:
    result = test["result"]
    row: dict[str, Any] = {"place": test["place"], "arm": test["arm"], "baseline": test["baseline"]}
    if result is None:
        return {**row, "verdict": "not run", "reason": test["reason"], "kind": "none", "mark": None}
    ends, size, least = result["interval"], result["effect_size"], result["smallest_effect"]

    def share(value: float) -> float:
        return round(50 + 50 * float(np.clip(value / scale, -1, 1)), 2)

    return {
        **row,
        "verdict": result["adjusted_verdict"],
        "kind": OUTCOME_KINDS.get(result["adjusted_verdict"], "none"),
        "mark": {
            "at": share(result["difference"]),
            "low": None if ends is None else share(ends["low"]),
            "width": None if ends is None else round(share(ends["high"]) - share(ends["low"]), 2),
        },
        "difference": difference(result["difference"], metric),
        "interval": interval(ends, metric, plus=True) or NONE,
        "figures": [
            figure(result["arm"]["mean"], metric),
            f"against {figure(result['baseline']['mean'], metric, unit=False)}",
        ],
        "p": p_value(result["adjusted_p_value"]),
        "effect": NONE if size is None else signed(size, 2),
        "least": NONE if least is None else difference(least, metric).lstrip("+"),
        "notes": [notes.index(note) + 1 for note in result["notes"]],
    }


def _compute(found: Json) -> list[dict[str, Any]]:
    titles = titles_of(found)
    groups: dict[str, list[str]] = {}
    for each in found["compute"]:
        where = f" ({', '.join(each['where'].values())})" if each["where"] and each["along"] == "training" else ""
        groups.setdefault(f"{each['statement']}", []).append(f"{along(each, titles)}{where}: {each['sentence']}")
    return [{"statement": statement, "sentences": sentences} for statement, sentences in groups.items()]


def _curve_errors(found: Json) -> list[tuple[str, str]]:
    names = dict.fromkeys(name for arm in found["curves"] for seed in arm["seeds"] for name in seed["errors"])
    return [(name, "validation" if name == "validation" else f"held-out {name}") for name in names]


def script_data(found: Json) -> dict[str, Any]:
    """What the script draws, but for poses."""
    return {
        "arms": [{"name": name, "colour": colour, "dash": dash} for name, (colour, dash) in styles_of(found).items()],
        "palette": list(ARM_COLOURS),
        "sets": [{"name": each["name"], "title": each["title"]} for each in found["sets"]],
        "curves": _curves(found),
        "budgets": [*_budget_curves(found)],
        "matrices": [_matrix(each, titles_of(found)) for each in found["matrices"]],
        "parts": {each["name"]: _parts(each) for each in found["sets"]},
        "confidence": {each["name"]: _confidence(each) for each in found["sets"]},
    }


def _curves(found: Json) -> dict[str, list[dict[str, Any]]]:
    """For each error, each arm's mean and range over seeds at the points that all its seeds have."""
    curves: dict[str, list[dict[str, Any]]] = {}
    for name, _ in _curve_errors(found):
        for arm in found["curves"]:
            seeds = [seed for seed in arm["seeds"] if name in seed["errors"]]
            length = min((len(seed["images"]) for seed in seeds), default=0)
            errors = np.array([seed["errors"][name][:length] for seed in seeds], dtype=float).reshape(
                len(seeds), length
            )
            known = ~np.isnan(errors).any(axis=0) if length else np.zeros(0, bool)
            if not known.any():
                continue
            axes = {
                axis: _rounded(np.mean([seed[axis][:length] for seed in seeds], axis=0)[known], 4)
                for axis in ("images", "flops", "counted_flops", "seconds")
            }
            band = {"mean": errors.mean(axis=0), "low": errors.min(axis=0), "high": errors.max(axis=0)}
            shown = {key: _rounded(values[known], 5) for key, values in band.items()}
            curves.setdefault(name, []).append({"arm": arm["arm"], **axes, **shown})
    return curves


def _rounded(values: np.ndarray, digits: int) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values.tolist()]


def _budget_curves(found: Json) -> Iterator[dict[str, Any]]:
    """Error at the end of trainings of several budgets, for each set and combination of the other levels."""
    factor = found["study"]["budget_factor"]
    if factor is None:
        return
    for each in found["sets"]:
        lines: dict[str, list[tuple[float, Json]]] = {}
        for arm in found["arms"]:
            row = each["arms"].get(arm["name"], {}).get("measures", {}).get(each["headline"])
            if row is not None:
                others = [arm["levels"][name] for name in _varied(found) if name != factor]
                lines.setdefault(" / ".join(others) or each["title"], []).append((arm["counted_flops"], row))
        shown = measure(each["headline"])
        for name, points in lines.items():
            ordered = sorted(points, key=lambda point: point[0])
            ends = [row["interval"] or {"low": row["mean"], "high": row["mean"]} for _, row in ordered]
            yield {
                "set": each["name"],
                "name": name,
                "axis": f"{shown.title}, {shown.unit}",
                "flops": [flops for flops, _ in ordered],
                "mean": [shown.factor * row["mean"] for _, row in ordered],
                "low": [shown.factor * end["low"] for end in ends],
                "high": [shown.factor * end["high"] for end in ends],
            }


def _varied(found: Json) -> list[str]:
    return [factor["name"] for factor in found["study"]["factors"] if len(factor["levels"]) > 1]


def _matrix(each: Json, titles: Mapping[str, str]) -> dict[str, Any]:
    shown = measure(each["measure"])
    cells = [[cell["figure"] for cell in row] for row in each["cells"]]
    return {
        "title": ", ".join(each["where"].values()),
        "factor": each["factor"],
        "axis": f"{shown.title}, {shown.unit}",
        "rows": each["rows"],
        "columns": [titles[name] for name in each["columns"]],
        "values": [[None if cell is None else shown.factor * cell["mean"] for cell in row] for row in cells],
        "texts": [[_matrix_text(cell, each["measure"]) for cell in row] for row in cells],
        "home": [[cell["at_home"] for cell in row] for row in each["cells"]],
    }


def _matrix_text(cell: Json | None, name: str) -> str:
    if cell is None:
        return NONE
    ends = interval(cell["interval"], name)
    return f"<b>{figure(cell['mean'], name, unit=False)}</b>" + (f"<br>{ends}" if ends else "")


def _parts(each: Json) -> list[dict[str, Any]]:
    return [
        {
            "arm": name,
            "parts": {part: round(row["mean"], 2) for part, row in arm["parts"].items()},
            "variants": {
                VARIANT_TITLES.get(variant, variant): round(row["mean"], 2) for variant, row in arm["variants"].items()
            },
            "baselines": [VARIANT_TITLES[variant] for variant in BASELINES if variant in arm["variants"]],
        }
        for name, arm in each["arms"].items()
        if arm["parts"]
    ]


def _confidence(each: Json) -> list[dict[str, Any]]:
    return [
        {
            "arm": name,
            "confidence": _column(arm["confidence"]["bins"], "confidence"),
            "error": _column(arm["confidence"]["bins"], "error"),
            "share": _column(arm["confidence"]["bins"], "share_well_placed"),
            "order": arm["confidence"]["rank_correlation"]["mean"],
        }
        for name, arm in each["arms"].items()
        if arm["confidence"]
    ]


def _column(bins: Sequence[Json], name: str) -> list[float]:
    return [round(each[name], 4) for each in bins]
