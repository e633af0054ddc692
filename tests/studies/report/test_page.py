import copy
from dataclasses import replace

import pytest

from prepose.studies.analysis.study_analysis import analysis_from
from prepose.studies.report.page import words


def test_a_forest_row_lies_where_its_figures_say(found, told):
    (group,) = words(found)["forest"]
    tests = told["comparisons"][0]["tests"]
    reach = 1.04 * max(abs(end) for test in tests for end in test["result"]["interval"].values())
    for row, test in zip(group["rows"], tests, strict=True):
        result = test["result"]
        assert row["mark"]["at"] == pytest.approx(50 + 50 * result["difference"] / reach, abs=0.01)
        assert row["mark"]["low"] == pytest.approx(50 + 50 * result["interval"]["low"] / reach, abs=0.01)
        ends = row["mark"]["low"], row["mark"]["low"] + row["mark"]["width"]
        assert ends[0] <= row["mark"]["at"] <= ends[1] and ends[0] >= 0 and ends[1] <= 100
        assert row["verdict"] == result["adjusted_verdict"]


def test_notes_are_numbered_and_said_once(crossed_found, crossed_told):
    said = words(crossed_found)["forest_notes"]
    assert len(set(said)) == len(said) > 0
    rows = [row for group in words(crossed_found)["forest"] for row in group["rows"]]
    tests = [test for each in crossed_told["comparisons"] for test in each["tests"]]
    for row, test in zip(rows, tests, strict=True):
        assert [said[number - 1] for number in row["notes"]] == test["result"]["notes"]


def test_a_test_that_was_not_made_has_no_mark(told):
    other = copy.deepcopy(told)
    other["comparisons"][0]["tests"][0] |= {"result": None, "reason": "no trial of only-3d is finished"}
    row = words(analysis_from(other))["forest"][0]["rows"][0]
    assert row["mark"] is None and row["reason"] == "no trial of only-3d is finished"


def test_several_commits_and_uncommitted_code_are_cautioned(found, told):
    assert words(found)["caution"] == []
    other = copy.deepcopy(told)
    other["trials"][0]["environment"]["git_commit"] = "fedcba9876543210-dirty"
    first, second = words(analysis_from(other))["caution"]
    assert first.startswith("The trials were run by 2 commits (fedcba987654, 0123456789ab)") and "uncommitted" in second


def test_a_study_without_comparisons_has_words(found):
    bare = words(replace(found, comparisons=(), compute=()))
    assert bare["answers"] == bare["forest"] == []
