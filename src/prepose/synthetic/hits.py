"""What camera rays meet: place, normal and colour of each point."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int, Int32

from prepose.arrays import Vector3
from prepose.synthetic.shading import dot, picked, put, sample_textures, unit
from prepose.synthetic.tracer import Tracer

# A painted border is at least this soft, mm.
_SHARPEST_BORDER = 2.0


@dataclass(frozen=True, eq=False)
class Samples:
    """Points that rays met, ready to be lit; coordinates first."""

    rows: Int[np.ndarray, " S"]
    position: Float32[np.ndarray, "3 S"]
    normal: Float32[np.ndarray, "3 S"]
    flat_normal: Float32[np.ndarray, "3 S"]
    towards_eye: Float32[np.ndarray, "3 S"]
    albedo: Float32[np.ndarray, "3 S"]
    gloss: Float32[np.ndarray, " S"]
    mesh: Int32[np.ndarray, " S"]


def only(samples: Samples, which: Int[np.ndarray, " U"]) -> Samples:
    """Some of the samples."""
    return Samples(
        rows=samples.rows[which],
        position=picked(samples.position, which),
        normal=picked(samples.normal, which),
        flat_normal=picked(samples.flat_normal, which),
        towards_eye=picked(samples.towards_eye, which),
        albedo=picked(samples.albedo, which),
        gloss=samples.gloss[which],
        mesh=samples.mesh[which],
    )


def meet(
    tracer: Tracer, origin: Vector3, directions: Float32[np.ndarray, "3 R"], focal: float
) -> tuple[Samples, Float32[np.ndarray, " R"]]:
    """The points that rays from one place meet, and z of each ray's first hit (mm; inf: none)."""
    start = origin.astype(np.float32)[:, None]
    hits = tracer.scene.first_hits(np.broadcast_to(start, directions.shape), directions)
    rows = np.flatnonzero(hits.triangle >= 0)
    triangle, distance, uv = hits.triangle[rows], hits.distance[rows], picked(hits.uv, rows)
    corners, mesh = picked(tracer.faces, triangle), tracer.face_mesh[triangle]
    weights = np.stack([1 - uv[0] - uv[1], uv[0], uv[1]])
    ray = picked(directions, rows)
    towards_eye = unit(-ray)
    flat_normal, normal = _normals(
        tracer, picked(hits.normal, rows), towards_eye, corners, weights, tracer.smooth[mesh]
    )
    albedo = _interpolate(tracer.albedo, corners, weights)
    footprint = distance / focal / np.sqrt(np.maximum(dot(flat_normal, towards_eye), 0.02))
    _paint(tracer, albedo, corners, triangle, weights, footprint)
    samples = Samples(
        rows=rows,
        position=start + ray * distance,
        normal=normal,
        flat_normal=flat_normal,
        towards_eye=towards_eye,
        albedo=albedo,
        gloss=tracer.gloss[mesh],
        mesh=mesh,
    )
    return samples, hits.distance


def _normals(
    tracer: Tracer,
    geometric: Float32[np.ndarray, "3 S"],
    towards_eye: Float32[np.ndarray, "3 S"],
    corners: Int32[np.ndarray, "3 S"],
    weights: Float32[np.ndarray, "3 S"],
    smooth: Bool[np.ndarray, " S"],
) -> tuple[Float32[np.ndarray, "3 S"], Float32[np.ndarray, "3 S"]]:
    """Unit flat and shading normals on the side of the surface that the eye sees."""
    flat = unit(geometric)
    flat *= np.copysign(np.float32(1), dot(flat, towards_eye))
    normal = flat.copy()
    rows = np.flatnonzero(smooth)
    between = unit(_interpolate(tracer.normals, picked(corners, rows), picked(weights, rows)))
    put(normal, rows, between * np.copysign(np.float32(1), dot(between, picked(flat, rows))))
    return flat, normal


def _paint(
    tracer: Tracer,
    albedo: Float32[np.ndarray, "3 S"],
    corners: Int32[np.ndarray, "3 S"],
    triangle: Int32[np.ndarray, " S"],
    weights: Float32[np.ndarray, "3 S"],
    footprint_mm: Float32[np.ndarray, " S"],
) -> None:
    """Lay textures and layers on the albedo in place; a footprint is the width that a pixel sees there."""
    mesh = tracer.face_mesh[triangle]
    textures = [one.texture for one in tracer.meshes]
    if any(texture is not None for texture in textures):
        uv = _interpolate(tracer.uv, corners, weights)
        albedo *= sample_textures(textures, mesh, uv, footprint_mm * tracer.uv_per_mm[triangle])
    for which, one in enumerate(tracer.meshes):
        rows = np.flatnonzero(mesh == which) if one.layers else mesh[:0]
        if not len(rows):
            continue
        colour, width = picked(albedo, rows), footprint_mm[rows]
        own_corners = picked(corners, rows) - np.int32(tracer.first_vertex[which])
        inside = _interpolate(np.stack([layer.edge for layer in one.layers]), own_corners, picked(weights, rows))
        # A border is blurred over the pixel that it crosses.
        covers = np.clip(0.5 + inside / np.maximum(width, _SHARPEST_BORDER), 0, 1)
        for layer, cover in zip(one.layers, covers, strict=True):
            colour += (layer.colour.astype(np.float32)[:, None] - colour) * cover
        put(albedo, rows, colour)


def _interpolate(
    values: Float32[np.ndarray, "C V"], corners: Int32[np.ndarray, "3 S"], weights: Float32[np.ndarray, "3 S"]
) -> Float32[np.ndarray, "C S"]:
    first, second, third = (picked(values, corners[k]) * weights[k] for k in range(3))
    return first + second + third
