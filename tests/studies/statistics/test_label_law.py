"""Tests for the law of labels and compute: known laws are found again, and a constant is not taken for one."""

import numpy as np
import pytest

from prepose.studies.statistics.label_law import Law, LawLevel, fit_law, level_means, within_reach

LABELS = np.array([[30.0], [90.0], [300.0], [900.0], [3000.0]])
LAW = Law(np.array(150.0), np.array([6.0]), np.array([0.45]), np.array([3000.0]))
BOTH = np.array([[n, 3000.0] for n in (60, 180, 600, 1800, 6000)] + [[6000.0, n] for n in (30, 90, 300, 900)])
LAW_OF_BOTH = Law(np.array(120.0), np.array([15.0, 6.0]), np.array([0.3, 0.5]), np.array([6000.0, 3000.0]))


def levels_of(law, places, *, noise, seeds=5, off=0.0, seed=0):
    generator = np.random.default_rng(seed)
    errors = [float(law.error_at(place)) + off * generator.standard_normal() for place in places]
    return [
        LawLevel(place, error + noise * generator.standard_normal(seeds))
        for place, error in zip(places, errors, strict=True)
    ]


def fitted(law, places, *, resamples=20, **made):
    return fit_law(levels_of(law, places, **made), generator=np.random.default_rng(1), resamples=resamples)


@pytest.mark.parametrize(("law", "places"), [(LAW, LABELS), (LAW_OF_BOTH, BOTH)])
def test_a_known_law_is_found_again(law, places):
    found = fitted(law, places, noise=1e-6).law
    assert found.floor == pytest.approx(law.floor, rel=0.01)
    assert found.terms == pytest.approx(law.terms, rel=0.1)
    assert found.exponents == pytest.approx(law.exponents, rel=0.05)
    assert all(found.error_at(place) == pytest.approx(float(law.error_at(place)), rel=1e-3) for place in places)


def test_intervals_hold_what_the_next_labels_bring():
    here, after = np.array([600.0]), np.array([1600.0])
    truth = float(LAW.error_at(here) - LAW.error_at(after))
    fits = [fitted(LAW, LABELS, noise=4.0, seed=seed, resamples=30) for seed in range(6)]
    intervals = [each.gain(here, after)[1] for each in fits]
    assert sum(truth in interval for interval in intervals) >= 5
    # An interval that holds everything would hold the truth, too.
    assert np.median([interval.high - interval.low for interval in intervals]) < 8


def test_a_constant_is_not_taken_for_a_law():
    flat = Law(np.array(150.0), np.array([0.0]), np.array([0.5]), np.array([3000.0]))
    shown = [fitted(flat, LABELS, noise=4.0, seed=seed).shown[0] for seed in range(4)]
    assert sum(shown) <= 1
    assert fitted(LAW, LABELS, noise=4.0).shown == (True,)


def test_the_fit_is_judged_at_levels_that_it_has_not_seen():
    good = fitted(LAW, LABELS, noise=0.5).goodness
    assert good.left_out < 2 < good.left_out_constant
    # The fewest labels would have to be extrapolated to, which a power law does without bound.
    assert [error is None for error in good.left_out_errors] == [True, False, False, False, True]


def test_levels_off_the_law_widen_the_intervals():
    here = np.array([600.0])
    on, off = (fitted(LAW, LABELS, noise=1.0, off=each, resamples=30, seed=3) for each in (0.0, 12.0))
    assert on.goodness.off_law < 1 < off.goodness.off_law
    assert off.goodness.lack_of_fit_p < 0.01
    widths = [interval.high - interval.low for interval in (on.error_at(here)[1], off.error_at(here)[1])]
    assert widths[1] > 3 * widths[0]


def test_resampled_means_spread_as_means_of_trainings_do():
    level = LawLevel(np.array([1.0]), np.array([1.0, 2.0, 4.0]))
    means = level_means(level, np.random.default_rng(0), 20_000)
    assert means.mean() == pytest.approx(7 / 3, abs=0.02)
    assert means.std() == pytest.approx(level.errors.std(ddof=1) / np.sqrt(3), rel=0.02)


def test_nothing_is_said_below_the_least_amount_nor_far_beyond_the_largest():
    assert within_reach(LABELS, np.array([9000.0]))
    assert not within_reach(LABELS, np.array([9100.0]))
    assert not within_reach(LABELS, np.array([29.0]))


def test_too_few_levels_or_trainings_are_refused():
    with pytest.raises(ValueError, match="4 levels"):
        fitted(LAW, LABELS[:3], noise=1.0)
    with pytest.raises(ValueError, match="two trainings"):
        fitted(LAW, LABELS, noise=1.0, seeds=1)
