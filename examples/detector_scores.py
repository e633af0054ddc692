"""Recall, precision and average precision of a person detector at an overlap (IoU) of one half.

    python examples/detector_scores.py DETECTOR STORE SPLIT

DETECTOR is as in `prepose predict --detector`, or `whole-image`: each image is one person. Samples
that share an image are the people of that image; boxes on people without a label count as mistakes.
"""

import sys

import numpy as np

import prepose
from prepose.arrays import ImageRgb
from prepose.predict.detectors import Detections, detect_all, detector_named, scores_of


def whole_image(image: ImageRgb) -> Detections:
    """One person who fills the image."""
    return Detections(np.array([[0.0, 0, image.shape[1], image.shape[0]]]), np.ones(1))


def main() -> None:
    """Print the scores of one detector on one split, at a few thresholds."""
    name, store, split = sys.argv[1:]
    detector = whole_image if name == "whole-image" else detector_named(name)
    dataset = prepose.open_store(store, split)
    detections, people = detect_all(detector, dataset)
    for least in (0.2, 0.3, 0.4, 0.5):
        scores = scores_of(detections, people, least_score=least)
        print(
            f"{name}, {dataset.name}/{split}, {scores.images} images, {scores.people} people, score >= {least}: "
            f"recall {100 * scores.recall:.1f} %, precision {100 * scores.precision:.1f} % of {scores.boxes} boxes; "
            f"AP {100 * scores.average_precision:.1f}, recall at any score {100 * scores.recall_at_any:.1f} %"
        )


if __name__ == "__main__":
    main()
