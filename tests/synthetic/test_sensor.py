from dataclasses import replace

import numpy as np
import pytest
import simplejpeg

from prepose.synthetic.sensor import Sensor, draw_sensor, encode, expose, metered_gain, tone_curve

SCENE = np.random.default_rng(0).uniform(0.02, 0.8, (64, 64, 3)).astype(np.float32)


def rng():
    return np.random.default_rng(1)


def spots():
    """Grey with one bright spot off the middle."""
    scene = np.full((65, 65, 3), 0.1, dtype=np.float32)
    scene[20:23, 40:43] = 0.8
    return scene


def centroid(image):
    weight = image.mean(axis=2).astype(float)
    weight = np.clip(weight - np.median(weight) - 6, 0, None)
    y, x = np.mgrid[0 : weight.shape[0], 0 : weight.shape[1]]
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_exposure_does_not_depend_on_the_unit_of_light(scale):
    usual = expose(SCENE, Sensor(), rng()).astype(int)
    other = expose(SCENE * np.float32(scale), Sensor(), rng()).astype(int)
    assert np.abs(usual - other).mean() < 3


@pytest.mark.parametrize("seed", range(25))
def test_no_drawn_camera_makes_a_black_or_burnt_picture(seed):
    generator = np.random.default_rng(seed)
    image = expose(SCENE, draw_sensor(generator), generator)
    assert 50 < image.mean() < 200
    assert image.std() > 12


def test_the_light_is_left_as_it_was():
    scene = SCENE.copy()
    expose(scene, Sensor(shot_noise=0.05), rng())
    np.testing.assert_array_equal(scene, SCENE)


def test_exposure_steps_brighten():
    means = [expose(SCENE, Sensor(exposure_ev=ev), rng()).mean() for ev in (-1.0, 0.0, 1.0)]
    assert means[0] < means[1] < means[2]


def test_white_balance_turns_grey_to_its_colour():
    grey = np.full((32, 32, 3), 0.3, dtype=np.float32)
    red, green, blue = expose(grey, Sensor(white_balance=(1.3, 0.7)), rng())[16, 16].astype(int)
    assert red > green > blue


def test_vignetting_darkens_the_corners_alone():
    grey = np.full((65, 65, 3), 0.3, dtype=np.float32)
    image = expose(grey, Sensor(vignetting=0.6), rng())
    assert image[0, 0, 1] < image[32, 32, 1] - 20
    assert abs(int(expose(grey, Sensor(), rng())[0, 0, 1]) - int(expose(grey, Sensor(), rng())[32, 32, 1])) <= 1


@pytest.mark.parametrize(
    "sensor",
    [
        Sensor(defocus=0.03),
        Sensor(motion=0.08, motion_angle=0.6),
        Sensor(motion=0.05, motion_angle=2.5),
        Sensor(resolution=0.6),
    ],
)
def test_blur_moves_nothing_and_lowers_contrast(sensor):
    sharp, blurred = expose(spots(), Sensor(), rng()), expose(spots(), sensor, rng())
    np.testing.assert_allclose(centroid(blurred), centroid(sharp), atol=0.35)
    assert blurred.max() < sharp.max()


def test_noise_is_seeded_and_grows_with_light():
    sensor = Sensor(shot_noise=0.05)
    first, again, other = (expose(SCENE, sensor, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    halves = np.full((64, 64, 3), 0.02, dtype=np.float32)
    halves[:, 32:] = 0.3
    # Compared in linear light, where photon noise is the square root of the signal.
    noisy = (expose(halves, sensor, rng()) / 255.0) ** 2.2
    assert noisy[:, 36:].std() > 1.5 * noisy[:, :28].std()


def test_tone_curve_is_monotonic_and_close_to_srgb_in_the_shadows():
    curve = tone_curve(1.0)
    assert (np.diff(curve.astype(int)) >= 0).all() and curve[0] == 0 and curve[-1] >= 250
    grey = round(0.18 / 2 * 4095)
    assert curve[grey] == pytest.approx(118, abs=2)
    assert tone_curve(1.3)[grey // 4] < curve[grey // 4]


def test_meter_keeps_bright_skies_from_burning():
    scene = np.full((48, 48, 3), 0.05, dtype=np.float32)
    dark = metered_gain(scene)
    scene[:20] = 2.0
    assert metered_gain(scene) < dark


def test_severity_zero_is_a_perfect_camera_and_more_is_worse():
    sensor = draw_sensor(np.random.default_rng(0), 0.0)
    assert replace(sensor, motion_angle=0.0) == Sensor()
    worse = [draw_sensor(np.random.default_rng(seed), 1.0) for seed in range(200)]
    mild = [draw_sensor(np.random.default_rng(seed), 0.3) for seed in range(200)]
    for name in ("shot_noise", "defocus", "motion", "vignetting"):
        assert np.mean([getattr(s, name) for s in worse]) > 2 * np.mean([getattr(s, name) for s in mild]) > 0
    assert min(s.jpeg_quality for s in worse) < 50
    with pytest.raises(ValueError, match=r"severity must be at least 0, found -1"):
        draw_sensor(np.random.default_rng(0), -1.0)


def test_jpeg_decodes_to_the_same_size_and_quality_costs_bytes():
    image = expose(SCENE, Sensor(), rng())
    good, poor = encode(image, Sensor(jpeg_quality=92)), encode(image, Sensor(jpeg_quality=30))
    assert simplejpeg.decode_jpeg(good).shape == image.shape
    assert len(poor) < len(good)
