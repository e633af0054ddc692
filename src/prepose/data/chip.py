"""What a store keeps of the samples that an adapter found: whole pictures, checked, or person chips.

A person chip is the square about a person's box, cut out of the photograph and made small, with all labels in its px.
It holds every pixel that training may look at: the crop of a network spans `BOX_MARGIN` (1.25) times the longer side of
the box; augmented with scale s, shift t and turns of 45 degrees and more, it reaches `BOX_MARGIN * (sqrt(2) * (1 + s) +
2 t)` times that side (`reach`): 2.5 for the strong preset, 2.2 for the reference's. A chip of margin 2.5 and n px gives
a network's unaugmented crop n / 2 px of its own.

Everything in px moves by one matrix: joints, boxes, and the camera's K. Lens distortion acts on rays, before K, so that
cutting and shrinking leave it exactly as it was. `full_from_img` leads back to the photograph.

Reading, cutting and encoding can be shared among processes; the samples come in the same order, and are the same, for
any number of them.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, floor, sqrt
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from prepose.arrays import ImageRgb, Matrix3
from prepose.camera.crop import (
    BOX_MARGIN,
    crop_of_box,
    middle_of,
    resize_matrix,
    shift_matrix,
    transform,
    transform_box,
)
from prepose.data.picture import decode_shrunk, encode_jpeg, read_file, read_image_bytes
from prepose.data.sample import PoseSample
from prepose.errors import DataError, PoseError
from prepose.specs.augmentation import Augmentation
from prepose.worker import map_in_order

DEFAULT_MARGIN = 2.5
LEAST_SIZE, LEAST_MARGIN = 32, 1.0
# A person in a larger square is a dot.
MOST_MARGIN = 100.0


@dataclass(frozen=True)
class Chips:
    """How person chips are cut.

    Attributes:
        size: Largest side of a chip, px. A smaller square is never enlarged.
        margin: Side of the square over the longer side of the person's box.
    """

    size: int
    margin: float = DEFAULT_MARGIN

    def __post_init__(self) -> None:
        if self.size < LEAST_SIZE:
            raise ValueError(f"a chip has at least {LEAST_SIZE} px, found size={self.size}")
        if not LEAST_MARGIN <= self.margin <= MOST_MARGIN:
            raise ValueError(
                f"a chip's margin is at least {LEAST_MARGIN} (the box itself) and at most {MOST_MARGIN:g}, "
                f"found {self.margin}"
            )


def reach(augmentation: Augmentation) -> float:
    """Side of the upright square that holds every crop of an augmentation, over the longer side of the box."""
    furthest = min(2 * np.radians(augmentation.rotation_deg), np.pi / 4) if augmentation.rotation_probability else 0.0
    diagonal = sqrt(2) * np.cos(np.pi / 4 - furthest)
    return BOX_MARGIN * float(diagonal * (1 + augmentation.scale) + 2 * augmentation.shift)


def chip_of(sample: PoseSample, chips: Chips) -> PoseSample:
    """A sample cut to its person.

    Where the square is about the whole picture and not too large, the picture is kept as it is. The square ends where
    the picture ends. It is shrunk by averaging over areas, so that nothing aliases.

    Raises:
        DataError: the picture cannot be read or decoded, or the sample has no box.
    """
    name = str(sample.image) if isinstance(sample.image, Path) else sample.source or "image"
    if not (np.isfinite(sample.box_xywh).all() and (sample.box_xywh[2:] > 0).all()):
        raise DataError(f"{name}: has no box to cut a person chip by, found {sample.box_xywh.tolist()}")
    data = read_file(sample.image) if isinstance(sample.image, Path) else sample.image
    side = chips.margin * float(sample.box_xywh[2:].max())
    image, decoded_from_img = decode_shrunk(data, side / chips.size, name)
    pixels, chip_from_decoded = _cut(image, transform_box(decoded_from_img, sample.box_xywh.astype(float)), chips)
    chip_from_img = chip_from_decoded @ decoded_from_img
    if (chip_from_img == np.eye(3)).all() and pixels.shape == image.shape:
        return replace(sample, image=data)
    return _moved(sample, encode_jpeg(pixels), chip_from_img, (pixels.shape[1], pixels.shape[0]))


def _cut(image: ImageRgb, box_xywh: np.ndarray, chips: Chips) -> tuple[UInt8[np.ndarray, "h w 3"], Matrix3]:
    """The pixels of a chip, and the matrix from px of the picture to its own."""
    square = crop_of_box(box_xywh, chips.size, chips.margin)
    side = ceil(square.side)
    # Whole pixels of the picture, so that a chip that is not shrunk is not resampled either.
    # A square beside the picture is moved until it holds a pixel: the matrix still says where the person would be.
    height, width = image.shape[:2]
    left, top = (
        min(max(floor(middle - middle_of(side) + 1 / 2), 1 - side), length - 1)
        for middle, length in zip(square.centre, (width, height), strict=True)
    )
    x0, x1, y0, y1 = max(left, 0), min(left + side, width), max(top, 0), min(top + side, height)
    part = image[y0:y1, x0:x1]
    if side <= chips.size:
        return part, shift_matrix(x0, y0)
    # The whole square is shrunk, so that both axes have one scale exactly; the picture's edge is carried on, so that
    # its last pixels do not darken; then what is beyond the edge is cut off.
    scale = chips.size / side
    whole = cv2.copyMakeBorder(
        part,
        *(y0 - top, top + side - y1, x0 - left, left + side - x1),
        borderType=cv2.BORDER_REPLICATE,
    )
    small = cv2.resize(whole, (chips.size, chips.size), interpolation=cv2.INTER_AREA)
    columns, rows = (
        slice(floor((first - start) * scale), ceil((last - start) * scale))
        for first, last, start in ((x0, x1, left), (y0, y1, top))
    )
    chip_from_img = shift_matrix(columns.start, rows.start) @ resize_matrix(scale) @ shift_matrix(left, top)
    return small[rows, columns], chip_from_img


def _moved(sample: PoseSample, image: bytes, chip_from_img: Matrix3, size_wh: tuple[int, int]) -> PoseSample:
    """The sample with another image, everything in px moved by a matrix."""
    return replace(
        sample,
        image=image,
        joints_img=transform(chip_from_img, sample.joints_img),
        box_xywh=transform_box(chip_from_img, sample.box_xywh),
        head_box_xywh=transform_box(chip_from_img, sample.head_box_xywh),
        camera=None if sample.camera is None else sample.camera.of_part(chip_from_img, size_wh),
        full_from_img=sample.full_from_img @ np.linalg.inv(chip_from_img),
    )


# Samples handed to a process at once: passing them is cheap beside their pictures, and few are held at any time.
_TASK = 16


def embed(samples: Iterable[PoseSample], *, chips: Chips | None = None, workers: int = 1) -> Iterator[PoseSample]:
    """The samples with their pictures inside, in the same order.

    Args:
        samples: Samples with pictures by path or inside.
        chips: How to cut person chips; None keeps the pictures as they are.
        workers: Processes.

    Raises:
        DataError: a picture is missing or broken, or a box is none.
        PoseError: a worker process died.
    """
    if workers == 1:
        yield from _embedded(samples, chips)
        return
    work = partial(_embed_task, chips)
    try:
        for batch in map_in_order(work, _batches(samples), workers=workers, set_up=_set_up):
            yield from batch
    except BrokenProcessPool as error:
        raise PoseError(
            "a process that reads pictures died (out of memory?); finished samples are safe: run the command again to "
            "go on, with fewer workers"
        ) from error


def _batches(samples: Iterable[PoseSample]) -> Iterator[list[PoseSample]]:
    batch: list[PoseSample] = []
    try:
        for sample in samples:
            batch.append(sample)
            if len(batch) == _TASK:
                yield batch
                batch = []
    except Exception:
        # What was found before the error may hold an earlier one.
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _set_up() -> None:
    cv2.setNumThreads(1)


def _embed_task(chips: Chips | None, samples: list[PoseSample]) -> list[PoseSample]:
    return list(_embedded(samples, chips))


def _embedded(samples: Iterable[PoseSample], chips: Chips | None) -> Iterator[PoseSample]:
    for sample in samples:
        if chips is not None:
            yield chip_of(sample, chips)
        elif isinstance(sample.image, Path):
            yield replace(sample, image=read_image_bytes(sample.image))
        else:
            yield sample
