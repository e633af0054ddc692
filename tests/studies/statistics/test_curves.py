import numpy as np
import pytest

from fakes_statistics import power_law
from prepose.studies.statistics.curves import ArmCurves, ErrorCurve, root_along, shared_seeds
from prepose.studies.statistics.interval import Interval


def test_power_laws_are_kept_as_they_are():
    curves = power_law("a", worth=1, errors=np.ones(2))
    places = curves.grid()
    assert curves.errors_at(places, (0, 1)) == pytest.approx(np.tile(1000 * np.exp(places) ** -0.15, (2, 1)))


def test_what_rises_again_is_levelled():
    curve = ErrorCurve(np.array([1.0, 2, 4, 8]), np.array([100.0, 60, 66, 40]))
    curves = ArmCurves("a", {0: curve})
    found = curves.errors_at(np.log(curve.flops), (0,))[0]
    assert found == pytest.approx([100, np.sqrt(60 * 66), np.sqrt(60 * 66), 40])
    assert (np.diff(curves.errors_at(curves.grid(), (0,))) <= 1e-9).all()


@pytest.mark.parametrize("power", [0.5, 2.0])
def test_the_unit_of_compute_does_not_matter(power):
    """A monotone transformation of the axis in logs moves points and nothing else."""
    curve = ErrorCurve(np.array([1.0, 3, 9]), np.array([100.0, 70, 60]))
    moved = ErrorCurve(7 * curve.flops**power, curve.errors)
    one, other = (ArmCurves("a", {0: each}) for each in (curve, moved))
    places = np.linspace(0, np.log(9), 50)
    expected = one.errors_at(places, (0,))
    assert other.errors_at(power * places + np.log(7), (0,)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("flops", "errors", "message"),
    [
        ([1.0], [2.0], "two points or more"),
        ([2.0, 1.0], [2.0, 1.0], "ascending"),
        ([0.0, 1.0], [2.0, 1.0], "positive"),
        ([1.0, 2.0], [2.0, np.nan], "errors of a curve must be positive and finite"),
        ([1.0, 2.0], [2.0, 0.0], "1 - PCK"),
    ],
)
def test_bad_curves_are_refused(flops, errors, message):
    with pytest.raises(ValueError, match=message):
        ErrorCurve(np.array(flops), np.array(errors))


def test_curves_that_share_nothing_are_refused():
    low, high = ErrorCurve(np.array([1.0, 2]), np.ones(2)), ErrorCurve(np.array([3.0, 4]), np.ones(2))
    with pytest.raises(ValueError, match="no common compute"):
        ArmCurves("a", {0: low, 1: high})
    with pytest.raises(ValueError, match="has no curve"):
        ArmCurves("a", {})
    with pytest.raises(ValueError, match="'a' and 'b' share no seed"):
        shared_seeds(ArmCurves("a", {0: low}), ArmCurves("b", {1: high}))


PLACES = np.linspace(0, 10, 1001)


def test_a_root_and_its_interval_by_hand():
    """Lines 5 + seed - x: roots at 4, 5, 6; t of two degrees of freedom times 1 / sqrt(3) about their mean."""
    root = root_along(PLACES, np.array([[4.0], [5], [6]]) - PLACES)
    assert root.where == "inside" and root.place == pytest.approx(5)
    half = 4.3027 / np.sqrt(3)
    assert (root.interval.low, root.interval.high) == pytest.approx((5 - half, 5 + half), abs=0.01)


def test_ends_are_open_where_seeds_do_not_tell():
    root = root_along(PLACES, np.array([[1.0], [5], [9]]) - PLACES)
    assert root.where == "inside" and root.interval == Interval(-np.inf, np.inf)
    after = root_along(PLACES, np.array([[11.0], [11.1], [11.2]]) - PLACES)
    assert after.where == "after" and after.place == 10 and after.interval == Interval(10.0, np.inf)
    before = root_along(PLACES, np.array([[-1.0], [-1.1], [-1.2]]) - PLACES)
    assert before.where == "before" and before.place == 0 and before.interval == Interval(-np.inf, 0.0)


def test_two_seeds_have_a_root_and_no_interval():
    root = root_along(PLACES, np.array([[4.0], [6]]) - PLACES)
    assert root.place == pytest.approx(5) and root.interval is None


def test_seeds_that_agree_exactly_give_a_point():
    root = root_along(PLACES, np.full((3, 1), 2.505) - PLACES)
    assert root.interval.low == pytest.approx(2.505, abs=0.01) and root.interval.high == pytest.approx(2.505, abs=0.01)
