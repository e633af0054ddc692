"""Meshes, sorted once a scene so that any number of rays can be cast into it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int32

from prepose.synthetic.embree import TriangleScene
from prepose.synthetic.shading import Texture


@dataclass(frozen=True, eq=False)
class Layer:
    """One colour over a part of a mesh, with a border as sharp as the picture can show.

    Attributes:
        edge: How far each vertex lies inside the border, mm; negative outside. Interpolated over faces, so that a
            border may cross them in a straight line.
        colour: Linear RGB albedo.
    """

    edge: Float32[np.ndarray, " V"]
    colour: Float[np.ndarray, "3"]


@dataclass(frozen=True, eq=False)
class Mesh:
    """A surface of triangles, seen from both sides.

    Attributes:
        vertices: Corners, mm, world.
        faces: Rows of `vertices`, counter-clockwise seen from outside.
        albedo: Linear RGB of each vertex; multiplied with the texture where there is one; None is white.
        texture: A repeating picture, placed by `uv`.
        uv: Place of each vertex in the texture.
        smooth: Whether normals are interpolated over faces or flat.
        gloss: Strength of its highlights, 0 is matt, 1 is polished.
        normals: Unit normals of the vertices; None computes them from the faces where `smooth`.
        layers: Colours painted over albedo and texture, the last on top.
    """

    vertices: Float[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"]
    albedo: Float32[np.ndarray, "V 3"] | None = None
    texture: Texture | None = None
    uv: Float[np.ndarray, "V 2"] | None = None
    smooth: bool = False
    gloss: float = 0.0
    normals: Float[np.ndarray, "V 3"] | None = None
    layers: tuple[Layer, ...] = ()

    def __post_init__(self) -> None:
        if (self.texture is None) != (self.uv is None):
            raise ValueError("a mesh has a texture and uv, or neither")


@dataclass(frozen=True, eq=False)
class Tracer:
    """Meshes sorted for ray casting, to be built once a scene; see `build_tracer`. Arrays hold coordinates first."""

    meshes: tuple[Mesh, ...]
    first_vertex: Int[np.ndarray, " M"]
    scene: TriangleScene
    faces: Int32[np.ndarray, "3 F"]
    face_mesh: Int32[np.ndarray, " F"]
    normals: Float32[np.ndarray, "3 V"]
    albedo: Float32[np.ndarray, "3 V"]
    uv: Float32[np.ndarray, "2 V"]
    uv_per_mm: Float32[np.ndarray, " F"]
    smooth: Bool[np.ndarray, " M"]
    gloss: Float32[np.ndarray, " M"]


def vertex_normals(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> Float32[np.ndarray, "V 3"]:
    """Unit normals: the mean over the faces around each vertex, weighted by area."""
    corners = vertices[faces]
    face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sums = np.stack(
        [np.bincount(faces.ravel(), np.repeat(face_normals[:, c], 3), len(vertices)) for c in range(3)], axis=1
    )
    return (sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def build_tracer(meshes: Sequence[Mesh]) -> Tracer:
    """Sort the triangles of all meshes; the result serves `render` and `first_hits`."""
    offsets = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    faces = [mesh.faces.astype(np.int32) + np.int32(start) for mesh, start in zip(meshes, offsets, strict=False)]
    all_faces = _joined(faces, (0, 3), np.int32)
    return Tracer(
        meshes=tuple(meshes),
        first_vertex=offsets[:-1],
        scene=TriangleScene(_joined([mesh.vertices for mesh in meshes], (0, 3), np.float32), all_faces),
        faces=np.ascontiguousarray(all_faces.T),
        face_mesh=np.repeat(np.arange(len(meshes), dtype=np.int32), [len(part) for part in faces]),
        normals=np.ascontiguousarray(_joined([_normals(mesh) for mesh in meshes], (0, 3), np.float32).T),
        albedo=np.ascontiguousarray(_joined([_albedo(mesh) for mesh in meshes], (0, 3), np.float32).T),
        uv=np.ascontiguousarray(
            _joined([np.zeros((len(m.vertices), 2)) if m.uv is None else m.uv for m in meshes], (0, 2), np.float32).T
        ),
        uv_per_mm=_joined([_uv_density(mesh) for mesh in meshes], (0,), np.float32),
        smooth=np.array([mesh.smooth for mesh in meshes], dtype=bool),
        gloss=np.array([mesh.gloss for mesh in meshes], dtype=np.float32),
    )


def _joined(parts: list[np.ndarray], empty: tuple[int, ...], dtype: type) -> np.ndarray:
    return np.concatenate(parts, dtype=dtype) if parts else np.zeros(empty, dtype=dtype)


def _normals(mesh: Mesh) -> np.ndarray:
    if not mesh.smooth:
        return np.zeros((len(mesh.vertices), 3), dtype=np.float32)
    return vertex_normals(mesh.vertices, mesh.faces) if mesh.normals is None else mesh.normals


def _albedo(mesh: Mesh) -> np.ndarray:
    return np.ones((len(mesh.vertices), 3), dtype=np.float32) if mesh.albedo is None else mesh.albedo


def _uv_density(mesh: Mesh) -> np.ndarray:
    """How much of a texture one mm of each face spans: what the choice of its blur needs."""
    if mesh.uv is None:
        return np.zeros(len(mesh.faces), dtype=np.float32)
    corners, uv = mesh.vertices[mesh.faces], mesh.uv[mesh.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    (a, b), (c, d) = (uv[:, 1] - uv[:, 0]).T, (uv[:, 2] - uv[:, 0]).T
    return np.sqrt(np.abs(a * d - b * c) / np.maximum(area, 1e-9))


def first_hits(
    tracer: Tracer, origins: Float[np.ndarray, "R 3"], directions: Float[np.ndarray, "R 3"]
) -> tuple[Int32[np.ndarray, " R"], Float32[np.ndarray, " R"]]:
    """What each ray meets first.

    Args:
        tracer: The scene.
        origins: World, mm.
        directions: World; any length.

    Returns:
        Index of the mesh (-1: none) and the distance in units of the direction's length (inf: none).
    """
    hits = tracer.scene.first_hits(origins.T, directions.T)
    mesh = np.full(len(hits.triangle), -1, dtype=np.int32)
    met = hits.triangle >= 0
    mesh[met] = tracer.face_mesh[hits.triangle[met]]
    return mesh, hits.distance
