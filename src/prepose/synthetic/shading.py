"""What surfaces, lights and skies look like. Colours are linear RGB; albedo lies in 0..1, radiance in 0..inf."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int

from prepose.arrays import Vector3

Colours = Float32[np.ndarray, "N 3"]


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


_POINT_DISTANCE = 2000.0
_GLOSS_EXPONENT = 24.0
_UP, _ALONG_X = np.eye(3, dtype=np.float32)[[2]], np.eye(3, dtype=np.float32)[[0]]


def sample_texture(
    texture: Texture, uv: Float[np.ndarray, "N 2"], footprint: Float[np.ndarray, " N"] | None = None
) -> Colours:
    """Bilinear look-up with wrap-around, from the level of the pyramid whose pixels match the footprint.

    Args:
        texture: The texture.
        uv: Place in the texture; 1 is one repeat; u runs along columns.
        footprint: Size in uv of the patch that one image pixel sees; None reads the finest level.
    """
    if footprint is None:
        return _bilinear(texture.pyramid[0], uv)
    levels = texture.pyramid
    finest = min(texture.image.shape[:2])
    level = np.clip(np.round(np.log2(np.maximum(footprint * finest, 1.0))), 0, len(levels) - 1).astype(np.int64)
    colours = np.empty((len(uv), 3), dtype=np.float32)
    for which in np.unique(level):
        rows = level == which
        colours[rows] = _bilinear(levels[which], uv[rows])
    return colours


def _bilinear(image: Float32[np.ndarray, "_H _W 3"], uv: Float[np.ndarray, "N 2"]) -> Colours:
    height, width = image.shape[:2]
    x = uv[:, 0] * width - 0.5
    y = uv[:, 1] * height - 0.5
    left, top = np.floor(x), np.floor(y)
    fx, fy = (x - left).astype(np.float32)[:, None], (y - top).astype(np.float32)[:, None]
    x0, y0 = left.astype(np.int64) % width, top.astype(np.int64) % height
    x1, y1 = (x0 + 1) % width, (y0 + 1) % height
    flat = image.reshape(-1, 3)
    upper = flat[y0 * width + x0] * (1 - fx) + flat[y0 * width + x1] * fx
    lower = flat[y1 * width + x0] * (1 - fx) + flat[y1 * width + x1] * fx
    return upper * (1 - fy) + lower * fy


def background_radiance(background: Background, directions: Float[np.ndarray, "N 3"]) -> Colours:
    """What rays in these world directions (any length) see of the background."""
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    if background.panorama is not None:
        u = np.arctan2(unit[:, 1], unit[:, 0]) / (2 * np.pi)
        # Half a row is kept off the poles, where wrapping would mix sky and ground.
        edge = 0.5 / background.panorama.image.shape[0]
        v = np.clip(np.arccos(np.clip(unit[:, 2], -1, 1)) / np.pi, edge, 1 - edge)
        return sample_texture(background.panorama, np.stack([u, v], axis=1))
    up = unit[:, 2:]
    # The sky changes fastest near the horizon, the ground at once.
    sky = background.horizon + (background.zenith - background.horizon) * np.sqrt(np.clip(up, 0, 1))
    below = background.horizon + (background.ground - background.horizon) * np.clip(-up * 6, 0, 1)
    return np.where(up >= 0, sky, below).astype(np.float32)


def ambient_irradiance(background: Background, normals: Float32[np.ndarray, "N 3"]) -> Colours:
    """Light from a hemisphere of sky above and ground below on surfaces with these normals."""
    towards_sky = (0.5 + 0.5 * normals[:, 2:]).astype(np.float32)
    sky, ground = (np.asarray(c, dtype=np.float32) for c in (background.ambient_sky, background.ambient_ground))
    return ground + (sky - ground) * towards_sky


def light_rays(
    light: Light, positions: Float32[np.ndarray, "N 3"]
) -> tuple[Float32[np.ndarray, "N 3"], Float32[np.ndarray, " N"], Float32[np.ndarray, " N"]]:
    """From each position: unit direction to the light, distance to it (mm) and how much the distance dims it."""
    if light.kind == "sun":
        towards = (light.vector / np.linalg.norm(light.vector)).astype(np.float32)
        directions = np.broadcast_to(towards, positions.shape)
        return directions, np.full(len(positions), np.inf, np.float32), np.ones(len(positions), np.float32)
    to_light = light.vector.astype(np.float32) - positions
    distance = np.maximum(np.sqrt(np.einsum("nc,nc->n", to_light, to_light)), np.float32(1.0))
    return to_light / distance[:, None], distance, (_POINT_DISTANCE / np.maximum(distance, 200.0)) ** 2


def reflect(
    normals: Float32[np.ndarray, "N 3"],
    towards_light: Float32[np.ndarray, "N 3"],
    towards_eye: Float32[np.ndarray, "N 3"],
    gloss: Float32[np.ndarray, " N"],
) -> tuple[Float32[np.ndarray, " N"], Float32[np.ndarray, " N"]]:
    """Diffuse and specular share of a light's irradiance. Source: Lambert; Blinn, SIGGRAPH 1977 (half vector)."""
    diffuse = np.maximum(np.einsum("nc,nc->n", normals, towards_light), 0)
    if not gloss.any():
        return diffuse, np.zeros_like(diffuse)
    half = towards_light + towards_eye
    half /= np.maximum(np.sqrt(np.einsum("nc,nc->n", half, half)), 1e-6)[:, None]
    highlight = np.maximum(np.einsum("nc,nc->n", normals, half), 0) ** _GLOSS_EXPONENT
    return diffuse, gloss * highlight * (diffuse > 0)


def jitter_directions(
    directions: Float32[np.ndarray, "N 3"],
    spread: Float32[np.ndarray, " N"],
    cell: Int[np.ndarray, " N"],
) -> Float32[np.ndarray, "N 3"]:
    """Directions moved within a cone of that tangent, by one of sixteen fixed offsets named by `cell` (0..15)."""
    helper = np.where(np.abs(directions[:, 2:]) < 0.9, _UP, _ALONG_X)
    first = np.cross(directions, helper)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(directions, first)
    offset = _DISC[cell] * spread[:, None]
    return directions + first * offset[:, :1] + second * offset[:, 1:]


def _sunflower(count: int) -> Float32[np.ndarray, "count 2"]:
    """Evenly spread points of the unit disc. Source: Vogel, "A better way to construct the sunflower head", 1979."""
    order = np.arange(count)
    # Neighbouring cells are far apart on the disc, so that any few of them cover it.
    shuffled = (order * 7) % count
    radius, angle = np.sqrt((shuffled + 0.5) / count), shuffled * np.pi * (3 - np.sqrt(5))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32)


_DISC = _sunflower(16)
