"""Looking at images: once each, keeping their size, a digest of their bytes and a thumbnail."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from prepose.arrays import ImageRgb
from prepose.data.dataset import PoseDataset
from prepose.data.picture import decode_shrunk, image_size
from prepose.errors import DataError

# The longer side of the person's box in a thumbnail, px: enough to tell a limb from what is beside it.
PERSON_PX = 64


@dataclass(frozen=True, eq=False)
class Picture:
    """What was seen of one sample's image.

    Attributes:
        digest: Hash of the encoded bytes; empty where the image is missing.
        size_wh: Its size, px; (0, 0) where it is missing or broken.
        thumb: RGB at the scale that makes the person about `PERSON_PX` high; None where it is missing or broken.
        scale: Thumbnail px per image px.
        error: Why it cannot be read, else empty.
    """

    digest: bytes
    size_wh: tuple[int, int] = (0, 0)
    thumb: ImageRgb | None = None
    scale: float = 1.0
    error: str = ""


def look_at(
    dataset: PoseDataset, indices: Iterable[int], *, progress: Callable[[int], None] | None = None
) -> dict[int, Picture]:
    """Read, hash and decode the images of some samples; a broken one is a fact to keep, not an error."""
    indices = list(indices)
    boxes = dataset.array("box_xywh", indices) if indices else np.empty((0, 4))
    seen = {}
    for number, (index, box) in enumerate(zip(indices, boxes, strict=True), start=1):
        seen[index] = _look(dataset, index, float(np.nanmax(box[2:], initial=PERSON_PX)))
        if progress is not None:
            progress(number)
    return seen


def digests_of(dataset: PoseDataset, indices: Iterable[int]) -> dict[int, bytes]:
    """A digest of each image's encoded bytes, without decoding; a missing image has none."""
    digests = {}
    for index in indices:
        try:
            digests[index] = digest_of(dataset.image_bytes(index))
        except DataError:
            continue
    return digests


def digest_of(data: bytes) -> bytes:
    """16 bytes that tell images apart."""
    return blake2b(data, digest_size=16).digest()


def _look(dataset: PoseDataset, index: int, person_px: float) -> Picture:
    try:
        data = dataset.image_bytes(index)
    except DataError as error:
        return Picture(b"", error=str(error))
    digest = digest_of(data)
    try:
        size_wh = image_size(data)
        thumb, matrix = decode_shrunk(data, max(1.0, person_px / PERSON_PX))
    except DataError as error:
        return Picture(digest, error=str(error))
    return Picture(digest, size_wh, thumb, float(matrix[0, 0]))
