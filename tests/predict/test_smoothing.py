from dataclasses import replace

import numpy as np
import pytest

from prepose.predict.predictor import Predictor
from prepose.predict.smoothing import OneEuro, Smoother


def filtered(signal, rate, **settings):
    smooth = OneEuro(**settings)
    return np.array([smooth(np.array([value]), index / rate)[0] for index, value in enumerate(signal)])


def test_without_beta_a_step_is_that_of_a_first_order_low_pass():
    """After k samples 1 - (1 - alpha)^k, with alpha = 1 / (1 + tau / dt), tau = 1 / (2 pi cutoff)."""
    rate, cutoff = 50.0, 2.0
    alpha = 1 / (1 + rate / (2 * np.pi * cutoff))
    found = filtered([0.0] + [1.0] * 20, rate, min_cutoff=cutoff, beta=0.0)
    np.testing.assert_allclose(found, 1 - (1 - alpha) ** np.arange(21))


def test_the_first_steps_are_those_of_the_paper():
    """Worked by hand: 10 Hz, min_cutoff 1, beta 0.5, the values 0, 1, 3."""

    def share(cutoff):
        return 1 / (1 + 10 / (2 * np.pi * cutoff))

    speed = share(1.0) * 10.0
    first = share(1 + 0.5 * speed) * 1.0
    speed += share(1.0) * ((3 - first) * 10 - speed)
    second = first + share(1 + 0.5 * speed) * (3 - first)
    np.testing.assert_allclose(filtered([0.0, 1.0, 3.0], 10.0, min_cutoff=1.0, beta=0.5), [0, first, second])


def test_jitter_at_rest_is_damped_and_a_quick_movement_lags_little():
    generator = np.random.default_rng(0)
    rest = filtered(generator.normal(0, 10, 500), 30.0)
    assert rest[50:].std() < 0.45 * 10
    # A ramp of 1.5 m/s: behind by its speed times the lag.
    ramp = 1500 * np.arange(60) / 30
    assert (ramp - filtered(ramp, 30.0))[-1] / 1500 < 0.025
    assert (ramp - filtered(ramp, 30.0, beta=0.0))[-1] / 1500 > 0.15


def test_the_time_between_samples_counts_and_not_their_number():
    every, other = OneEuro(beta=0.0), OneEuro(beta=0.0)
    for index in range(201):
        dense = every(np.array([1.0 if index else 0.0]), index / 200)
    for index in range(21):
        sparse = other(np.array([1.0 if index else 0.0]), index / 20)
    assert dense[0] == pytest.approx(sparse[0], abs=0.01)


def test_a_constant_stays_and_each_signal_has_its_own_cutoff():
    smooth = OneEuro()
    for index in range(30):
        still, moving = smooth(np.array([5.0, 100.0 * index]), index / 30)
    assert still == 5.0
    assert moving > 2500


@pytest.fixture(scope="module")
def prediction(weights, photograph):
    return Predictor.load(weights).predict(photograph)[0]


def test_a_smoothed_pose_agrees_with_itself(prediction):
    generator = np.random.default_rng(0)
    smooth = Smoother()
    for frame in range(20):
        noise = generator.normal(0, 20, (16, 3))
        moved = replace(prediction, joints_cam=prediction.joints_cam + noise, frame=frame, time=frame / 30)
        found = smooth(moved)
    np.testing.assert_allclose(found.camera.project(found.joints_cam), found.joints_img)
    assert np.abs(found.joints_cam - prediction.joints_cam).mean() < 0.6 * np.abs(noise).mean()
    np.testing.assert_allclose(found.root_cam, prediction.root_cam)
