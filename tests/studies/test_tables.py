import pytest

from prepose.studies.tables import clearly_apart, flops_written, spread


def test_spread_is_the_sample_standard_deviation():
    assert spread([1.0, 3.0]) == {"mean": 2.0, "std": pytest.approx(2**0.5), "low": 1.0, "high": 3.0}


def test_one_seed_has_no_spread():
    assert spread([5.0]) == {"mean": 5.0, "std": None, "low": 5.0, "high": 5.0}


@pytest.mark.parametrize("values", [[], [None, 1.0], [float("nan"), 1.0]])
def test_what_was_not_scored_in_every_seed_has_no_mean(values):
    assert set(spread(values).values()) == {None}


@pytest.mark.parametrize(("flops", "text"), [(1.5e15, "1.5 PFLOP"), (2e12, "2 TFLOP"), (3e3, "3e+03 FLOP")])
def test_operations_as_text(flops, text):
    assert flops_written(flops) == text


def test_seeds_that_do_not_overlap():
    assert clearly_apart([1.0, 2.0], [3.0, 4.0]) and clearly_apart([3.0, 4.0], [1.0, 2.0])
    assert not clearly_apart([1.0, 3.0], [2.0, 4.0])
