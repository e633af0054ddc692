"""Real backgrounds behind synthetic people: crops of images without people, or of what surrounds labelled people.

Source of the idea: Varol et al., "Learning from Synthetic Humans", CVPR 2017, section 3; a network that has seen real
textures behind drawn people relies less on what only the renderer makes.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from prepose.arrays import BoxXywh, ImageRgb
from prepose.camera.crop import box_of_corners, corners_of_box
from prepose.data.dataset import PoseDataset
from prepose.data.pairing import PICTURE_SUFFIXES
from prepose.data.picture import decode_image, read_image_bytes
from prepose.data.store import open_store, store_splits
from prepose.errors import DataError
from prepose.synthetic.sensor import metered_gain

# This part of the samples has a real background where there are any; the others keep their scene.
SHARE = 0.7
# A person's limbs may reach beyond the box of the labelled joints by this part of its sides.
_AROUND = 0.15
# Smaller crops are textureless once they are enlarged.
SMALLEST_PX = 48
# Softens the cut by about a pixel, as optics and sensors do.
_EDGE_SIGMA = 0.6
_TRIES = 20

LinearImage = Float32[np.ndarray, "H W 3"]


@dataclass(frozen=True, eq=False)
class Backgrounds:
    """Where backgrounds come from.

    Attributes:
        origin: The folder or store.
        files: The folder's images; none for a store.
        people: The store, one sample an image; None for a folder.
        boxes: What the people of each of its images cover together, px; none for a folder.
    """

    origin: Path
    files: tuple[Path, ...] = ()
    people: PoseDataset | None = None
    boxes: tuple[BoxXywh, ...] = ()

    def __len__(self) -> int:
        return len(self.files) if self.people is None else len(self.people)

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that name what is there: names and sizes of files, or sources of samples."""
        what: object = (
            [[file.name, file.stat().st_size] for file in self.files]
            if self.people is None
            else self.people.texts("source")
        )
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]

    def draw(self, generator: np.random.Generator, size: int) -> LinearImage:
        """A square of one of the images that shows none of the labelled people, in linear light.

        Args:
            generator: Where the numbers come from.
            size: The side that the square gets, px.

        Raises:
            DataError: an image cannot be read, or twenty images in a row leave no room beside their people.
        """
        return _linear(_resized(self.draw_part(generator), size))

    def draw_part(self, generator: np.random.Generator) -> UInt8[np.ndarray, "S S 3"]:
        """The same square as it is in its image.

        Raises:
            DataError: as `draw`.
        """
        for _ in range(_TRIES):
            index = int(generator.integers(len(self)))
            image, taken = self._image(index)
            room = largest_room((image.shape[1], image.shape[0]), taken)
            square = _square(generator, image, room)
            if square is not None:
                return square
        raise DataError(
            f"backgrounds {self.origin}: {_TRIES} images in a row have no square of {SMALLEST_PX} px without people; "
            "give larger images"
        )

    def _image(self, index: int) -> tuple[ImageRgb, BoxXywh | None]:
        if self.people is None:
            file = self.files[index]
            return decode_image(read_image_bytes(file), str(file)), None
        return decode_image(self.people.image_bytes(index), f"{self.origin} sample {index}"), self.boxes[index]


@lru_cache(maxsize=2)
def open_backgrounds(path: Path) -> Backgrounds:
    """The backgrounds of a folder of images without people, or of a dataset store (what surrounds its people).

    Raises:
        DataError: there is no such folder, it holds no image, or the store has no split `train`.
    """
    if not path.is_dir():
        raise DataError(f"backgrounds {path}: no such folder; give a folder of images without people, or a store")
    if (path / "store.json").is_file():
        splits = store_splits(path)
        # Images of other splits must not be seen in training, not even their edges.
        if "train" not in splits:
            raise DataError(
                f"backgrounds {path}: the store has no split 'train', only {', '.join(splits) or 'none'}; give a store "
                "with one, or a folder of images without people"
            )
        return _of_store(path, open_store(path, "train"))
    files = tuple(sorted(file for file in path.rglob("*") if file.suffix.lower() in PICTURE_SUFFIXES))
    if not files:
        raise DataError(f"backgrounds {path}: holds no image ({', '.join(sorted(PICTURE_SUFFIXES))}) and no store")
    return Backgrounds(path, files)


def _of_store(path: Path, dataset: PoseDataset) -> Backgrounds:
    low, high = corners_of_box(dataset.array("box_xywh").astype(float))
    around = _AROUND * (high - low)
    low, high = low - around, high + around
    first: dict[str, int] = {}
    for index, source in enumerate(dataset.texts("source")):
        # People of one image count together; samples that do not name their image are taken for images of their own.
        image = first.setdefault(source or f"sample {index}", index)
        low[image], high[image] = np.minimum(low[image], low[index]), np.maximum(high[image], high[index])
    rows = list(first.values())
    return Backgrounds(path, people=dataset.select(rows), boxes=tuple(box_of_corners(low[rows], high[rows])))


def largest_room(size_wh: tuple[int, int], taken: BoxXywh | None) -> tuple[int, int, int, int]:
    """The largest of the four parts of an image beside a box: left, top, right, bottom, whole px, the ends excluded.

    Args:
        size_wh: The image's size, px.
        taken: The box to keep clear of; None leaves the whole image.
    """
    width, height = size_wh
    if taken is None:
        return 0, 0, width, height
    low, high = corners_of_box(np.asarray(taken, float))
    left, top = (int(np.clip(np.floor(edge + 0.5), 0, side)) for edge, side in zip(low, size_wh, strict=True))
    right, bottom = (int(np.clip(np.ceil(edge + 0.5), 0, side)) for edge, side in zip(high, size_wh, strict=True))
    rooms = ((0, 0, left, height), (right, 0, width, height), (0, 0, width, top), (0, bottom, width, height))
    return max(rooms, key=lambda room: min(room[2] - room[0], room[3] - room[1]))


def _square(
    generator: np.random.Generator, image: ImageRgb, room: tuple[int, int, int, int]
) -> UInt8[np.ndarray, "S S 3"] | None:
    left, top, right, bottom = room
    most = min(right - left, bottom - top)
    if most < SMALLEST_PX:
        return None
    side = int(generator.integers(max(SMALLEST_PX, most // 2), most + 1))
    x = left + int(generator.integers(right - left - side + 1))
    y = top + int(generator.integers(bottom - top - side + 1))
    square = image[y : y + side, x : x + side]
    return square[:, ::-1] if generator.random() < 0.5 else square


def _resized(square: UInt8[np.ndarray, "S S 3"], size: int) -> UInt8[np.ndarray, "T T 3"]:
    smaller = size < len(square)
    return cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)


def _linear(image: ImageRgb) -> LinearImage:
    """Linear light of sRGB levels. Source: IEC 61966-2-1."""
    level = image.astype(np.float32) / 255
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4).astype(np.float32)


def before(image: LinearImage, shown: Bool[np.ndarray, "H W"], background: LinearImage) -> LinearImage:
    """What is to be seen of a rendering in front of a background of the same exposure.

    Args:
        image: The rendering, linear light.
        shown: Its pixels that stay: the person and what is near.
        background: Linear light of any exposure.
    """
    alpha: Float[np.ndarray, "H W"] = cv2.GaussianBlur(shown.astype(np.float32), (0, 0), _EDGE_SIGMA)
    gain = np.float32(metered_gain(background) / metered_gain(image))
    return image * alpha[..., None] + background * (gain * (1 - alpha[..., None]))
