"""What the network sees at a step: crops, their joints in the model's skeleton, and masks for what is not known.

Pictures are decoded no larger than a crop needs, and kept in memory while they fit.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Literal

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from prepose.arrays import ImageRgb
from prepose.body.skeleton import Skeleton
from prepose.camera.crop import crop_of_box
from prepose.data.augment import draw, make_views
from prepose.data.dataset import PoseDataset
from prepose.data.mixing import Mixture, step_generator
from prepose.data.picture import decode_to_read
from prepose.data.target import image_targets, lift
from prepose.data.view import View, apply_view
from prepose.errors import DataError, SkeletonMismatch
from prepose.specs.augmentation import Augmentation

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


@dataclass(frozen=True, eq=False)
class PoseBatch:
    """Crops with their targets, in the model's skeleton.

    Attributes:
        image: RGB crops; in memory the channels lie innermost (`torch.channels_last`).
        joints_crop: x, y in crop px and relative depth in crop px; zeros where masked.
        has_2d: Joints that are labelled and inside the crop.
        has_3d: Those whose relative depth is known too.
        img_from_crop: Homogeneous matrices, crop px to image px.
        source: Which dataset each sample is from.
        index: Which of its samples.
    """

    image: UInt8[Tensor, "B 3 S S"]
    joints_crop: Float[Tensor, "B J 3"]
    has_2d: Bool[Tensor, "B J"]
    has_3d: Bool[Tensor, "B J"]
    img_from_crop: Float[Tensor, "B 3 3"]
    source: Int64[Tensor, "B"]
    index: Int64[Tensor, "B"]

    def __len__(self) -> int:
        return len(self.image)

    def to(self, device: torch.device | str) -> "PoseBatch":
        """The batch on a device."""
        return PoseBatch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


@dataclass(frozen=True, eq=False)
class Source:
    """A dataset's part in a mixture.

    Attributes:
        dataset: Where the samples come from.
        share: Its part of every batch; the shares of a mixture sum to 1.
        labels: "2d" hides what the dataset knows of depth.
        cap: At most so many samples an epoch, drawn anew at random each epoch; None for all.
        box_scale: The boxes are taken this many times as large, about their centres.
        joints_cam: 3D pseudo-labels in place of the dataset's 3D labels (`data.target.image_targets`).
    """

    dataset: PoseDataset
    share: float = 1.0
    labels: Literal["2d", "3d"] = "3d"
    cap: int | None = None
    box_scale: float = 1.0
    joints_cam: Float[np.ndarray, "N K 3"] | None = None


class BatchMaker:
    """Makes the batch of any step from (seed, step) alone: the state of a run is its step number.

    Args:
        sources: The datasets that are mixed.
        batch_size: Samples a step over *all* processes; a multiple of `world`.
        size: Side of the crops, px.
        skeleton: The model's skeleton, in which the targets are.
        augmentation: How samples may be shown.
        seed: Of the order of samples and of everything drawn.
        rank: Which process this is; it makes its own slice of each batch.
        world: How many processes share a batch.
        cache_mb: Decoded pictures are kept in memory (per process) for datasets that fit into so many megabytes, the
            smallest first; 0 keeps none. The batches are the same either way.

    Raises:
        ValueError: an argument is out of range.
        DataError: a source has no sample, a sample without a usable box, or not the labels it is asked for.
        SkeletonMismatch: 3D labels are asked for in a skeleton without a root.
    """

    def __init__(  # noqa: PLR0913 - the settings of one concept; all but the first by keyword
        self,
        sources: Sequence[Source],
        *,
        batch_size: int,
        size: int,
        skeleton: Skeleton,
        augmentation: Augmentation,
        seed: int,
        rank: int = 0,
        world: int = 1,
        cache_mb: float = 512.0,
    ) -> None:
        if not 0 <= rank < world or batch_size % world:
            raise ValueError(
                f"batch_size must be a multiple of world, and rank below world; found {batch_size=} {world=} {rank=}"
            )
        self._shelves = [_Shelf(source.dataset, skeleton, source.joints_cam) for source in sources]
        for source, shelf in zip(sources, self._shelves, strict=True):
            _restrict(shelf, source.labels, skeleton)
            shelf.boxes = _grown(shelf.boxes, source.box_scale)
        self._mixture = Mixture(
            [len(source.dataset) for source in sources],
            shares=[source.share for source in sources],
            caps=[source.cap for source in sources],
            batch_size=batch_size,
            seed=seed,
        )
        if cache_mb > 0:
            keep_what_fits([shelf.pictures for shelf in self._shelves], cache_mb)
        self._skeleton, self._size, self._augmentation, self._seed = skeleton, size, augmentation, seed
        self._mine = slice(rank * batch_size // world, (rank + 1) * batch_size // world)

    def batch(self, step: int) -> PoseBatch:
        """This process's part of the batch of a step (from 0).

        Raises:
            DataError: a sample's picture cannot be read or decoded.
        """
        generator = step_generator(self._seed, step)
        picks = self._mixture.picks(step, generator)
        draws = draw(len(picks.index), generator).rows(self._mine)
        picks = picks.rows(self._mine)
        places = list(zip(picks.source.tolist(), picks.index.tolist(), strict=True))
        boxes = np.stack([self._shelves[source].boxes[index] for source, index in places])
        views = make_views(boxes, draws, self._augmentation, self._size)
        return _assemble(self._shelves, places, views, self._skeleton)

    def stream(self, first_step: int, last_step: int, *, workers: int = 0) -> Iterator[PoseBatch]:
        """The batches of steps first_step .. last_step - 1, in order.

        Args:
            first_step: The step to begin or go on with.
            last_step: The step before which to end.
            workers: Threads that prepare batches ahead (decoding and warping release Python's lock); 0 prepares each
                when it is asked for. The batches do not depend on it.
        """
        return _ahead(self.batch, range(first_step, last_step), workers)

    def counts(self, step: int) -> list[int]:
        """How many samples of each source the batch of a step holds, over all processes."""
        return self._mixture.counts(step).tolist()

    def epoch_length(self, source: int) -> int:
        """Samples of a source until each has been shown once (its cap where that is smaller)."""
        return self._mixture.epoch_length(source)


def evaluation_batches(
    dataset: PoseDataset, *, size: int, skeleton: Skeleton, batch_size: int, workers: int = 0
) -> Iterator[PoseBatch]:
    """Every sample once, in order, unaugmented; the crop is the whole box with its usual margin. `source` is 0.

    Args:
        dataset: The samples.
        size: Side of the crops, px.
        skeleton: The model's skeleton, in which the targets are.
        batch_size: Samples a batch; the last one may be shorter.
        workers: Threads that prepare batches ahead.

    Raises:
        DataError: a sample has no usable box, or a picture cannot be read or decoded.
    """
    shelf = _Shelf(dataset, skeleton)

    def batch(first: int) -> PoseBatch:
        places = [(0, index) for index in range(first, min(first + batch_size, len(dataset)))]
        views = [View(crop_of_box(shelf.boxes[index], size)) for _, index in places]
        return _assemble([shelf], places, views, skeleton)

    return _ahead(batch, range(0, len(dataset), batch_size), workers)


class _Shelf:
    """What is kept of a dataset at hand: boxes, targets and decoded pictures."""

    def __init__(
        self, dataset: PoseDataset, skeleton: Skeleton, joints_cam: Float[np.ndarray, "N K 3"] | None = None
    ) -> None:
        self.dataset = dataset
        if len(dataset) == 0:
            raise DataError(f"{dataset.name}/{dataset.split}: has no sample; add some, or leave it out")
        self.boxes: Float[np.ndarray, "N 4"] = dataset.array("box_xywh")
        unusable = ~(np.isfinite(self.boxes).all(axis=1) & (self.boxes[:, 2:] > 0).all(axis=1))
        if unusable.any():
            index = int(np.flatnonzero(unusable)[0])
            raise DataError(
                f"{dataset.name}/{dataset.split}: {unusable.sum()} of {len(dataset)} samples have no usable box, the "
                f"first is sample {index} with x, y, width, height {self.boxes[index].tolist()}; a box needs a finite "
                f"place and a positive size"
            )
        self.targets_img = image_targets(dataset, skeleton, joints_cam)
        self.pictures = Pictures(dataset)


def _restrict(shelf: _Shelf, labels: Literal["2d", "3d"], skeleton: Skeleton) -> None:
    """Hide depth from a 2D source; make sure that the labels asked for are there at all."""
    dataset = shelf.dataset
    name = f"{dataset.name}/{dataset.split}"
    if np.isnan(shelf.targets_img[..., :2]).all():
        raise DataError(
            f"{name}: none of its {len(dataset)} samples has a joint with a place in the picture, which training needs"
            if np.isnan(dataset.array("joints_img")).all()
            else f"{name}: none of its joints ({dataset.skeleton.name}) is a joint of the model's skeleton"
        )
    if labels == "2d":
        shelf.targets_img[..., 2] = np.nan
    elif skeleton.root is None:
        raise SkeletonMismatch(f"{name} is asked for 3D labels, but the model's skeleton {skeleton.name} has no root")
    elif np.isnan(shelf.targets_img[..., 2]).all():
        raise DataError(
            f"{name} is asked for 3D labels, but none of its {len(dataset)} samples has a joint labelled in 3D with a "
            'labelled root in front of the camera; use it with labels "2d"'
        )


def _grown(boxes: Float[np.ndarray, "N 4"], factor: float) -> Float[np.ndarray, "N 4"]:
    sides = boxes[:, 2:]
    return np.concatenate([boxes[:, :2] + (1 - factor) / 2 * sides, factor * sides], axis=1)


def _assemble(
    shelves: Sequence[_Shelf], places: Sequence[tuple[int, int]], views: Sequence[View], skeleton: Skeleton
) -> PoseBatch:
    """A batch of the samples at these (source, index) places, seen so."""
    size = views[0].crop.size
    pixels = np.empty((len(places), size, size, 3), np.uint8)
    for row, (source, index) in enumerate(places):
        view = views[row]
        image, image_scale = shelves[source].pictures.decode(index, view.crop.side / size)
        apply_view(image, view, image_scale=image_scale, out=pixels[row])
    targets = np.stack([shelves[source].targets_img[index] for source, index in places])
    crops = [view.crop for view in views]
    joints, has_2d, has_3d = lift(targets, crops, skeleton)
    source, index = torch.tensor(places).T
    return PoseBatch(
        image=torch.from_numpy(pixels).permute(0, 3, 1, 2),
        joints_crop=torch.from_numpy(joints),
        has_2d=torch.from_numpy(has_2d),
        has_3d=torch.from_numpy(has_3d),
        img_from_crop=torch.from_numpy(
            np.linalg.inv(np.stack([crop.crop_from_img for crop in crops])).astype(np.float32)
        ),
        source=source,
        index=index,
    )


def _ahead(make: Callable[[int], PoseBatch], steps: range, workers: int) -> Iterator[PoseBatch]:
    """make(step) for each step in order, prepared by threads a few steps ahead.

    At most 2 batches a worker wait. Leaving the loop early, or an error, ends the threads after the batch they are at.
    """
    if workers < 0:
        raise ValueError(f"workers must be 0 or more, found {workers}")
    return map(make, steps) if workers == 0 else _threaded(make, steps, workers)


def _threaded(make: Callable[[int], PoseBatch], steps: range, workers: int) -> Iterator[PoseBatch]:
    waiting: deque[Future[PoseBatch]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="prepose-batches")
    try:
        for step in steps:
            waiting.append(pool.submit(make, step))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
