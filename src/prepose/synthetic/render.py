"""Pictures of meshes by ray casting: first hits, soft light from the sky, lamps with shadows, contact darkening."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    jitter_directions,
    light_rays,
    reflect,
    sample_texture,
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
# Pixels are sampled again where the square root of a colour differs from a neighbour's by more than this.
_EDGE_CONTRAST = 0.06
# At most this share of the pixels counts as edges, or grass and foliage would cost four pictures.
_EDGE_SHARE = 0.35


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
    occlusion_rays: int = 2
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
    """Points that rays met, ready to be lit: one row each."""

    rows: Int[np.ndarray, " S"]
    position: Float32[np.ndarray, "S 3"]
    normal: Float32[np.ndarray, "S 3"]
    flat_normal: Float32[np.ndarray, "S 3"]
    towards_eye: Float32[np.ndarray, "S 3"]
    albedo: Float32[np.ndarray, "S 3"]
    gloss: Float32[np.ndarray, " S"]
    mesh: Int32[np.ndarray, " S"]


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
    centres = np.stack([columns, rows], axis=1).astype(np.float64)
    origin, directions = _rays(camera, centres)
    lamps = _Lamps(tuple(lights), background, quality)
    origin, directions = _rays(camera, centres)
    samples, depth = _meet(tracer, origin, directions, camera.focal)
    cell = (rows % 4 * 4 + columns % 4)[samples.rows]
    visible = _visibility(tracer, samples, lamps, cell)
    visible = _smooth_visibility(visible, samples, (height, width))
    image = background_radiance(background, directions)
    image[samples.rows] = _radiance(samples, lamps, visible)
    if quality.edge_samples:
        edges = _edges(image.reshape(height, width, 3))
        image[edges] += _resample(tracer, camera, centres[edges], lamps)
        image[edges] /= quality.edge_samples + 1
    mesh_index = np.full(width * height, -1, dtype=np.int32)
    mesh_index[samples.rows] = samples.mesh
    return Rendering(image.reshape(height, width, 3), mesh_index.reshape(height, width), depth.reshape(height, width))


def _rays(camera: Camera, points_img: Points2D) -> tuple[Vector3, Float32[np.ndarray, "R 3"]]:
    """The camera's centre (world, mm) and world directions of length one in z through these image points (px)."""
    rays_cam = camera.back_project(points_img, np.ones(len(points_img)))
    return camera.world_from_cam(np.zeros(3)), (rays_cam @ camera.rotation).astype(np.float32)


def _meet(
    tracer: Tracer, origin: Vector3, directions: Float32[np.ndarray, "R 3"], focal: float
) -> tuple[_Samples, Float32[np.ndarray, " R"]]:
    """The points that rays from one place meet, and z of each ray's first hit (mm; inf: none)."""
    hits = tracer.scene.first_hits(np.broadcast_to(origin, directions.shape), directions)
    rows = np.flatnonzero(hits.triangle >= 0)
    triangle, distance, uv = hits.triangle[rows], hits.distance[rows], hits.uv[rows]
    corners, mesh = tracer.faces[triangle], tracer.face_mesh[triangle]
    weights = np.concatenate([1 - uv.sum(axis=1, keepdims=True), uv], axis=1)
    towards_eye = -directions[rows]
    flat_normal = _unit(hits.normal[rows])
    smooth = tracer.smooth[mesh]
    normal = flat_normal.copy()
    normal[smooth] = _unit(_interpolate(tracer.normals, corners[smooth], weights[smooth]))
    # Surfaces are seen from both sides: normals turn to the eye together.
    away = np.einsum("nc,nc->n", hits.normal[rows], towards_eye) * (1 - 2 * _turned(flat_normal, normal)) < 0
    normal[away] *= -1
    flat_normal[np.einsum("nc,nc->n", flat_normal, towards_eye) < 0] *= -1
    albedo = _interpolate(tracer.albedo, corners, weights)
    _apply_textures(tracer, albedo, triangle, mesh, weights, _footprint(distance, flat_normal, towards_eye, focal))
    samples = _Samples(
        rows=rows,
        position=origin.astype(np.float32) + directions[rows] * distance[:, None],
        normal=normal,
        flat_normal=flat_normal,
        towards_eye=_unit(towards_eye),
        albedo=albedo,
        gloss=tracer.gloss[mesh],
        mesh=mesh,
    )
    return samples, hits.distance


def _turned(flat: Float32[np.ndarray, "N 3"], smooth: Float32[np.ndarray, "N 3"]) -> Bool[np.ndarray, " N"]:
    return np.einsum("nc,nc->n", flat, smooth) < 0


def _footprint(
    distance: Float32[np.ndarray, " N"],
    normal: Float32[np.ndarray, "N 3"],
    towards_eye: Float32[np.ndarray, "N 3"],
    focal: float,
) -> Float32[np.ndarray, " N"]:
    """The width (mm) of the surface patch that a pixel sees: the mean of its short and its foreshortened long side."""
    facing = np.abs(np.einsum("nc,nc->n", normal, towards_eye))
    return distance / focal / np.sqrt(np.maximum(facing, 0.02))


def _apply_textures(
    tracer: Tracer,
    albedo: Float32[np.ndarray, "N 3"],
    triangle: Int32[np.ndarray, " N"],
    mesh: Int32[np.ndarray, " N"],
    weights: Float32[np.ndarray, "N 3"],
    footprint_mm: Float32[np.ndarray, " N"],
) -> None:
    """Multiply in place the albedo of points on textured meshes."""
    for which in np.unique(mesh):
        texture = tracer.meshes[which].texture
        if texture is None:
            continue
        rows = mesh == which
        uv = _interpolate(tracer.uv, tracer.faces[triangle[rows]], weights[rows])
        albedo[rows] *= sample_texture(texture, uv, footprint_mm[rows] * tracer.uv_per_mm[triangle[rows]])


def _interpolate(
    values: Float32[np.ndarray, "V C"], corners: Int32[np.ndarray, "N 3"], weights: Float32[np.ndarray, "N 3"]
) -> Float32[np.ndarray, "N C"]:
    first, second, third = (values[corners[:, k]] * weights[:, k : k + 1] for k in range(3))
    return first + second + third


def _unit(vectors: Float32[np.ndarray, "N 3"]) -> Float32[np.ndarray, "N 3"]:
    length = np.sqrt(np.einsum("nc,nc->n", vectors, vectors))
    return vectors / np.maximum(length, 1e-12)[:, None]


def _visibility(
    tracer: Tracer, samples: _Samples, lamps: _Lamps, cell: Int[np.ndarray, " S"]
) -> Float32[np.ndarray, "S channels"]:
    """How much of each light that casts shadows, then of the sky, reaches each point (0..1)."""
    start = samples.position + _LIFT * samples.flat_normal
    channels = [_lit(tracer, samples, start, light, cell) for light in lamps.lights[: lamps.quality.num_shadows]]
    channels.append(_open_sky(tracer, samples, start, lamps.quality.occlusion_rays, cell))
    return np.stack(channels, axis=1)


def _lit(
    tracer: Tracer,
    samples: _Samples,
    start: Float32[np.ndarray, "S 3"],
    light: Light,
    cell: Int[np.ndarray, " S"],
) -> Float32[np.ndarray, " S"]:
    directions, distance, _ = light_rays(light, start)
    lit = np.einsum("nc,nc->n", samples.normal, directions) > 0
    rows = np.flatnonzero(lit)
    ray, far = directions[rows], distance[rows]
    if light.radius > 0:
        spread = np.full(len(rows), light.radius, np.float32) if light.kind == "sun" else light.radius / far
        ray = jitter_directions(ray, spread.astype(np.float32), cell[rows])
    lit[rows] = ~tracer.scene.occluded(start[rows], ray, far * np.float32(0.999))
    return lit.astype(np.float32)


def _open_sky(
    tracer: Tracer,
    samples: _Samples,
    start: Float32[np.ndarray, "S 3"],
    num_rays: int,
    cell: Int[np.ndarray, " S"],
) -> Float32[np.ndarray, " S"]:
    """The share of nearby directions, weighted by their cosine, that nothing blocks."""
    if num_rays == 0:
        return np.ones(len(start), dtype=np.float32)
    blocked = np.zeros(len(start), dtype=np.float32)
    for k in range(num_rays):
        # Points of a disc, projected up onto the hemisphere, are spread with the cosine (Malley's method).
        offset = jitter_directions(samples.normal, np.ones(len(start), np.float32), (cell + k * 16 // num_rays) % 16)
        tangent = offset - samples.normal
        height = np.sqrt(np.maximum(1 - np.einsum("nc,nc->n", tangent, tangent), 0.02))
        blocked += tracer.scene.occluded(start, tangent + samples.normal * height[:, None], _OCCLUSION_REACH)
    return 1 - blocked / num_rays


def _smooth_visibility(
    visible: Float32[np.ndarray, "S channels"], samples: _Samples, size_hw: tuple[int, int]
) -> Float32[np.ndarray, "S channels"]:
    """The mean over 4 x 4 pixels of the same mesh that face the same way.

    The sixteen directions of `jitter_directions` repeat every four pixels, so this mean sees each of them once.
    Source: Keller and Heidrich, "Interleaved sampling", 2001.
    """
    height, width = size_hw
    channels = visible.shape[1]
    packed = np.zeros((height * width, channels + 4), dtype=np.float32)
    packed[samples.rows, :channels] = visible
    packed[samples.rows, channels] = samples.mesh + 1
    packed[samples.rows, channels + 1 :] = samples.normal
    grid = packed.reshape(height, width, -1)
    for axis in (0, 1):
        grid = _mean_of_four(grid, channels, axis)
    return grid.reshape(height * width, -1)[samples.rows, :channels]


def _mean_of_four(
    grid: Float32[np.ndarray, "H W fields"], channels: int, axis: int
) -> Float32[np.ndarray, "H W fields"]:
    total, weight = grid[..., :channels].copy(), np.ones(grid.shape[:2], dtype=np.float32)
    for shift in (-1, 1, 2):
        moved = np.roll(grid, shift, axis=axis)
        near = (moved[..., channels] == grid[..., channels]) & (
            np.einsum("hwc,hwc->hw", moved[..., channels + 1 :], grid[..., channels + 1 :]) > 0.7
        )
        total += moved[..., :channels] * near[..., None]
        weight += near
    out = grid.copy()
    out[..., :channels] = total / weight[..., None]
    return out


def _radiance(
    samples: _Samples, lamps: _Lamps, visible: Float32[np.ndarray, "S channels"]
) -> Float32[np.ndarray, "S 3"]:
    """What the points send to the eye, given how much light reaches them."""
    light_in = ambient_irradiance(lamps.background, samples.normal) * visible[:, -1:]
    shine = np.zeros_like(light_in)
    for k, light in enumerate(lamps.lights):
        directions, _, dimming = light_rays(light, samples.position)
        diffuse, specular = reflect(samples.normal, directions, samples.towards_eye, samples.gloss)
        reaching = dimming * visible[:, k] if k < lamps.quality.num_shadows else dimming
        colour = light.colour.astype(np.float32)
        light_in += (diffuse * reaching)[:, None] * colour
        shine += (specular * reaching)[:, None] * colour
    return samples.albedo * light_in + shine


def _edges(image: Float32[np.ndarray, "H W 3"]) -> Int[np.ndarray, " E"]:
    """Pixels (flat index) whose colour differs from a neighbour's, the strongest first where there are too many."""
    tone = np.sqrt(np.minimum(image, 1.0))
    contrast = np.zeros(image.shape[:2], dtype=np.float32)
    across = np.abs(np.diff(tone, axis=1)).max(axis=2)
    down = np.abs(np.diff(tone, axis=0)).max(axis=2)
    for part, step in (
        (contrast[:, 1:], across),
        (contrast[:, :-1], across),
        (contrast[1:], down),
        (contrast[:-1], down),
    ):
        np.maximum(part, step, out=part)
    flat = contrast.ravel()
    edges = np.flatnonzero(flat > _EDGE_CONTRAST)
    most = int(_EDGE_SHARE * flat.size)
    if len(edges) > most:
        edges = np.sort(edges[np.argsort(-flat[edges], kind="stable")[:most]])
    return edges


def _resample(tracer: Tracer, camera: Camera, centres: Points2D, lamps: _Lamps) -> Float32[np.ndarray, "E 3"]:
    """The sum of `edge_samples` further samples spread over each of these pixels."""
    count = lamps.quality.edge_samples
    angle = 2 * np.pi * (np.arange(count) / count + 0.07)
    offsets = 0.36 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = (centres[None] + offsets[:, None]).reshape(-1, 2)
    origin, directions = _rays(camera, points)
    samples, _ = _meet(tracer, origin, directions, camera.focal)
    radiance = background_radiance(lamps.background, directions)
    visible = _visibility(tracer, samples, lamps, samples.rows % 16)
    radiance[samples.rows] = _radiance(samples, lamps, visible)
    return radiance.reshape(count, len(centres), 3).sum(axis=0)
