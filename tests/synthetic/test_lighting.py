import numpy as np
import pytest

from prepose.synthetic.hits import Samples
from prepose.synthetic.lighting import Lamps, Quality, light_film, radiance, smoothed, visibility
from prepose.synthetic.shading import Background, Light
from prepose.synthetic.tracer import Mesh, build_tracer

FACES = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
ONES, ZEROS = np.ones(3), np.zeros(3)
EVEN = Background(ZEROS, ZEROS, ZEROS, ambient_sky=ONES, ambient_ground=ONES)
SUN = Light("sun", np.array([0.0, 0, 1]), np.array([0.5, 0.6, 0.7]))


def roof(half, height):
    corners = np.array([[-half, -half, height], [half, -half, height], [half, half, height], [-half, half, height]])
    return build_tracer([Mesh(corners.astype(float), FACES)])


def floor_samples(places, albedo=1.0):
    """Points on the floor that face up, seen from above."""
    count = len(places)
    up = np.zeros((3, count), dtype=np.float32)
    up[2] = 1
    position = np.zeros((3, count), dtype=np.float32)
    position[0] = places
    return Samples(
        rows=np.arange(count), position=position, normal=up, flat_normal=up, towards_eye=up,
        albedo=np.full((3, count), albedo, dtype=np.float32), gloss=np.zeros(count, dtype=np.float32),
        mesh=np.zeros(count, dtype=np.int32),
    )  # fmt: skip


def lamps(*lights, **quality):
    return Lamps(lights, EVEN, Quality(**quality))


def test_things_hide_the_lights_that_cast_shadows():
    samples = floor_samples([0.0, 500.0])
    visible = visibility(roof(100, 200), samples, lamps(SUN, SUN, num_shadows=1), np.zeros(2, dtype=np.int64))
    assert visible.shape == (2, 2)  # one light that casts shadows, and the sky
    assert visible[0].tolist() == [0, 1]


def test_lamps_do_not_shine_from_beyond_themselves():
    below = Light("point", np.array([0.0, 0, 150]), ONES)
    above = Light("point", np.array([0.0, 0, 250]), ONES)
    samples = floor_samples([0.0])
    visible = visibility(roof(100, 200), samples, lamps(below, above), np.zeros(1, dtype=np.int64))
    assert visible[:2, 0].tolist() == [1, 0]


def test_near_things_keep_the_sky_out_and_far_ones_do_not():
    cells = np.arange(16)
    samples = floor_samples([0.0] * 16)
    near, far = (
        visibility(roof(3000, height), samples, lamps(occlusion_rays=1), cells)[-1].mean() for height in (60, 5000)
    )
    assert near < 0.4
    assert far == 1


@pytest.mark.parametrize("rays", [1, 2, 4])
def test_half_a_sky_is_half_open(rays):
    wall = np.array([[0, -4000, -4000], [0, 4000, -4000], [0, 4000, 4000], [0, -4000, 4000.0]]) + np.array([5.0, 0, 0])
    samples = floor_samples([0.0] * 16)
    sky = visibility(build_tracer([Mesh(wall, FACES)]), samples, lamps(occlusion_rays=rays), np.arange(16))[-1].mean()
    assert 0.4 < sky < 0.66


def test_radiance_is_albedo_times_what_reaches():
    samples = floor_samples([0.0, 0.0, 0.0], albedo=0.5)
    visible = np.array([[1, 0, 1], [1, 1, 0]], dtype=np.float32)
    seen = radiance(samples, lamps(SUN), visible)
    sun, sky = 0.5 * SUN.colour, 0.5 * ONES
    np.testing.assert_allclose(seen.T, [sun + sky, sky, sun], rtol=1e-6)


def grid(height, width):
    """A floor sample for each pixel, and the pixels' rows and columns."""
    return floor_samples(np.zeros(height * width)), *np.divmod(np.arange(height * width), width)


def test_smoothing_means_over_one_surface_only():
    samples, rows, columns = grid(12, 16)
    samples.mesh[:] = columns >= 8
    cell = rows % 4 * 4 + columns % 4
    visible = np.where(columns < 8, cell % 2, 0.25)[None].astype(np.float32)
    film, weight = smoothed(samples, np.arange(12 * 16), visible, (12, 16))
    np.testing.assert_allclose(film.visible[0, :, 8:], 0.25)
    np.testing.assert_allclose(film.visible[0, 2:-2, 2:7], 0.5)
    np.testing.assert_array_equal(film.mesh, (columns >= 8).reshape(12, 16))
    assert weight[5, 4] == 16


def test_smoothing_does_not_reach_round_the_picture():
    samples, rows, _ = grid(8, 8)
    film, _ = smoothed(samples, np.arange(64), (rows > 4)[None].astype(np.float32), (8, 8))
    assert (film.visible[0, :4] == 0).all()
    assert (film.visible[0, 7] == 1).all()


def test_smoothing_fills_what_was_not_traced():
    samples, rows, columns = grid(8, 8)
    traced = np.flatnonzero((rows + columns) % 2 == 0)
    film, weight = smoothed(samples, traced, np.full((2, len(traced)), 0.75, dtype=np.float32), (8, 8))
    np.testing.assert_allclose(film.visible, 0.75)
    assert weight.min() >= 2


def test_every_pixel_s_light_is_known_even_of_a_mesh_one_pixel_wide():
    samples, _, columns = grid(8, 8)
    samples.mesh[:] = np.arange(64)  # no pixel has a neighbour to ask
    samples.position[0] = np.where(columns < 4, 0, 500)
    film = light_film(roof(100, 200), samples, lamps(SUN, occlusion_rays=0), (8, 8))
    np.testing.assert_array_equal(film.visible[0], (columns >= 4).reshape(8, 8))
    assert (film.visible[1] == 1).all()
