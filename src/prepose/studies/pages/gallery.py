"""Test images with the poses that each arm estimates: best, median and worst, as small images and in 3D."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from prepose.arrays import ImageRgb
from prepose.body.drawing import draw_skeleton
from prepose.camera.crop import resize_matrix, transform
from prepose.data.dataset import PoseDataset
from prepose.data.picture import decode_image
from prepose.metrics.evaluation import Evaluation

PANEL_PX = 160
JPEG_QUALITY = 82


@dataclass(frozen=True)
class Panel:
    """An image with one skeleton drawn on it."""

    jpeg: str
    text: str
    alt: str


@dataclass(frozen=True)
class ArmPose:
    """One arm's answer: root-relative joints in the camera's frame (mm), and its mean error."""

    name: str
    colour: str
    pose: list[list[float] | None]
    mm: float


@dataclass(frozen=True)
class Case:
    """One test sample: images in a row, poses to rotate."""

    key: str
    rank: str
    title: str
    panels: list[Panel]
    truth: list[list[float] | None]
    arms: list[ArmPose]

    def to_json(self) -> dict[str, Any]:
        """What a page holds of it, but for its key."""
        return {name: value for name, value in asdict(self).items() if name != "key"}


def pick_ranks(errors: Float[np.ndarray, "N"], *, each: int) -> list[tuple[str, int]]:
    """The best, the median and the worst samples (`each` of a kind) with the name of their rank; NaN never picked."""
    order = np.argsort(errors, kind="stable")[: int((~np.isnan(errors)).sum())]
    each = min(each, len(order) // 3 or len(order))
    middle = (len(order) - each) // 2
    picked = [
        *(("best", sample) for sample in order[:each]),
        *(("median", sample) for sample in order[middle : middle + each]),
        *(("worst", sample) for sample in order[len(order) - each :][::-1]),
    ]
    return [(rank, int(sample)) for rank, sample in picked]


def cases_of(
    name: str,
    dataset: PoseDataset,
    evaluations: Mapping[str, Evaluation],
    colours: Mapping[str, str],
    *,
    ranked_by: str,
    each: int = 2,
) -> list[Case]:
    """The cases of one test set.

    Args:
        name: The set's name.
        dataset: Its images; `Evaluation.index` counts in it.
        evaluations: arm -> its evaluation on the set; all score the same samples.
        colours: arm -> colour in the page.
        ranked_by: The arm whose error ranks the samples.
        each: Cases of each rank.
    """
    errors = {arm: _sample_errors(evaluation) for arm, evaluation in evaluations.items()}
    cases = []
    for number, (rank, sample) in enumerate(pick_ranks(errors[ranked_by], each=each)):
        first = evaluations[ranked_by]
        picture = decode_image(dataset.image_bytes(int(first.index[sample])))
        panels = [_panel(picture, first, first.truth_img[sample], "", f"{rank} case of {name}: ground truth")]
        poses = []
        for arm, evaluation in evaluations.items():
            mm = float(errors[arm][sample])
            panels.append(
                _panel(picture, first, evaluation.prediction_img[sample], f"{mm:.0f} mm", f"{rank} case: {arm}")
            )
            poses.append(ArmPose(arm, colours[arm], plain_pose(evaluation.prediction_mm[sample]), mm))
        title = f"{name}, {rank}: {first.actions[sample] or 'sample'} (test sample {int(first.index[sample])})"
        cases.append(Case(f"{name}-{number}", rank, title, panels, plain_pose(first.truth_mm[sample]), poses))
    return cases


def _sample_errors(evaluation: Evaluation) -> Float[np.ndarray, "N"]:
    errors, scored = np.nan_to_num(evaluation.errors_mm), evaluation.scored_3d
    count = scored.sum(axis=1)
    return np.where(count > 0, errors.sum(axis=1) / np.maximum(count, 1), np.nan)


def plain_pose(joints: Float[np.ndarray, "J 3"]) -> list[list[float] | None]:
    """Joints for JSON: tenths of mm, null where unknown."""
    return [None if np.isnan(joint).any() else [round(float(value), 1) for value in joint] for joint in joints]


def _panel(picture: ImageRgb, evaluation: Evaluation, joints_img: np.ndarray, text: str, alt: str) -> Panel:
    enlarged, scaled = _enlarge(picture, joints_img)
    return Panel(jpeg_base64(draw_skeleton(enlarged, scaled, evaluation.skeleton)), text, alt)


def _enlarge(
    picture: ImageRgb, joints_img: Float[np.ndarray, "J 2"]
) -> tuple[UInt8[np.ndarray, "_ _ 3"], Float[np.ndarray, "J 2"]]:
    factor = PANEL_PX / max(picture.shape[:2])
    size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    enlarged = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    return enlarged, transform(resize_matrix(factor), joints_img)


def jpeg_base64(picture: ImageRgb) -> str:
    """An RGB image as JPEG in base64, for a page that must stand alone."""
    _, encoded = cv2.imencode(".jpg", picture[..., ::-1].copy(), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return base64.b64encode(encoded.tobytes()).decode()


def film_strip(dataset: PoseDataset, indices: Sequence[int], *, cell_px: int = 128) -> ImageRgb:
    """Images in a row."""
    cells = [
        cv2.resize(decode_image(dataset.image_bytes(i)), (cell_px, cell_px), interpolation=cv2.INTER_AREA)
        for i in indices
    ]
    return np.concatenate(cells, axis=1)
