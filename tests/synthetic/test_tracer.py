import numpy as np
import pytest

from prepose.synthetic.shading import Texture
from prepose.synthetic.tracer import Mesh, build_tracer, first_hits, joined, vertex_normals


def square(height, half=5.0, **fields):
    vertices = np.array([[-half, -half, height], [half, -half, height], [half, half, height], [-half, half, height]])
    return Mesh(vertices, np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32), **fields)


def test_first_hits_name_the_mesh_and_the_distance():
    tracer = build_tracer([square(0.0), square(10.0, half=2.0)])
    origins = np.array([[0, 0, 30.0], [4, 4, 30.0], [9, 9, 30.0], [0, 0, 5.0]])
    mesh, distance = first_hits(tracer, origins, np.repeat([[0, 0, -2.0]], 4, axis=0))
    assert mesh.tolist() == [1, 0, -1, 0]
    np.testing.assert_allclose(distance, [10, 15, np.inf, 2.5])


def test_no_mesh_means_no_hit():
    mesh, distance = first_hits(build_tracer([]), np.zeros((2, 3)), np.ones((2, 3)))
    assert mesh.tolist() == [-1, -1]
    assert np.isinf(distance).all()


def test_vertex_normals_of_a_sphere_point_outwards():
    angle, height = np.meshgrid(np.arange(24) * np.pi / 12, np.linspace(-1.4, 1.4, 15))
    points = np.stack([np.cos(height) * np.cos(angle), np.cos(height) * np.sin(angle), np.sin(height)], -1).reshape(
        -1, 3
    )
    k = np.arange(14 * 24)
    beside = k // 24 * 24 + (k + 1) % 24
    faces = np.concatenate([np.stack([k, beside, beside + 24], 1), np.stack([k, beside + 24, k + 24], 1)])
    normals = vertex_normals(points, faces.astype(np.int32))
    inner = np.abs(points[:, 2]) < 0.9
    assert (np.einsum("vc,vc->v", normals, points)[inner] > 0.99).all()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, rtol=1e-5)


def test_texture_density_is_uv_per_mm():
    texture = Texture(np.ones((4, 4, 3), dtype=np.float32))
    uv = np.array([[0, 0], [2, 0], [2, 2], [0, 2.0]])
    np.testing.assert_allclose(build_tracer([square(0.0, texture=texture, uv=uv)]).uv_per_mm, 0.2, rtol=1e-6)


def test_texture_needs_uv():
    with pytest.raises(ValueError, match="a mesh has a texture and uv, or neither"):
        square(0.0, uv=np.zeros((4, 2)))


def test_meshes_side_by_side_keep_what_each_has_alone():
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    texture = Texture(np.ones((4, 4, 3), dtype=np.float32))
    bent = square(5.0).vertices * [1, 1, 0.5] + [0, 0, 1] * np.array([[0], [0], [0], [3.0]])
    meshes = [
        square(0.0, albedo=np.full((4, 3), 0.3, dtype=np.float32)),
        square(10.0, half=2.0, texture=texture, uv=uv),
        Mesh(bent, square(0.0).faces, smooth=True),
        square(20.0, smooth=True, normals=np.tile([0.0, 0, -1], (4, 1))),
        Mesh(bent[:, [1, 2, 0]], square(0.0).faces, texture=texture, uv=2 * uv, smooth=True),
    ]
    together, alone = build_tracer(meshes), [build_tracer([mesh]) for mesh in meshes]
    for column in ("normals", "albedo", "uv", "uv_per_mm", "smooth", "gloss"):
        expected = np.concatenate([getattr(tracer, column) for tracer in alone], axis=-1)
        np.testing.assert_array_equal(getattr(together, column), expected, err_msg=column)
    assert together.face_mesh.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert together.normals.any(axis=0).tolist() == [False] * 8 + [True] * 12


def test_joined_meshes_keep_their_triangles():
    meshes = [square(0.0), square(10.0, half=2.0), square(20.0)]
    vertices, faces = joined(meshes)
    expected = np.concatenate([mesh.vertices[mesh.faces] for mesh in meshes])
    np.testing.assert_array_equal(vertices[faces], expected)
    vertices, faces = joined([])
    assert vertices.shape == (0, 3)
    assert faces.shape == (0, 3)
