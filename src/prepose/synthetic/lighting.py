"""How much light reaches points, and what they send to the eye."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float32, Int, Int32

from prepose.synthetic.hits import Samples, only
from prepose.synthetic.shading import (
    Background,
    Light,
    ambient_irradiance,
    dot,
    hemisphere_directions,
    jitter_directions,
    light_rays,
    picked,
    put,
    reflect,
)
from prepose.synthetic.tracer import Tracer

# Rays to a lamp or the sky start this far off the surface (mm), or a curved skin of flat triangles would shade itself.
_LIFT = 3.0
# How far away things still keep soft light out, mm.
_OCCLUSION_REACH = 450.0
_DIMMEST = 0.15
# Normals closer than this cosine belong to one surface.
SAME_FACING = 0.7


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
    edge_samples: int = 2


@dataclass(frozen=True, eq=False)
class Lamps:
    """What lights a scene, and how much work goes into its shadows."""

    lights: tuple[Light, ...]
    background: Background
    quality: Quality


@dataclass(frozen=True, eq=False)
class Film:
    """What the middle of each pixel showed: reused by further samples near by; mesh is -1 for the background."""

    mesh: Int32[np.ndarray, "H W"]
    normal: Float32[np.ndarray, "3 H W"]
    visible: Float32[np.ndarray, "channels H W"]


def light_film(tracer: Tracer, samples: Samples, lamps: Lamps, size_hw: tuple[int, int]) -> Film:
    """How much light reaches what the middle of each pixel shows.

    Rays are cast for every other pixel, as on a chess board, each in its own of sixteen directions; the mean over the
    neighbours then sees eight of them, which is enough for soft shadows at half the price.
    """
    white, cells = _chess_board(*size_hw)
    traced, cell = np.flatnonzero(white[samples.rows]), cells[samples.rows]
    film, weight = smoothed(samples, traced, visibility(tracer, only(samples, traced), lamps, cell[traced]), size_hw)
    lonely = np.flatnonzero(weight.ravel()[samples.rows] == 0)
    if len(lonely):
        here = visibility(tracer, only(samples, lonely), lamps, cell[lonely])
        put(film.visible.reshape(len(here), -1), samples.rows[lonely], here)
    return film


@lru_cache(maxsize=4)
def _chess_board(height: int, width: int) -> tuple[Bool[np.ndarray, " P"], Int[np.ndarray, " P"]]:
    """Which pixels have rays cast for them, and the direction of each, row by row."""
    row, column = np.divmod(np.arange(height * width), width)
    # Every fourth pixel repeats: any four by four of them hold the same eight directions, so the mean has no grain.
    return (row + column) % 2 == 0, row % 4 * 4 + column % 4 // 2 * 2


def visibility(
    tracer: Tracer, samples: Samples, lamps: Lamps, cell: Int[np.ndarray, " S"]
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
    samples: Samples,
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
    tracer: Tracer, samples: Samples, start: Float32[np.ndarray, "3 S"], num_rays: int, cell: Int[np.ndarray, " S"]
) -> Float32[np.ndarray, " S"]:
    """The share of nearby directions, weighted by their cosine, that nothing blocks."""
    open_share = np.ones(len(cell), dtype=np.float32)
    for k in range(num_rays):
        ray = hemisphere_directions(samples.normal, (cell + k * 16 // num_rays) % 16)
        open_share -= tracer.scene.occluded(start, ray, _OCCLUSION_REACH) * np.float32(1 / num_rays)
    # Light that bounces about reaches into every fold.
    return np.maximum(open_share, _DIMMEST)


def smoothed(
    samples: Samples,
    traced: Int[np.ndarray, " T"],
    visible: Float32[np.ndarray, "channels T"],
    size_hw: tuple[int, int],
) -> tuple[Film, Float32[np.ndarray, "H W"]]:
    """Visibility as the mean over 4 x 4 pixels of the same mesh that face the same way.

    Source: Keller and Heidrich, "Interleaved sampling", 2001: each pixel asks another direction, the mean asks all.

    Args:
        samples: What the middle of each pixel shows.
        traced: For which of them the visibility is known.
        visible: Their visibility.
        size_hw: Of the picture.

    Returns:
        The film, and how many known pixels each mean is of; where it is 0 the visibility is 0.
    """
    mesh = np.full(size_hw, -1, dtype=np.int32)
    normal = np.zeros((3, *size_hw), dtype=np.float32)
    # The last channel counts.
    sums = np.zeros((len(visible) + 1, *size_hw), dtype=np.float32)
    mesh.reshape(-1)[samples.rows] = samples.mesh
    put(normal.reshape(3, -1), samples.rows, samples.normal)
    put(sums[:-1].reshape(len(visible), -1), samples.rows[traced], visible)
    sums[-1].reshape(-1)[samples.rows[traced]] = 1
    for axis in (0, 1):
        total = sums.copy()
        for shift in (1, 2):
            # Where the picture ends there are no neighbours.
            here, there = _apart(shift, axis)
            near = (mesh[here] == mesh[there]) & (dot(normal[:, *here], normal[:, *there]) > SAME_FACING)
            if shift == 1:
                total[:, *there] += sums[:, *here] * near
            total[:, *here] += sums[:, *there] * near
        sums = total
    return Film(mesh, normal, sums[:-1] / np.maximum(sums[-1], 1)), sums[-1]


def _apart(shift: int, axis: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """All pixels that have another so many rows (axis 0) or columns before them, and those others."""
    later, earlier, across = slice(shift, None), slice(-shift), slice(None)
    return ((later, across), (earlier, across)) if axis == 0 else ((across, later), (across, earlier))


def radiance(samples: Samples, lamps: Lamps, visible: Float32[np.ndarray, "channels S"]) -> Float32[np.ndarray, "3 S"]:
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
