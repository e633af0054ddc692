import math

import numpy as np
import pytest
from scipy import stats

from prepose.studies.statistics.interval import (
    Interval,
    Uncertainty,
    combined,
    hedges_correction,
    holm,
    holm_levels,
    mean_uncertainty,
    minimum_detectable_effect,
    standardised,
    t_interval,
    t_p_value,
)


def test_the_t_interval_and_p_value_are_those_of_scipy():
    values = np.random.default_rng(0).normal(3, 2, 7)
    uncertainty = mean_uncertainty(values)
    interval, test = t_interval(float(values.mean()), uncertainty), stats.ttest_1samp(values, 0)
    assert (interval.low, interval.high) == pytest.approx(tuple(test.confidence_interval()))
    assert t_p_value(float(values.mean()), uncertainty) == pytest.approx(test.pvalue)


def test_two_means_of_unlike_spread_give_welchs_test():
    generator = np.random.default_rng(1)
    one, other = generator.normal(0, 1, 4), generator.normal(1, 5, 9)
    parts = [(mean_uncertainty(each).standard_error ** 2, float(len(each) - 1)) for each in (one, other)]
    found = t_p_value(float(one.mean() - other.mean()), combined(parts))
    assert found == pytest.approx(stats.ttest_ind(one, other, equal_var=False).pvalue)


def test_what_does_not_vary_is_certain():
    certain = combined([(0.0, 2.0), (0.0, 6.0)])
    assert certain == Uncertainty(0.0, 8.0)
    assert t_interval(4.0, certain) == Interval(4.0, 4.0)
    assert t_p_value(4.0, certain) == 0 and t_p_value(0.0, certain) == 1


def test_one_value_has_no_spread():
    with pytest.raises(ValueError, match="at least two are needed"):
        mean_uncertainty(np.ones(1))


def test_holm_by_hand():
    """Holm's example of four: 0.01, 0.02, 0.03, 0.04 with factors 4, 3, 2, 1, never falling."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([0.03]) == [0.03] and holm([]) == []


@pytest.mark.parametrize("seed", range(20))
def test_holm_lies_between_none_and_bonferroni(seed):
    p_values = np.random.default_rng(seed).uniform(0, 0.2, 6)
    adjusted = np.array(holm(p_values.tolist()))
    assert (adjusted >= p_values).all() and (adjusted <= np.minimum(1, 6 * p_values)).all()
    assert (np.diff(adjusted[np.argsort(p_values)]) >= 0).all(), "the order stays"


@pytest.mark.parametrize("seed", range(5))
def test_holm_rejects_what_lies_below_its_levels(seed):
    drawn = np.random.default_rng(seed).choice([1e-5, 0.003, 0.008, 0.011, 0.02, 0.04, 0.5], 7)
    p_values = [1e-6, *drawn.tolist(), 0.9]
    adjusted = holm(p_values)
    below = [p < level for p, level in zip(p_values, holm_levels(adjusted), strict=True)]
    assert below == [p < 0.05 for p in adjusted] and any(below) and not all(below)


@pytest.mark.parametrize(("df", "factor"), [(2.0, 0.5642), (4.0, 0.7979), (9.0, 0.9139), (24.0, 0.9684)])
def test_hedges_factors_are_those_of_his_table(df, factor):
    assert hedges_correction(df) == pytest.approx(factor, abs=1e-4)
    assert df == 2 or hedges_correction(df) == pytest.approx(1 - 3 / (4 * df - 1), abs=4e-3), "his approximation"


def test_the_corrected_effect_size_is_unbiased():
    values = np.random.default_rng(2).normal(0.8, 1, (40_000, 5))
    sizes = [standardised(float(m), float(s), 4.0) for m, s in zip(values.mean(1), values.std(1, ddof=1), strict=True)]
    assert np.mean(sizes) == pytest.approx(0.8, abs=0.01)
    assert standardised(1.0, 0.0, 4.0) is None and standardised(1.0, 1.0, 1.0) is None


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 36])
@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_the_minimum_detectable_effect_is_found_in_four_of_five_studies(num_seeds, alpha):
    effect = minimum_detectable_effect(Uncertainty(1 / math.sqrt(num_seeds), num_seeds - 1.0), alpha=alpha)
    values = np.random.default_rng(num_seeds).normal(effect, 1, (20_000, num_seeds))
    assert (stats.ttest_1samp(values, 0, axis=1).pvalue < alpha).mean() == pytest.approx(0.8, abs=0.01)


def test_the_minimum_detectable_effect_of_many_is_the_textbooks():
    """2.8 standard errors: 1.96 + 0.84."""
    assert minimum_detectable_effect(Uncertainty(2.0, 1e6)) == pytest.approx(2 * 2.8016, rel=1e-3)
    assert minimum_detectable_effect(Uncertainty(0.0, 2.0)) == 0
