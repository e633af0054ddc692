"""A square crop of an image, and the one rule that links image, crop and map-cell coordinates.

**The pixel-centre rule.** In every frame (0, 0) is the *centre* of the top-left pixel or cell, so an image of width W
spans -0.5 .. W - 0.5. Resizing by a factor r therefore maps x to (x + 0.5) * r - 0.5, and a map of stride 4 has its
cell 0 over crop pixels 0 to 3, centre 1.5. A box x, y, w, h begins with pixel x: it covers x - 0.5 .. x + w - 0.5.
Nothing outside `camera` writes those halves, but the drawing of a box in `body`, which lies below.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import overload

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from prepose.arrays import BoxXywh, Matrix3, Points2D

# The side of a plain crop over the longer side of the person's box.
BOX_MARGIN = 1.25


@dataclass(frozen=True)
class Crop:
    """A square region of an image, turned, perhaps mirrored, and resampled to `size` x `size` pixels.

    Attributes:
        centre: Centre of the square in the image, px.
        side: Side of the square in the image, px.
        size: Side of the crop, px.
        rotation: Clockwise turn of the picture's content as seen on the screen, rad.
        flip: Whether the content is mirrored left to right (after turning).
    """

    centre: tuple[float, float]
    side: float
    size: int
    rotation: float = 0.0
    flip: bool = False

    def __post_init__(self) -> None:
        if not (np.isfinite([*self.centre, self.side]).all() and self.side > 0 and self.size > 0):
            raise ValueError(f"a crop needs a finite centre and positive sides, found {self}")

    @cached_property
    def crop_from_img(self) -> Matrix3:
        """Homogeneous matrix from image px to crop px."""
        scale = self.size / self.side
        cos, sin = np.cos(self.rotation) * scale, np.sin(self.rotation) * scale
        linear = np.array([[cos, -sin], [sin, cos]])
        if self.flip:
            linear[0] *= -1
        middle = middle_of(self.size)
        matrix = np.eye(3)
        matrix[:2, :2] = linear
        matrix[:2, 2] = middle - linear @ np.array(self.centre)
        return matrix

    @property
    def img_from_crop(self) -> Matrix3:
        """Homogeneous matrix from crop px to image px."""
        return np.linalg.inv(self.crop_from_img)

    def in_resized(self, factor: float) -> "Crop":
        """The same crop of the image resized by `factor`."""
        x, y = transform(resize_matrix(factor), np.array(self.centre))
        return replace(self, centre=(float(x), float(y)), side=self.side * factor)

    def read(self, image: UInt8[np.ndarray, "H W C"]) -> UInt8[np.ndarray, "S S C"]:
        """The crop's pixels (bilinear; area-averaged first when shrinking twice or more); black outside.

        Pictures of four channels (RGBA, the fourth unused) are read the fastest.
        """
        shrink = max(1, int(self.side / self.size))
        left, top, right, bottom = self._part_of(image, shrink)
        if left >= right or top >= bottom:
            return np.zeros((self.size, self.size, image.shape[2]), np.uint8)
        part = image[top:bottom, left:right]
        matrix = self.crop_from_img @ shift_matrix(-left, -top)
        if shrink > 1:
            size_wh = ((right - left) // shrink, (bottom - top) // shrink)
            part = cv2.resize(np.ascontiguousarray(part), size_wh, interpolation=cv2.INTER_AREA)
            matrix = matrix @ resize_matrix(float(shrink))
        if image.shape[2] != 3:
            warped = cv2.warpAffine(part, matrix[:2], (self.size, self.size), flags=cv2.INTER_LINEAR)
            return warped.reshape(self.size, self.size, -1)
        # OpenCV warps four channels in under half the time of three.
        four = cv2.cvtColor(part, cv2.COLOR_RGB2RGBA)
        warped = cv2.warpAffine(four, matrix[:2], (self.size, self.size), flags=cv2.INTER_LINEAR)
        return cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB)

    def _part_of(self, image: UInt8[np.ndarray, "H W C"], shrink: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of all pixels that reading looks at, in whole blocks of `shrink` pixels."""
        reach = self.side / 2 * (abs(np.cos(self.rotation)) + abs(np.sin(self.rotation))) + 2 * shrink
        ends = []
        for centre, length in zip(self.centre, (image.shape[1], image.shape[0]), strict=True):
            first = max(0, int((centre - reach) // shrink))
            ends.append((first * shrink, min(length // shrink, int((centre + reach) // shrink) + 1) * shrink))
        (left, right), (top, bottom) = ends
        return left, top, right, bottom


def crop_of_box(box_xywh: BoxXywh, size: int, margin: float = BOX_MARGIN) -> Crop:
    """The square about a box whose side is `margin` times the box's longer side."""
    x, y, width, height = (float(value) for value in box_xywh)
    return Crop((x + middle_of(width), y + middle_of(height)), margin * max(width, height), size)


@overload
def borders(size: float) -> tuple[float, float]: ...
@overload
def borders(size: np.ndarray) -> tuple[float, np.ndarray]: ...
def borders(size: float | int | np.ndarray) -> tuple[float, float | np.ndarray]:
    """The outer edges of a picture (or of a map) of that many pixels (or cells) along an axis."""
    return -0.5, size - 0.5


@overload
def middle_of(size: float) -> float: ...
@overload
def middle_of(size: np.ndarray) -> np.ndarray: ...
def middle_of(size: float | int | np.ndarray) -> float | np.ndarray:
    """The middle of a picture, of a box that starts at 0, or of a cell's pixels along an axis."""
    return (size - 1) / 2


def from_corner(places: Float[np.ndarray, "*P"]) -> Float[np.ndarray, "*P"]:
    """Coordinates measured from the corner of the first pixel, as labelling tools do, in px of its centre."""
    return places - 0.5


def corners_of_box(
    boxes_xywh: Float[np.ndarray, "*N 4"],
) -> tuple[Float[np.ndarray, "*N 2"], Float[np.ndarray, "*N 2"]]:
    """The upper left and the lower right outer corners of boxes."""
    return boxes_xywh[..., :2] - 0.5, boxes_xywh[..., :2] + boxes_xywh[..., 2:] - 0.5


def box_of_corners(low: Float[np.ndarray, "*N 2"], high: Float[np.ndarray, "*N 2"]) -> Float[np.ndarray, "*N 4"]:
    """The boxes with these upper left and lower right outer corners."""
    return np.concatenate([low + 0.5, high - low], axis=-1)


def box_about(middle: Float[np.ndarray, "*N 2"], size_wh: Float[np.ndarray, "*N 2"]) -> Float[np.ndarray, "*N 4"]:
    """The boxes of that size about these middles."""
    return np.concatenate([middle - middle_of(size_wh), size_wh], axis=-1)


def resize_matrix(factor: float) -> Matrix3:
    """Homogeneous matrix of a resize by `factor` under the pixel-centre rule."""
    return np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2], [0, 0, 1]])


def shift_matrix(left: int, top: int) -> Matrix3:
    """Homogeneous matrix to px of the part of a picture that begins at column `left` and row `top`."""
    return np.array([[1.0, 0, -left], [0, 1, -top], [0, 0, 1]])


def cell_from_crop(stride: int) -> Matrix3:
    """Homogeneous matrix from crop px to cells of a map of the given stride."""
    return resize_matrix(1 / stride)


def transform(matrix: Matrix3, points: Points2D) -> Points2D:
    """Points moved by a homogeneous affine matrix; NaN stays NaN."""
    return points @ matrix[:2, :2].T + matrix[:2, 2]


def transform_box(matrix: Matrix3, box_xywh: BoxXywh) -> BoxXywh:
    """A box moved by a homogeneous matrix that scales and shifts only; NaN stays NaN."""
    start = transform(matrix, box_xywh[:2] - 0.5) + 0.5
    return np.concatenate([start, box_xywh[2:] * np.diag(matrix)[:2]])


def is_inside(
    points: Points2D, size_wh: int | tuple[int, int] | np.ndarray, margin: float = 0.0
) -> Bool[np.ndarray, "*P"]:
    """Whether points (px) lie on a picture or at most `margin` px beside it; NaN does not.

    Args:
        points: The points.
        size_wh: Width and height of the picture (of each point's, if it is an array), or the side of a square one.
        margin: How far beside it they may lie, px.
    """
    low, high = borders(np.asarray(size_wh))
    x_and_y = (points >= low - margin) & (points <= high + margin)
    return x_and_y[..., 0] & x_and_y[..., 1]


def scale_of(matrix: Float[np.ndarray, "*N 3 3"]) -> Float[np.ndarray, "*N"]:
    """The factor by which a similarity matrix stretches lengths."""
    return np.sqrt(np.abs(np.linalg.det(matrix[..., :2, :2])))
