import numpy as np
import pytest

from fakes_statistics import crossing_curves, power_law
from prepose.studies.statistics.crossing import crossing
from prepose.studies.statistics.curves import ArmCurves, ErrorCurve


def curves(name, errors, *, flops=(1.0, 10, 100, 1000), seeds=3):
    return ArmCurves(name, {s: ErrorCurve(np.array(flops), np.array(errors, float)) for s in range(seeds)})


def test_power_laws_cross_where_they_should():
    arm, baseline = crossing_curves(4, None)
    found = crossing(arm, baseline)
    assert found.order == "overtakes" and found.times_crossed == 1 and found.flops == pytest.approx(1e4, rel=1e-3)
    assert 1e4 == pytest.approx(found.interval.low, rel=0.01) == pytest.approx(found.interval.high, rel=0.01)
    assert found.range_flops == pytest.approx((1e3, 1e5))
    other = crossing(baseline, arm)
    assert other.order == "falls behind" and other.flops == pytest.approx(found.flops)


def test_the_interval_holds_the_crossing():
    """120 studies of 3 seeds; open ends are allowed, wrong ones are not."""
    hits = 0
    for study in range(120):
        found = crossing(*crossing_curves(3, np.random.default_rng(study)))
        hits += found.interval is not None and 1e4 in found.interval
    assert hits >= 0.89 * 120


def test_arms_that_do_not_cross():
    better, worse = power_law("a", worth=3, errors=np.ones(3)), power_law("b", worth=1, errors=np.ones(3))
    for one, other, order in ((better, worse, "ahead throughout"), (worse, better, "behind throughout")):
        found = crossing(one, other)
        assert (found.order, found.flops, found.interval, found.times_crossed) == (order, None, None, 0)


def test_the_last_of_several_crossings_is_told():
    found = crossing(curves("a", [90, 80, 60, 30]), curves("b", [100, 70, 65, 25]))
    assert found.times_crossed == 3 and found.order == "falls behind" and 100 < found.flops < 1000


def test_curves_that_touch_do_not_cross():
    found = crossing(curves("a", [90, 70, 60, 30]), curves("b", [100, 70, 70, 40]))
    assert found.order == "ahead throughout" and found.times_crossed == 0
    same = crossing(curves("a", [90, 70, 60, 30]), curves("b", [90, 70, 60, 30]))
    assert same.order == "behind throughout" and same.flops is None, "nothing is ahead of itself"


def test_open_ends_where_seeds_do_not_tell():
    """Seeds that differ by more than the arms do at the ends of their curves."""
    factors = np.array([0.6, 1.0, 1.0 / 0.6])
    flops = np.geomspace(1e3, 1e5, 12)
    arm, baseline = (
        ArmCurves(name, {s: ErrorCurve(flops, 200 * (flops / 1e4) ** -slope * f) for s, f in enumerate(order)})
        for name, slope, order in (("a", 0.2, factors), ("b", 0.1, factors[::-1].copy()))
    )
    found = crossing(arm, baseline)
    assert found.order == "overtakes" and found.interval.low == 0 and found.interval.high == np.inf


def test_only_shared_compute_counts():
    found = crossing(curves("a", [90, 80, 60, 30]), curves("b", [95, 85, 65], flops=(10.0, 100, 2000)))
    assert found.range_flops == pytest.approx((10, 1000))
    with pytest.raises(ValueError, match="cover no common compute"):
        crossing(curves("a", [90, 80, 60, 30]), curves("b", [95, 85], flops=(2000.0, 9000)))


def test_two_seeds_have_no_interval():
    arms = [ArmCurves(each.name, {s: each.curves[s] for s in (0, 1)}) for each in crossing_curves(3, None)]
    found = crossing(*arms)
    assert found.flops is not None and found.interval is None and "tell no interval" in found.notes[0]
