"""A study's results as Markdown: the answers, the tables, what is needed to make them again."""

from collections.abc import Iterator, Mapping, Sequence

from prepose.studies.analysis.study_analysis import ComparisonResult, PlannedTest, StudyAnalysis, Worth
from prepose.studies.analysis.wording import NONE, difference, figure, interval, p_value, signed
from prepose.studies.report.facts import command, facts, protocols, unfinished
from prepose.studies.report.tables_of_page import (
    Cell,
    WideTable,
    costs_table,
    group_tables,
    main_table,
    matrix_tables,
    parts_tables,
    tuning_table,
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
    yield from _wide(main_table(found))
    yield from _comparisons(found)
    yield from _compute(found)
    tuning = tuning_table(found)
    searched = () if tuning is None else (tuning,)
    for table in (
        *matrix_tables(found), *parts_tables(found), *group_tables(found), costs_table(found), *searched
    ):  # fmt: skip
        yield from _wide(table)
    missing = unfinished(found)
    if missing:
        yield from ("", "## Unfinished trials", "")
        yield from (f"- {_escaped(name)}: {_escaped(why)}" for name, why in missing)
    yield from ("", "## How to reproduce these numbers", "", f"    {command(found)}", "")
    yield from (f"- {name}: {value}" for name, value in facts(found))
    yield from (f"- protocol `{name}`: {text}" for name, text in protocols(found))
    yield from ("", "Every number with its trials is in `results.json` and `tables/`.")


def _wide(table: WideTable) -> Iterator[str]:
    above = [title for title, span in table.groups for _ in range(span)] or [""] * len(table.columns)
    heads = [": ".join(filter(None, (group, column))) for group, column in zip(above, table.columns, strict=True)]
    yield from ("", f"## {table.title}", "")
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
