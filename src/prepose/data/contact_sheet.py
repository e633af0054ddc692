"""A sheet of samples to look at: each person with skeleton and box, number and action, and the side view in 3D."""

from collections.abc import Mapping
from math import ceil

import numpy as np

from prepose.arrays import ImageRgb, Joints2D
from prepose.body.drawing import SIDE_VIEW, draw_box, draw_figure, draw_skeleton, draw_text
from prepose.camera.crop import crop_of_box, transform, transform_box
from prepose.data.dataset import PoseDataset
from prepose.data.picture import decode_image
from prepose.data.sample import JointState, PoseSample

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
