import numpy as np
import pytest

from prepose.predict.tracking import Tracker, overlaps

FPS = 25


def box(x, y=100.0, size=100.0):
    return np.array([x, y, 0.5 * size, size])


def follow(tracker, frames):
    """Frames are lists of boxes."""
    return [tracker.follow(boxes, index / FPS) for index, boxes in enumerate(frames)]


def test_overlaps_are_intersections_over_unions():
    boxes = np.array([[0.0, 0, 10, 10], [5, 0, 10, 10], [20, 20, 10, 10]])
    np.testing.assert_allclose(overlaps(boxes[:1], boxes), [[1, 1 / 3, 0]])


def test_people_keep_their_numbers_whatever_the_order_of_their_boxes():
    found = follow(Tracker(), [[box(0 + i), box(300 - i)][:: (-1) ** i] for i in range(50)])
    assert found == [[1, 2][:: (-1) ** i] for i in range(50)]


def test_people_who_cross_keep_their_numbers_while_their_overlaps_tell_them_apart():
    """They pass each other at different heights in the image."""
    frames = [[box(3.0 * i, 100), box(300 - 3.0 * i, 180)] for i in range(100)]
    assert follow(Tracker(), frames) == [[1, 2]] * 100


@pytest.mark.parametrize(("gap", "number"), [(0.2, 1), (0.9, 1), (1.2, 2)])
def test_who_comes_back_within_a_second_keeps_the_number(gap, number):
    """He leaves at the right, and comes back near there."""
    tracker = Tracker()
    assert tracker.follow([box(500)], 0.0) == [1]
    for time in np.arange(0.04, gap, 0.04):
        assert tracker.follow([], time) == []
    assert tracker.follow([box(530)], gap) == [number]


def test_nobody_takes_the_number_of_somebody_who_is_there():
    tracker = Tracker()
    assert tracker.follow([box(100)], 0.0) == [1]
    assert tracker.follow([box(100), box(120)], 0.04) == [1, 2]
    assert tracker.follow([box(120)], 0.08) == [2]
    assert tracker.follow([box(120), box(100)], 0.12) == [2, 1]


def test_somebody_far_away_or_of_another_size_is_somebody_else():
    tracker = Tracker()
    tracker.follow([box(100)], 0.0)
    assert tracker.follow([box(300)], 0.04) == [2]
    assert tracker.follow([box(105, 140, size=20)], 0.08) == [3]


def test_somebody_quick_keeps_the_number_without_an_overlap():
    """At 5 frames/s a runner's boxes no longer overlap."""
    tracker = Tracker()
    assert [tracker.follow([box(45.0 * i)], i / 5) for i in range(5)] == [[1]] * 5


def test_numbers_are_not_given_twice():
    tracker = Tracker()
    assert tracker.follow([box(0)], 0.0) == [1]
    assert tracker.follow([box(0)], 10.0) == [2]
    assert tracker.follow([], 20.0) == []
    assert tracker.follow([box(0), box(200)], 30.0) == [3, 4]
