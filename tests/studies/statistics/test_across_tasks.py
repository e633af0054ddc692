import numpy as np
import pytest
from scipy import stats

from prepose.studies.statistics.across_tasks import (
    improvement,
    interquartile_mean,
    methods_across,
    relative_errors,
)


def generator():
    return np.random.default_rng(0)


def test_interquartile_mean_by_hand_and_as_rliable_computes_it():
    scores = np.array([8.0, 1, 2, 3, 4, 5, 6, 7])
    assert interquartile_mean(scores) == pytest.approx((3 + 4 + 5 + 6) / 4)
    # rliable.metrics.aggregate_iqm is scipy's trimmed mean.
    drawn = generator().normal(size=15)
    assert interquartile_mean(drawn) == pytest.approx(stats.trim_mean(drawn, 0.25))


def test_relative_errors_have_the_mean_1_on_every_task():
    """Two methods with mean errors 100 and 50 on the one task, 10 and 30 on the other: means 75 and 20."""
    found = relative_errors({"a": [np.array([[90.0, 10], [110, 10]])], "b": [np.array([[50.0, 30]])]})
    np.testing.assert_allclose(found["a"][0], [[90 / 75, 0.5], [110 / 75, 0.5]])
    np.testing.assert_allclose(found["b"][0], [[50 / 75, 1.5]])


def test_probability_of_improvement_by_hand():
    """First task: of 4 pairs 3 wins; second: 1 win, 2 ties, 1 loss. (3/4 + 2/4) / 2."""
    ours = [np.array([[1.0], [3.0]]), np.array([[1.0], [2.0]])]
    theirs = [np.array([[2.0], [4.0]]), np.array([[2.0], [1.0]])]
    found = improvement(("a", ours), ("b", theirs), generator())
    assert found.probability == pytest.approx((3 / 4 + 2 / 4) / 2) and found.probability in found.interval
    back = improvement(("b", theirs), ("a", ours), generator())
    assert back.probability == pytest.approx(1 - found.probability)
    assert improvement(("a", [ours[0][:1]]), ("b", [theirs[0]]), generator()).interval is None


def test_profile_counts_the_scores_below_each_threshold():
    scores = {"good": [np.array([[0.8], [0.9], [1.0]])], "bad": [np.array([[1.0], [1.2], [1.6]])]}
    (good, bad), thresholds = methods_across(scores, generator())
    assert (thresholds[0], thresholds[-1]) == pytest.approx((0.8, 1.6))
    assert good.profile[0] == pytest.approx(1 / 3) and good.profile[-1] == bad.profile[-1] == 1
    assert bad.profile[20] == pytest.approx(np.mean(np.array([1.0, 1.2, 1.6]) <= thresholds[20]))
    assert (np.array(good.profile_low) <= good.profile).all() and (np.array(good.profile_high) >= good.profile).all()
    assert good.iqm == pytest.approx(0.9) and good.iqm in good.interval and good.trainings == 3


def test_the_test_sets_of_one_training_stay_together():
    """Two sets that rise and fall together say no more than one of them: the band is as wide."""
    one = generator().normal(1, 0.1, (5, 1))
    alone, _ = methods_across({"a": [one]}, generator())
    twice, _ = methods_across({"a": [np.repeat(one, 4, axis=1)]}, generator())
    widths = [each[0].interval.high - each[0].interval.low for each in (alone, twice)]
    assert widths[1] > 0.8 * widths[0]
