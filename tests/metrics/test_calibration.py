import json

import numpy as np
import pytest
from scipy import stats

from fakes_evaluation import drawn_evaluation
from prepose.camera.crop import crop_of_box
from prepose.metrics.calibration import calibration, calibration_in_image, well_placed


def test_a_confidence_that_is_a_probability_is_calibrated():
    generator = np.random.default_rng(0)
    confidence = generator.beta(5, 1, 100_000)
    right = generator.uniform(size=confidence.shape) < confidence
    found = calibration(confidence, np.where(right, 1.0, 20.0), right)
    assert found.expected_calibration_error < 0.01 and abs(found.overconfidence) < 0.005
    assert [each.num_joints for each in found.bins] == [10_000] * 10
    for each in found.bins:
        assert each.share_well_placed == pytest.approx(each.confidence, abs=0.02)


@pytest.mark.parametrize("shift", [-0.2, 0.1])
def test_a_shifted_confidence_is_off_by_the_shift(shift):
    generator = np.random.default_rng(1)
    truth = generator.uniform(0.3, 0.8, 100_000)
    right = generator.uniform(size=truth.shape) < truth
    found = calibration(truth + shift, 1.0 - right, right)
    assert found.expected_calibration_error == pytest.approx(abs(shift), abs=0.01)
    assert found.overconfidence == pytest.approx(shift, abs=0.01)


def test_bins_by_hand():
    confidence = np.array([[0.1, 0.9], [0.2, 0.8]])
    errors = np.array([[30.0, 2.0], [20.0, 4.0]])
    found = calibration(confidence, errors, errors < 3, num_bins=2)
    low, high = found.bins
    assert (low.num_joints, low.confidence, low.lowest, low.highest, low.error, low.share_well_placed) == pytest.approx(
        (2, 0.15, 0.1, 0.2, 25, 0)
    )
    assert (high.confidence, high.error, high.share_well_placed) == pytest.approx((0.85, 3, 0.5))
    assert found.expected_calibration_error == pytest.approx((0.15 + 0.35) / 2)
    assert found.overconfidence == pytest.approx(0.25)
    assert found.rank_correlation == pytest.approx(-1) and found.ordering == pytest.approx(1)


def test_the_rank_correlation_is_scipys():
    generator = np.random.default_rng(2)
    confidence = np.round(generator.uniform(size=500), 1)
    errors = np.round(generator.exponential(10, 500) * (1.2 - confidence))
    found = calibration(confidence, errors, errors < 5)
    assert found.rank_correlation == pytest.approx(stats.spearmanr(confidence, errors).statistic)


def test_ordering_is_between_chance_and_knowing():
    generator = np.random.default_rng(3)
    errors = generator.exponential(10, 20_000)
    event = errors < 5

    def ordering(confidence):
        return calibration(confidence, errors, event).ordering

    assert ordering(np.exp(-errors)) == pytest.approx(1)
    assert ordering(generator.uniform(size=len(errors))) == pytest.approx(0, abs=0.02)
    assert ordering(1 - np.exp(-errors)) < -0.5
    assert 0.1 < ordering(1 / (1 + errors * generator.exponential(1, len(errors)))) < 0.9


def test_monotone_changes_of_the_confidence_keep_the_order():
    generator = np.random.default_rng(4)
    confidence, errors = generator.uniform(size=300), generator.exponential(10, 300)
    one, other = (calibration(each, errors, errors < 5) for each in (confidence, confidence**3))
    assert one.ordering == other.ordering and one.rank_correlation == pytest.approx(other.rank_correlation)
    assert [each.error for each in one.bins] == [each.error for each in other.bins]


def test_ties_do_not_depend_on_the_order_of_the_samples():
    generator = np.random.default_rng(5)
    confidence, errors = np.round(generator.uniform(size=200), 1), generator.exponential(10, 200)
    turned = generator.permutation(200)
    one, other = (
        calibration(confidence, errors, errors < 5),
        calibration(confidence[turned], errors[turned], errors[turned] < 5),
    )
    assert one.ordering == pytest.approx(other.ordering) and len(one.bins) == len(other.bins)
    assert [e.num_joints for e in one.bins] == [e.num_joints for e in other.bins]
    constant = calibration(np.ones(200), errors, errors < 5)
    assert len(constant.bins) == 1 and constant.ordering == pytest.approx(0) and np.isnan(constant.rank_correlation)


def test_what_is_not_scored_is_left_out():
    confidence, errors = np.array([0.5, np.nan, 0.7]), np.array([1.0, 2.0, np.nan])
    assert calibration(confidence, errors, errors < 5).num_joints == 1
    with pytest.raises(ValueError, match="joints with a confidence and an error"):
        calibration(confidence[1:], errors[1:], errors[1:] < 5)


def test_equal_errors_have_no_order():
    found = calibration(np.array([0.2, 0.4]), np.full(2, 0.1), np.ones(2, bool))
    assert np.isnan(found.ordering) and found.to_json()["ordering"] is None
    json.dumps(found.to_json(), allow_nan=False)


def test_well_placed_is_within_the_radius_of_the_crop():
    evaluation = drawn_evaluation(num_samples=20)
    side = crop_of_box(evaluation.boxes_xywh[0], 64).side
    found = well_placed(evaluation, 0.05)
    scored = ~np.isnan(evaluation.errors_px)
    assert (found[scored] == (evaluation.errors_px[scored] <= 0.05 * side)).all() and not found[~scored].any()
    assert 0 < found.mean() < 1
    whole = calibration_in_image(evaluation, 0.05)
    assert whole.num_joints == scored.sum() and abs(whole.ordering) < 0.3, "the fake's confidence is chance"
