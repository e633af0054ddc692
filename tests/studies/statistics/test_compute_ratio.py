import numpy as np
import pytest

from fakes_statistics import drawn_curves, power_law
from prepose.studies.statistics.compute_ratio import compute_ratio
from prepose.studies.statistics.curves import ArmCurves, ErrorCurve

SEEDS = np.array([0.97, 1.0, 1.02, 1.01])


def found(worth, *, errors=SEEDS):
    arm, baseline = power_law("arm", worth=worth, errors=errors), power_law("baseline", worth=1, errors=errors)
    return compute_ratio(arm, baseline, generator=np.random.default_rng(0))


@pytest.mark.parametrize("worth", [0.25, 1.0, 3.0])
def test_curves_of_known_worth(worth):
    """Better and worse arms alike; where an end is not covered, the relation says so."""
    ratio = found(worth)
    assert ratio.at_end.ratio == pytest.approx(worth, rel=1e-3) and ratio.at_end.relation == "equal"
    assert ratio.at_end.interval.low <= worth * 1.01 and ratio.at_end.interval.high >= worth * 0.99
    assert ratio.geometric_mean == pytest.approx(worth, rel=0.01)
    assert ratio.geometric_mean_interval.low <= worth * 1.01 and ratio.geometric_mean_interval.high >= worth * 0.99
    equal = [level for level in ratio.levels if level.relation == "equal"]
    assert len(equal) > 10 and [level.ratio for level in equal] == pytest.approx([worth] * len(equal), rel=1e-3)
    assert {level.relation for level in ratio.levels} <= {"equal", "at least" if worth >= 1 else "at most"}


def test_errors_and_flops_of_the_end_are_those_of_the_curves():
    end = found(3.0).at_end
    assert end.baseline_flops == pytest.approx(1e5) and end.arm_flops == pytest.approx(1e5 / 3, rel=1e-3)
    assert end.error == pytest.approx(SEEDS.mean() * 1000 * 1e5**-0.15)
    worse = found(0.25).at_end
    assert worse.arm_flops == pytest.approx(1e5) and worse.baseline_flops == pytest.approx(25e3, rel=1e-3)
    assert worse.error == pytest.approx(SEEDS.mean() * 1000 * 25e3**-0.15, rel=1e-3)


def test_an_arm_that_starts_below_the_baselines_end_is_worth_at_least_so_much():
    end = found(1e4).at_end
    assert end.relation == "at least" and end.ratio == pytest.approx(100) and end.arm_flops == pytest.approx(1e3)
    assert end.interval.high == np.inf and end.interval.low == pytest.approx(100, rel=0.01)
    ratio = found(1e4)
    assert ratio.geometric_mean is None and "no error is reached by both" in ratio.notes[0]
    assert found(1e-4).at_end.relation == "at most" and found(1e-4).at_end.ratio == pytest.approx(0.01)


def test_the_ratio_of_the_exchanged_arms_is_the_inverse():
    generator = np.random.default_rng(4)
    arm, baseline = drawn_curves(2.0, 5, generator)
    one = compute_ratio(arm, baseline, generator=generator)
    other = compute_ratio(baseline, arm, generator=generator)
    assert one.at_end.ratio == pytest.approx(1 / other.at_end.ratio, rel=1e-6)
    assert one.at_end.interval.low == pytest.approx(1 / other.at_end.interval.high, rel=1e-6)
    assert one.geometric_mean == pytest.approx(1 / other.geometric_mean)


@pytest.mark.parametrize("power", [0.5, 2.0])
def test_any_monotone_form_of_the_error_gives_the_same_ratio(power):
    """The ratio is read off the FLOPs: squaring every error changes no answer where seeds do not differ."""
    arm, baseline = power_law("arm", worth=3, errors=np.ones(3)), power_law("baseline", worth=1, errors=np.ones(3))
    formed = [
        ArmCurves(each.name, {s: ErrorCurve(c.flops, c.errors**power) for s, c in each.curves.items()})
        for each in (arm, baseline)
    ]
    assert compute_ratio(*formed, generator=np.random.default_rng(0)).at_end.ratio == pytest.approx(3, rel=1e-3)


def test_two_seeds_carry_no_conclusion():
    ratio = found(3.0, errors=np.array([0.99, 1.01]))
    assert ratio.at_end.interval is None and ratio.geometric_mean_interval is None
    assert "carry no conclusion" in ratio.notes[-1]


def test_seeds_without_a_partner_are_named():
    arm, baseline = power_law("arm", worth=3, errors=SEEDS), power_law("baseline", worth=1, errors=SEEDS[:3])
    ratio = compute_ratio(arm, baseline, generator=np.random.default_rng(0))
    assert ratio.seeds == (0, 1, 2) and "left out: [3]" in ratio.notes[0]


def test_the_same_generator_gives_the_same_result():
    arm, baseline = drawn_curves(2.0, 10, np.random.default_rng(4))
    one, again = (compute_ratio(arm, baseline, generator=np.random.default_rng(1)) for _ in range(2))
    assert one == again


def test_intervals_hold_the_truth():
    """A quick form of benchmarks/intervals.py: 120 studies of 3 seeds."""
    hits = np.zeros(2)
    for study in range(120):
        generator = np.random.default_rng(study)
        ratio = compute_ratio(*drawn_curves(3.0, 3, generator), generator=generator)
        hits += [3.0 in ratio.at_end.interval, 3.0 in ratio.geometric_mean_interval]
    assert (hits >= 0.89 * 120).all()
