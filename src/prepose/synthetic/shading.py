"""What surfaces, lights and skies look like. Colours are linear RGB; albedo lies in 0..1, radiance in 0..inf."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int, Shaped

from prepose.arrays import Vector3
from prepose.camera.crop import from_corner

# Coordinates or colours first, points last: each channel is one run of memory, three times as fast as rows of three.
Columns = Float[np.ndarray, "3 N"]


@dataclass(frozen=True, eq=False)
class Texture:
    """A picture of a surface that repeats in both directions.

    Attributes:
        image: Linear RGB albedo (or radiance, in a panorama); row 0 is v = 0.
    """

    image: Float32[np.ndarray, "H W 3"]

    @cached_property
    def pyramid(self) -> tuple[Float32[np.ndarray, "_H _W 3"], ...]:
        """The image and its halvings down to one pixel across, so that far surfaces do not flicker."""
        levels = [np.ascontiguousarray(self.image, dtype=np.float32)]
        while min(levels[-1].shape[:2]) > 1:
            height, width = levels[-1].shape[:2]
            half = cv2.resize(levels[-1], (max(width // 2, 1), max(height // 2, 1)), interpolation=cv2.INTER_AREA)
            levels.append(np.asarray(half, dtype=np.float32))
        return tuple(levels)


@dataclass(frozen=True, eq=False)
class Light:
    """A lamp or the sun.

    Attributes:
        kind: "sun" shines in parallel, "point" from one place.
        vector: Of a sun the direction *towards* it (any length); of a point light its position, mm, world.
        colour: Irradiance on a surface that faces it (radiance that a white surface then shows); of a point light at
            `_POINT_DISTANCE` (2 m), falling with the square of the distance.
        radius: Softness of its shadows: a sun's angular radius (rad), a point light's radius (mm).
    """

    kind: Literal["sun", "point"]
    vector: Vector3
    colour: Float[np.ndarray, "3"]
    radius: float = 0.0


@dataclass(frozen=True, eq=False)
class Background:
    """What a ray sees that meets nothing, and the soft light from all around.

    Attributes:
        zenith: Radiance straight up.
        horizon: Radiance at the horizon.
        ground: Radiance straight down.
        panorama: Shown instead of the three colours: equirectangular, row 0 straight up, columns turning from +x to +y.
        ambient_sky: Irradiance on a surface that faces up.
        ambient_ground: Irradiance on a surface that faces down (light that bounced off the ground).
    """

    zenith: Float[np.ndarray, "3"]
    horizon: Float[np.ndarray, "3"]
    ground: Float[np.ndarray, "3"]
    ambient_sky: Float[np.ndarray, "3"]
    ambient_ground: Float[np.ndarray, "3"]
    panorama: Texture | None = field(default=None)


# A point light's colour is its irradiance at this distance; nearer than the other it grows no brighter, mm.
_POINT_DISTANCE, _POINT_NEAREST = 2000.0, 200.0
_MAP_WIDTH = 16384
_WRAPPED = (cv2.INTER_LINEAR, None, cv2.BORDER_WRAP)
# Blinn's exponent is two to this power.
_GLOSS_SQUARINGS = 5


def sample_texture(
    texture: Texture, uv: Float[np.ndarray, "2 N"], footprint: Float[np.ndarray, " N"] | None = None
) -> Columns:
    """`sample_textures` of one texture; without a footprint it reads the finest level."""
    count = uv.shape[1]
    footprint = np.zeros(count, dtype=np.float32) if footprint is None else footprint
    return sample_textures([texture], np.zeros(count, dtype=np.int32), uv, footprint)


def sample_textures(
    textures: Sequence[Texture | None],
    which: Int[np.ndarray, " N"],
    uv: Float[np.ndarray, "2 N"],
    footprint: Float[np.ndarray, " N"],
) -> Columns:
    """Bilinear look-up with wrap-around, from the level of the pyramid whose pixels match the footprint.

    Args:
        textures: The textures; None is white.
        which: Each point's row of `textures`.
        uv: Its place in the texture; 1 is one repeat; u runs along columns.
        footprint: Size in uv of the patch that one image pixel sees there.
    """
    colours = np.ones((uv.shape[1], 3), dtype=np.float32)
    pyramids = [() if texture is None else texture.pyramid for texture in textures]
    depth = max([1, *(len(pyramid) for pyramid in pyramids)])
    finest = np.array([min(levels[0].shape[:2]) if levels else 1 for levels in pyramids], dtype=np.float32)
    deepest = np.array([max(len(levels), 1) - 1 for levels in pyramids])
    level = np.log2(np.maximum(footprint * finest[which], 1.0)).round().astype(np.int64)
    group = which * depth + level.clip(0, deepest[which])
    # Numbers of 16 bits are sorted digit by digit, in a tenth of the time.
    order = np.argsort(group.astype(np.min_scalar_type(depth * len(textures))), kind="stable")
    u, v = picked(uv, order)
    # numpy's remainder takes forty times as long as its floor.
    u, v = u - np.floor(u), v - np.floor(v)
    counts = np.bincount(group, minlength=depth * len(textures))
    ends = np.cumsum(counts)
    for number in np.flatnonzero(counts):
        levels = pyramids[number // depth]
        if levels:
            here = slice(ends[number] - counts[number], ends[number])
            colours[here] = _bilinear(levels[number % depth], u[here], v[here])
    unsorted = np.empty((3, len(colours)), dtype=np.float32)
    put(unsorted, order, colours.T)
    return unsorted


def _bilinear(
    image: Float32[np.ndarray, "_H _W 3"], u: Float[np.ndarray, " N"], v: Float[np.ndarray, " N"]
) -> Float32[np.ndarray, "N 3"]:
    """Colours at places that are given as shares (0 to 1) of the width and of the height."""
    height, width = image.shape[:2]
    x, y = from_corner(u * width).astype(np.float32), from_corner(v * height).astype(np.float32)
    # OpenCV takes maps of less than 2^15 places a side.
    parts = [
        cv2.remap(image, x[None, at : at + _MAP_WIDTH], y[None, at : at + _MAP_WIDTH], *_WRAPPED)[0]
        for at in range(0, len(x), _MAP_WIDTH)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def background_radiance(background: Background, directions: Columns) -> Columns:
    """What rays in these world directions (any length) see of the background."""
    x, y, up = unit(directions)
    if background.panorama is not None:
        # Half a row is kept off the poles, where wrapping would mix sky and ground.
        edge = 0.5 / background.panorama.image.shape[0]
        v = np.clip(np.arccos(np.clip(up, -1, 1)) / np.pi, edge, 1 - edge)
        return sample_texture(background.panorama, np.stack([np.arctan2(y, x) / (2 * np.pi), v]))
    zenith, horizon, ground = (_column(c) for c in (background.zenith, background.horizon, background.ground))
    # The sky changes fastest near the horizon, the ground at once.
    return horizon + (zenith - horizon) * np.sqrt(np.maximum(up, 0)) + (ground - horizon) * np.clip(-up * 6, 0, 1)


def ambient_irradiance(background: Background, normals: Columns) -> Columns:
    """Light from a hemisphere of sky above and ground below on surfaces with these normals."""
    sky, ground = _column(background.ambient_sky), _column(background.ambient_ground)
    return ground + (sky - ground) * (0.5 + 0.5 * normals[2])


def light_rays(
    light: Light, positions: Columns
) -> tuple[Columns, Float[np.ndarray, " N"] | float, Float[np.ndarray, " N"] | float]:
    """From each position: unit direction to the light, distance to it (mm) and how much the distance dims it."""
    towards = _column(light.vector)
    if light.kind == "sun":
        return np.broadcast_to(unit(towards), positions.shape), np.inf, 1.0
    to_light = towards - positions
    distance = np.sqrt(np.maximum(dot(to_light, to_light), 1.0))
    return to_light / distance, distance, (_POINT_DISTANCE / np.maximum(distance, _POINT_NEAREST)) ** 2


def reflect(
    normals: Columns, towards_light: Columns, towards_eye: Columns, gloss: Float[np.ndarray, " N"]
) -> tuple[Float[np.ndarray, " N"], Float[np.ndarray, " N"]]:
    """Diffuse and specular share of a light's irradiance. Source: Lambert; Blinn, SIGGRAPH 1977 (half vector)."""
    diffuse = np.maximum(dot(normals, towards_light), 0)
    specular = np.zeros_like(diffuse)
    shiny = np.flatnonzero((gloss > 0) & (diffuse > 0))
    if len(shiny):
        half = unit(picked(towards_light, shiny) + picked(towards_eye, shiny))
        facing = np.maximum(dot(picked(normals, shiny), half), 0)
        for _ in range(_GLOSS_SQUARINGS):
            facing *= facing
        specular[shiny] = gloss[shiny] * facing
    return diffuse, specular


def jitter_directions(
    directions: Columns, spread: Float[np.ndarray, " N"] | float, cell: Int[np.ndarray, " N"]
) -> Columns:
    """Unit directions moved within a cone of that tangent, by one of sixteen fixed offsets named by `cell` (0..15)."""
    first, second = _tangents(directions)
    along_first, along_second = picked(_DISC, cell) * spread
    return directions + first * along_first + second * along_second


def hemisphere_directions(normals: Columns, cell: Int[np.ndarray, " N"]) -> Columns:
    """Unit directions about normals, sixteen of them spread with the cosine. Source: Malley's method."""
    first, second = _tangents(normals)
    along_first, along_second = picked(_DISC, cell)
    return normals * _DOME[cell] + first * along_first + second * along_second


def _tangents(normals: Columns) -> tuple[Columns, Columns]:
    """Two unit vectors square to each normal. Source: Duff et al., JCGT 6(1), 2017."""
    x, y, z = normals
    sign = np.copysign(np.float32(1), z)
    a = -1 / (sign + z)
    b = x * y * a
    return np.stack([1 + sign * x * x * a, sign * b, -sign * x]), np.stack([b, sign + y * y * a, -y])


def dot(first: Float[np.ndarray, "3 *N"], second: Float[np.ndarray, "3 *N"]) -> Float[np.ndarray, "*N"]:
    """Scalar products, faster than einsum over rows of three."""
    return first[0] * second[0] + first[1] * second[1] + first[2] * second[2]


def unit(vectors: Columns) -> Columns:
    """Vectors of length one."""
    return vectors / np.sqrt(np.maximum(dot(vectors, vectors), 1e-24))


def picked(columns: Shaped[np.ndarray, "C N"], which: Int[np.ndarray, " M"]) -> Shaped[np.ndarray, "C M"]:
    """Some of the columns; numpy's own `columns[:, which]` takes eight times as long."""
    return columns.take(which, axis=1, mode="clip")


def put(columns: Shaped[np.ndarray, "C N"], which: Int[np.ndarray, " M"], values: Shaped[np.ndarray, "C M"]) -> None:
    """Write some of the columns in place."""
    for row, new in zip(columns, values, strict=True):
        row[which] = new


def _column(colour: Float[np.ndarray, "3"]) -> Float32[np.ndarray, "3 1"]:
    return np.asarray(colour, dtype=np.float32)[:, None]


def _sunflower(count: int) -> Float32[np.ndarray, "2 count"]:
    """Evenly spread points of the unit disc. Source: Vogel, "A better way to construct the sunflower head", 1979."""
    # Neighbouring cells are far apart on the disc, so that any few of them cover it.
    shuffled = (np.arange(count) * 7) % count
    radius, angle = np.sqrt((shuffled + 0.5) / count), shuffled * np.pi * (3 - np.sqrt(5))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)]).astype(np.float32)


_DISC = _sunflower(16)
_DOME = np.sqrt(1 - (_DISC**2).sum(axis=0))
