import numpy as np
import pytest

from prepose.synthetic.hits import meet, only
from prepose.synthetic.shading import Texture
from prepose.synthetic.tracer import Layer, Mesh, build_tracer

FACES = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
EYE = np.array([0.0, 0.0, 1000.0])


def panel(**fields):
    return Mesh(np.array([[-100, -100, 0], [100, -100, 0], [100, 100, 0], [-100, 100, 0.0]]), FACES, **fields)


def down(*places):
    """Rays from the eye to these places on the floor, of length one in z."""
    return np.array([[x / 1000, y / 1000, -1.0] for x, y in places], dtype=np.float32).T


def test_points_lie_where_the_rays_meet_the_mesh():
    samples, depth = meet(build_tracer([panel()]), EYE, down((50, 20), (500, 0), (-99, 99)), 100.0)
    assert samples.rows.tolist() == [0, 2]
    np.testing.assert_allclose(samples.position.T, [[50, 20, 0], [-99, 99, 0]], atol=1e-3)
    np.testing.assert_allclose(depth, [1000, np.inf, 1000])
    np.testing.assert_allclose(samples.normal, [[0, 0], [0, 0], [1, 1]], atol=1e-6)


@pytest.mark.parametrize("smooth", [False, True])
def test_normals_turn_to_the_eye_whatever_way_faces_wind(smooth):
    for mesh in (panel(smooth=smooth), Mesh(panel().vertices, FACES[:, ::-1], smooth=smooth)):
        samples, _ = meet(build_tracer([mesh]), EYE, down((50, 20)), 100.0)
        np.testing.assert_allclose(samples.normal[:, 0], [0, 0, 1], atol=1e-6)
        np.testing.assert_allclose(samples.flat_normal[:, 0], [0, 0, 1], atol=1e-6)


def test_smooth_normals_are_interpolated():
    lean = np.array([[-1, 0, 1], [1, 0, 1], [1, 0, 1], [-1, 0, 1.0]]) / np.sqrt(2)
    samples, _ = meet(build_tracer([panel(smooth=True, normals=lean)]), EYE, down((-100, 0), (0, 0), (99.9, 0)), 100.0)
    np.testing.assert_allclose(samples.normal[0], [-np.sqrt(0.5), 0, np.sqrt(0.5)], atol=2e-3)
    np.testing.assert_allclose(samples.flat_normal[0], 0, atol=1e-6)


def test_albedo_is_vertex_colour_times_texture_under_layers():
    colours = np.array([[0, 1, 1], [1, 1, 1], [1, 1, 1], [0, 1, 1]], dtype=np.float32)
    texture = Texture(np.full((4, 4, 3), 0.5, dtype=np.float32))
    layer = Layer(np.array([-50, -50, 150, 150], dtype=np.float32), np.array([0.0, 0.9, 0.0]))
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    mesh = panel(albedo=colours, texture=texture, uv=uv, layers=(layer,))
    samples, _ = meet(build_tracer([mesh]), EYE, down((0, -80), (50, -80), (0, 80)), 1e4)
    np.testing.assert_allclose(samples.albedo.T, [[0.25, 0.5, 0.5], [0.375, 0.5, 0.5], [0, 0.9, 0]], atol=1e-5)


def test_layers_belong_to_their_own_mesh():
    layer = Layer(np.array([9, 9, 9, -9], dtype=np.float32), np.array([1.0, 0, 0]))
    other = Mesh(panel().vertices - np.array([0, 0, 50]), FACES)
    samples, _ = meet(build_tracer([other, panel(layers=(layer,))]), EYE, down((80, -80), (-90, 90)), 1e4)
    assert samples.mesh.tolist() == [1, 1]
    np.testing.assert_allclose(samples.albedo[1], [0, 1], atol=1e-5)


def test_only_keeps_the_asked_samples():
    samples, _ = meet(build_tracer([panel()]), EYE, down((50, 20), (10, 0), (-99, 99)), 100.0)
    kept = only(samples, np.array([2, 0]))
    np.testing.assert_array_equal(kept.position, samples.position[:, [2, 0]])
    np.testing.assert_array_equal(kept.rows, [2, 0])
