import numpy as np
import pytest

from prepose.synthetic import weaves

KINDS = [
    "wood", "boards", "tiles", "brick", "plaster", "wallpaper", "concrete", "carpet", "fabric", "grass", "asphalt",
    "sand", "snow", "earth", "paving", "foliage", "bark", "books", "facade", "planking", "picture",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_pattern_is_linear_albedo_of_the_texture_size(kind):
    picture = getattr(weaves, kind)(np.random.default_rng(3))
    assert picture.shape == (weaves.TEXTURE_SIZE, weaves.TEXTURE_SIZE, 3)
    assert np.isfinite(picture).all() and picture.min() >= 0 and picture.mean() < 1


@pytest.mark.parametrize("kind", ["plaster", "concrete", "grass", "asphalt", "sand", "snow", "earth", "foliage"])
def test_pattern_tiles_without_a_seam(kind):
    picture = getattr(weaves, kind)(np.random.default_rng(5)).mean(axis=2)
    for axis in (0, 1):
        steps = np.abs(np.diff(picture, axis=axis)).mean()
        seam = np.abs(picture.take(0, axis) - picture.take(-1, axis)).mean()
        assert seam < 1.5 * steps


def test_same_generator_same_pattern():
    first, second = (weaves.brick(np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, weaves.brick(np.random.default_rng(2)))


def test_linear_is_the_srgb_curve():
    np.testing.assert_allclose(weaves.linear(0.0, 0.5, 1.0), [0.0, 0.21404, 1.0], atol=1e-5)
    np.testing.assert_allclose(weaves.linear(0.04, 0.0, 0.02), [0.04 / 12.92, 0, 0.02 / 12.92])


def test_paints_are_albedo_and_vary():
    generator = np.random.default_rng(0)
    paints = np.stack([weaves.draw_paint(generator) for _ in range(200)])
    assert paints.min() >= weaves.DARKEST and paints.max() <= weaves.BRIGHTEST
    assert (paints.std(axis=0) > 0.1).all()
