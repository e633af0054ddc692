"""What a study's page says: its answers, comparisons, tables and facts, as the template names them."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from prepose.studies.analysis.facts import command, commits, facts, protocols, unfinished
from prepose.studies.analysis.study_analysis import PlannedTest, StudyAnalysis
from prepose.studies.analysis.wording import NONE, difference, figure, interval, measure, p_value, signed
from prepose.studies.report.markdown import ACROSS_NOTE, along
from prepose.studies.report.plots import STROKES, colours_of, curve_errors, level_factor, styles_of
from prepose.studies.report.tables_of_page import (
    across_tables,
    costs_table,
    group_tables,
    main_table,
    matrix_tables,
    parts_tables,
    tuning_table,
    validation_table,
)
from prepose.studies.statistics.interval import Interval

OUTCOME_KINDS = {
    "holds": "good", "better": "good", "holds in part": "part", "depends on where": "part", "the opposite holds": "bad",
    "the opposite holds in part": "bad",
    "worse": "bad",
}  # fmt: skip


def words(found: StudyAnalysis) -> dict[str, Any]:
    """What the template names, but for images."""
    study, colours = found.study, colours_of(found)
    return {
        "title": study.name.replace("-", " "),
        "question": study.question,
        "eyebrow": " · ".join(
            filter(
                None,
                ("prepose study", study.size and f"{study.size} size", (found.done[0].environment.date or "")[:10]),
            )
        ),
        "caution": [*found.caution, *_commit_caution(found)],
        "answers": [(each, OUTCOME_KINDS.get(each.outcome, "none")) for each in found.comparisons],
        "forest": [*_forest(found)],
        "forest_notes": forest_notes(found),
        "compute": _compute(found),
        "main": main_table(found),
        "costs": costs_table(found),
        "across": found.across,
        "across_tables": [*across_tables(found)],
        # The tables behind the first two have a plot each.
        "across_plots": [
            name
            for name, there in (
                ("efficiency", found.across and found.across.efficiency),
                ("label-efficiency", found.across and found.across.labels),
            )
            if there
        ],
        "across_note": ACROSS_NOTE,
        "checklist": found.checklist,
        "validation_table": validation_table(found),
        "data_terms": found.data,
        "tuning": tuning_table(found),
        "matrix_tables": [*matrix_tables(found)],
        "parts_tables": [*parts_tables(found)],
        "group_tables": [*group_tables(found)],
        "confidence": any(arm.confidence for each in found.sets for arm in each.arms.values()),
        "has_curves": any(seed.images for arm in found.curves for seed in arm.seeds),
        "counted": any(arm.shared_by for arm in found.arms),
        "curve_errors": curve_errors(found),
        "level_factor": level_factor(found),
        "budget_factor": study.budget_factor,
        "sets": found.sets,
        "colours": colours,
        "styles": [
            {"name": name, "colour": colour, "strokes": STROKES[dash]}
            for name, (colour, dash) in styles_of(found).items()
        ],
        "unfinished": unfinished(found),
        "facts": facts(found),
        "protocols": protocols(found),
        "command": command(found),
        "trials": found.done,
    }


def _commit_caution(found: StudyAnalysis) -> Iterator[str]:
    known = commits(found)
    if len(known) > 1:
        yield f"The trials were run by {len(known)} commits ({', '.join(commit[:12] or 'none' for commit in known)})."
    dirty = [commit for commit in known if commit.endswith("-dirty")]
    if dirty:
        yield "The code had uncommitted changes: the numbers cannot be reproduced from the commit alone."


def _forest(found: StudyAnalysis) -> Iterator[dict[str, Any]]:
    reach: dict[str, float] = {}
    for each in found.comparisons:
        for result in (test.result for test in each.tests if test.result):
            ends = result.interval or Interval(result.difference, result.difference)
            reach[each.metric] = max(reach.get(each.metric, 0.0), abs(ends.low), abs(ends.high))
    for each in found.comparisons:
        scale = 1.04 * reach.get(each.metric, 0.0) or 1.0
        notes = forest_notes(found)
        yield {
            "statement": each.statement,
            "outcome": each.outcome,
            "kind": OUTCOME_KINDS.get(each.outcome, "none"),
            "measure": measure(each.metric).title,
            "rows": [_forest_row(test, each.metric, scale, notes=notes) for test in each.tests],
        }


def forest_notes(found: StudyAnalysis) -> list[str]:
    """What readers of the comparisons have to know, each once; rows refer to them by number."""
    results = [test.result for each in found.comparisons for test in each.tests]
    return list(dict.fromkeys(note for result in results if result for note in result.notes))


def _forest_row(test: PlannedTest, metric: str, scale: float, *, notes: Sequence[str]) -> dict[str, Any]:
    result = test.result
    row: dict[str, Any] = {"place": test.place, "arm": test.arm, "baseline": test.baseline}
    if result is None:
        return {**row, "verdict": "not run", "reason": test.reason, "kind": "none", "mark": None}
    ends, size, least = result.interval, result.effect_size, result.minimum_detectable_effect

    def share(value: float) -> float:
        return round(50 + 50 * float(np.clip(value / scale, -1, 1)), 2)

    return {
        **row,
        "verdict": result.adjusted_verdict,
        "kind": OUTCOME_KINDS.get(result.adjusted_verdict or "", "none"),
        "mark": {
            "at": share(result.difference),
            "low": None if ends is None else share(ends.low),
            "width": None if ends is None else round(share(ends.high) - share(ends.low), 2),
        },
        "difference": difference(result.difference, metric),
        "interval": interval(ends, metric, plus=True) or NONE,
        "figures": [
            figure(result.arm.mean, metric),
            f"against {figure(result.baseline.mean, metric, unit=False)}",
        ],
        "p": p_value(result.adjusted_p_value),
        "effect": NONE if size is None else signed(size, 2),
        "least": NONE if least is None else difference(least, metric).lstrip("+"),
        "notes": [notes.index(note) + 1 for note in result.notes],
    }


def _compute(found: StudyAnalysis) -> list[dict[str, Any]]:
    groups: dict[str, list[str]] = {}
    for each in found.compute:
        where = f" ({', '.join(each.where.values())})" if each.where and each.along == "training" else ""
        groups.setdefault(f"{each.statement}", []).append(f"{along(each, found.titles)}{where}: {each.sentence}")
    return [{"statement": statement, "sentences": sentences} for statement, sentences in groups.items()]
