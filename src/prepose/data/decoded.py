"""The pictures of one dataset as pixels: decoded no larger than a crop needs, and kept in memory while they fit."""

import cv2
import numpy as np
from jaxtyping import UInt8

from prepose.arrays import ImageRgb
from prepose.data.dataset import PoseDataset
from prepose.data.picture import decode_to_read
from prepose.errors import DataError

# Pictures that are decoded to learn how large a dataset's are.
_PROBES = 16


class Pictures:
    """The decoded pictures of a dataset; kept ones are kept for each size, so that keeping changes no pixel.

    Args:
        dataset: Whose pictures.
    """

    def __init__(self, dataset: PoseDataset) -> None:
        self._dataset = dataset
        self._kept: dict[tuple[int, int], tuple[ImageRgb, float]] = {}
        self._room = 0.0

    def decode(self, index: int, shrink: float) -> tuple[UInt8[np.ndarray, "H W C"], float]:
        """The picture of a sample at 1 / `shrink` of its size or more, and the scale at which it came.

        RGB where it is kept. Else RGBA, a third larger but faster to read from, and overwritten by this thread's next
        picture.

        Raises:
            DataError: it cannot be read or decoded; names dataset, sample and source.
        """
        key = (index, eighths(shrink))
        kept = self._kept.get(key)
        return self._decode(*key) if kept is None else kept

    def megabytes(self) -> float:
        """What all pictures would take at full size, judged by a few of them."""
        probes = np.unique(np.linspace(0, len(self._dataset) - 1, _PROBES).astype(int))
        mean = np.mean([3 * self._decode(int(index), 8)[0][..., 0].size for index in probes])
        return float(mean) * len(self._dataset) / 1e6

    def keep(self, megabytes: float) -> None:
        """From now on keep each picture once it is decoded, until they take so many megabytes."""
        self._room = megabytes

    def _decode(self, index: int, size_in_eighths: int) -> tuple[UInt8[np.ndarray, "H W C"], float]:
        data = self._dataset.image_bytes(index)
        try:
            image, decoded_from_img = decode_to_read(data, 8 / size_in_eighths, "picture")
        except DataError as error:
            source = self._dataset.texts("source", [index])[0] or "no source given"
            place = f"{self._dataset.name}/{self._dataset.split} sample {index} ({source})"
            raise DataError(f"{place}: {error}") from error
        decoded = image, float(decoded_from_img[0, 0])
        if image[..., :3].nbytes / 1e6 <= self._room:
            # Two threads may decode the same picture; each stores the same pixels.
            decoded = cv2.cvtColor(image, cv2.COLOR_RGBA2RGB), decoded[1]
            self._kept[index, size_in_eighths] = decoded
            self._room -= decoded[0].nbytes / 1e6
        return decoded


def eighths(shrink: float) -> int:
    """The size, in eighths of the full one, at which a picture is decoded that may be `shrink` times smaller.

    A JPEG decodes at 1/2, 3/8, 1/4 and 1/8 of its size in about two thirds of the time; at 5/8 to 7/8 it takes longer.
    """
    return max(1, int(np.ceil(8 / shrink))) if shrink >= 2 else 8


def keep_what_fits(pictures: list[Pictures], megabytes: float) -> None:
    """Have datasets keep their decoded pictures, the smallest first, as long as all of them fit."""
    for needed, of_dataset in sorted(((p.megabytes(), p) for p in pictures), key=lambda pair: pair[0]):
        if needed > megabytes:
            return
        of_dataset.keep(needed)
        megabytes -= needed
