import gc

import numpy as np
import pytest

from prepose.synthetic.embree import TriangleScene

# Two squares facing up, at heights 0 and 10, the upper one over x > 0 only.
VERTICES = np.array(
    [[-5, -5, 0], [5, -5, 0], [5, 5, 0], [-5, 5, 0], [0, -5, 10], [5, -5, 10], [5, 5, 10], [0, 5, 10]], dtype=float
)
FACES = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], dtype=np.int32)
DOWN = np.array([[0.0], [0.0], [-1.0]])


def columns(*points):
    return np.array(points, dtype=float).T


def test_first_hits_are_the_nearest_triangles():
    origins = columns((2, 1, 30), (-2, 1, 30), (7, 0, 30))
    hits = TriangleScene(VERTICES, FACES).first_hits(origins, np.repeat(DOWN, 3, axis=1))
    assert hits.triangle[0] in (2, 3)
    assert hits.triangle[1] in (0, 1)
    assert hits.triangle[2] == -1
    np.testing.assert_allclose(hits.distance, [20, 30, np.inf], rtol=1e-6)


def test_barycentric_weights_give_back_the_point():
    generator = np.random.default_rng(0)
    origins = np.stack([*generator.uniform(-4.9, 4.9, (2, 100)), np.full(100, 20.0)])
    hits = TriangleScene(VERTICES, FACES).first_hits(origins, np.repeat(DOWN, 100, axis=1))
    corners = VERTICES[FACES[hits.triangle]]
    weights = np.stack([1 - hits.uv.sum(axis=0), *hits.uv], axis=1)
    points = np.einsum("nk,nkc->nc", weights, corners)
    np.testing.assert_allclose(points.T[:2], origins[:2], atol=1e-4)
    assert (hits.normal[2] > 0).all()


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 1000])
def test_any_number_of_rays_fits_the_packets(count):
    scene = TriangleScene(VERTICES, FACES)
    origins = np.repeat(columns((-2, 1, 30)), count, axis=1)
    directions = np.repeat(DOWN, count, axis=1)
    assert (scene.first_hits(origins, directions).distance == 30).all()
    assert len(scene.first_hits(origins, directions).triangle) == count
    assert scene.occluded(origins, directions).shape == (count,)
    assert scene.occluded(origins, directions).all()


def test_hits_and_misses_side_by_side_are_told_apart():
    origins = columns(*[(-2.0, 1.0, 30.0), (9.0, 9.0, 30.0), (2.0, 1.0, 30.0)] * 11)
    hits = TriangleScene(VERTICES, FACES).first_hits(origins, np.repeat(DOWN, 33, axis=1))
    assert (hits.triangle >= 0).tolist() == [True, False, True] * 11
    np.testing.assert_allclose(hits.distance, [30, np.inf, 20] * 11)


def test_occlusion_ends_at_the_far_end():
    scene = TriangleScene(VERTICES, FACES)
    origins = np.repeat(columns((-2, 1, 30)), 2, axis=1)
    blocked = scene.occluded(origins, np.repeat(DOWN, 2, axis=1), np.array([29.0, 31.0]))
    assert blocked.tolist() == [False, True]


def test_empty_scene_is_never_hit():
    scene = TriangleScene(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int32))
    assert scene.first_hits(columns((0, 0, 1)), DOWN).triangle.tolist() == [-1]


def test_scene_outlives_the_arrays_it_was_built_from():
    vertices, faces = VERTICES.copy(), FACES.copy()
    scene = TriangleScene(vertices, faces)
    vertices[:] = 1e6
    del vertices, faces
    gc.collect()
    assert scene.first_hits(columns((-2, 1, 30)), DOWN).distance[0] == 30


@pytest.mark.parametrize("bad", [-1, 8])
def test_faces_must_name_vertices(bad):
    with pytest.raises(ValueError, match=r"faces name vertices .* but there are 8"):
        TriangleScene(VERTICES, np.array([[0, 1, bad]], dtype=np.int32))
