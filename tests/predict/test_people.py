import numpy as np
import pytest

from prepose.errors import DataError
from prepose.predict.frames import Frame
from prepose.predict.people import checked_box, given_boxes, whole_image

FRAME = Frame("a.jpg", 0, 0.0, np.zeros((80, 100, 3), np.uint8))


def test_the_whole_image_is_one_person():
    (person,) = whole_image(FRAME)
    assert person.box_xywh.tolist() == [0, 0, 100, 80]


def test_given_boxes_are_numbered_people():
    people = given_boxes([np.array([0.0, 0, 9, 9]), np.array([5.0, 5, 9, 9])])(FRAME)
    assert [(each.person, each.box_xywh.tolist()) for each in people] == [(1, [0, 0, 9, 9]), (2, [5, 5, 9, 9])]
    with pytest.raises(DataError, match=r"a\.jpg: the box 500,0,9,9 lies outside the image, which is 100 x 80 px"):
        given_boxes([np.array([500.0, 0, 9, 9])])(FRAME)


@pytest.mark.parametrize("box", [(10.0, 10, 0, 5), (10.0, 10, 5, -1), (0.0, 0, 1e-50, 5)])
def test_a_box_of_no_size_is_said(box):
    with pytest.raises(DataError, match=r"x\.jpg: the box .* has no size; give x,y,w,h in px"):
        checked_box(np.array(box), (100, 80), "x.jpg")


@pytest.mark.parametrize("box", [(np.nan, 0, 5, 5), (0.0, 0, np.inf, 5), (0.0, -np.inf, 5, 5)])
def test_a_box_that_is_not_finite_is_said(box):
    with pytest.raises(DataError, match=r"x\.jpg: the box .* is not finite"):
        checked_box(np.array(box), (100, 80), "x.jpg")


@pytest.mark.parametrize(
    "box", [(-50.0, -20, 100000, 50), (0.0, 0, 1e300, 1e300), (-1e308, 0, 1.7e308, 50), (97.0, 0, 100, 80)]
)
def test_a_box_that_is_mostly_outside_is_said(box):
    with pytest.raises(DataError, match=r"has less than a tenth of its area inside the image, which is 100 x 80 px"):
        checked_box(np.array(box), (100, 80), "x.jpg")


@pytest.mark.parametrize("box", [(100.0, 10, 5, 5), (10.0, 80, 5, 5), (-20.0, 0, 20, 5), (0.0, -9, 5, 5)])
def test_a_box_outside_the_image_is_said(box):
    with pytest.raises(DataError, match=r"x\.jpg: the box .* lies outside the image, which is 100 x 80 px"):
        checked_box(np.array(box), (100, 80), "x.jpg")


def test_a_box_may_reach_over_the_edge():
    assert checked_box(np.array([-5.0, -5, 20, 200]), (100, 80), "x").tolist() == [-5, -5, 20, 200]
