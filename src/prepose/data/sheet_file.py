"""A contact sheet of a store as a picture file."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from prepose.arrays import ImageRgb
from prepose.data.contact_sheet import contact_sheet
from prepose.data.dataset import PoseDataset
from prepose.data.store import open_store, store_splits
from prepose.errors import DataError
from prepose.files import write_whole

SUFFIXES = (".png", ".jpg", ".jpeg")


def write_contact_sheet(store: Path, out: Path, *, split: str | None, count: int, seed: int) -> Path:
    """Draw samples of a store and write the sheet.

    Args:
        store: The store.
        out: The picture to write (PNG or JPEG); an older sheet is replaced.
        split: Which split; None for `train`, or the first where there is none.
        count: How many samples at most.
        seed: Which samples are drawn.

    Raises:
        DataError: the store cannot be opened or holds no split, an image is broken, or `out` names no picture.
    """
    _check_suffix(out)
    splits = store_splits(store)
    if not splits:
        raise DataError(f"{store}: holds no split yet; add or synthesize one")
    dataset = open_store(store, split or ("train" if "train" in splits else splits[0]))
    if len(dataset) == 0:
        raise DataError(f"{store}: split {dataset.split!r} has no samples to show")
    _write(contact_sheet(dataset, count=count, generator=np.random.default_rng(seed)), out)
    return out


def write_sheet_of(dataset: PoseDataset, out: Path, *, titles: Mapping[int, str] | None = None) -> Path:
    """Draw every sample of a (short) dataset and write the sheet.

    Args:
        dataset: What to draw.
        out: The picture to write; an older sheet is replaced.
        titles: Sample's number in the store -> what to write behind it instead of the action.

    Raises:
        DataError: an image is broken, or `out` names no picture.
    """
    _check_suffix(out)
    _write(contact_sheet(dataset, count=len(dataset), titles=titles), out)
    return out


def _check_suffix(out: Path) -> None:
    if out.suffix.lower() not in SUFFIXES:
        raise DataError(f"{out}: a contact sheet is a picture; give it a name that ends in {', '.join(SUFFIXES)}")


def _write(sheet: ImageRgb, out: Path) -> None:
    _, encoded = cv2.imencode(out.suffix, np.ascontiguousarray(sheet[..., ::-1]))
    write_whole(out, encoded.tobytes())
