import numpy as np
import pytest

from prepose.studies.statistics.bootstrap import bootstrap_p_value, drawn, percentile_interval, resampled_means
from prepose.studies.statistics.scores import ArmScores


def arm(name="a", *, seeds=3, clusters=5, groups=1, seed=0):
    generator = np.random.default_rng(seed)
    counts = generator.integers(1, 20, (seeds, clusters, groups)).astype(float)
    return ArmScores(name, tuple(range(seeds)), generator.normal(80, 9, counts.shape) * counts, counts)


def brute_force(scores, clusters, seeds):
    """One resample at a time, by lists of what was drawn."""
    means = []
    for s in np.repeat(np.arange(len(scores.seeds)), seeds):
        rows = np.repeat(np.arange(len(clusters)), clusters)
        sums, counts = scores.sums[s, rows].sum(0), scores.counts[s, rows].sum(0)
        means.append(np.mean(sums[counts > 0] / counts[counts > 0]))
    return np.mean(means)


@pytest.mark.parametrize("groups", [1, 4])
def test_a_resample_is_what_drawing_by_hand_gives(groups):
    scores = arm(groups=groups)
    if groups > 1:
        scores.counts[:, :2, 0] = scores.sums[:, :2, 0] = 0
    draws = resampled_means([scores], paired=True, resamples=50, generator=np.random.default_rng(5))[0]
    generator = np.random.default_rng(5)
    clusters, seeds = drawn(5, 50, generator), drawn(3, 50, generator)
    assert draws == pytest.approx([brute_force(scores, c, s) for c, s in zip(clusters, seeds, strict=True)])


def test_the_spread_of_the_draws_is_that_of_seeds_and_clusters():
    """With equal counts the variance is known: that of seeds and of clusters, each with n - 1 over n."""
    generator = np.random.default_rng(6)
    seeds, clusters = generator.normal(0, 3, 8), generator.normal(0, 5, 12)
    values = (100 + seeds[:, None] + clusters)[..., None]
    scores = ArmScores("a", tuple(range(8)), values, np.ones_like(values))
    draws = resampled_means([scores], paired=True, resamples=20_000, generator=generator)[0]
    assert draws.var() == pytest.approx(seeds.var() / 8 + clusters.var() / 12, rel=0.05)


def test_pairs_share_their_seeds_and_all_share_clusters():
    one = arm()
    other = ArmScores("b", one.seeds, one.sums + 3 * one.counts, one.counts)
    paired = resampled_means([one, other], paired=True, resamples=200, generator=np.random.default_rng(0))
    assert paired[1] - paired[0] == pytest.approx(3), "all that differs is a constant"
    loose = resampled_means([one, other], paired=False, resamples=200, generator=np.random.default_rng(0))
    assert (loose[1] - loose[0]).std() > 0.1


def test_the_same_generator_gives_the_same_draws():
    one, again = (
        resampled_means([arm()], paired=True, resamples=20, generator=np.random.default_rng(3)) for _ in range(2)
    )
    assert (one == again).all()


def test_arms_that_cannot_be_resampled_together_are_refused():
    with pytest.raises(ValueError, match="different clusters"):
        resampled_means([arm(), arm(clusters=4)], paired=True, resamples=2, generator=np.random.default_rng(0))
    with pytest.raises(ValueError, match="the same seeds"):
        resampled_means([arm(), arm(seeds=2)], paired=True, resamples=2, generator=np.random.default_rng(0))


def test_percentiles_and_p_values_of_known_draws():
    draws = np.append(np.linspace(-1, 9, 1001), np.nan)
    interval = percentile_interval(draws)
    assert (interval.low, interval.high) == pytest.approx((-0.75, 8.75))
    assert bootstrap_p_value(draws) == pytest.approx(2 * 102 / 1002)
    assert bootstrap_p_value(np.full(999, 4.0)) == pytest.approx(0.002), "never 0"
    assert bootstrap_p_value(np.zeros(9)) == 1
