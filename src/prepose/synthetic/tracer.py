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
    corners = faces.ravel()
    around = [np.bincount(corners, np.repeat(axis, 3), len(vertices)) for axis in _cross(*_sides(vertices, faces))]
    length = np.maximum(_length(around), 1e-12)
    return np.stack([axis / length for axis in around], axis=1).astype(np.float32)


def build_tracer(meshes: Sequence[Mesh]) -> Tracer:
    """Sort the triangles of all meshes; the result serves `render` and `first_hits`."""
    vertices, faces = joined(meshes)
    num_faces = [len(mesh.faces) for mesh in meshes]
    return Tracer(
        meshes=tuple(meshes),
        first_vertex=_starts(meshes),
        scene=TriangleScene(vertices, faces),
        faces=np.ascontiguousarray(faces.T),
        face_mesh=np.repeat(np.arange(len(meshes), dtype=np.int32), num_faces),
        normals=_columns(meshes, _normals(meshes), (3, len(vertices)), 0.0),
        albedo=_columns(meshes, [mesh.albedo for mesh in meshes], (3, len(vertices)), 1.0),
        uv=_columns(meshes, [mesh.uv for mesh in meshes], (2, len(vertices)), 0.0),
        uv_per_mm=_uv_densities(meshes, num_faces),
        smooth=np.array([mesh.smooth for mesh in meshes], dtype=bool),
        gloss=np.array([mesh.gloss for mesh in meshes], dtype=np.float32),
    )


def joined(meshes: Sequence[Mesh]) -> tuple[Float[np.ndarray, "V 3"], Int32[np.ndarray, "F 3"]]:
    """The vertices (mm) and faces of all meshes as those of one."""
    if not meshes:
        return np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int32)
    faces = np.concatenate([mesh.faces for mesh in meshes], dtype=np.int32)
    faces += np.repeat(_starts(meshes).astype(np.int32), [len(mesh.faces) for mesh in meshes])[:, None]
    return np.concatenate([mesh.vertices for mesh in meshes]), faces


def _starts(meshes: Sequence[Mesh]) -> Int[np.ndarray, " M"]:
    return np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])[:-1]


def _columns(
    meshes: Sequence[Mesh], rows: Sequence[Float[np.ndarray, "_ C"] | None], shape: tuple[int, int], absent: float
) -> Float32[np.ndarray, "C V"]:
    """The rows that each mesh has for its vertices, coordinates first; `absent` where it has none."""
    columns = np.full(shape, absent, dtype=np.float32)
    for start, mesh, values in zip(_starts(meshes), meshes, rows, strict=True):
        if values is not None:
            columns[:, start : start + len(mesh.vertices)] = values.T
    return columns


def _normals(meshes: Sequence[Mesh]) -> list[Float[np.ndarray, "_ 3"] | None]:
    """The vertex normals of each smooth mesh; those that are not given are computed all at once."""
    bare = [mesh for mesh in meshes if mesh.smooth and mesh.normals is None]
    made = iter(np.split(vertex_normals(*joined(bare)), _starts(bare)[1:]) if bare else ())
    return [(next(made) if mesh.normals is None else mesh.normals) if mesh.smooth else None for mesh in meshes]


def _uv_densities(meshes: Sequence[Mesh], num_faces: Sequence[int]) -> Float32[np.ndarray, " F"]:
    """How much of a texture one mm of each face spans: what the choice of its blur needs; 0 where there is none."""
    densities = np.zeros(sum(num_faces), dtype=np.float32)
    uv = [mesh.uv for mesh in meshes if mesh.uv is not None]
    if uv:
        vertices, faces = joined([mesh for mesh in meshes if mesh.uv is not None])
        area = _length(_cross(*_sides(vertices, faces)))
        (a, b), (c, d) = _sides(np.concatenate(uv), faces)
        textured = np.repeat([mesh.uv is not None for mesh in meshes], num_faces)
        densities[textured] = np.sqrt(np.abs(a * d - b * c) / np.maximum(area, 1e-9))
    return densities


def _sides(
    points: Float[np.ndarray, "V C"], faces: Int[np.ndarray, "F 3"]
) -> tuple[Float[np.ndarray, "C F"], Float[np.ndarray, "C F"]]:
    """From each face's first corner to its second and to its third."""
    first, second, third = (points.take(corner, axis=0).T for corner in faces.T)
    return second - first, third - first


# numpy's own cross product and norm cost more than the arithmetic where faces are few.
def _cross(a: Float[np.ndarray, "3 F"], b: Float[np.ndarray, "3 F"]) -> list[Float[np.ndarray, " F"]]:
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def _length(axes: Sequence[Float[np.ndarray, " F"]]) -> Float[np.ndarray, " F"]:
    x, y, z = axes
    return np.sqrt(x * x + y * y + z * z)


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
