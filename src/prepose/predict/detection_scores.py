"""How good a person detector is: recall, precision and average precision at an overlap of one half."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from prepose.data.dataset import PoseDataset
from prepose.data.picture import decode_image
from prepose.predict.detectors import DEFAULT_SCORE, Detections, Detector, overlap

# Source: Everingham et al., "The Pascal Visual Object Classes Challenge", IJCV 2010, section 4.2.
LEAST_OVERLAP = 0.5


@dataclass(frozen=True)
class DetectionScores:
    """What a detector reached on images whose labelled people are known.

    Attributes:
        images: How many images.
        people: How many labelled people.
        boxes: How many boxes are at least as sure as the threshold.
        recall: Share of the labelled people who have a box of their own, of those at the threshold.
        precision: Share of those boxes that are of a labelled person; people without a label count as mistakes.
        recall_at_any: The recall of all boxes, however unsure.
        average_precision: Area under precision over recall, precision made falling, over all thresholds.
    """

    images: int
    people: int
    boxes: int
    recall: float
    precision: float
    recall_at_any: float
    average_precision: float


def detect_all(detector: Detector, dataset: PoseDataset) -> tuple[list[Detections], list[Float[np.ndarray, "_ 4"]]]:
    """What a detector sees in each image of a store, and the boxes of its people: the samples that share the image.

    Raises:
        DataError: an image cannot be decoded.
    """
    found = [(detector(decode_image(image)), boxes) for image, boxes in _images(dataset)]
    return [seen for seen, _ in found], [boxes for _, boxes in found]


def scores_of(
    detections: Sequence[Detections], people: Sequence[Float[np.ndarray, "_ 4"]], *, least_score: float = DEFAULT_SCORE
) -> DetectionScores:
    """The scores of detections, one for each image, against the boxes of its people."""
    total = sum(len(boxes) for boxes in people)
    hits = [_hits(seen, boxes) for seen, boxes in zip(detections, people, strict=True)]
    hit = np.concatenate([np.zeros(0, bool), *hits])
    score = np.concatenate([np.zeros(0), *(seen.scores for seen in detections)])
    hit = hit[np.argsort(-score, kind="stable")]
    sure = int((score >= least_score).sum())
    right = hit.cumsum()
    precision = right / np.arange(1, len(hit) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    people_or_nan = total or np.nan
    return DetectionScores(
        images=len(people),
        people=total,
        boxes=sure,
        recall=float(hit[:sure].sum() / people_or_nan),
        precision=float(hit[:sure].mean()) if sure else float("nan"),
        recall_at_any=float(hit.sum() / people_or_nan),
        average_precision=float(falling[hit].sum() / people_or_nan),
    )


def _hits(seen: Detections, boxes: Float[np.ndarray, "N 4"]) -> Bool[np.ndarray, "D"]:
    """Which detections have a person of their own: the surest choose first, each the person it overlaps most."""
    hit, free = np.zeros(len(seen.scores), bool), np.ones(len(boxes), bool)
    for row in np.argsort(-seen.scores, kind="stable"):
        shared = overlap(seen.boxes_xywh[row], boxes) * free
        if len(boxes) and shared.max() >= LEAST_OVERLAP:
            hit[row], free[int(shared.argmax())] = True, False
    return hit


def _images(dataset: PoseDataset) -> Iterator[tuple[bytes, Float[np.ndarray, "N 4"]]]:
    """Each image of a store with the boxes of its people."""
    boxes = dataset.array("box_xywh").astype(float)
    rows: dict[bytes, list[int]] = {}
    for index in range(len(dataset)):
        rows.setdefault(hashlib.sha256(dataset.image_bytes(index)).digest(), []).append(index)
    for of_image in rows.values():
        yield dataset.image_bytes(of_image[0]), boxes[of_image]
