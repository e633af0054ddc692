"""A study's results as Markdown: the answers, the tables, what is needed to make them again."""

from collections.abc import Iterator, Mapping, Sequence

from prepose.studies.analysis.facts import command, facts, protocols, unfinished
from prepose.studies.analysis.study_analysis import ComparisonResult, PlannedTest, StudyAnalysis, Worth
from prepose.studies.analysis.wording import NONE, difference, figure, interval, p_value, signed
from prepose.studies.report.tables_of_page import (
    Cell,
    WideTable,
    across_tables,
    costs_table,
    group_tables,
    main_table,
    matrix_tables,
    parts_tables,
    tuning_table,
    validation_table,
)

ACROSS_NOTE = (
    "Intervals of 95 % by the stratified bootstrap over trainings, with the test sets of one training kept together "
    "(Agarwal et al., NeurIPS 2021). With few seeds they are too narrow; the verdicts rest on the planned comparisons "
    "alone."
)


def as_markdown(found: StudyAnalysis) -> str:
    """The whole report but for curves and images."""
    return "\n".join(line.rstrip() for line in _lines(found)).rstrip() + "\n"


def _lines(found: StudyAnalysis) -> Iterator[str]:
    study = found.study
    yield f"# {study.name}"
    yield from ("", study.question, "", "## The answer", "")
    for each in found.comparisons:
        yield f"- **{each.statement}: {each.outcome}.** {each.answer}"
    for line in found.caution:
        yield from ("", f"> {line}")
    yield from wide(main_table(found))
    yield from _comparisons(found)
    yield from _compute(found)
    yield from _across(found)
    tuning = tuning_table(found)
    searched = () if tuning is None else (tuning,)
    for table in (
        *matrix_tables(found), *parts_tables(found), *group_tables(found), costs_table(found), *searched
    ):  # fmt: skip
        yield from wide(table)
    missing = unfinished(found)
    if missing:
        yield from ("", "## Unfinished trials", "")
        yield from (f"- {_escaped(name)}: {_escaped(why)}" for name, why in missing)
    yield from ("", "## Reviewer's checklist", "")
    yield from _table(("", ""), [(each.item, each.answer) for each in found.checklist])
    yield from wide(validation_table(found))
    yield from ("", "## Data and licences", "")
    heads = ("store", "licence", "use", "licence read from")
    yield from _table(heads, [(each.store, each.licence or "unknown", each.use, each.source) for each in found.data])
    yield from ("", "## How to reproduce these numbers", "", f"    {command(found)}", "")
    yield from (f"- {name}: {value}" for name, value in facts(found))
    yield from (f"- protocol `{name}`: {text}" for name, text in protocols(found))
    yield from ("", "Every number with its trials is in `results.json` and `tables/`.")


def _across(found: StudyAnalysis) -> Iterator[str]:
    if found.across is None:
        return
    yield from ("", "## All tasks together")
    for table in across_tables(found):
        yield from wide(table, level=3)
    yield from ("", ACROSS_NOTE)
    if found.across.left_out:
        yield from ("", f"Left out: {'; '.join(found.across.left_out)}.")


def wide(table: WideTable, *, level: int = 2) -> Iterator[str]:
    """A table in Markdown, with its heading and its note."""
    above = [title for title, span in table.groups for _ in range(span)] or [""] * len(table.columns)
    heads = [": ".join(filter(None, (group, column))) for group, column in zip(above, table.columns, strict=True)]
    yield from ("", f"{'#' * level} {table.title}", "")
    yield from _table([table.label, *heads], [[row.head, *map(_cell, row.cells)] for row in table.rows])
    yield from ("", table.note)


def _cell(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    if not cell.note:
        return text
    return f"{text} {cell.note}" if cell.note.startswith("±") else f"{text} [{cell.note}]"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(map(_escaped, heads))} |"
    yield f"|---|{'---:|' * (len(heads) - 1)}"
    yield from (f"| {' | '.join(map(_escaped, row))} |" for row in rows)


def _escaped(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _comparisons(found: StudyAnalysis) -> Iterator[str]:
    if not found.comparisons:
        return
    yield from ("", "## Planned comparisons", "")
    heads = ("comparison", "where", "arm", "baseline", "difference", "95 % interval", "p (Holm)", "effect size",
             "minimum detectable", "verdict")  # fmt: skip
    yield from _table(heads, [_test(each, test) for each in found.comparisons for test in each.tests])
    yield from (
        "",
        "Difference: arm - baseline. Intervals by Student's t over trainings and test subjects. Effect size: the "
        "difference in standard deviations over seeds. The verdict is corrected for all planned comparisons (Holm, "
        "5 %). Minimum detectable: the smallest true difference that a test at the verdict's level detects with 80 % "
        "power.",
    )


def _test(each: ComparisonResult, test: PlannedTest) -> list[str]:
    head, found, metric = [each.statement, test.place], test.result, each.metric
    if found is None:
        return [*head, test.arm, test.baseline, *[NONE] * 5, f"not run: {test.reason}"]
    size, least = found.effect_size, found.minimum_detectable_effect
    return [
        *head,
        f"{test.arm}: {figure(found.arm.mean, metric)}",
        f"{test.baseline}: {figure(found.baseline.mean, metric)}",
        difference(found.difference, metric),
        interval(found.interval, metric, plus=True) or NONE,
        p_value(found.adjusted_p_value),
        NONE if size is None else signed(size, 2),
        NONE if least is None else difference(least, metric).lstrip("+"),
        found.adjusted_verdict or NONE,
    ]


def _compute(found: StudyAnalysis) -> Iterator[str]:
    if not found.compute:
        return
    yield from ("", "## Compute ratio", "")
    for each in found.compute:
        yield f"- {along(each, found.titles)}: {each.sentence}"


def along(each: Worth, titles: Mapping[str, str]) -> str:
    """Along which curves a ratio of compute was read off."""
    if each.along == "budgets":
        where = f"{titles.get(each.error_of, each.error_of)}, over budgets"
    else:
        name = "held-out validation" if each.error_of == "validation" else f"held-out {each.error_of}"
        where = f"{name}, along training"
    return f"{where}, shared stages divided" if each.basis == "counted" and each.along == "training" else where
