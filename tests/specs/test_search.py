"""Tests for what a study says of its search, and what is refused."""

import pytest

from fake_studies import small_study
from prepose.errors import RecipeError
from prepose.specs.reading import study_from, with_seeds
from prepose.specs.search import Halving, Search, SearchRange

RATE = {"*.learning_rate": {"low": 1e-3, "high": 1e-2, "log": True}}


def study_with(search):
    return study_from(small_study().model_dump(mode="json") | {"search": search}, "small.json")


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"parameters": {"seed": {"low": 2, "high": 1}}}, "found low 2 and high 1, expected low below high"),
        ({"parameters": {"seed": {"low": 0, "high": 1, "log": True}}}, "expected more than 0 where log is true"),
        ({"parameters": {"seed": {"low": 0.5, "high": 2, "whole": True}}}, "expected whole numbers"),
        ({"parameters": {"seed": {"low": 1}}}, "expected low and high, or choices"),
        ({"parameters": {"seed": {"low": True, "high": 2}}}, "found true, expected a number"),
        ({"parameters": {"seed": {"choices": [1]}}}, "two or more, each once"),
        ({"parameters": {"seed": {"choices": [1, 1]}}}, "two or more, each once"),
        ({"parameters": {"seed": {"choices": [1, 2], "low": 1}}}, "choices go without low"),
        ({"parameters": {}}, "parameters"),
        ({"parameters": {"seed=3": {"low": 1, "high": 2}}}, "found 'seed=3', expected a field of the recipe"),
        ({"parameters": RATE, "trials": 1}, "trials"),
        ({"parameters": RATE, "part": 1.5}, "part"),
        ({"parameters": RATE, "sampler": "grid"}, "sampler"),
        ({"parameters": RATE, "seed": 1}, "search.seed 1 is a seed of the study"),
        ({"parameters": RATE, "halving": {"rungs": 3, "factor": 3}}, "needs at least 9 trials.*found 8"),
        ({"parameters": RATE, "halving": {"rungs": 1}}, "rungs"),
        ({"parameters": RATE, "trails": 4}, r"search.trails: no such field \(did you mean 'trials'"),
    ],
)
def test_what_cannot_be_meant_is_refused(search, message):
    with pytest.raises(RecipeError, match=message):
        study_with(search)


def test_rungs_halve_the_settings_and_lengthen_the_trainings():
    plain = Search(parameters={"x": SearchRange(low=0, high=1)}, trials=9, part=0.5)
    assert plain.rungs == ((0.5, 9),) and plain.whole_trainings == 4.5
    halved = plain.model_copy(update={"halving": Halving(rungs=3, factor=3)})
    assert [count for _, count in halved.rungs] == [9, 3, 1]
    assert [part for part, _ in halved.rungs] == pytest.approx([0.5 / 9, 0.5 / 3, 0.5])
    # Each rung costs as much as the others: a third of what all settings at the whole length would.
    assert halved.whole_trainings == pytest.approx(1.5) and halved.trainings == 13


def test_more_seeds_leave_the_searchs_own_out():
    study = study_with({"parameters": RATE, "seed": 2})
    assert with_seeds(study, 4).seeds == (0, 1, 3, 4)


def test_a_range_is_written_as_people_read_it():
    assert SearchRange(low=1e-3, high=0.02, log=True).written == "0.001 to 0.02 (log)"
    assert SearchRange(choices=("adamw", "sgd")).written == "one of adamw, sgd"
