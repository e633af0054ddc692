"""A study's results as CSV files for other programs: one observation a row, every digit."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from prepose.files import write_whole

Json = Mapping[str, Any]
Record = dict[str, Any]


def write_csv_files(found: Json, folder: Path) -> list[Path]:
    """Write `folder/NAME.csv` for every table that has rows; files of tables without rows are removed."""
    paths = []
    for name, records_of in TABLES.items():
        path, records = folder / f"{name}.csv", list(records_of(found))
        if records:
            paths.append(write_whole(path, _as_csv(records)))
        else:
            path.unlink(missing_ok=True)
    return paths


def _as_csv(records: list[Record]) -> str:
    columns = dict.fromkeys(name for record in records for name in record)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in record.items()} for record in records)
    return text.getvalue()


def _plain(value: Any) -> Any:
    if value is None:
        return ""
    return " ".join(str(each) for each in value) if isinstance(value, list) else value


def _with_interval(row: Json) -> Record:
    ends = row.get("interval") or {}
    return {"mean": row["mean"], "low": ends.get("low"), "high": ends.get("high"), "seed_means": row["seed_means"]}


def _on_sets(found: Json) -> Iterator[tuple[Record, Json]]:
    for each in found["sets"]:
        for name, arm in each["arms"].items():
            head = {"set": each["name"], "protocol": each["protocol"]["name"], "arm": name}
            yield head, arm


def figures(found: Json) -> Iterator[Record]:
    """Every measure of every arm on every set."""
    for head, arm in _on_sets(found):
        for name, row in arm["measures"].items():
            yield {**head, "measure": name, **_with_interval(row), "seeds": row["seeds"], "trials": arm["trials"]}


def parts(found: Json) -> Iterator[Record]:
    """What MPJPE is made of, and MPJPE with a part of the prediction replaced."""
    for head, arm in _on_sets(found):
        for kind in ("parts", "variants"):
            for name, row in arm[kind].items():
                yield {**head, "kind": kind[:-1], "name": name, **_with_interval(row), "trials": arm["trials"]}


def groups(found: Json) -> Iterator[Record]:
    """Errors by joint, state, share hidden and action; intervals over seeds alone."""
    for head, arm in _on_sets(found):
        for kind, rows in arm["groups"].items():
            for label, row in rows.items():
                of = {"by": kind, "label": label, "measure": arm["group_measure"]}
                yield {**head, **of, **_with_interval(row), "trials": arm["trials"]}


def confidence(found: Json) -> Iterator[Record]:
    """Bins of confidence, all seeds together."""
    for head, arm in _on_sets(found):
        for row in (arm["confidence"] or {}).get("bins", ()):
            yield {**head, **row}


def comparisons(found: Json) -> Iterator[Record]:
    """Every test of every planned comparison."""
    for each in found["comparisons"]:
        for test in each["tests"]:
            head = {"statement": each["statement"], "set": test["set"], **test["where"], "arm": test["arm"],
                    "baseline": test["baseline"], "measure": each["metric"]}  # fmt: skip
            yield {**head, **_outcome(test["result"]), "reason": test["reason"], "trials": test["trials"],
                   "baseline_trials": test["baseline_trials"]}  # fmt: skip


def _outcome(result: Json | None) -> Record:
    if result is None:
        return {"verdict": "not run"}
    ends, resampled = result["interval"] or {}, result["bootstrap"] or {}
    return {
        "verdict": result["adjusted_verdict"],
        "arm_mean": result["arm"]["mean"],
        "baseline_mean": result["baseline"]["mean"],
        "difference": result["difference"],
        "low": ends.get("low"),
        "high": ends.get("high"),
        "bootstrap_low": resampled.get("low"),
        "bootstrap_high": resampled.get("high"),
        "p_value": result["p_value"],
        "adjusted_p_value": result["adjusted_p_value"],
        "effect_size": result["effect_size"],
        "minimum_detectable_effect": result["minimum_detectable_effect"],
        "seeds": result["arm"]["seeds"],
        "paired": result["paired"],
    }


def compute(found: Json) -> Iterator[Record]:
    """What arms are worth in compute."""
    for each in found["compute"]:
        at, crossed = each["ratio"]["at_end"], each["crossing"] or {}
        ends, crossed_ends = at["interval"] or {}, crossed.get("interval") or {}
        mean_ends = each["ratio"]["geometric_mean_interval"] or {}
        yield {
            "statement": each["statement"],
            **each["where"],
            "arm": each["arm"],
            "baseline": each["baseline"],
            "along": each["along"],
            "error_of": each["error_of"],
            "measure": each["measure"],
            "basis": each["basis"],
            "error": at["error"],
            "relation": at["relation"],
            "ratio": at["ratio"],
            "low": ends.get("low"),
            "high": ends.get("high"),
            "mean_ratio": each["ratio"]["geometric_mean"],
            "mean_low": mean_ends.get("low"),
            "mean_high": mean_ends.get("high"),
            "crossing": crossed.get("order"),
            "crossing_flops": crossed.get("flops"),
            "crossing_low": crossed_ends.get("low"),
            "crossing_high": crossed_ends.get("high"),
            "seeds": each["ratio"]["seeds"],
        }


def matrix(found: Json) -> Iterator[Record]:
    """Train x test."""
    for each in found["matrices"]:
        for level, cells in zip(each["rows"], each["cells"], strict=True):
            for name, cell in zip(each["columns"], cells, strict=True):
                if cell["figure"] is not None:
                    head = {each["factor"]: level, **each["where"], "set": name, "at_home": cell["at_home"]}
                    yield {**head, "measure": each["measure"], **_with_interval(cell["figure"])}


def curves(found: Json) -> Iterator[Record]:
    """Held-out errors along every training."""
    for each in found["curves"]:
        for seed in each["seeds"]:
            for i, images in enumerate(seed["images"]):
                moved = {name: seed[name][i] for name in ("flops", "counted_flops", "seconds")}
                errors = {f"{name}_mpjpe_mm": values[i] for name, values in seed["errors"].items()}
                head = {"arm": each["arm"], "seed": seed["seed"], "trial": seed["trial"], "images": images}
                yield {**head, **moved, **errors}


def trials(found: Json) -> Iterator[Record]:
    """Every planned trial with its costs and where it ran."""
    for each in found["trials"]:
        failure = each["failure"] or {}
        costs = {name: value for name, value in each["costs"].items() if not isinstance(value, dict)}
        where = {name: each["environment"][name] for name in ("date", "git_commit", "prepose", "torch", "cpu", "gpus")}
        yield {
            **{name: each[name] for name in ("id", "arm", "seed", "state")},
            "failure": failure.get("message"),
            **costs,
            **where,
        }


TABLES: Mapping[str, Callable[[Json], Iterator[Record]]] = {
    "figures": figures,
    "comparisons": comparisons,
    "compute": compute,
    "matrix": matrix,
    "parts": parts,
    "groups": groups,
    "confidence": confidence,
    "curves": curves,
    "trials": trials,
}
