"""A sheet of samples to look at, also as a file: each person with skeleton and box, number, action and side view."""

from collections.abc import Mapping
from math import ceil
from pathlib import Path

import cv2
import numpy as np

from prepose.arrays import ImageRgb, Joints2D
from prepose.body.drawing import SIDE_VIEW, draw_box, draw_figure, draw_skeleton, draw_text
from prepose.camera.crop import crop_of_box, transform, transform_box
from prepose.data.dataset import PoseDataset
from prepose.data.picture import decode_image
from prepose.data.sample import JointState, PoseSample
from prepose.data.store import open_store, store_splits
from prepose.errors import DataError
from prepose.files import write_whole

HIDDEN = (JointState.OCCLUDED, JointState.OCCLUDED_BY_OBJECT, JointState.OCCLUDED_BY_BODY)
GAP = 4
PAPER = 244
# Wide enough to see the box, whose corners the crop of a box would cut.
SHEET_MARGIN = 1.35


def contact_sheet(
    dataset: PoseDataset,
    *,
    count: int = 24,
    columns: int = 6,
    cell_px: int = 224,
    generator: np.random.Generator | None = None,
    titles: Mapping[int, str] | None = None,
) -> ImageRgb:
    """Samples of a dataset side by side.

    Right limbs are warm, left ones cool, occluded joints rings. Each cell carries the sample's number in the store and
    its action; where there are 3D joints, an inset shows them from the person's side (the camera's right).

    Args:
        dataset: What to show; `dataset.select(...)` shows chosen samples.
        count: How many samples at most.
        columns: Cells in a row.
        cell_px: Side of a cell, px.
        generator: Draws the samples; without it they are spread evenly over the dataset.
        titles: Sample's number in the store -> what to write behind it instead of the action.

    Raises:
        ValueError: the dataset is empty, or a number is not positive.
        DataError: an image is missing or broken.
    """
    if len(dataset) == 0:
        raise ValueError(f"{dataset.name}/{dataset.split} has no samples to show")
    if min(count, columns, cell_px) < 1:
        raise ValueError(f"count, columns and cell_px must be positive, found {count}, {columns}, {cell_px}")
    shown = min(count, len(dataset))
    if generator is None:
        indices = np.linspace(0, len(dataset) - 1, shown).round().astype(int)
    else:
        indices = np.sort(generator.choice(len(dataset), shown, replace=False))
    columns = min(columns, shown)
    rows = ceil(shown / columns)
    step = cell_px + GAP
    sheet = np.full((rows * step + GAP, columns * step + GAP, 3), PAPER, np.uint8)
    for place, index in enumerate(indices.tolist()):
        top, left = GAP + place // columns * step, GAP + place % columns * step
        cell = draw_sample(
            dataset[index], dataset.image_bytes(index), size=cell_px, title=_title(dataset, index, titles or {})
        )
        sheet[top : top + cell_px, left : left + cell_px] = cell
    return sheet


def draw_sample(sample: PoseSample, image: bytes, *, size: int, title: str = "") -> ImageRgb:
    """One sample's crop with box and skeleton, and its 3D pose from the side where there is one.

    Args:
        sample: The sample.
        image: Its encoded picture.
        size: Side of the drawing, px.
        title: Written into the upper left corner.
    """
    crop = crop_of_box(sample.box_xywh, size, SHEET_MARGIN)
    picture = crop.read(decode_image(image, sample.source or "image"))
    joints = transform(crop.crop_from_img, sample.joints_img.astype(float))
    drawn = draw_box(picture, transform_box(crop.crop_from_img, sample.box_xywh.astype(float)), thickness=1)
    drawn = draw_skeleton(drawn, joints, sample.skeleton, hidden=np.isin(sample.states, HIDDEN))
    if sample.has_3d:
        inset = size * 2 // 5
        left, top = _emptiest_corner(joints, size, inset)
        figure = draw_figure(sample.joints_cam, sample.skeleton, size=inset, view=SIDE_VIEW)
        drawn[top : top + inset, left : left + inset] = figure
    if title:
        draw_text(drawn, title, (0, 0), height=max(7, size // 22))
    return drawn


def _emptiest_corner(joints: Joints2D, size: int, inset: int) -> tuple[int, int]:
    """Left and top of the corner whose square hides the fewest joints; the title has the upper left one."""
    far = size - inset
    corners = [(far, far), (0, far), (far, 0)]
    hidden = [int(((joints >= corner) & (joints <= np.add(corner, inset))).all(axis=1).sum()) for corner in corners]
    return corners[int(np.argmin(hidden))]


def _title(dataset: PoseDataset, index: int, titles: Mapping[int, str]) -> str:
    number = int(dataset.rows[index])
    what = titles.get(number) or dataset.texts("action", [index])[0]
    return f"{number} {what}".strip()


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
