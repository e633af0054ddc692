import numpy as np
import pytest

from prepose.synthetic.solids import blob, boxes, moved, panel, turned
from prepose.synthetic.surfaces import draw_surface
from prepose.synthetic.tracer import build_tracer, first_hits


def volume(mesh):
    """Signed volume by the divergence theorem: positive only if every face looks outward."""
    a, b, c = np.moveaxis(mesh.vertices[mesh.faces], 1, 0)
    return float(np.einsum("fk,fk->f", a, np.cross(b, c)).sum() / 6)


@pytest.fixture
def wood():
    return draw_surface("wood", np.random.default_rng(0))


def test_box_has_its_volume_and_looks_outward():
    mesh = boxes([((0, 0, 0), (1, 2, 3)), ((5, 5, 5), (6, 6, 6))], np.full((2, 3), 0.5))
    assert volume(mesh) == pytest.approx(7)


def test_turned_shape_looks_outward_and_has_nearly_the_volume_of_its_cylinder():
    mesh = turned([(0, 0), (10, 0), (10, 40), (0, 40)], np.full(3, 0.5), sides=48)
    assert volume(mesh) == pytest.approx(np.pi * 100 * 40, rel=0.01)


def test_blob_looks_outward_and_has_about_the_volume_of_its_ellipsoid(wood):
    mesh = blob((100, 200, 300), wood, np.random.default_rng(0), 0.0)
    assert 0.6 < volume(mesh) / (4 / 3 * np.pi * 100 * 200 * 300) < 1


def test_texture_lies_on_boxes_at_its_own_scale(wood):
    mesh = boxes([((0, 0, 0), (500, 900, 1300))], wood)
    edges = mesh.faces[:, [0, 1]]
    lengths = np.linalg.norm(np.diff(mesh.vertices[edges], axis=1)[:, 0], axis=1)
    in_texture = np.linalg.norm(np.diff(mesh.uv[edges], axis=1)[:, 0], axis=1)
    np.testing.assert_allclose(in_texture * wood.period, lengths, rtol=1e-6)


def test_panel_spans_its_corners_and_shows_a_picture_once(wood):
    across, up = np.array([100.0, 0, 0]), np.array([0, 0, 50.0])
    mesh = panel(np.zeros(3), across, up, wood, whole=True)
    np.testing.assert_allclose(mesh.vertices.max(axis=0), [100, 0, 50])
    np.testing.assert_allclose([mesh.uv.min(axis=0), mesh.uv.max(axis=0)], [[0, 0], [1, 1]])
    # The top row of the picture is at the top.
    assert mesh.uv[mesh.vertices[:, 2] == 50, 1].max() == 0


def test_moved_things_keep_their_shape_and_are_hit_where_they_stand():
    thing = moved([boxes([((-50, -10, 0), (50, 10, 100))], np.full((1, 3), 0.5))], (1000.0, 0.0, 0.0), np.pi / 2)
    assert volume(thing[0]) == pytest.approx(100 * 20 * 100)
    _, distance = first_hits(build_tracer(thing), np.array([[0.0, 0, 50]]), np.array([[1.0, 0, 0]]))
    np.testing.assert_allclose(distance, 990, atol=1e-3)


def test_stretched_things_grow_in_height_alone():
    mesh = boxes([((-100, -200, 0), (100, 200, 500))], np.full((1, 3), 0.5))
    (stretched,) = moved([mesh], (0.0, 0.0, 0.0), np.pi / 2, 1.4)
    np.testing.assert_allclose(stretched.vertices.min(axis=0), [-200, -100, 0], atol=1e-9)
    np.testing.assert_allclose(stretched.vertices.max(axis=0), [200, 100, 700], atol=1e-9)
