"""What floors, walls and things are made of: tiling textures woven from noise.

A pattern is drawn once per process from a fixed seed and kept, its blurred copies with it; a sample only draws a tint.
So a texture costs a sample next to nothing, and a (kind, variant) is the same picture in every process.
All colours are linear albedo, RGB, 0 to 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from zlib import crc32

import numpy as np
from jaxtyping import Float, Float32

from prepose.synthetic import weaves
from prepose.synthetic.shading import Texture
from prepose.synthetic.weaves import BRIGHTEST, DARKEST, Picture

VARIANTS = 10


@dataclass(frozen=True)
class Material:
    """A kind of surface.

    Attributes:
        weave: Draws the pattern, linear albedo.
        period: Edge length of one tile of the pattern, mm.
        hue_spread: How far a sample's tint may turn the pattern's colour, as the standard deviation of a channel's
            log gain.
        value_spread: How far it may brighten or darken it, as the standard deviation of the common log gain.
    """

    weave: Callable[[np.random.Generator], Picture]
    period: float
    hue_spread: float = 0.08
    value_spread: float = 0.25


@dataclass(frozen=True, eq=False)
class Surface:
    """A texture with its scale in the world and its tint.

    Attributes:
        texture: The pattern.
        period: Edge length of one tile, mm: texture coordinates are mm / period.
        tint: What the pattern is multiplied with.
    """

    texture: Texture
    period: float
    tint: Float32[np.ndarray, "3"]


def draw_surface(kind: str, generator: np.random.Generator) -> Surface:
    """A surface of a kind: one of its patterns, tinted.

    Raises:
        ValueError: no material has the name.
    """
    if kind not in MATERIALS:
        raise ValueError(f"no material is named {kind!r}; known: {', '.join(MATERIALS)}")
    material = MATERIALS[kind]
    texture, brightest = _pattern(kind, int(generator.integers(VARIANTS)))
    gain = np.exp(generator.normal(0, material.value_spread) + generator.normal(0, material.hue_spread, 3))
    return Surface(texture, material.period, np.minimum(gain, BRIGHTEST / brightest).astype(np.float32))


@cache
def _pattern(kind: str, variant: int) -> tuple[Texture, Float[np.ndarray, "3"]]:
    """A pattern and the brightest albedo of each of its channels; 192 KiB each, at most `VARIANTS` of a material."""
    generator = np.random.default_rng([crc32(kind.encode()), variant])
    picture = np.clip(MATERIALS[kind].weave(generator), DARKEST, BRIGHTEST).astype(np.float32)
    return Texture(picture), picture.max(axis=(0, 1))


MATERIALS: Mapping[str, Material] = MappingProxyType(
    {
        "wood": Material(weaves.wood, 900.0, 0.06, 0.30),
        "boards": Material(weaves.boards, 700.0, 0.06, 0.35),
        "tiles": Material(weaves.tiles, 1200.0, 0.06, 0.25),
        "brick": Material(weaves.brick, 700.0, 0.08, 0.20),
        "plaster": Material(weaves.plaster, 1500.0, 0.10, 0.25),
        "wallpaper": Material(weaves.wallpaper, 800.0, 0.12, 0.25),
        "concrete": Material(weaves.concrete, 1800.0, 0.04, 0.25),
        "carpet": Material(weaves.carpet, 1100.0, 0.15, 0.25),
        "fabric": Material(weaves.fabric, 500.0, 0.20, 0.30),
        "grass": Material(weaves.grass, 1600.0, 0.06, 0.20),
        "asphalt": Material(weaves.asphalt, 1500.0, 0.03, 0.25),
        "sand": Material(weaves.sand, 1800.0, 0.05, 0.15),
        "snow": Material(weaves.snow, 2500.0, 0.02, 0.06),
        "earth": Material(weaves.earth, 1600.0, 0.07, 0.20),
        "paving": Material(weaves.paving, 1600.0, 0.05, 0.25),
        "foliage": Material(weaves.foliage, 1200.0, 0.10, 0.30),
        "bark": Material(weaves.bark, 500.0, 0.06, 0.30),
        "books": Material(weaves.books, 800.0, 0.10, 0.20),
        "picture": Material(weaves.picture, 1.0, 0.10, 0.15),
        "facade": Material(weaves.facade, 9000.0, 0.08, 0.25),
        "planking": Material(weaves.planking, 1000.0, 0.08, 0.35),
    }
)
