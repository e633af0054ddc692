from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prepose.errors import DataError
from prepose.predict import stream
from prepose.predict.frames import Frame, Source
from prepose.predict.people import FoundPerson
from prepose.predict.predictor import Predictor
from prepose.predict.stream import Settings, frames_of, predict_frames


def source(name, count, *, moving=True, error=None):
    def frames():
        for index in range(count):
            yield Frame(name, index, index / 25, np.zeros((80, 100, 3), np.uint8))
        if error:
            raise DataError(error)

    return Source(Path(name), moving, count, frames)


@pytest.fixture
def network(weights, photograph):
    """A network that sees the same pose in every box, and says how many boxes it was given at a time."""
    one = Predictor.load(weights).predict(photograph)[0]

    def poses(people):
        poses.batches.append(len(people))
        return [
            replace(one, image=p.image, frame=p.frame, time=p.time, person=p.number, box_xywh=p.box_xywh)
            for p in people
        ]

    poses.batches = []
    return poses


def boxes_of(*columns):
    return lambda frame: [FoundPerson(np.array([x, 10.0, 20, 40])) for x in columns]


def run(network, sources, settings):
    problems = []
    failed = lambda path, error: problems.append((str(path), str(error)))  # noqa: E731
    rows = list(predict_frames(network, frames_of(sources, failed), settings, failed))
    return rows, problems


def test_people_and_frames_share_batches_and_come_back_in_order(network):
    rows, problems = run(network, [source("a.mp4", 5), source("b.mp4", 2)], Settings(boxes_of(0, 60), batch_size=4))
    assert network.batches == [4, 4, 4, 2] and problems == []
    seen = [(frame.source, frame.index, [person.person for person in people]) for _, frame, people in rows]
    assert seen == [(name, index, [1, 2]) for name, count in (("a.mp4", 5), ("b.mp4", 2)) for index in range(count)]
    for _, frame, people in rows:
        assert all((each.image, each.frame) == (frame.source, frame.index) for each in people)


def test_waiting_frames_are_bounded_where_nobody_is_found(network, monkeypatch):
    monkeypatch.setattr(stream, "MOST_WAITING_PIXELS", 3 * 80 * 100)
    rows, _ = run(network, [source("a.mp4", 7)], Settings(boxes_of()))
    assert len(rows) == 7 and all(people == [] for _, _, people in rows)
    assert network.batches == [0, 0, 0]


def test_people_are_followed_within_a_source_and_not_across(network):
    def find(frame):
        return boxes_of(*([0, 60] if frame.index % 2 else [60, 0]))(frame)

    rows, _ = run(network, [source("a.mp4", 4), source("b.mp4", 2)], Settings(find))
    assert [[each.person for each in people] for _, _, people in rows] == [
        [1, 2],
        [2, 1],
        [1, 2],
        [2, 1],
        [1, 2],
        [2, 1],
    ]


def test_numbers_that_the_user_gives_stay(network):
    find = lambda frame: [FoundPerson(np.array([0.0, 0, 20, 40]), 7), FoundPerson(np.array([50.0, 0, 20, 40]))]  # noqa: E731
    rows, _ = run(network, [source("a.mp4", 2)], Settings(find))
    assert [[each.person for each in people] for _, _, people in rows] == [[7, 1], [7, 1]]


def test_a_damaged_end_keeps_the_frames_before_and_the_next_source_follows(network):
    sources = [source("a.mp4", 3, error="a.mp4: damaged"), source("b.mp4", 2)]
    rows, problems = run(network, sources, Settings(boxes_of(0)))
    assert [(frame.source, frame.index) for _, frame, _ in rows] == [
        ("a.mp4", 0), ("a.mp4", 1), ("a.mp4", 2), ("b.mp4", 0), ("b.mp4", 1),
    ]  # fmt: skip
    assert problems == [("a.mp4", "a.mp4: damaged")]


def test_a_frame_whose_boxes_cannot_be_used_has_nobody_and_is_told(network):
    def find(frame):
        if frame.index == 1:
            raise DataError("the box lies outside")
        return boxes_of(0)(frame)

    rows, problems = run(network, [source("a.mp4", 3)], Settings(find))
    assert [len(people) for _, _, people in rows] == [1, 0, 1]
    assert problems == [("a.mp4", "the box lies outside")]


def test_the_camera_is_that_of_the_images_size(network):
    asked = []

    def camera_of(size_wh):
        asked.append(size_wh)
        raise DataError("the camera is of another size")

    _, problems = run(network, [source("a.jpg", 1, moving=False)], Settings(boxes_of(0), camera_of))
    assert asked == [(100, 80)] and problems == [("a.jpg", "the camera is of another size")]


def test_videos_are_smoothed_on_request_and_images_are_not(network):
    generator = np.random.default_rng(0)

    def noisy(people):
        found = network(people)
        return [replace(each, joints_cam=each.joints_cam + generator.normal(0, 30, (16, 3))) for each in found]

    def jitter(moving, smooth):
        rows, _ = run(noisy, [source("a", 40, moving=moving)], Settings(boxes_of(0), smooth=smooth))
        return np.std([people[0].joints_root for _, _, people in rows[10:]], axis=0).mean()

    assert jitter(True, True) < 0.6 * jitter(True, False)
    assert jitter(False, True) > 0.9 * jitter(False, False)
