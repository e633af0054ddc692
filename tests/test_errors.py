"""The errors of users' files and recipes."""

import inspect

import pytest

from prepose import errors
from prepose.errors import (
    DataError,
    PoseError,
    RecipeError,
    SkeletonMismatch,
    TrainingDiverged,
    nearest,
    unknown_name,
)

ERRORS = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, Exception)]


def test_these_are_all_the_errors():
    assert set(ERRORS) == {PoseError, DataError, RecipeError, SkeletonMismatch, TrainingDiverged}


@pytest.mark.parametrize("error", ERRORS)
def test_one_except_clause_catches_every_mistake_of_a_user(error):
    with pytest.raises(PoseError, match=r"^labels\.csv: 3 columns, expected 4$"):
        raise error("labels.csv: 3 columns, expected 4")


@pytest.mark.parametrize("error", ERRORS)
def test_a_users_mistake_is_never_taken_for_a_programmers(error):
    """A wrong argument is a ValueError; the command line must not hide one behind a line for users."""
    assert not issubclass(error, ValueError | OSError | AssertionError)


@pytest.mark.parametrize("error", [DataError, RecipeError, SkeletonMismatch])
def test_the_kinds_do_not_overlap(error):
    assert error.__bases__ == (PoseError,)


def test_an_error_reaches_another_process_as_it_is():
    """Trials run in processes of their own; what cannot be pickled would end as a broken pool."""
    import pickle

    for error in ERRORS:
        back = pickle.loads(pickle.dumps(error("labels.csv: is empty")))
        assert type(back) is error and str(back) == "labels.csv: is empty"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("lerning_rate", "learning_rate"), ("sampels", "samples"), ("ONLY_3D", "only-3d")],
)
def test_a_misspelt_name_finds_the_one_that_was_meant(typed, meant):
    assert nearest(typed, ["seed", "learning_rate", "samples", "only-3d"]) == f" (did you mean {meant!r}?)"


def test_a_name_like_no_other_is_told_with_all_known_ones():
    assert unknown_name("recipe", "zzz", ["seed", "rate"]) == "no recipe is named 'zzz'; known: seed, rate"
