import copy
import json
from dataclasses import replace

import pytest

from prepose.specs.search import ArmTuning, Search, SearchRange, TriedSetting, Tuning
from prepose.studies.analysis.facts import facts
from prepose.studies.analysis.study_analysis import analysis_from, to_json
from prepose.studies.report.csv_files import tuning
from prepose.studies.report.markdown import as_markdown
from prepose.studies.report.page import words
from prepose.studies.report.tables_of_page import (
    costs_table,
    group_tables,
    main_table,
    matrix_tables,
    parts_tables,
    tuning_table,
)


def test_the_main_table_has_every_arm_on_every_set(found):
    table = main_table(found)
    assert [row.head for row in table.rows] == ["mean training pose", "true 2D, flat depth", "pretrained", "only-3d"]
    assert table.groups == [("lab test", 3), ("wild test", 3)]
    assert table.columns == ["MPJPE, mm", "PA-MPJPE, mm", "PCK 2D, %"] * 2
    assert all(len(row.cells) == len(table.columns) for row in table.rows)
    for row in table.rows[2:]:
        for place, each in enumerate(found.sets):
            figure = each.arms[row.arm].measures["mpjpe_mm"]
            cell = row.cells[3 * place]
            assert cell.text == f"{figure.mean:.1f}"
            assert cell.note == f"{figure.interval.low:.1f} to {figure.interval.high:.1f}"
            share = each.arms[row.arm].measures["pck2d"]
            assert row.cells[3 * place + 2].text == f"{100 * share.mean:.1f}"


def test_the_best_mean_of_each_column_is_marked_once(crossed_found):
    table = main_table(crossed_found)
    for column in range(len(table.columns)):
        best = [row for row in table.rows if row.cells[column].best]
        assert best and len({row.cells[column].text for row in best}) == 1
        figures = [float(row.cells[column].text) for row in table.rows if row.arm]
        ends = max(figures) if "PCK" in table.columns[column] else min(figures)
        assert float(best[0].cells[column].text) == ends


def test_baselines_belong_to_no_arm(found):
    row = main_table(found).rows[0]
    variants = found.sets[0].arms["only-3d"].variants
    assert row.arm == "" and row.cells[0].text == f"{variants['mean-pose'].mean:.1f}"
    assert [cell.text for cell in row.cells[1:3]] == ["–", "–"]


def test_a_baseline_that_differs_between_arms_is_a_range(found, told):
    """Arms that learn from other samples have another mean training pose."""
    other = copy.deepcopy(told)
    other["sets"][0]["arms"]["only-3d"]["variants"]["mean-pose"]["mean"] = 200.04
    low = found.sets[0].arms["pretrained"].variants["mean-pose"].mean
    assert main_table(analysis_from(other)).rows[0].cells[0].text == f"{low:.1f} to 200.0"


def test_parts_add_up_in_what_is_shown(found):
    tables = list(parts_tables(found))
    assert [table.set_name for table in tables] == ["lab", "wild"]
    for table in tables:
        assert len(table.columns) == sum(span for _, span in table.groups) == 6
        for row in table.rows:
            whole, *parts = (float(cell.text) for cell in row.cells[:4])
            assert whole == pytest.approx(sum(parts), abs=0.16)


def test_groups_leave_out_the_root_and_keep_the_rest(found):
    tables = {(table.set_name, table.title.split(":")[0]): table for table in group_tables(found)}
    assert len(tables) == 2 * 4
    joints = tables["lab", "MPJPE by joint"]
    assert len(joints.rows) == 15 and "pelvis" not in [row.head for row in joints.rows]
    row = next(row for row in joints.rows if row.head == "l wrist")
    known = found.sets[0].arms["pretrained"].groups["joint"]["l_wrist"]
    assert row.cells[0].text == f"{known.mean:.1f}" and row.cells[0].note.startswith("±")


def test_costs_are_told_with_their_units(crossed_found):
    table = costs_table(crossed_found)
    row = next(row for row in table.rows if row.arm == "2d-first / lab-3d / whole")
    assert [cell.text for cell in row.cells] == [
        "3 of 3", "123,456", "10,000", "1 TFLOP", "667 GFLOP", "100 GFLOP", "20 GFLOP", "101 s", "700 MiB", "–",
    ]  # fmt: skip
    assert next(row for row in table.rows if row.arm == "only-3d / lab-3d / half").cells[0].text == "2 of 3"


def test_a_matrix_stands_as_a_table(crossed_found):
    tables = list(matrix_tables(crossed_found))
    assert len(tables) == len(crossed_found.matrices) == 5
    table, matrix = tables[0], crossed_found.matrices[0]
    assert list(table.columns) == ["lab test", "wild test", "occluded test"]
    assert [row.head for row in table.rows] == list(matrix.rows)
    assert table.rows[0].cells[0].text == f"{matrix.cells[0][0].figure.mean:.1f}"


def test_a_search_is_told_arm_by_arm(found):
    def setting(number, rate, score):
        changes = (f"*.learning_rate={rate}",)
        return TriedSetting(
            number=number, values={"*.learning_rate": rate}, changes=changes, trials=(f"t{number}",), scores=(score,),
            train_flops=1e12, validation_flops=1e10,
        )  # fmt: skip

    arms = tuple(
        ArmTuning(
            arm=arm.name, metric="mpjpe_mm", store="lab", split="validation", chosen=1, at_edge=("*.learning_rate",),
            settings=(setting(0, 0.1, None), setting(1, 0.002, 201.5), setting(2, 0.02, 210.25)),
        )
        for arm in found.arms
    )  # fmt: skip
    search = Search(parameters={"*.learning_rate": SearchRange(low=1e-3, high=1e-1, log=True)}, trials=3)
    tuned = replace(found, tuning=Tuning(search=search, arms=arms))
    assert tuning_table(found) is None and words(found)["tuning"] is None and not list(tuning(found))
    cells = [cell.text for cell in tuning_table(tuned).rows[0].cells]
    assert cells == [
        "*.learning_rate=0.002",
        "201.5 mm",
        "201.5 to 210.2 mm",
        "3, 1 diverged",
        "*.learning_rate",
        "3 TFLOP",
    ]
    assert "## Search for settings" in as_markdown(tuned) and "0.001 to 0.1 (log)" in as_markdown(tuned)
    assert (
        "3 settings for each arm by tpe, seed 1000; chosen by mpjpe_mm on lab/validation"
        in dict(facts(tuned))["search"]
    )
    rows = list(tuning(tuned))
    assert len(rows) == 3 * len(found.arms) and [row["chosen"] for row in rows[:3]] == [False, True, False]
    plain = json.loads(json.dumps(to_json(tuned), allow_nan=False))
    assert analysis_from(plain) == tuned and "tuning" not in to_json(found)
