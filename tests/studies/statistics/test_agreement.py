import numpy as np
import pytest

from prepose.studies.statistics.agreement import agreement, icc_2_1, total_deviation
from prepose.studies.statistics.interval import mean_uncertainty, t_interval
from prepose.studies.statistics.scores import clusters_of

# Shrout and Fleiss 1979, table 2: 6 targets, 4 judges; table 4 has ICC(2,1) = .29.
SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7.0]])
# Bland and Altman 1986, peak expiratory flow of 17 people, first readings by Wright's meter and the mini meter, l/min:
# mean difference -2.1, standard deviation 38.8, limits -79.7 and 75.5 (they take 2 standard deviations), 95 % interval
# of the mean -22.0 to 17.8.
WRIGHT = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427.0])
MINI = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451.0])


def people(count, each):
    return clusters_of(tuple(f"S{i // each}" for i in range(count * each)))


def test_icc_is_the_published_one():
    assert icc_2_1(SHROUT_FLEISS) == pytest.approx(0.29, abs=0.005)
    assert icc_2_1(np.ones((4, 2))) is None


def test_bias_and_limits_are_those_of_bland_and_altman():
    found = agreement(WRIGHT, MINI, people(17, 1))
    assert found is not None and (found.pairs, found.subjects) == (17, 17)
    assert found.bias.value == pytest.approx(-2.1, abs=0.05) and found.deviation == pytest.approx(38.8, abs=0.05)
    assert (found.bias.interval.low, found.bias.interval.high) == pytest.approx((-22.0, 17.8), abs=0.1)
    assert found.upper.value - found.lower.value == pytest.approx(2 * 1.96 * found.deviation)
    # Their standard error of a limit, sqrt(3 s² / n) = 16.3 for normal differences; ours does not take them for normal.
    half = (found.upper.interval.high - found.upper.interval.low) / 2 / 2.12
    assert 10 < half < 25
    assert found.rmse.value == pytest.approx(np.sqrt(np.mean((WRIGHT - MINI) ** 2)))
    assert found.icc.value == pytest.approx(icc_2_1(np.stack([WRIGHT, MINI], axis=1)))
    assert found.icc.value in found.icc.interval


def test_deviation_has_the_variance_between_subjects():
    """Three subjects of two samples with means 0, 4, 8 and ±1 around them, by hand: MSW 2, MSB 32, 2 + (32 - 2) / 2."""
    differences, index = np.array([-1, 1, 3, 5, 7, 9.0]), np.array([0, 0, 1, 1, 2, 2])
    assert total_deviation(differences, index) ** 2 == pytest.approx(17.0)
    # Subjects that are more alike than chance has it: nothing is taken off.
    assert total_deviation(np.array([-1, 1, -1, 1.0]), np.array([0, 0, 1, 1])) ** 2 == pytest.approx(2.0)


def test_interval_of_the_bias_is_the_t_interval_of_the_subjects_means():
    generator = np.random.default_rng(0)
    apart = np.repeat(generator.normal(3, 5, 8), 20) + generator.normal(0, 2, 160)
    reference = generator.uniform(0, 100, 160)
    found = agreement(reference + apart, reference, people(8, 20))
    expected = t_interval(apart.mean(), mean_uncertainty(apart.reshape(8, 20).mean(axis=1)))
    assert (found.bias.interval.low, found.bias.interval.high) == pytest.approx((expected.low, expected.high), rel=1e-6)


def test_intervals_cover_what_they_should():
    """12 subjects with biases of their own: the true limits are at 2 ± 1.96 · sqrt(4² + 3²) = 2 ± 9.8."""
    generator, inside = np.random.default_rng(1), np.zeros(4)
    between, within, slack = 4.0, 3.0, 100.0
    true = [2.0, 2 - 9.8, 2 + 9.8, float(np.sqrt(4 + 25))]
    for _ in range(200):
        reference = generator.normal(50, slack, 120)
        apart = 2 + np.repeat(generator.normal(0, between, 12), 10) + generator.normal(0, within, 120)
        found = agreement(reference + apart, reference, people(12, 10))
        ends = [each.interval for each in (found.bias, found.lower, found.upper, found.rmse)]
        inside += [value in end for value, end in zip(true, ends, strict=True)]
    assert (inside / 200 > 0.85).all() and (inside / 200 < 0.995).all()


def test_what_is_unknown_is_left_out_and_too_little_is_nothing():
    x, y = np.array([1.0, 2, np.nan, 4, 5]), np.array([1.0, 3, 3, np.nan, 4])
    found = agreement(x, y, clusters_of(("a", "a", "b", "b", "b")))
    assert (found.pairs, found.subjects) == (3, 2)
    assert agreement(x[:4], y[:4], clusters_of(("a", "a", "b", "b"))) is None
    alone = agreement(x, y, clusters_of(("a", "a", "a", "a", "b")))
    assert alone.subjects == 2
    exact = agreement(y, y, clusters_of(("a", "a", "b", "b", "b")))
    assert exact.icc.value == pytest.approx(1) and exact.icc.interval is None and exact.rmse.value == 0
