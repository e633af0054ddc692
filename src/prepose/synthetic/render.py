"""Pictures of meshes by ray casting: first hits, soft light from the sky, lamps with shadows, contact darkening."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float32, Int, Int32

from prepose.arrays import Points2D, Vector3
from prepose.camera.camera import Camera
from prepose.synthetic.hits import Samples, meet, only
from prepose.synthetic.lighting import SAME_FACING, Film, Lamps, Quality, light_film, radiance, visibility
from prepose.synthetic.shading import Background, Light, Texture, background_radiance, dot, picked, put
from prepose.synthetic.tracer import Layer, Mesh, Tracer, build_tracer, first_hits

__all__ = [
    "Background",
    "Layer",
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

_DEFAULT_QUALITY = Quality()
# Pixels are sampled again where the square root of a colour differs from a neighbour's by more than this.
_EDGE_CONTRAST = 0.06
# Something stands before something else where 1 / z jumps by more than this share.
_DEPTH_JUMP = 0.01
# At most this share of the pixels counts as edges, or foliage would cost several pictures.
_EDGE_SHARE = 0.15
# Further samples lie this far from the middle of their pixel, px.
_EDGE_REACH = 0.36


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


def render(
    meshes: Sequence[Mesh] | Tracer,
    *,
    camera: Camera,
    lights: Sequence[Light],
    background: Background,
    quality: Quality = _DEFAULT_QUALITY,
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
    lamps = Lamps(tuple(lights), background, quality)
    origin, directions = _rays(camera, _middles(width, height))
    samples, depth = meet(tracer, origin, directions, camera.focal)
    film = light_film(tracer, samples, lamps, (height, width))
    visible = picked(film.visible.reshape(-1, height * width), samples.rows)
    image = background_radiance(background, directions)
    put(image, samples.rows, radiance(samples, lamps, visible))
    if quality.edge_samples:
        edges = _edges(image.reshape(3, height, width), film, depth.reshape(height, width))
        more = _resample(tracer, camera, edges, lamps, film)
        put(image, edges, (picked(image, edges) + more) / (quality.edge_samples + 1))
    picture = np.ascontiguousarray(image.T).reshape(height, width, 3)
    return Rendering(picture, film.mesh, depth.reshape(height, width))


@lru_cache(maxsize=4)
def _middles(width: int, height: int) -> Points2D:
    """The middles of all pixels, row by row, px."""
    rows, columns = np.divmod(np.arange(width * height), width)
    return np.stack([columns, rows], axis=1).astype(np.float64)


def _rays(camera: Camera, points_img: Points2D) -> tuple[Vector3, Float32[np.ndarray, "3 R"]]:
    """The camera's centre (world, mm) and world directions of length one in z through these image points (px)."""
    if camera.distortion.any():
        rays = camera.rotation.T @ camera.back_project(points_img, np.ones(len(points_img))).T
    else:
        world_from_img = camera.rotation.T @ np.linalg.inv(camera.K)
        rays = world_from_img[:, :2] @ points_img.T + world_from_img[:, 2:]
    return camera.world_from_cam(np.zeros(3)), rays.astype(np.float32)


def _edges(image: Float32[np.ndarray, "3 H W"], film: Film, depth: Float32[np.ndarray, "H W"]) -> Int[np.ndarray, " E"]:
    """Pixels (flat index) on the outline of a thing or of a fold whose colour differs from a neighbour's.

    Textures, painted borders and shadows need no more samples: they are smooth already. Where too many pixels remain,
    those of the strongest contrast are taken.
    """
    tone = np.sqrt(np.minimum(image, 1.0))
    contrast = np.maximum(
        _outline_steps(tone, film.mesh, film.normal, depth),
        _outline_steps(tone.mT, film.mesh.T, film.normal.mT, depth.T).T,
    )
    flat = contrast.ravel()
    edges = np.flatnonzero(flat > _EDGE_CONTRAST)
    most = int(_EDGE_SHARE * flat.size)
    if len(edges) < most:
        return edges
    strength = flat[edges]
    return edges[strength > np.partition(strength, -most)[-most]] if most else edges[:0]


def _outline_steps(
    tone: Float32[np.ndarray, "3 H W"],
    mesh: Int32[np.ndarray, "H W"],
    normal: Float32[np.ndarray, "3 H W"],
    depth: Float32[np.ndarray, "H W"],
) -> Float32[np.ndarray, "H W"]:
    """How much each pixel's tone differs from those left and right of it beyond an outline."""
    left, right = np.s_[..., :-1], np.s_[..., 1:]
    outline = (mesh[left] != mesh[right]) | (dot(normal[left], normal[right]) < SAME_FACING)
    # Along any plane 1 / z changes evenly from pixel to pixel; where the change itself jumps, something is in front.
    nearness = 1 / depth
    slope = nearness[right] - nearness[left]
    jump = np.abs(slope[right] - slope[left]) > _DEPTH_JUMP * nearness[..., 1:-1]
    outline[left] |= jump
    outline[right] |= jump
    step = np.abs(tone[right] - tone[left]).max(axis=0) * outline
    steps = np.zeros(mesh.shape, dtype=np.float32)
    steps[left] = step
    np.maximum(steps[right], step, out=steps[right])
    return steps


def _resample(
    tracer: Tracer, camera: Camera, edges: Int[np.ndarray, " E"], lamps: Lamps, film: Film
) -> Float32[np.ndarray, "3 E"]:
    """The sum of `edge_samples` further samples spread over each of these pixels (flat index)."""
    count, width = lamps.quality.edge_samples, film.mesh.shape[1]
    angle = 2 * np.pi * (np.arange(count) / count + 0.07)
    offsets = _EDGE_REACH * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    rows, columns = np.divmod(edges, width)
    points = (np.stack([columns, rows], axis=1) + offsets[:, None]).reshape(-1, 2)
    origin, directions = _rays(camera, points)
    samples, _ = meet(tracer, origin, directions, camera.focal)
    visible, unknown = _borrowed(samples, film, points[samples.rows])
    if len(unknown):
        traced = only(samples, unknown)
        put(visible, unknown, visibility(tracer, traced, lamps, traced.rows % 16))
    seen = background_radiance(lamps.background, directions)
    put(seen, samples.rows, radiance(samples, lamps, visible))
    return seen.reshape(3, count, len(edges)).sum(axis=1)


def _borrowed(
    samples: Samples, film: Film, points_img: Points2D
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
        same &= dot(picked(film.normal.reshape(3, -1), pixel), samples.normal) > SAME_FACING
        found = np.flatnonzero(same)
        put(visible, found, picked(film.visible.reshape(len(visible), -1), pixel[found]))
        unknown &= ~same
    return visible, np.flatnonzero(unknown)
