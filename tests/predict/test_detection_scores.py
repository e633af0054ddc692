from dataclasses import replace

import numpy as np
import pytest

from fakes import fake_samples
from prepose.body.skeletons import MPII_16
from prepose.data.picture import encode_jpeg
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.predict.detection_scores import detect_all, scores_of
from prepose.predict.detectors import Detections


def seen(*rows):
    return Detections(
        np.array([row[:4] for row in rows], float).reshape(-1, 4), np.array([row[4] for row in rows], float)
    )


PEOPLE = np.array([[0.0, 0, 10, 20], [50, 0, 10, 20]])


def test_a_person_counts_once_and_needs_half_the_overlap():
    # Right, the same person again, nobody, and one shifted by a third (overlap one half) and by more.
    found = seen((0, 0, 10, 20, 0.9), (1, 0, 10, 20, 0.8), (80, 0, 10, 20, 0.7), (50, 0, 10, 40, 0.6))
    scores = scores_of([found], [PEOPLE])
    assert (scores.images, scores.people, scores.boxes) == (1, 2, 4)
    assert scores.recall == 1 and scores.precision == 0.5
    # Precision 1 up to the first person, 2/4 at the second.
    assert scores.average_precision == pytest.approx(0.5 * 1 + 0.5 * 0.5)
    worse = scores_of([seen((0, 0, 10, 20, 0.9), (50, 0, 10, 41, 0.6))], [PEOPLE])
    assert worse.recall == 0.5 and worse.average_precision == 0.5


def test_boxes_below_the_threshold_count_for_the_curve_alone():
    scores = scores_of([seen((0, 0, 10, 20, 0.9), (50, 0, 10, 20, 0.2))], [PEOPLE], least_score=0.5)
    assert (scores.boxes, scores.recall, scores.precision, scores.recall_at_any) == (1, 0.5, 1, 1)


def test_images_without_people_or_boxes():
    nothing = scores_of([seen()], [PEOPLE])
    assert nothing.recall == 0 and np.isnan(nothing.precision) and nothing.average_precision == 0
    empty = scores_of([seen((0, 0, 10, 20, 0.9))], [np.zeros((0, 4))])
    assert empty.precision == 0 and np.isnan(empty.recall)


def test_samples_that_share_an_image_are_its_people(tmp_path):
    one, two, three = fake_samples(3, MPII_16, np.random.default_rng(0))
    other = encode_jpeg(np.zeros((96, 128, 3), np.uint8))
    samples = [one, two, replace(three, image=other)]
    write_store(tmp_path, StoreDescription("some", MPII_16), "test", samples)
    detections, people = detect_all(lambda image: seen(), open_store(tmp_path, "test"))
    assert [len(boxes) for boxes in people] == [2, 1] and len(detections) == 2
