"""Recall, precision and average precision of a person detector at an overlap (IoU) of one half.

    python examples/detector_scores.py DETECTOR STORE SPLIT

DETECTOR is as in `prepose predict --detector`, or `hog`: OpenCV's own people detector (Dalal and Triggs, CVPR 2005), to
compare with. Samples that share an image are the people of that image; people without a label count as mistakes.
"""

import sys

import cv2
import numpy as np

import prepose
from prepose.arrays import ImageRgb
from prepose.predict.detection_scores import detect_all, scores_of
from prepose.predict.detectors import Detections, detector_named


def hog(image: ImageRgb) -> Detections:
    """The people that OpenCV's histograms of gradients find; images are enlarged to 480 px."""
    factor = max(1.0, 480 / max(image.shape[:2]))
    people = cv2.HOGDescriptor()
    people.setSVMDetector(cv2.HOGDescriptor.getDefaultPeopleDetector())
    boxes, weights = people.detectMultiScale(cv2.resize(image, None, fx=factor, fy=factor))
    return Detections(np.array(boxes, float).reshape(-1, 4) / factor, np.array(weights, float).reshape(-1))


def main() -> None:
    """Print the scores of one detector on one split, at a few thresholds."""
    name, store, split = sys.argv[1:]
    detector = hog if name == "hog" else detector_named(name)
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
