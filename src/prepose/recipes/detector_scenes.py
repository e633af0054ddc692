"""Scenes that a person detector learns from, put together while it trains: people in front of backgrounds.

A scene is one to four tiles, each a part of a rendered scene, of a background, or of a photograph with a labelled
person, and up to five drawn people before them. Where a photograph may show people without a label, the detector is
taught nothing.

Sources: Dwibedi et al., "Cut, Paste and Learn", ICCV 2017; tiles as in Bochkovskiy et al., "YOLOv4", 2020, section 3.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from jaxtyping import Bool, Float, UInt8

from prepose.arrays import ImageRgb
from prepose.camera.crop import borders, box_of_corners, corners_of_box
from prepose.data.dataset import PoseDataset
from prepose.data.picture import decode_image
from prepose.synthetic.backgrounds import Backgrounds
from prepose.synthetic.cutouts import PERSON, read_cutout

# The most people put into a scene, and the part of its side that their longer sides take.
_MOST, _LENGTHS = 5, (0.12, 1.1)
# Somebody of whom less is to be seen is neither there nor not there.
_LEAST_SEEN = 0.3
# Limbs and clothes reach beyond the box of labelled joints by this part of its sides.
_AROUND = 0.1
# How often a tile without photograph shows a rendered scene; a background otherwise.
_RENDERED = 0.35
# How often a tile shows a photograph where there are very many; half as often where there are this many.
_PHOTOGRAPH, _MANY = 0.45, 1000


@dataclass(frozen=True, eq=False)
class Material:
    """What scenes are made of.

    Attributes:
        cutouts: Files of `draw_cutouts`.
        backgrounds: Images without people, or what surrounds people.
        photographs: Stores of images, each sample with one labelled person.
    """

    cutouts: Sequence[Path]
    backgrounds: Sequence[Backgrounds] = ()
    photographs: Sequence[PoseDataset] = ()


@dataclass(frozen=True, eq=False)
class DetectorScene:
    """An image with all its people.

    Attributes:
        image: The image.
        boxes_xywh: The people who can be seen, px, cut off at the image's border.
        unknown: Pixels of which is not known whether they show people.
    """

    image: ImageRgb
    boxes_xywh: Float[np.ndarray, "N 4"]
    unknown: Bool[np.ndarray, "H W"]


@dataclass
class _Canvas:
    """A scene being put together: `owner` is the number of the person (from 1) whom a pixel shows."""

    image: ImageRgb
    unknown: Bool[np.ndarray, "H W"]
    owner: UInt8[np.ndarray, "H W"]
    # Outer corners (left, top, right, bottom), and how many pixels would be seen if nothing were in front.
    people: list[tuple[Float[np.ndarray, "4"], float]] = field(default_factory=list)

    def finished(self, generator: np.random.Generator) -> DetectorScene:
        height, width = self.owner.shape
        seen = np.bincount(self.owner.ravel(), minlength=len(self.people) + 1)
        boxes = []
        for number, (corners, pixels) in enumerate(self.people, start=1):
            first, last = borders(np.array([width, height, width, height]))
            left, top, right, bottom = np.clip(corners, first, last)
            if right - left < 1 or bottom - top < 1:
                continue
            if seen[number] < _LEAST_SEEN * pixels:
                self.unknown[round(top + 0.5) : round(bottom + 0.5), round(left + 0.5) : round(right + 0.5)] = True
            else:
                boxes.append(box_of_corners(np.array([left, top]), np.array([right, bottom])))
        return DetectorScene(_photographed(self.image, generator), np.array(boxes).reshape(-1, 4), self.unknown)


def draw_detector_scene(generator: np.random.Generator, material: Material, size: int) -> DetectorScene:
    """A scene of that side (px), a function of the generator's state.

    Raises:
        DataError: an image cannot be read.
    """
    blank = np.zeros((size, size), bool)
    canvas = _Canvas(np.zeros((size, size, 3), np.uint8), blank, np.zeros((size, size), np.uint8))
    across, down = (int(generator.uniform(0.3, 0.7) * size) for _ in range(2))
    layouts = (
        ((0, 0, size, size),),
        ((0, 0, across, size), (across, 0, size, size)),
        ((0, 0, size, down), (0, down, size, size)),
        ((0, 0, across, down), (across, 0, size, down), (0, down, across, size), (across, down, size, size)),
    )
    for tile in layouts[int(generator.choice(4, p=[0.5, 0.15, 0.1, 0.25]))]:
        _fill(generator, canvas, material, tile)
    for _ in range(int(generator.choice(_MOST + 1, p=[0.25, 0.25, 0.2, 0.15, 0.1, 0.05]))):
        _add_person(generator, canvas, material)
    return canvas.finished(generator)


def _fill(generator: np.random.Generator, canvas: _Canvas, material: Material, tile: tuple[int, int, int, int]) -> None:
    """Fill a tile (left, top, right, bottom) with a part of some image, people included."""
    # A few images, seen again and again, would be learnt by heart.
    counts = np.array([len(store) for store in material.photographs])
    if generator.random() < _PHOTOGRAPH * counts.sum() / (counts.sum() + _MANY):
        store = material.photographs[int(generator.choice(len(counts), p=counts / counts.sum()))]
        row = int(generator.integers(len(store)))
        image = decode_image(store.image_bytes(row), f"{store.name} sample {row}")
        low, high = corners_of_box(store.array("box_xywh", [row])[0].astype(float))
        box = np.concatenate([low, high])
        known = np.concatenate([low - _AROUND * (high - low), high + _AROUND * (high - low)])
        _put(generator, canvas, tile, image, box, known)
    elif not material.backgrounds or generator.random() < _RENDERED:
        cutout = read_cutout(material.cutouts[int(generator.integers(len(material.cutouts)))])
        _put(generator, canvas, tile, cutout[..., :3], _corners(cutout[..., 3] == PERSON), None)
    else:
        background = material.backgrounds[int(generator.integers(len(material.backgrounds)))]
        _put(generator, canvas, tile, background.draw_part(generator), None, None)


def _put(
    generator: np.random.Generator,
    canvas: _Canvas,
    tile: tuple[int, int, int, int],
    image: ImageRgb,
    box: Float[np.ndarray, "4"] | None,
    known: Float[np.ndarray, "4"] | None,
) -> None:
    left, top, right, bottom = tile
    width, height = right - left, bottom - top
    # The image covers the tile; how much larger it is, and which part is seen, is drawn.
    scale = max(width / image.shape[1], height / image.shape[0]) * float(np.exp(generator.uniform(0, np.log(1.6))))
    room = np.array([image.shape[1] * scale - width, image.shape[0] * scale - height])
    offset = generator.uniform(0, 1, 2) * room
    matrix = np.array([[scale, 0, (scale - 1) / 2 - offset[0]], [0, scale, (scale - 1) / 2 - offset[1]]])
    mirrored = generator.random() < 0.5
    if mirrored:
        matrix = np.array([[-1.0, 0, width - 1], [0, 1, 0]]) @ np.vstack([matrix, [0, 0, 1]])
    part = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    canvas.image[top:bottom, left:right] = part
    if known is not None:
        inner = np.rint(_clipped(_moved(known, matrix) + [left, top] * 2, tile) + 0.5).astype(int)
        unknown = np.ones((height, width), bool)
        unknown[inner[1] - top : inner[3] - top, inner[0] - left : inner[2] - left] = False
        canvas.unknown[top:bottom, left:right] = unknown
    if box is not None:
        whole = _moved(box, matrix) + [left, top] * 2
        kept = _clipped(whole, tile)
        first_column, first_row, last_column, last_row = np.rint(kept + 0.5).astype(int)
        if last_column > first_column and last_row > first_row:
            canvas.people.append((kept, float(np.prod(whole[2:] - whole[:2]))))
            canvas.owner[first_row:last_row, first_column:last_column] = len(canvas.people)


def _add_person(generator: np.random.Generator, canvas: _Canvas, material: Material) -> None:
    """Put a cut-out person somewhere, in front of what is there."""
    cutout = read_cutout(material.cutouts[int(generator.integers(len(material.cutouts)))])
    alpha = cutout[..., 3]
    box = _corners(alpha == PERSON)
    around = _corners(alpha > 0)
    if box is None or around is None:
        return
    size = len(canvas.image)
    scale = float(np.exp(generator.uniform(*np.log(_LENGTHS)))) * size / float((box[2:] - box[:2]).max())
    side = np.ceil((around[2:] - around[:2]) * scale).astype(int)
    # A person who is cut off in the rendering stands at that border of the scene.
    place = generator.uniform(-0.25 * side, size - 0.75 * side)
    for axis in (0, 1):
        if around[axis] < 0:
            place[axis] = 0
        elif around[axis + 2] > len(cutout) - 1:
            place[axis] = size - side[axis]
    place = np.rint(place).astype(int)
    mirrored = bool(generator.random() < 0.5) and around[0] >= 0 and around[2] <= len(cutout) - 1
    matrix = np.array([[scale, 0, place[0] - 0.5 - scale * around[0]], [0, scale, place[1] - 0.5 - scale * around[1]]])
    if mirrored:
        matrix = np.array([[-1.0, 0, 2 * place[0] + side[0] - 1], [0, 1, 0]]) @ np.vstack([matrix, [0, 0, 1]])
    moved = cv2.warpAffine(cutout[..., :3], matrix, (size, size), flags=cv2.INTER_LINEAR)
    shown, person = (
        cv2.warpAffine(mask.astype(np.float32), matrix, (size, size), flags=cv2.INTER_LINEAR)
        for mask in (alpha > 0, alpha == PERSON)
    )
    gain = np.exp(generator.normal(0, 0.15, 3) + generator.normal(0, 0.2)).astype(np.float32)
    soft = cv2.GaussianBlur(shown, (0, 0), 0.6)[..., None]
    canvas.image[:] = np.clip(soft * (gain * moved) + (1 - soft) * canvas.image, 0, 255).astype(np.uint8)
    number = len(canvas.people) + 1
    canvas.owner[shown > 0.5] = 0
    canvas.owner[person > 0.5] = number
    canvas.unknown[shown > 0.5] = False
    canvas.people.append((_moved(box, matrix), float((alpha == PERSON).sum()) * scale**2))


def _corners(mask: Bool[np.ndarray, "H W"]) -> Float[np.ndarray, "4"] | None:
    """Outer corners of what a mask covers: left, top, right, bottom; None where it is empty."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return None
    return np.array([columns[0] - 0.5, rows[0] - 0.5, columns[-1] + 0.5, rows[-1] + 0.5])


def _moved(corners: Float[np.ndarray, "4"], matrix: Float[np.ndarray, "2 3"]) -> Float[np.ndarray, "4"]:
    ends = corners.reshape(2, 2) @ matrix[:, :2].T + matrix[:, 2]
    return np.concatenate([ends.min(axis=0), ends.max(axis=0)])


def _clipped(corners: Float[np.ndarray, "4"], tile: tuple[int, int, int, int]) -> Float[np.ndarray, "4"]:
    left, top, right, bottom = tile
    return np.clip(corners, [left - 0.5, top - 0.5] * 2, [right - 0.5, bottom - 0.5] * 2)


def _photographed(image: ImageRgb, generator: np.random.Generator) -> ImageRgb:
    """What light and a camera do to the whole scene, so that drawn and real parts have it in common."""
    pixels = image.astype(np.float32)
    pixels = 255 * (pixels / 255) ** np.float32(np.exp(generator.normal(0, 0.25)))
    pixels *= np.exp(generator.normal(0, 0.08, 3) + generator.normal(0, 0.15)).astype(np.float32)
    grey = pixels.mean(axis=2, keepdims=True)
    saturation = 0.0 if generator.random() < 0.05 else float(np.clip(generator.normal(1, 0.25), 0, 2))
    pixels = grey + np.float32(saturation) * (pixels - grey)
    if generator.random() < 0.25:
        pixels = cv2.GaussianBlur(pixels, (0, 0), float(generator.uniform(0.4, 1.3)))
    if generator.random() < 0.3:
        pixels += np.float32(generator.uniform(2, 10)) * generator.standard_normal(pixels.shape, dtype=np.float32)
    out = np.ascontiguousarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if generator.random() < 0.4:
        out = simplejpeg.decode_jpeg(simplejpeg.encode_jpeg(out, quality=int(generator.integers(30, 95))))
    return out
