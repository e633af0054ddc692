import numpy as np
import pytest

from prepose.synthetic.shading import (
    Background,
    Light,
    Texture,
    ambient_irradiance,
    background_radiance,
    hemisphere_directions,
    jitter_directions,
    light_rays,
    reflect,
    sample_texture,
    sample_textures,
    unit,
)

SKY = Background(
    zenith=np.array([0.1, 0.2, 0.9]),
    horizon=np.array([0.8, 0.8, 0.8]),
    ground=np.array([0.3, 0.2, 0.1]),
    ambient_sky=np.array([0.5, 0.6, 0.7]),
    ambient_ground=np.array([0.1, 0.1, 0.0]),
)
UP, DOWN, ALONG = np.array([[0.0], [0], [1]]), np.array([[0.0], [0], [-1]]), np.array([[1.0], [0], [0]])


@pytest.mark.parametrize(("ray", "seen"), [(UP, SKY.zenith), (DOWN, SKY.ground), (ALONG * 7, SKY.horizon)])
def test_sky_has_its_three_colours(ray, seen):
    np.testing.assert_allclose(background_radiance(SKY, ray.astype(np.float32))[:, 0], seen, atol=1e-6)


@pytest.mark.parametrize(("normal", "seen"), [(UP, SKY.ambient_sky), (DOWN, SKY.ambient_ground)])
def test_ambient_light_comes_from_sky_and_ground(normal, seen):
    np.testing.assert_allclose(ambient_irradiance(SKY, normal.astype(np.float32))[:, 0], seen, atol=1e-6)


def test_panorama_turns_from_x_to_y_and_has_the_zenith_first():
    image = np.zeros((4, 8, 3), dtype=np.float32)
    image[..., 0] = np.arange(8)
    image[..., 1] = np.arange(4)[:, None]
    sky = Background(SKY.zenith, SKY.horizon, SKY.ground, SKY.ambient_sky, SKY.ambient_ground, Texture(image))
    azimuth = 2 * np.pi * (np.array([0.5, 2.5, 6.5]) / 8)
    rays = np.stack([np.cos(azimuth), np.sin(azimuth), np.zeros(3)])
    np.testing.assert_allclose(background_radiance(sky, rays)[0], [0, 2, 6], atol=1e-4)
    assert background_radiance(sky, np.array([[0.01], [0], [1]]))[1, 0] == pytest.approx(0, abs=1e-4)
    assert background_radiance(sky, np.array([[0.01], [0], [-1]]))[1, 0] == pytest.approx(3, abs=1e-4)


def test_texture_wraps_and_interpolates():
    image = np.arange(4, dtype=np.float32)[None, :, None] * np.ones((4, 4, 3), dtype=np.float32)
    uv = np.array([[0.125, 0.25, 1.125, -0.875, 0.0], [0.5] * 5])
    np.testing.assert_allclose(sample_texture(Texture(image), uv)[0], [0, 0.5, 0, 0, 1.5], atol=1e-6)


def test_texture_seen_from_afar_is_its_mean():
    generator = np.random.default_rng(0)
    image = generator.random((64, 64, 3)).astype(np.float32)
    uv = generator.random((2, 50))
    far = sample_texture(Texture(image), uv, np.ones(50))
    np.testing.assert_allclose(far, np.repeat(image.mean((0, 1))[:, None], 50, 1), atol=1e-4)
    near = sample_texture(Texture(image), uv, np.full(50, 1e-4))
    np.testing.assert_array_equal(near, sample_texture(Texture(image), uv))


def test_many_textures_at_once_are_read_as_each_alone():
    generator = np.random.default_rng(0)
    # Of several sizes, and more points than one map of OpenCV's holds.
    textures = [Texture(generator.random((side, 2 * side, 3)).astype(np.float32)) for side in (1, 8, 64)]
    which = generator.choice(4, 60_000, p=[0.05, 0.05, 0.8, 0.1])
    uv = generator.uniform(-3, 3, (2, len(which))).astype(np.float32)
    footprint = np.exp(generator.uniform(-8, 3, len(which))).astype(np.float32)
    colours = sample_textures([*textures, None], which, uv, footprint)
    for number, texture in enumerate(textures):
        rows = which == number
        np.testing.assert_array_equal(colours[:, rows], sample_texture(texture, uv[:, rows], footprint[rows]))
    assert (colours[:, which == 3] == 1).all()
    assert sample_textures(textures, which[:0], uv[:, :0], footprint[:0]).shape == (3, 0)


def test_sun_is_everywhere_alike_and_lamps_fade_with_the_square():
    positions = np.array([[0.0, 0, 0], [0, 0, 0], [1000, -1000, 0]]).astype(np.float32)
    directions, _, dimming = light_rays(Light("sun", np.array([0, 0, 5.0]), np.ones(3)), positions)
    np.testing.assert_allclose(directions, np.repeat(UP, 3, axis=1))
    assert dimming == 1
    directions, distance, dimming = light_rays(Light("point", np.array([0, 0, 3000.0]), np.ones(3)), positions)
    np.testing.assert_allclose(distance, [2000, 4000, 3000])
    np.testing.assert_allclose(dimming, [1, 1 / 4, 4 / 9])
    np.testing.assert_allclose(directions, np.repeat(UP, 3, axis=1), atol=1e-6)


def test_highlight_lies_where_the_mirror_points():
    normals = np.repeat(UP, 2, axis=1).astype(np.float32)
    light = unit(np.array([[1.0, 1], [0, 0], [1, 1]])).astype(np.float32)
    eye = unit(np.array([[-1.0, 1], [0, 0], [1, 1]])).astype(np.float32)
    diffuse, specular = reflect(normals, light, eye, np.array([0.5, 0.5], dtype=np.float32))
    np.testing.assert_allclose(diffuse, np.sqrt(0.5), rtol=1e-6)
    assert specular[0] == pytest.approx(0.5, rel=1e-4)
    assert specular[1] < 0.01
    assert (reflect(normals, light, eye, np.zeros(2, dtype=np.float32))[1] == 0).all()


def test_sixteen_cells_spread_over_the_cone_and_the_hemisphere():
    generator = np.random.default_rng(1)
    for normal in unit(generator.normal(size=(3, 20))).T:
        normals = np.repeat(normal[:, None], 16, axis=1).astype(np.float32)
        dome = hemisphere_directions(normals, np.arange(16))
        np.testing.assert_allclose(np.linalg.norm(dome, axis=0), 1, atol=1e-5)
        assert (normal @ dome > 0).all()
        # The mean of a cosine-weighted hemisphere is 2/3 along its axis.
        np.testing.assert_allclose(dome.mean(axis=1), normal * 2 / 3, atol=0.08)
        cone = jitter_directions(normals, 0.1, np.arange(16))
        off = cone - normals
        np.testing.assert_allclose(normal @ off, 0, atol=1e-6)
        assert 0.09 < np.linalg.norm(off, axis=0).max() <= 0.1 + 1e-6
