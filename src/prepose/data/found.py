"""What an adapter returns: a dataset that was found on disk in its owner's layout, ready to be read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from prepose.arrays import BoxXywh
from prepose.body.skeleton import Skeleton
from prepose.camera.crop import box_about
from prepose.data.sample import PoseSample
from prepose.errors import DataError

# Joints lie inside the body; its outline, hands and feet reach about this far beyond them.
BODY_MARGIN = 0.1
LEAST_BOX_SIDE = 16.0


class SplitMissing(DataError):
    """A split of a dataset of which nothing is there, while others may be."""


@dataclass(frozen=True)
class FoundDataset:
    """One split of a dataset on disk.

    Attributes:
        skeleton: The skeleton of its samples.
        total: Number of samples.
        samples: `samples(first, last)` yields samples first .. last - 1, their images by absolute path where they are
            plain files, else as bytes. It can begin anywhere, so that an interrupted store goes on where it was and
            several processes can share the work; it must therefore be picklable.
        notes: What a user should be told, with counts: what was left out, mended or is not as the owners say.
        facts: How the split was drawn and read, to be kept in the store as JSON.
    """

    skeleton: Skeleton
    total: int
    samples: Callable[[int, int], Iterator[PoseSample]]
    notes: tuple[str, ...]
    facts: dict[str, Any]


def box_of_joints(joints_img: Float[np.ndarray, "J 2"], margin: float = BODY_MARGIN) -> BoxXywh:
    """A box about the labelled joints (px), wider on each side by `margin` of its longer side.

    It contains every labelled joint, also one outside the image, and is never smaller than 16 px.

    Raises:
        ValueError: no joint is labelled.
    """
    labelled = joints_img[~np.isnan(joints_img).any(axis=1)].astype(float)
    if len(labelled) == 0:
        raise ValueError("a box needs at least one labelled joint")
    low, high = labelled.min(axis=0), labelled.max(axis=0)
    extent = high - low
    side = np.maximum(extent + 2 * margin * extent.max(), LEAST_BOX_SIDE)
    return box_about((low + high) / 2, side)
