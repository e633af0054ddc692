import copy

import pytest

from prepose.studies.analysis.study_analysis import analysis_from
from prepose.studies.report.plots import ARM_COLOURS, DASHES, colours_of, level_factor, script_data, styles_of
from prepose.studies.tables import flops_written


def test_colours_tell_what_is_compared_and_dashes_the_rest(crossed_found, crossed_told):
    styles = styles_of(crossed_found)
    levels = {arm["name"]: arm["levels"] for arm in crossed_told["arms"]}
    assert len(styles) == 11 and len(set(styles.values())) == 11
    for training in ("only-3d", "mixed", "2d-first"):
        assert len({styles[name][0] for name in styles if levels[name]["training"] == training}) == 1
    assert len({colour for colour, _ in styles.values()}) == 3
    assert {colour for colour, _ in styles.values()} <= set(ARM_COLOURS) and {d for _, d in styles.values()} <= set(
        DASHES
    )


def test_more_arms_than_colours_still_differ(found, told):
    many = copy.deepcopy(told)
    many["study"]["factors"][0]["levels"] = [f"l{i}" for i in range(20)]
    many["arms"] = [{**told["arms"][0], "name": f"l{i}", "levels": {"training": f"l{i}"}} for i in range(20)]
    assert len(set(styles_of(analysis_from(many)).values())) == 20
    assert len(colours_of(analysis_from(many))) == 20


def test_curves_are_means_between_the_lowest_and_the_highest_seed(found, told):
    curves = script_data(found)["curves"]
    assert list(curves) == ["validation", "wild"]
    for name, arms in curves.items():
        for curve, arm in zip(arms, told["curves"], strict=True):
            seeds = [seed["errors"][name] for seed in arm["seeds"]]
            for i, point in enumerate(zip(*seeds, strict=True)):
                assert curve["mean"][i] == pytest.approx(sum(point) / 3, rel=1e-4)
                assert (curve["low"][i], curve["high"][i]) == pytest.approx((min(point), max(point)), rel=1e-4)
            assert curve["flops"][-1] == pytest.approx(1e12) and curve["images"][-1] == pytest.approx(10_000)


def test_a_point_that_one_seed_lacks_is_left_out(found, told):
    other = copy.deepcopy(told)
    other["curves"][0]["seeds"][1]["errors"]["wild"][2] = None
    curve = script_data(analysis_from(other))["curves"]["wild"][0]
    assert len(curve["mean"]) == 5 and len(script_data(analysis_from(other))["curves"]["validation"][0]["mean"]) == 6


def test_budgets_matrices_parts_and_confidence_are_drawn_from_the_figures(crossed_found, crossed_told):
    data = script_data(crossed_found)
    lines = {(line["set"], line["name"]): line for line in data["budgets"]}
    line = lines["wild", "mixed / lab-3d"]
    wild = next(each for each in crossed_told["sets"] if each["name"] == "wild")
    rows = [wild["arms"][f"mixed / lab-3d / {budget}"]["measures"]["mpjpe_mm"] for budget in ("half", "whole")]
    assert line["mean"] == [row["mean"] for row in rows] and line["low"] == [row["interval"]["low"] for row in rows]
    assert line["flops"] == [0.5e12, 1e12]
    matrix = data["matrices"][0]
    assert (
        len(data["matrices"]) == 5
        and matrix["values"][0][0] == crossed_told["matrices"][0]["cells"][0][0]["figure"]["mean"]
    )
    part = next(row for row in data["parts"]["wild"] if row["arm"] == "mixed / lab-3d / whole")
    measured = wild["arms"][part["arm"]]["measures"]["mpjpe_mm"]["mean"]
    assert sum(part["parts"].values()) == pytest.approx(measured, abs=0.02)
    assert part["baselines"] == ["mean training pose", "true 2D, flat depth"]
    assert len(data["confidence"]["wild"]) == 11 and len(data["confidence"]["wild"][0]["share"]) == 10


def test_budget_lines_have_the_colours_of_their_arms_and_differ(crossed_found, crossed_told):
    lines = [line for line in script_data(crossed_found)["budgets"] if line["set"] == "lab"]
    colours = colours_of(crossed_found)
    assert {line["colour"] for line in lines if line["name"].startswith("mixed")} == {colours["mixed / lab-3d / whole"]}
    assert len({(line["colour"], line["dash"]) for line in lines}) == len(lines) == 6


def test_the_plot_against_compute_is_marked_at_the_budgets(crossed_found, crossed_told):
    half, whole = (
        {arm["counted_flops"] for arm in crossed_told["arms"] if level in arm["name"]} for level in ("half", "whole")
    )
    ticks = script_data(crossed_found)["budget_ticks"]
    assert {tick["flops"] for tick in ticks} <= half | whole
    assert [tick["text"] for tick in ticks] == [flops_written(tick["flops"]) for tick in ticks]
    other = copy.deepcopy(crossed_told)
    for arm in other["arms"]:
        arm["counted_flops"] = (1e12 if "half" in arm["name"] else 2e12) * (1.01 if "mixed" in arm["name"] else 1)
    assert [tick["text"] for tick in script_data(analysis_from(other))["budget_ticks"]] == ["1 TFLOP", "2 TFLOP"]


def test_a_budget_that_both_sides_name_has_no_colour_of_its_own(crossed_found, crossed_told):
    other = copy.deepcopy(crossed_told)
    for each in other["comparisons"]:
        each["arm"]["budget"] = each["baseline"]["budget"] = "whole"
    assert styles_of(analysis_from(other)) == styles_of(crossed_found)


def test_a_crossing_is_a_line_with_its_words(crossed_found, crossed_told):
    other = copy.deepcopy(crossed_told)
    assert script_data(analysis_from(other))["crossings"] == [], "in the fake, curves do not cross"
    crossing = other["compute"][0]["crossing"]
    crossing |= {"order": "overtakes", "flops": 7e11, "interval": {"low": 6e11, "high": None}}
    assert script_data(analysis_from(other))["crossings"] == [], "it may lie beyond the last budget"
    crossing["interval"] = None
    assert script_data(analysis_from(other))["crossings"] == [], "two seeds"
    crossing["interval"] = {"low": 6e11, "high": 8e11}
    (line,) = script_data(analysis_from(other))["crossings"]
    assert line == {"set": "lab", "flops": 7e11, "text": "2d-first / lab-3d overtakes only-3d / lab-3d"}


def test_errors_are_drawn_along_the_longest_factor_that_is_not_compared(found, crossed_found, crossed_told):
    assert level_factor(crossed_found) is None, "two worlds fit in a table, budgets have their own plot"
    other = copy.deepcopy(crossed_told)
    next(each for each in other["study"]["factors"] if each["name"] == "labels-from")["levels"].append("elsewhere")
    assert level_factor(analysis_from(other)) == "labels-from"
    lines = {(line["set"], line["name"]): line for line in script_data(analysis_from(other))["levels"]}
    line, lab = lines["lab", "mixed / whole"], next(each for each in other["sets"] if each["name"] == "lab")
    assert line["levels"] == ["lab-3d", "wild-3d"]
    for level, mean, high in zip(line["levels"], line["mean"], line["high"], strict=True):
        row = lab["arms"][f"mixed / {level} / whole"]["measures"]["mpjpe_mm"]
        assert (mean, high) == (row["mean"], row["interval"]["high"])
    colours = colours_of(analysis_from(other))
    assert line["colour"] == colours["mixed / lab-3d / whole"] != lines["lab", "only-3d / whole"]["colour"]


def test_a_single_factor_is_drawn_along_itself(found, told):
    assert level_factor(found) is None, "two arms fit in a table"
    other = copy.deepcopy(told)
    other["study"]["factors"][0]["levels"].append("third")
    other["arms"].append({**told["arms"][0], "name": "third", "levels": {"training": "third"}})
    assert level_factor(analysis_from(other)) == "training"
    line = next(line for line in script_data(analysis_from(other))["levels"] if line["set"] == "lab")
    assert (line["name"], line["levels"]) == ("", [arm["name"] for arm in told["arms"]])


def test_colours_are_written_as_pages_read_them_and_differ() -> None:
    assert len({colour.lower() for colour in ARM_COLOURS}) == len(ARM_COLOURS)
    assert all(len(colour) == 7 and int(colour[1:], 16) >= 0 for colour in ARM_COLOURS)
