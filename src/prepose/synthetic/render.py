"""Pictures of meshes by ray casting: first hits, soft light from the sky, lamps with shadows, contact darkening."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Int, Int32

from prepose.arrays import Points2D, Vector3
from prepose.camera.camera import Camera
from prepose.synthetic.shading import (
    Background,
    Light,
    Texture,
    ambient_irradiance,
    background_radiance,
    dot,
    hemisphere_directions,
    jitter_directions,
    light_rays,
    picked,
    put,
    reflect,
    sample_texture,
    unit,
)
from prepose.synthetic.tracer import Mesh, Tracer, build_tracer, first_hits

__all__ = [
    "Background",
    "Light",
    "Mesh",
    "Quality",
    "Rendering",
    "Texture",
    "Tracer",
    "build_tracer",
    "first_hits",
    "render",
]

# Rays to a lamp or the sky start this far off the surface (mm), or a curved skin of flat triangles would shade itself.
_LIFT = 3.0
# How far away things still keep soft light out, mm.
_OCCLUSION_REACH = 450.0
_DIMMEST = 0.15
# Pixels are sampled again where the square root of a colour differs from a neighbour's by more than this.
_EDGE_CONTRAST = 0.06
# At most this share of the pixels counts as edges, or grass and foliage would cost four pictures.
_EDGE_SHARE = 0.22
# Further samples lie this far from the middle of their pixel, px.
_EDGE_REACH = 0.36
# A painted border is at least this soft, mm.
_SHARPEST_BORDER = 2.0
# Normals closer than this cosine belong to one surface.
_SAME_FACING = 0.7


@dataclass(frozen=True, eq=False)
class Rendering:
    """A picture and what it shows.

    Attributes:
        image: Linear RGB radiance, not clipped.
        mesh_index: Which mesh the middle of each pixel shows; -1 for the background.
        depth: z in the camera's frame at the middle of each pixel, mm; inf for the background.
    """

    image: Float32[np.ndarray, "H W 3"]
    mesh_index: Int32[np.ndarray, "H W"]
    depth: Float32[np.ndarray, "H W"]


@dataclass(frozen=True)
class Quality:
    """How much work goes into a picture.

    Attributes:
        num_shadows: So many of the lights, from the first on, cast shadows.
        occlusion_rays: Rays a pixel that look for things nearby which keep the soft light out; 0 for none.
        edge_samples: Further rays a pixel where it lies on an edge; 0 leaves edges ragged.
    """

    num_shadows: int = 2
    occlusion_rays: int = 1
    edge_samples: int = 3


DEFAULT_QUALITY = Quality()


@dataclass(frozen=True, eq=False)
class _Lamps:
    """What lights a scene, and how much work goes into its shadows."""

    lights: tuple[Light, ...]
    background: Background
    quality: Quality


@dataclass(frozen=True, eq=False)
class _Samples:
    """Points that rays met, ready to be lit; coordinates first."""

    rows: Int[np.ndarray, " S"]
    position: Float32[np.ndarray, "3 S"]
    normal: Float32[np.ndarray, "3 S"]
    flat_normal: Float32[np.ndarray, "3 S"]
    towards_eye: Float32[np.ndarray, "3 S"]
    albedo: Float32[np.ndarray, "3 S"]
    gloss: Float32[np.ndarray, " S"]
    mesh: Int32[np.ndarray, " S"]


@dataclass(frozen=True, eq=False)
class _Film:
    """What the middle of each pixel showed: reused by further samples near by; mesh is -1 for the background."""

    mesh: Int32[np.ndarray, "H W"]
    normal: Float32[np.ndarray, "3 H W"]
    visible: Float32[np.ndarray, "channels H W"]


def render(
    meshes: Sequence[Mesh] | Tracer,
    *,
    camera: Camera,
    lights: Sequence[Light],
    background: Background,
    quality: Quality = DEFAULT_QUALITY,
) -> Rendering:
    """The picture that a camera takes; the same arguments give the same pixels.

    Args:
        meshes: The scene, or its tracer where rays are cast for other ends too.
        camera: Its size, intrinsics (with distortion) and pose; (0, 0) is the centre of the top-left pixel.
        lights: Brightest first: the first ones cast shadows.
        background: What is seen past the meshes, and the light from all around.
        quality: How much work goes into shadows and edges.
    """
    tracer = meshes if isinstance(meshes, Tracer) else build_tracer(meshes)
    width, height = camera.size_wh
    rows, columns = np.divmod(np.arange(width * height), width)
    lamps = _Lamps(tuple(lights), background, quality)
    origin, directions = _rays(camera, np.stack([columns, rows], axis=1).astype(np.float64))
    samples, depth = _meet(tracer, origin, directions, camera.focal)
    visible = _visibility(tracer, samples, lamps, (rows % 4 * 4 + columns % 4)[samples.rows])
    film = _smoothed(_film(samples, visible, (height, width)))
    image = background_radiance(background, directions)
    smooth = picked(film.visible.reshape(len(visible), -1), samples.rows)
    put(image, samples.rows, _radiance(samples, lamps, smooth))
    if quality.edge_samples:
        edges = _edges(image.reshape(3, height, width))
        more = _resample(tracer, camera, edges, lamps, film)
        put(image, edges, (picked(image, edges) + more) / (quality.edge_samples + 1))
    picture = np.ascontiguousarray(image.T).reshape(height, width, 3)
    return Rendering(picture, film.mesh, depth.reshape(height, width))


def _rays(camera: Camera, points_img: Points2D) -> tuple[Vector3, Float32[np.ndarray, "3 R"]]:
    """The camera's centre (world, mm) and world directions of length one in z through these image points (px)."""
    rays_cam = camera.back_project(points_img, np.ones(len(points_img)))
    return camera.world_from_cam(np.zeros(3)), (camera.rotation.T @ rays_cam.T).astype(np.float32)


def _meet(
    tracer: Tracer, origin: Vector3, directions: Float32[np.ndarray, "3 R"], focal: float
) -> tuple[_Samples, Float32[np.ndarray, " R"]]:
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
    samples = _Samples(
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
    for which in np.flatnonzero(np.bincount(mesh, minlength=len(tracer.meshes))):
        texture, layers = tracer.meshes[which].texture, tracer.meshes[which].layers
        if texture is None and not layers:
            continue
        rows = np.flatnonzero(mesh == which)
        around, share, width = picked(corners, rows), picked(weights, rows), footprint_mm[rows]
        colour = picked(albedo, rows)
        if texture is not None:
            uv = _interpolate(tracer.uv, around, share)
            colour *= sample_texture(texture, uv, width * tracer.uv_per_mm[triangle[rows]])
        for layer in layers:
            inside = _interpolate(layer.edge[None], around - np.int32(tracer.first_vertex[which]), share)[0]
            # A border is blurred over the pixel that it crosses.
            cover = np.clip(0.5 + inside / np.maximum(width, _SHARPEST_BORDER), 0, 1)
            colour += (layer.colour.astype(np.float32)[:, None] - colour) * cover
        put(albedo, rows, colour)


def _interpolate(
    values: Float32[np.ndarray, "C V"], corners: Int32[np.ndarray, "3 S"], weights: Float32[np.ndarray, "3 S"]
) -> Float32[np.ndarray, "C S"]:
    first, second, third = (picked(values, corners[k]) * weights[k] for k in range(3))
    return first + second + third


def _visibility(
    tracer: Tracer, samples: _Samples, lamps: _Lamps, cell: Int[np.ndarray, " S"]
) -> Float32[np.ndarray, "channels S"]:
    """How much of each light that casts shadows, then of the sky, reaches each point (0..1)."""
    start = samples.position + _LIFT * samples.flat_normal
    shadowing = lamps.lights[: lamps.quality.num_shadows]
    visible = np.empty((len(shadowing) + 1, len(cell)), dtype=np.float32)
    for k, light in enumerate(shadowing):
        visible[k] = _lit(tracer, samples, start, light, cell)
    visible[-1] = _open_sky(tracer, samples, start, lamps.quality.occlusion_rays, cell)
    return visible


def _lit(
    tracer: Tracer,
    samples: _Samples,
    start: Float32[np.ndarray, "3 S"],
    light: Light,
    cell: Int[np.ndarray, " S"],
) -> Bool[np.ndarray, " S"]:
    directions, distance, _ = light_rays(light, start)
    lit = dot(samples.normal, directions) > 0
    rows = np.flatnonzero(lit)
    ray = picked(directions, rows)
    far = distance[rows] * np.float32(0.999) if isinstance(distance, np.ndarray) else distance
    if light.radius > 0:
        ray = jitter_directions(ray, light.radius if light.kind == "sun" else light.radius / far, cell[rows])
    lit[rows] = ~tracer.scene.occluded(picked(start, rows), ray, far)
    return lit


def _open_sky(
    tracer: Tracer, samples: _Samples, start: Float32[np.ndarray, "3 S"], num_rays: int, cell: Int[np.ndarray, " S"]
) -> Float32[np.ndarray, " S"]:
    """The share of nearby directions, weighted by their cosine, that nothing blocks."""
    open_share = np.ones(len(cell), dtype=np.float32)
    for k in range(num_rays):
        ray = hemisphere_directions(samples.normal, (cell + k * 16 // num_rays) % 16)
        open_share -= tracer.scene.occluded(start, ray, _OCCLUSION_REACH) * np.float32(1 / num_rays)
    # Light that bounces about reaches into every fold.
    return np.maximum(open_share, _DIMMEST)


def _film(samples: _Samples, visible: Float32[np.ndarray, "channels S"], size_hw: tuple[int, int]) -> _Film:
    mesh = np.full(size_hw, -1, dtype=np.int32)
    normal = np.zeros((3, *size_hw), dtype=np.float32)
    grid = np.zeros((len(visible), *size_hw), dtype=np.float32)
    mesh.reshape(-1)[samples.rows] = samples.mesh
    put(normal.reshape(3, -1), samples.rows, samples.normal)
    put(grid.reshape(len(visible), -1), samples.rows, visible)
    return _Film(mesh, normal, grid)


def _smoothed(film: _Film) -> _Film:
    """Visibility as the mean over 4 x 4 pixels of the same mesh that face the same way.

    The sixteen directions of `jitter_directions` repeat every four pixels, so this mean sees each of them once.
    Source: Keller and Heidrich, "Interleaved sampling", 2001.
    """
    for axis in (0, 1):
        total, weight = film.visible.copy(), np.ones(film.mesh.shape, dtype=np.float32)
        for shift in (-1, 1, 2):
            near = np.roll(film.mesh, shift, axis) == film.mesh
            near &= dot(np.roll(film.normal, shift, axis + 1), film.normal) > _SAME_FACING
            total += np.roll(film.visible, shift, axis + 1) * near
            weight += near
        film = replace(film, visible=total / weight)
    return film


def _radiance(
    samples: _Samples, lamps: _Lamps, visible: Float32[np.ndarray, "channels S"]
) -> Float32[np.ndarray, "3 S"]:
    """What the points send to the eye, given how much light reaches them."""
    light_in = ambient_irradiance(lamps.background, samples.normal) * visible[-1]
    shine = np.zeros_like(light_in)
    for k, light in enumerate(lamps.lights):
        directions, _, dimming = light_rays(light, samples.position)
        diffuse, specular = reflect(samples.normal, directions, samples.towards_eye, samples.gloss)
        reaching = dimming * visible[k] if k < lamps.quality.num_shadows else dimming
        colour = light.colour.astype(np.float32)[:, None]
        light_in += diffuse * reaching * colour
        shine += specular * reaching * colour
    return samples.albedo * light_in + shine


def _edges(image: Float32[np.ndarray, "3 H W"]) -> Int[np.ndarray, " E"]:
    """Pixels (flat index) whose colour differs from a neighbour's, the strongest where there are too many."""
    tone = np.sqrt(np.minimum(image, 1.0))
    contrast = np.zeros(image.shape[1:], dtype=np.float32)
    across = np.abs(tone[:, :, 1:] - tone[:, :, :-1]).max(axis=0)
    down = np.abs(tone[:, 1:] - tone[:, :-1]).max(axis=0)
    for part, step in ((np.s_[:, 1:], across), (np.s_[:, :-1], across), (np.s_[1:], down), (np.s_[:-1], down)):
        np.maximum(contrast[part], step, out=contrast[part])
    flat = contrast.ravel()
    most = int(_EDGE_SHARE * flat.size)
    threshold = max(_EDGE_CONTRAST, float(np.partition(flat, -most)[-most])) if most else np.inf
    return np.flatnonzero(flat > threshold)


def _resample(
    tracer: Tracer, camera: Camera, edges: Int[np.ndarray, " E"], lamps: _Lamps, film: _Film
) -> Float32[np.ndarray, "3 E"]:
    """The sum of `edge_samples` further samples spread over each of these pixels (flat index)."""
    count, width = lamps.quality.edge_samples, film.mesh.shape[1]
    angle = 2 * np.pi * (np.arange(count) / count + 0.07)
    offsets = _EDGE_REACH * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    rows, columns = np.divmod(edges, width)
    points = (np.stack([columns, rows], axis=1) + offsets[:, None]).reshape(-1, 2)
    origin, directions = _rays(camera, points)
    samples, _ = _meet(tracer, origin, directions, camera.focal)
    visible, unknown = _borrowed(samples, film, points[samples.rows])
    if len(unknown):
        traced = _only(samples, unknown)
        put(visible, unknown, _visibility(tracer, traced, lamps, traced.rows % 16))
    radiance = background_radiance(lamps.background, directions)
    put(radiance, samples.rows, _radiance(samples, lamps, visible))
    return radiance.reshape(3, count, len(edges)).sum(axis=1)


def _borrowed(
    samples: _Samples, film: _Film, points_img: Points2D
) -> tuple[Float32[np.ndarray, "channels S"], Int[np.ndarray, " U"]]:
    """Visibility from the nearest of four pixels that shows the same surface, and the samples that find none."""
    height, width = film.mesh.shape
    visible = np.zeros((len(film.visible), len(samples.mesh)), dtype=np.float32)
    unknown = np.ones(len(samples.mesh), dtype=bool)
    nearest = np.round(points_img)
    beyond = nearest + np.sign(points_img - nearest)
    for x, y in ((nearest, nearest), (beyond, nearest), (nearest, beyond), (beyond, beyond)):
        column = x[:, 0].astype(np.int64).clip(0, width - 1)
        pixel = y[:, 1].astype(np.int64).clip(0, height - 1) * width + column
        same = unknown & (film.mesh.ravel()[pixel] == samples.mesh)
        same &= dot(picked(film.normal.reshape(3, -1), pixel), samples.normal) > _SAME_FACING
        found = np.flatnonzero(same)
        put(visible, found, picked(film.visible.reshape(len(visible), -1), pixel[found]))
        unknown &= ~same
    return visible, np.flatnonzero(unknown)


def _only(samples: _Samples, which: Int[np.ndarray, " U"]) -> _Samples:
    return _Samples(
        rows=samples.rows[which],
        position=picked(samples.position, which),
        normal=picked(samples.normal, which),
        flat_normal=picked(samples.flat_normal, which),
        towards_eye=picked(samples.towards_eye, which),
        albedo=picked(samples.albedo, which),
        gloss=samples.gloss[which],
        mesh=samples.mesh[which],
    )
