"""A study's results as CSV files for other programs: one observation a row, every digit."""

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prepose.files import write_whole
from prepose.studies.analysis.study_analysis import ArmOnSet, OverSeeds, StudyAnalysis
from prepose.studies.statistics.comparison import ArmFigure, Comparison
from prepose.studies.statistics.interval import Interval

Record = dict[str, Any]


def write_csv_files(found: StudyAnalysis, folder: Path) -> list[Path]:
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
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return " ".join(str(each) for each in value) if isinstance(value, list | tuple) else value


def _ends(interval: Interval | None, name: str = "") -> Record:
    """An interval's two columns; `name` stands before their names."""
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return {f"{name}low": low, f"{name}high": high}


def _with_interval(row: ArmFigure | OverSeeds) -> Record:
    return {"mean": row.mean, **_ends(row.interval), "seed_means": row.seed_means}


def _on_sets(found: StudyAnalysis) -> Iterator[tuple[Record, ArmOnSet]]:
    for each in found.sets:
        for name, arm in each.arms.items():
            yield {"set": each.name, "protocol": each.protocol.name, "arm": name}, arm


def figures(found: StudyAnalysis) -> Iterator[Record]:
    """Every measure of every arm on every set."""
    for head, arm in _on_sets(found):
        for name, row in arm.measures.items():
            yield {**head, "measure": name, **_with_interval(row), "seeds": row.seeds, "trials": arm.trials}


def parts(found: StudyAnalysis) -> Iterator[Record]:
    """What MPJPE is made of, and MPJPE with a part of the prediction replaced."""
    for head, arm in _on_sets(found):
        for kind, rows in (("part", arm.parts), ("variant", arm.variants)):
            for name, row in rows.items():
                yield {**head, "kind": kind, "name": name, **_with_interval(row), "trials": arm.trials}


def groups(found: StudyAnalysis) -> Iterator[Record]:
    """Errors by joint, state, share hidden and action; intervals over seeds alone."""
    for head, arm in _on_sets(found):
        for kind, rows in arm.groups.items():
            for label, row in rows.items():
                of = {"by": kind, "label": label, "measure": arm.group_measure}
                yield {**head, **of, **_with_interval(row), "trials": arm.trials}


def confidence(found: StudyAnalysis) -> Iterator[Record]:
    """Bins of confidence, all seeds together."""
    for head, arm in _on_sets(found):
        for row in arm.confidence.bins if arm.confidence else ():
            yield {**head, **asdict(row)}


def comparisons(found: StudyAnalysis) -> Iterator[Record]:
    """Every test of every planned comparison."""
    for each in found.comparisons:
        for test in each.tests:
            head = {"statement": each.statement, "set": test.set, **test.where, "arm": test.arm,
                    "baseline": test.baseline, "measure": each.metric}  # fmt: skip
            yield {**head, **_outcome(test.result), "reason": test.reason, "trials": test.trials,
                   "baseline_trials": test.baseline_trials}  # fmt: skip


def _outcome(result: Comparison | None) -> Record:
    if result is None:
        return {"verdict": "not run"}
    return {
        "verdict": result.adjusted_verdict,
        "arm_mean": result.arm.mean,
        "baseline_mean": result.baseline.mean,
        "difference": result.difference,
        **_ends(result.interval),
        **_ends(result.bootstrap, "bootstrap_"),
        "p_value": result.p_value,
        "adjusted_p_value": result.adjusted_p_value,
        "effect_size": result.effect_size,
        "minimum_detectable_effect": result.minimum_detectable_effect,
        "seeds": result.arm.seeds,
        "paired": result.paired,
    }


def compute(found: StudyAnalysis) -> Iterator[Record]:
    """What arms are worth in compute."""
    for each in found.compute:
        at, crossed = each.ratio.at_end, each.crossing
        yield {
            "statement": each.statement,
            **each.where,
            "arm": each.arm,
            "baseline": each.baseline,
            "along": each.along,
            "error_of": each.error_of,
            "measure": each.measure,
            "basis": each.basis,
            "error": at.error,
            "relation": at.relation,
            "ratio": at.ratio,
            **_ends(at.interval),
            "mean_ratio": each.ratio.geometric_mean,
            **_ends(each.ratio.geometric_mean_interval, "mean_"),
            "crossing": crossed and crossed.order,
            "crossing_flops": crossed and crossed.flops,
            **_ends(crossed and crossed.interval, "crossing_"),
            "seeds": each.ratio.seeds,
        }


def matrix(found: StudyAnalysis) -> Iterator[Record]:
    """Train x test."""
    for each in found.matrices:
        for level, cells in zip(each.rows, each.cells, strict=True):
            for name, cell in zip(each.columns, cells, strict=True):
                if cell.figure is not None:
                    head = {each.factor: level, **each.where, "set": name, "at_home": cell.at_home}
                    yield {**head, "measure": each.measure, **_with_interval(cell.figure)}


def curves(found: StudyAnalysis) -> Iterator[Record]:
    """Held-out errors along every training."""
    for each in found.curves:
        for seed in each.seeds:
            for i, images in enumerate(seed.images):
                moved = {"flops": seed.flops[i], "counted_flops": seed.counted_flops[i], "seconds": seed.seconds[i]}
                errors = {f"{name}_mpjpe_mm": values[i] for name, values in seed.errors.items()}
                yield {"arm": each.arm, "seed": seed.seed, "trial": seed.trial, "images": images, **moved, **errors}


def trials(found: StudyAnalysis) -> Iterator[Record]:
    """Every planned trial with its costs and where it ran."""
    for each in found.trials:
        where = each.environment
        yield {
            "id": each.id,
            "arm": each.arm,
            "seed": each.seed,
            "state": each.state,
            "failure": (each.failure or {}).get("message"),
            **{name: value for name, value in each.costs.items() if not isinstance(value, dict)},
            "date": where.date,
            "git_commit": where.git_commit,
            "prepose": where.prepose,
            "torch": where.torch,
            "cpu": where.cpu,
            "gpus": where.gpus,
        }


def across(found: StudyAnalysis) -> Iterator[Record]:
    """Interquartile means over all tasks, and at each level of compute and number of labels."""
    if found.across is not None:
        for each in found.across.methods:
            yield {
                "method": each.name,
                "level": "",
                "trainings": each.trainings,
                "iqm": each.iqm,
                **_ends(each.interval),
            }
        for point in found.across.efficiency:
            head = {"method": point.method, "level": point.level, "flops": point.flops}
            yield {**head, "iqm": point.iqm, **_ends(point.interval)}
        for point in found.across.labels.points if found.across.labels else ():
            head = {"method": point.method, "level": point.level, "labels": point.amount}
            yield {**head, "iqm": point.iqm, **_ends(point.interval)}


def profiles(found: StudyAnalysis) -> Iterator[Record]:
    """Performance profiles."""
    if found.across is None:
        return
    for each in found.across.methods:
        for i, (threshold, share) in enumerate(zip(found.across.thresholds, each.profile, strict=True)):
            ends = {"low": each.profile_low[i], "high": each.profile_high[i]} if each.profile_low else {}
            yield {"method": each.name, "threshold": threshold, "share": share, **ends}


def improvements(found: StudyAnalysis) -> Iterator[Record]:
    """Probabilities of improvement over all tasks."""
    for each in found.across.improvements if found.across else ():
        yield {"arm": each.arm, "baseline": each.baseline, "probability": each.probability, **_ends(each.interval)}


def checklist(found: StudyAnalysis) -> Iterator[Record]:
    """A reviewer's questions and the study's answers."""
    for each in found.checklist:
        yield {"item": each.item, "answer": each.answer, "known": each.known}


def data(found: StudyAnalysis) -> Iterator[Record]:
    """The stores with their terms."""
    for each in found.data:
        yield {"store": each.store, "use": each.use, "licence": each.licence or "unknown", "source": each.source}


def tuning(found: StudyAnalysis) -> Iterator[Record]:
    """Every setting of the search for settings, at each rung that it reached."""
    for arm in found.tuning.arms if found.tuning else ():
        for setting in arm.settings:
            for rung, (trial, score) in enumerate(zip(setting.trials, setting.scores, strict=True)):
                yield {
                    "arm": arm.arm,
                    "setting": setting.number,
                    **setting.values,
                    "rung": rung,
                    "trial": trial,
                    "measure": arm.metric,
                    "validation": score,
                    "chosen": setting.number == arm.chosen,
                }


TABLES: Mapping[str, Callable[[StudyAnalysis], Iterator[Record]]] = {
    "figures": figures,
    "comparisons": comparisons,
    "compute": compute,
    "matrix": matrix,
    "parts": parts,
    "groups": groups,
    "confidence": confidence,
    "curves": curves,
    "trials": trials,
    "across": across,
    "profiles": profiles,
    "improvements": improvements,
    "checklist": checklist,
    "data": data,
    "tuning": tuning,
}
