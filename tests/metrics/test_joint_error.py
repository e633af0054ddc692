import numpy as np
import pytest

from prepose.metrics import joint_error
from prepose.metrics.joint_error import (
    auc3d,
    mean_of,
    mpjpe,
    n_mpjpe,
    optimal_scale,
    pa_mpjpe,
    pck3d,
    position_errors,
    share_of_thresholds,
    similarity_aligned_errors,
    within,
)

ERRORS = (mpjpe, pa_mpjpe, n_mpjpe)
SHARES = (pck3d, auc3d)


@pytest.fixture
def poses():
    generator = np.random.default_rng(3)
    truth = generator.normal(0, 300, (5, 16, 3))
    prediction = truth + generator.normal(0, 60, truth.shape)
    mask = generator.random((5, 16)) > 0.2
    return prediction, truth, mask


def rotation(generator):
    q, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


@pytest.mark.parametrize("measure", ERRORS)
def test_a_perfect_prediction_scores_zero(measure, poses):
    _, truth, mask = poses
    assert measure(truth, truth, mask) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("measure", SHARES)
def test_a_perfect_prediction_has_every_joint_right(measure, poses):
    _, truth, mask = poses
    assert measure(truth, truth, mask) == 1


@pytest.mark.parametrize("measure", [*ERRORS, *SHARES])
def test_the_order_of_the_joints_plays_no_part(measure, poses):
    prediction, truth, mask = poses
    order = np.random.default_rng(0).permutation(16)
    assert measure(prediction[:, order], truth[:, order], mask[:, order]) == pytest.approx(
        measure(prediction, truth, mask), rel=1e-9
    )


@pytest.mark.parametrize("measure", [*ERRORS, *SHARES])
def test_masked_joints_may_be_nan_and_play_no_part(measure, poses):
    prediction, truth, mask = poses
    known = measure(prediction, truth, mask)
    assert np.isfinite(known)
    for hidden in (np.nan, 1e6):
        p, t = prediction.copy(), truth.copy()
        p[~mask], t[~mask] = hidden, np.nan
        assert measure(p, t, mask) == pytest.approx(known, rel=1e-9)


@pytest.mark.parametrize("measure", [*ERRORS, *SHARES])
def test_nothing_to_score_is_nan(measure, poses):
    prediction, truth, mask = poses
    assert np.isnan(measure(prediction, truth, np.zeros_like(mask)))


def test_a_known_shift_scores_its_length(poses):
    _, truth, mask = poses
    assert mpjpe(truth + np.array([30.0, 0, 40.0]), truth, mask) == pytest.approx(50)


def test_mpjpe_is_the_mean_over_joints_not_over_samples():
    truth = np.zeros((2, 2, 3))
    prediction = truth.copy()
    prediction[0, :, 0] = 10, 20
    prediction[1, 0, 0] = 60
    mask = np.array([[True, True], [True, False]])
    assert mpjpe(prediction, truth, mask) == pytest.approx(30)


def test_pa_mpjpe_is_blind_to_similarities_and_mpjpe_is_not(poses):
    prediction, truth, mask = poses
    turned = 1.7 * prediction @ rotation(np.random.default_rng(1)).T + np.array([5.0, -90.0, 4000.0])
    assert pa_mpjpe(turned, truth, mask) == pytest.approx(pa_mpjpe(prediction, truth, mask), rel=1e-9)
    assert mpjpe(turned, truth, mask) > 1000


def test_pa_mpjpe_sees_a_mirrored_pose(poses):
    _, truth, mask = poses
    assert pa_mpjpe(truth * np.array([-1.0, 1, 1]), truth, mask) > 50


def test_pa_mpjpe_says_nothing_of_two_joints(poses):
    prediction, truth, mask = poses
    few = np.zeros_like(mask)
    few[:, :2] = True
    assert np.isnan(similarity_aligned_errors(prediction, truth, few)).all()
    few[:, 2] = True
    assert np.isfinite(similarity_aligned_errors(prediction, truth, few)[:, :3]).all()


def test_n_mpjpe_is_blind_to_scale_alone(poses):
    prediction, truth, mask = poses
    assert n_mpjpe(3 * prediction, truth, mask) == pytest.approx(n_mpjpe(prediction, truth, mask), rel=1e-9)
    assert n_mpjpe(prediction + 100, truth, mask) > n_mpjpe(prediction, truth, mask)


def test_the_optimal_scale_is_optimal(poses):
    prediction, truth, mask = poses
    best = optimal_scale(prediction, truth, mask)

    def squared(scale):
        return (position_errors(prediction * scale[:, None, None], truth, mask) ** 2)[mask].sum()

    assert squared(best) < min(squared(best * 1.001), squared(best * 0.999))


def test_a_flat_prediction_keeps_its_scale(poses):
    _, truth, mask = poses
    assert optimal_scale(np.zeros_like(truth), truth, mask) == pytest.approx(np.ones(5))


def test_pck3d_counts_the_threshold_itself():
    errors = np.array([[0.0, 149.9, 150.0, 150.1, np.nan]])
    np.testing.assert_array_equal(within(errors, 150.0), [[1, 1, 1, 0, np.nan]])


def test_auc_is_the_mean_of_pck_over_its_thresholds(poses):
    prediction, truth, mask = poses
    curve = [pck3d(prediction, truth, mask, t) for t in np.linspace(0, 150, 31)]
    assert auc3d(prediction, truth, mask) == pytest.approx(np.mean(curve))


def test_auc_of_a_known_error():
    # 75 mm is within the thresholds 75, 80, ..., 150: 16 of 31.
    assert share_of_thresholds(np.array([[75.0]])) == pytest.approx(16 / 31)
    assert len(joint_error.AUC_THRESHOLDS_MM) == 31


def test_the_mean_of_nothing_is_nan():
    assert np.isnan(mean_of(np.full((2, 2), np.nan)))
    assert mean_of(np.array([1.0, np.nan, 3.0])) == 2
