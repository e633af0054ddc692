import re
from dataclasses import replace

from prepose.studies.report.markdown import along, as_markdown
from prepose.studies.report.tables_of_page import main_table


def rows_under(text, title):
    part = text.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_every_answer_is_told_with_its_outcome(crossed_found, crossed_told):
    text = as_markdown(crossed_found)
    for each in crossed_told["comparisons"]:
        assert f"- **{each['statement']}: {each['outcome']}.** {each['answer']}" in text
    for line in crossed_told["caution"]:
        assert f"> {line}" in text


def test_the_main_table_is_that_of_the_page(found):
    heads, _, *rows = rows_under(as_markdown(found), "Error on every test set")
    table = main_table(found)
    assert heads[1:4] == ["lab test: MPJPE, mm", "lab test: PA-MPJPE, mm", "lab test: PCK 2D, %"]
    for row, shown in zip(rows, table.rows, strict=True):
        assert row[0] == shown.head
        for text, cell in zip(row[1:], shown.cells, strict=True):
            bold = f"**{cell.text}**" if cell.best else cell.text
            assert text == (f"{bold} [{cell.note}]" if cell.note else bold)


def test_all_rows_of_a_table_have_its_columns(crossed_found):
    text = as_markdown(crossed_found)
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        widths = {len(re.split(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block
    assert text.count("\n## ") == len(set(re.findall(r"\n## .*", text))), "a heading twice"


def test_every_test_is_a_row(crossed_found, crossed_told):
    _, _, *rows = rows_under(as_markdown(crossed_found), "Planned comparisons")
    tests = [test for each in crossed_told["comparisons"] for test in each["tests"]]
    assert [row[1] for row in rows] == [test["place"] for test in tests]
    assert [row[-1] for row in rows] == [test["result"]["adjusted_verdict"] for test in tests]
    assert {row[6] for row in rows if row[-1] == "too few seeds"} == {"–"}


def test_trials_that_are_not_done_and_the_way_to_the_numbers_are_told(crossed_found):
    text = as_markdown(crossed_found)
    assert "out of memory: <killed>" in text and "not run yet" in text
    assert "    prepose study fake --size cpu --seeds 3 --out DIR" in text
    assert "commit: 0123456789abcdef" in text and "protocol `true-root-depth`" in text


def test_what_holds_a_bar_does_not_break_its_table(found):
    spoiled = replace(found, arms=(replace(found.arms[0], name="a|b"), *found.arms[1:]))
    assert r"| a\|b |" in as_markdown(spoiled)


def test_it_is_said_along_what_a_ratio_was_read(found):
    each = replace(found.compute[0], along="training", error_of="validation", basis="counted")
    assert along(each, {}) == "held-out validation, along training, shared stages divided"
    assert along(replace(each, along="budgets", error_of="lab"), {"lab": "the lab"}) == "the lab, over budgets"
