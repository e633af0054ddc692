"""Tests for what the law of finished studies says of the next labels, on the committed results."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from prepose.errors import DataError, RecipeError
from prepose.studies import label_budget
from prepose.studies.analysis.study_analysis import to_json
from prepose.studies.label_budget import Asked, plan_labels
from prepose.studies.label_levels import ways_of_training

RESULTS = Path(__file__).parents[2] / "results"
LABELS, DATA = RESULTS / "label-efficiency", RESULTS / "pretraining-data"
MIXED = Asked(have_3d=600, set_name="lab", training="mixed", resamples=20)
FIRST = Asked(have_2d=3000, have_3d=600, budget=1e13, set_name="wild", training="2d-first", resamples=20)


def test_the_next_labels_are_expected_to_bring_something():
    plan = plan_labels([LABELS], MIXED)
    (law,) = plan.laws
    assert [term.variable for term in law.terms] == ["labels_3d"]
    assert law.fixed.keys() == {"labels_2d", "flops"}
    assert any("N2 is 6,000 in all of them" in note for note in law.notes)
    (step,) = law.steps
    assert step.what == "1,000 3D labels"
    assert step.gain == pytest.approx(law.now - step.error)
    assert step.gain_interval.low <= step.gain <= step.gain_interval.high
    assert law.left_out < law.left_out_constant
    assert json.loads(json.dumps(to_json(plan), allow_nan=False))["laws"][0]["training"] == "mixed"


def test_both_kinds_of_labels_are_compared_where_both_vary():
    # Compute has two values in these studies, which tell no exponent: one of them is kept.
    with pytest.raises(RecipeError, match="N2 varies"):
        plan_labels([LABELS, DATA], replace(FIRST, have_3d=None, budget=None, have_2d=None))
    (law,) = plan_labels([LABELS, DATA, RESULTS / "pretraining"], FIRST).laws
    assert [term.variable for term in law.terms] == ["labels_2d", "labels_3d", "flops"]
    assert [step.what for step in law.steps] == ["1,000 2D labels", "1,000 3D labels", "twice the compute"]
    assert "labels are expected to bring" in law.better


def test_a_law_that_is_no_better_than_a_constant_says_nothing():
    with pytest.raises(RecipeError, match="cannot tell a law from a constant"):
        plan_labels([LABELS], replace(MIXED, training="only-3d", set_name="wild"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"have_3d": 8500}, None),
        ({"have_3d": 9500}, "more than 3 times the largest amount seen"),
        ({"have_3d": 20}, "no training had less than 30"),
        ({"have_3d": None}, r"N3 varies \(30 to 3,000\): say how much there is with --have-3d"),
        ({"have_2d": 3000}, "--have-2d 3000: all its trainings have 6,000"),
        ({"budget": 1e14}, r"--budget 1e\+14: all its trainings have 5.62 TFLOP"),
        ({"budget": float("nan")}, "--budget nan: expected a number above 0"),
        ({"have_3d": -1}, "--have-3d -1: expected a number from 0"),
        ({"next_labels": 0}, "--next 0"),
        ({"measure": "pck2d"}, "--measure pck2d: expected an error"),
    ],
)
def test_what_the_law_cannot_answer_is_refused(changes, message):
    if message is None:
        (law,) = plan_labels([LABELS], replace(MIXED, **changes)).laws
        assert "more than 3 times" in law.steps[0].refused
        assert law.steps[0].gain is None
        return
    with pytest.raises(RecipeError, match=message):
        plan_labels([LABELS], replace(MIXED, **changes))


def test_fewer_than_three_seeds_are_refused(monkeypatch):
    def two_seeds(*asked):
        return tuple(
            replace(way, levels=tuple(replace(x, errors=dict([*x.errors.items()][:2])) for x in way.levels))
            for way in ways_of_training(*asked)
        )

    monkeypatch.setattr(label_budget, "ways_of_training", two_seeds)
    with pytest.raises(RecipeError, match="no level has 3 seeds"):
        plan_labels([LABELS], MIXED)


def test_unknown_trainings_and_studies_without_a_law_are_refused():
    with pytest.raises(DataError, match=r"no way of training is named 'mixd' \(did you mean 'mixed'"):
        plan_labels([LABELS], replace(MIXED, training="mixd"))
    with pytest.raises(RecipeError, match="neither labels nor compute vary"):
        plan_labels([RESULTS / "losses"], Asked(set_name="lab"))
    with pytest.raises(RecipeError, match="3 levels of at least 3 seeds, and a law in F needs 4"):
        plan_labels([RESULTS / "pretraining"], Asked(set_name="lab", training="mixed", budget=1e13))
    with pytest.raises(RecipeError, match="no study is named"):
        plan_labels([], MIXED)
