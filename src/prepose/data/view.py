"""One way of looking at a sample: every parameter that was drawn, and the function that applies them to a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from prepose.arrays import ImageRgb, Matrix3
from prepose.camera.crop import Crop, from_corner


class Fill(IntEnum):
    """What a patch is made of."""

    FLAT = 0
    NOISE = 1
    # Another part of the same crop: a texture, or a limb where none is. Taking it from another sample would cost a
    # second decoding and make a view depend on who shares its batch.
    ELSEWHERE = 2


class Patch(NamedTuple):
    """An opaque shape in front of the person; lengths and places are parts of the crop's side."""

    centre: tuple[float, float]
    sides: tuple[float, float]
    turn_deg: float
    ellipse: bool
    fill: Fill
    colour: tuple[int, int, int]
    origin: tuple[float, float]


class Noise(NamedTuple):
    """Pixel noise: its strength in grey levels and where in the noise field it is taken from (parts of its side)."""

    sigma: float
    origin: tuple[float, float]


@dataclass(frozen=True, eq=False)
class View:
    """Everything that was drawn for one look at one sample.

    Attributes:
        crop: Which square of the image is seen, how it is turned and whether it is mirrored.
        colour_matrix: Acts on RGB columns (the light's colour, saturation, hue); None leaves the colours.
        tone: New level for each of the 256 levels; None leaves them.
        blur_sigma: Gaussian blur, crop px.
        noise: Pixel noise.
        patches: What hides parts of the picture. Joints behind them stay labelled: the network is to guess them.
    """

    crop: Crop
    colour_matrix: Matrix3 | None = None
    tone: UInt8[np.ndarray, "256"] | None = None
    blur_sigma: float = 0.0
    noise: Noise | None = None
    patches: Sequence[Patch] = ()


# A blur below this changes no pixel by more than a grey level or two, and a kernel needs some width.
_LEAST_BLUR = 0.3


def apply_view(
    image: UInt8[np.ndarray, "H W C"],
    view: View,
    *,
    image_scale: float = 1.0,
    out: UInt8[np.ndarray, "S S 3"] | None = None,
) -> UInt8[np.ndarray, "S S 3"]:
    """The crop as the network sees it.

    The order is that of the world: what stands in front of the person, the light, the lens, the sensor.

    Args:
        image: The picture, or a smaller version of it; RGB, or RGBA, whose fourth channel is unused: read the faster.
        view: What to do; its crop is in px of the full picture.
        image_scale: Size of `image` over the size of the full picture.
        out: Where to put the pixels; a new array without it.
    """
    crop = view.crop if image_scale == 1 else view.crop.in_resized(image_scale)
    pixels = np.empty((crop.size, crop.size, 3), np.uint8) if out is None else out
    seen = crop.read(image)
    if seen.shape[2] == 4:
        cv2.cvtColor(seen, cv2.COLOR_RGBA2RGB, dst=pixels)
    else:
        pixels[...] = seen
    for patch in view.patches:
        _cover(pixels, patch)
    # All of these work in place.
    if view.colour_matrix is not None:
        cv2.transform(pixels, view.colour_matrix, dst=pixels)
    if view.tone is not None:
        cv2.LUT(pixels, view.tone, dst=pixels)
    if view.blur_sigma > _LEAST_BLUR:
        cv2.GaussianBlur(pixels, (0, 0), view.blur_sigma, dst=pixels)
    if view.noise is not None:
        noise, strength = _window(_noise_field(), view.noise.origin, pixels.shape[:2]), view.noise.sigma / _NOISE_STEP
        cv2.addWeighted(pixels, 1.0, noise, strength, -strength * _NOISE_MIDDLE, dst=pixels)
    return pixels


def _cover(pixels: ImageRgb, patch: Patch) -> None:
    (top, left), mask = patch_mask(patch, len(pixels))
    height, width = mask.shape
    under = pixels[top : top + height, left : left + width]
    if patch.fill is Fill.FLAT:
        over = np.full(under.shape, patch.colour, np.uint8)
    elif patch.fill is Fill.NOISE:
        grain = _window(_noise_field(), patch.origin, mask.shape)
        over = np.clip(grain + np.array(patch.colour, np.int16) - np.int16(_NOISE_MIDDLE), 0, 255).astype(np.uint8)
    else:
        # Upside down, so that a patch taken from where it lies is seen to be one.
        over = _window(pixels, patch.origin, mask.shape)[::-1].copy()
    cv2.copyTo(over, mask.view(np.uint8), under)


def patch_mask(patch: Patch, size: int) -> tuple[tuple[int, int], Bool[np.ndarray, "h w"]]:
    """The pixels of a crop of that size that a patch covers: (top, left) of its bounding box, and which lie in it."""
    centre = from_corner(np.array(patch.centre) * size)
    sides = (patch.sides[0] * size, patch.sides[1] * size)
    corners = cv2.boxPoints(((0.0, 0.0), sides, patch.turn_deg)) + centre
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, size - 1).astype(int).tolist()
    right, bottom = np.clip(np.ceil(corners.max(axis=0)), 0, size - 1).astype(int).tolist()
    mask = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    if patch.ellipse:
        cv2.ellipse(mask, ((centre[0] - left, centre[1] - top), sides, patch.turn_deg), 1, thickness=-1)
    else:
        cv2.fillConvexPoly(mask, np.rint(corners - [left, top]).astype(np.int32), 1)
    return (top, left), mask.view(bool)


# The field keeps one standard deviation as 32 steps about the middle of a uint8, which OpenCV adds the fastest.
_NOISE_STEP, _NOISE_MIDDLE = 32, 128
_FIELD_SIDE = 1024


@cache
def _noise_field() -> UInt8[np.ndarray, "F F 3"]:
    """Fixed standard normal noise. A view takes a window of it: drawing a number for each pixel costs 5 times more."""
    normal = np.random.default_rng(0).standard_normal((_FIELD_SIDE, _FIELD_SIDE, 3), np.float32)
    return (np.clip(normal * _NOISE_STEP, -127, 127).astype(np.int16) + _NOISE_MIDDLE).astype(np.uint8)


def _window(
    field: UInt8[np.ndarray, "H W 3"], origin: tuple[float, float], shape: tuple[int, ...]
) -> UInt8[np.ndarray, "h w 3"]:
    """The part of that shape at a place given as parts of the room there is; a field too small is repeated."""
    repeats = [-(-wanted // there) for wanted, there in zip(shape, field.shape, strict=False)]
    if max(repeats) > 1:
        field = np.tile(field, (*repeats, 1))
    row, column = (
        int(part * (there - wanted)) for part, there, wanted in zip(origin, field.shape, shape, strict=False)
    )
    return field[row : row + shape[0], column : column + shape[1]]
