"""What `prepose angles` writes and prints: JSON, CSV, Markdown and a page with Bland-Altman plots."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from prepose.body.joint_angles import ANGLES, DEFINITIONS
from prepose.console import table_of
from prepose.files import inside, write_json, write_whole
from prepose.studies.analysis.study_analysis import to_json
from prepose.studies.analysis.wording import NONE, signed
from prepose.studies.angles import AngleAgreement, AnglesMeasured
from prepose.studies.pages.parts import render
from prepose.studies.report.markdown import wide
from prepose.studies.report.tables_of_page import Cell, Row, WideTable
from prepose.studies.statistics.agreement import Agreement, Estimate
from prepose.studies.statistics.interval import Interval

# More points in one plot hide each other, and a page of them all would be slow.
MOST_POINTS = 1500
READING = (
    "Estimate - ground truth, degrees. Limits of agreement: bias ± 1.96 standard deviations, between which 95 % of the "
    "differences of a new person lie if they are normally distributed; within: the share of these differences that "
    "does. ICC(2,1): two-way random effects, absolute agreement, single measurement; it also depends on how much "
    "people move in these data."
)
SOURCES = (
    "Limits of agreement: Bland and Altman, Lancet 327, 1986, with several measurements of each subject: the same, "
    "Journal of Biopharmaceutical Statistics 17, 2007; their intervals: Zou, Statistical Methods in Medical Research "
    "22, 2013. ICC(2,1): Shrout and Fleiss, Psychological Bulletin 86, 1979; ICC(A,1) of McGraw and Wong, "
    "Psychological Methods 1, 1996. Intervals of 95 % are clustered by subject."
)
COLUMNS = ("pairs", "bias", "lower limit", "upper limit", "within", "RMSE", "ICC(2,1)")


def write_angle_report(found: AnglesMeasured, out: Path) -> Path:
    """Write angles.html, angles.json, angles.md, angles.csv (a row for each angle) and pairs.csv (each pose).

    Returns:
        The page's path.

    Raises:
        OSError: a file cannot be written.
    """
    write_json(inside(out, "angles.json"), found.to_json())
    write_whole(inside(out, "angles.csv"), _as_csv([row.as_row() for row in found.rows]))
    write_whole(inside(out, "pairs.csv"), _as_csv([*_pairs(found)]))
    write_whole(inside(out, "angles.md"), as_markdown(found))
    return write_whole(inside(out, "angles.html"), _page(found))


def as_markdown(found: AnglesMeasured) -> str:
    """The report but for its plots."""
    lines = ["# Joint angles", "", READING, *wide(table_of_angles(found))]
    lines += [line for note in found.notes for line in ("", f"> {note}")]
    lines += ["", "## Definitions", ""]
    lines += [f"- **{_title(angle)}**: {text}" for angle, text in DEFINITIONS.items()]
    lines += ["", "## What was measured", "", *(f"- {name}: {value}" for name, value in _facts(found)), "", SOURCES]
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


def print_angles(found: AnglesMeasured, console: Console | None = None) -> None:
    """The table for the terminal: both sides together, with the interval of the bias."""
    console = console or Console()
    for name, value in _facts(found):
        console.print(f"{name}: {value}", markup=False, highlight=False)
    table = table_of("angle", "pairs", "bias", "95 % interval", "limits of agreement", "RMSE", "ICC(2,1)")
    for row in (each for each in found.rows if each.side in ("both", "")):
        pairs, bias, lower, upper, _, rmse, icc = _cells(row)
        limits = f"{lower.text} to {upper.text}" if row.agreement else NONE
        cells = (pairs.text, bias.text, bias.note or NONE, limits, rmse.text, icc.text)
        table.add_row(_title(row.angle), *map(escape, cells))
    console.print(table)
    for note in found.notes:
        console.print(note, markup=False, highlight=False)


def table_of_angles(found: AnglesMeasured) -> WideTable:
    """Every angle, both sides together and each by itself."""
    rows = []
    for row in found.rows:
        own = row.side in ("both", "")
        head = _title(row.angle) if own else f"{_title(row.angle)}, {row.side}"
        rows.append(Row("", head, _cells(row)))
    return WideTable(
        title="Agreement with the ground truth",
        note=f"Degrees, but for shares and the ICC. In small print 95 % intervals over {found.resampled}.",
        label="angle",
        groups=(),
        columns=COLUMNS,
        rows=rows,
    )


def _cells(row: AngleAgreement) -> list[Cell]:
    known = row.agreement
    if known is None:
        return [Cell("0"), *[Cell(NONE)] * (len(COLUMNS) - 1)]
    pairs = Cell(f"{known.pairs:,}", f"of {row.poses:,}" if known.pairs < row.poses else "")
    degrees = [_cell(each, plus=True) for each in (known.bias, known.lower, known.upper)]
    within = Cell(f"{100 * known.within:.1f} %")
    return [pairs, *degrees, within, _cell(known.rmse), _cell(known.icc, digits=2)]


def _cell(each: Estimate, *, digits: int = 1, plus: bool = False) -> Cell:
    if each.value is None:
        return Cell(NONE)
    ends = each.interval
    told = "" if ends is None else " to ".join(signed(end, digits, plus=plus) for end in (ends.low, ends.high))
    return Cell(signed(each.value, digits, plus=plus), told)


def _title(angle: str) -> str:
    return angle.replace("_", " ")


def _facts(found: AnglesMeasured) -> Iterator[tuple[str, str]]:
    yield from ((name.replace("_", " "), value) for name, value in found.facts.items())
    yield "poses", f"{found.num_poses:,}"
    yield "intervals over", found.resampled


def _pairs(found: AnglesMeasured) -> Iterator[dict[str, Any]]:
    for (angle, side), truth in found.true.items():
        for pose, (true, estimated) in enumerate(zip(truth, found.estimated[angle, side], strict=True)):
            if not (np.isnan(true) or np.isnan(estimated)):
                head = {"pose": pose, "subject": found.subjects[pose], "angle": angle, "side": side}
                yield {**head, "estimated_deg": f"{estimated:.3f}", "true_deg": f"{true:.3f}"}


def _as_csv(records: list[dict[str, Any]]) -> str:
    columns = dict.fromkeys(name for record in records for name in record)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    # JSON's rule for numbers that are none holds for CSV too.
    writer.writerows(
        {name: "" if to_json(value) is None else value for name, value in each.items()} for each in records
    )
    return text.getvalue()


def _page(found: AnglesMeasured) -> str:
    plots, most = [], 0
    for angle in ANGLES:
        row = found.row(angle)
        if row.agreement is not None:
            points, count = _points(found, angle)
            most = max(most, count)
            plots.append({"key": angle, "title": _title(angle), "points": points, **_lines(row.agreement)})
    words = {
        "title": "Joint angles",
        "lead": f"Estimated against true joint angles of {found.num_poses:,} poses, in degrees.",
        "reading": READING,
        "table": table_of_angles(found),
        "notes": found.notes,
        "plots": [(plot["key"], plot["title"]) for plot in plots],
        "shown": f"Each plot shows {MOST_POINTS:,} poses of {most:,}, evenly taken; the numbers are of all."
        if most > MOST_POINTS
        else "",
        "definitions": [(_title(angle), text) for angle, text in DEFINITIONS.items()],
        "sources": SOURCES,
        "facts": [*_facts(found)],
    }
    return render("angles.html.j2", "angles.js", words, {"plots": plots})


def _points(found: AnglesMeasured, angle: str) -> tuple[list[dict[str, Any]], int]:
    """Mean of the two and their difference, for each side; and of how many poses, at most."""
    sides, most = [], 0
    for (name, side), truth in found.true.items():
        if name != angle:
            continue
        estimated = found.estimated[name, side]
        there = np.flatnonzero(~(np.isnan(truth) | np.isnan(estimated)))
        most = max(most, len(there))
        taken = there[np.linspace(0, len(there) - 1, min(len(there), MOST_POINTS)).astype(int)] if len(there) else there
        both = (estimated[taken] + truth[taken]) / 2, estimated[taken] - truth[taken]
        sides.append({"side": side, "mean": both[0].round(1).tolist(), "difference": both[1].round(1).tolist()})
    return sides, most


def _lines(known: Agreement) -> dict[str, Any]:
    return {
        "lines": [
            {"name": name, "value": each.value, "text": _cell(each, plus=True).text, "ends": _ends(each.interval)}
            for name, each in (("upper limit", known.upper), ("bias", known.bias), ("lower limit", known.lower))
        ]
    }


def _ends(ends: Interval | None) -> list[float] | None:
    return None if ends is None else [round(ends.low, 2), round(ends.high, 2)]
