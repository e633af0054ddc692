import copy

import pytest

from prepose.studies.findings import ARM_COLOURS
from prepose.studies.study_page import DASHES, colours_of, script_data, styles_of, words


def test_colours_tell_what_is_compared_and_dashes_the_rest(crossed_found):
    styles = styles_of(crossed_found)
    levels = {arm["name"]: arm["levels"] for arm in crossed_found["arms"]}
    assert len(styles) == 11 and len(set(styles.values())) == 11
    for training in ("only-3d", "mixed", "2d-first"):
        assert len({styles[name][0] for name in styles if levels[name]["training"] == training}) == 1
    assert len({colour for colour, _ in styles.values()}) == 3
    assert {colour for colour, _ in styles.values()} <= set(ARM_COLOURS) and {d for _, d in styles.values()} <= set(
        DASHES
    )


def test_more_arms_than_colours_still_differ(found):
    many = copy.deepcopy(found)
    many["study"]["factors"][0]["levels"] = [f"l{i}" for i in range(20)]
    many["arms"] = [{**found["arms"][0], "name": f"l{i}", "levels": {"training": f"l{i}"}} for i in range(20)]
    assert len(set(styles_of(many).values())) == 20
    assert len(colours_of(many)) == 20


def test_a_forest_row_lies_where_its_figures_say(found):
    (group,) = words(found)["forest"]
    tests = found["comparisons"][0]["tests"]
    reach = 1.04 * max(abs(end) for test in tests for end in test["result"]["interval"].values())
    for row, test in zip(group["rows"], tests, strict=True):
        result = test["result"]
        assert row["mark"]["at"] == pytest.approx(50 + 50 * result["difference"] / reach, abs=0.01)
        assert row["mark"]["low"] == pytest.approx(50 + 50 * result["interval"]["low"] / reach, abs=0.01)
        ends = row["mark"]["low"], row["mark"]["low"] + row["mark"]["width"]
        assert ends[0] <= row["mark"]["at"] <= ends[1] and ends[0] >= 0 and ends[1] <= 100
        assert row["verdict"] == result["adjusted_verdict"]


def test_notes_are_numbered_and_said_once(crossed_found):
    said = words(crossed_found)["forest_notes"]
    assert len(set(said)) == len(said) > 0
    rows = [row for group in words(crossed_found)["forest"] for row in group["rows"]]
    tests = [test for each in crossed_found["comparisons"] for test in each["tests"]]
    for row, test in zip(rows, tests, strict=True):
        assert [said[number - 1] for number in row["notes"]] == test["result"]["notes"]


def test_a_test_that_was_not_made_has_no_mark(found):
    other = copy.deepcopy(found)
    other["comparisons"][0]["tests"][0] |= {"result": None, "reason": "no trial of only-3d is finished"}
    row = words(other)["forest"][0]["rows"][0]
    assert row["mark"] is None and row["reason"] == "no trial of only-3d is finished"


def test_curves_are_means_between_the_lowest_and_the_highest_seed(found):
    curves = script_data(found)["curves"]
    assert list(curves) == ["validation", "wild"]
    for name, arms in curves.items():
        for curve, arm in zip(arms, found["curves"], strict=True):
            seeds = [seed["errors"][name] for seed in arm["seeds"]]
            for i, point in enumerate(zip(*seeds, strict=True)):
                assert curve["mean"][i] == pytest.approx(sum(point) / 3, rel=1e-4)
                assert (curve["low"][i], curve["high"][i]) == pytest.approx((min(point), max(point)), rel=1e-4)
            assert curve["flops"][-1] == pytest.approx(1e12) and curve["images"][-1] == pytest.approx(10_000)


def test_a_point_that_one_seed_lacks_is_left_out(found):
    other = copy.deepcopy(found)
    other["curves"][0]["seeds"][1]["errors"]["wild"][2] = None
    curve = script_data(other)["curves"]["wild"][0]
    assert len(curve["mean"]) == 5 and len(script_data(other)["curves"]["validation"][0]["mean"]) == 6


def test_budgets_matrices_parts_and_confidence_are_drawn_from_the_figures(crossed_found):
    data = script_data(crossed_found)
    lines = {(line["set"], line["name"]): line for line in data["budgets"]}
    line = lines["wild", "mixed / lab-3d"]
    wild = next(each for each in crossed_found["sets"] if each["name"] == "wild")
    rows = [wild["arms"][f"mixed / lab-3d / {budget}"]["measures"]["mpjpe_mm"] for budget in ("half", "whole")]
    assert line["mean"] == [row["mean"] for row in rows] and line["low"] == [row["interval"]["low"] for row in rows]
    assert line["flops"] == [0.5e12, 1e12]
    matrix = data["matrices"][0]
    assert (
        len(data["matrices"]) == 5
        and matrix["values"][0][0] == crossed_found["matrices"][0]["cells"][0][0]["figure"]["mean"]
    )
    part = next(row for row in data["parts"]["wild"] if row["arm"] == "mixed / lab-3d / whole")
    measured = wild["arms"][part["arm"]]["measures"]["mpjpe_mm"]["mean"]
    assert sum(part["parts"].values()) == pytest.approx(measured, abs=0.02)
    assert part["baselines"] == ["mean training pose", "true 2D, flat depth"]
    assert len(data["confidence"]["wild"]) == 11 and len(data["confidence"]["wild"][0]["share"]) == 10


def test_several_commits_and_uncommitted_code_are_cautioned(found):
    assert words(found)["caution"] == []
    other = copy.deepcopy(found)
    other["trials"][0]["environment"]["git_commit"] = "fedcba9876543210-dirty"
    first, second = words(other)["caution"]
    assert (
        first.startswith("The trials were run by 2 commits (fedcba987654, 0123456789ab)")
        and "no commit holds" in second
    )


def test_a_study_without_comparisons_has_words(found):
    bare = {**found, "comparisons": [], "compute": []}
    assert words(bare)["answers"] == words(bare)["forest"] == []
