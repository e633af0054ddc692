import numpy as np
import pytest
from scipy import stats

from fakes_statistics import SOURCES, drawn_pair
from prepose.studies.statistics.interval import mean_uncertainty, t_interval
from prepose.studies.statistics.scores import ArmScores
from prepose.studies.statistics.uncertainty import (
    arm_uncertainty,
    cluster_part,
    difference_uncertainty,
    effective_clusters,
)


def test_equal_clusters_give_the_textbooks_variance():
    values = np.random.default_rng(0).normal(0, 3, 9)
    variance, df = cluster_part((values - values.mean()) / 9, np.full(9, 1 / 9))
    assert variance == pytest.approx(values.var(ddof=1) / 9) and df == pytest.approx(8)


@pytest.mark.parametrize("seed", range(3))
def test_unlike_clusters_give_the_matrix_form(seed):
    """Expectation and degrees of freedom written out in power sums are those of the quadratic form."""
    generator = np.random.default_rng(seed)
    weights = generator.dirichlet(np.ones(6))
    off = np.eye(6) - np.outer(np.ones(6), weights)
    form = off.T @ np.diag(weights**2) @ off
    values = generator.normal(size=6)
    variance, df = cluster_part(weights * (off @ values), weights)
    assert variance == pytest.approx(values @ form @ values * (weights**2).sum() / np.trace(form))
    assert df == pytest.approx(np.trace(form) ** 2 / np.trace(form @ form))
    assert df < 5 and effective_clusters(weights) < 6


def test_the_variance_of_unlike_clusters_is_unbiased():
    generator = np.random.default_rng(1)
    weights = np.array([0.5, 0.2, 0.1, 0.1, 0.1])
    values = generator.normal(size=(20_000, 5))
    influences = weights * (values - values @ weights[:, None])
    found = np.mean([cluster_part(each, weights)[0] for each in influences])
    assert found == pytest.approx((weights**2).sum(), rel=0.03)


def test_one_subject_for_all_is_refused():
    with pytest.raises(ValueError, match="one subject"):
        cluster_part(np.zeros(2), np.array([1.0, 0.0]))


def test_without_a_spread_over_subjects_it_is_the_paired_t_test():
    one, other = np.random.default_rng(2).normal(80, 5, (2, 4))
    arms = [
        ArmScores("x", (0, 1, 2, 3), np.tile(each[:, None, None], (1, 6, 1)), np.ones((4, 6, 1)))
        for each in (one, other)
    ]
    found = difference_uncertainty(*arms, paired=True)
    expected = mean_uncertainty(one - other)
    assert (found.standard_error, found.df) == pytest.approx((expected.standard_error, expected.df))
    alone = arm_uncertainty(arms[0])
    assert (alone.standard_error, alone.df) == pytest.approx((stats.sem(one), 3))
    loose = difference_uncertainty(*arms, paired=False)
    assert loose.standard_error == pytest.approx(np.hypot(stats.sem(one), stats.sem(other)))


def test_what_arms_share_cancels():
    """Seeds and subjects that are hard for both arms widen each arm's interval and not that of the difference."""
    generator = np.random.default_rng(3)
    values = (generator.normal(0, 9, (5, 1)) + generator.normal(0, 20, 8) + 100)[..., None]
    one = ArmScores("a", tuple(range(5)), values, np.ones_like(values))
    other = ArmScores("b", one.seeds, values - 2, np.ones_like(values))
    assert difference_uncertainty(one, other, paired=True).standard_error == pytest.approx(0, abs=1e-9)
    assert arm_uncertainty(one).standard_error > 3


@pytest.mark.parametrize("num_seeds", [3, 5, 10])
@pytest.mark.parametrize("name", ["trainings alone (7 subjects)", "trainings and 7 subjects alike"])
def test_intervals_hold_the_truth_as_often_as_they_say(name, num_seeds):
    """A quick form of benchmarks/intervals.py: 600 studies, so that 95 % is told from 91.5 and 98."""
    generator = np.random.default_rng(num_seeds)
    hits = 0
    for _ in range(600):
        arm, baseline = drawn_pair(SOURCES[name], num_seeds, generator)
        difference = float(arm.seed_means.mean() - baseline.seed_means.mean())
        hits += 0.0 in t_interval(difference, difference_uncertainty(arm, baseline, paired=True))
    assert 0.92 <= hits / 600 <= 0.98
