from dataclasses import replace

import numpy as np
import pytest

from prepose.body.drawing import BOX, LEFT, RIGHT
from prepose.predict.drawing import FOOT, GAP, HEIGHT, MOST_IN_SPACE, VIEW_WIDTH, draw_overlay
from prepose.predict.prediction import draw_predictions
from prepose.predict.predictor import Predictor


@pytest.fixture(scope="module")
def prediction(weights, photograph):
    return Predictor.load(weights).predict(photograph)[0]


def photograph_part(drawing):
    return drawing[:HEIGHT, : drawing.shape[1] - 2 * (VIEW_WIDTH + GAP)]


def has(picture, colour):
    return bool((np.abs(picture.astype(int) - colour).max(axis=-1) < 12).any())


@pytest.mark.parametrize("shape", [(120, 180), (1, 1), (5, 700), (900, 4), (1500, 2100), (300, 100)])
def test_a_photograph_of_any_size_is_laid_out(prediction, shape):
    drawing = draw_predictions(np.full((*shape, 3), 128, np.uint8), [replace(prediction, size_wh=(shape[1], shape[0]))])
    assert drawing.dtype == np.uint8
    assert drawing.shape[0] == HEIGHT + FOOT
    assert photograph_part(drawing).shape[1] >= 240


def test_joints_lie_where_they_are_in_the_photograph(prediction):
    joints = np.full((16, 2), np.nan)
    skeleton = prediction.skeleton
    joints[skeleton.index("l_knee")] = joints[skeleton.index("l_ankle")] = 150, 20
    joints[skeleton.index("r_knee")] = joints[skeleton.index("r_ankle")] = 30, 100
    marked = replace(prediction, joints_img=joints, confidence=np.ones(16))
    panel = photograph_part(draw_predictions(np.full((120, 180, 3), 128, np.uint8), [marked]))
    factor = HEIGHT / 120
    for colour, (x, y) in ((LEFT, (150, 20)), (RIGHT, (30, 100))):
        rows, columns = np.nonzero(np.abs(panel.astype(int) - colour).max(axis=-1) < 12)
        assert (columns.mean() + 0.5) / factor - 0.5 == pytest.approx(x, abs=0.3)
        assert (rows.mean() + 0.5) / factor - 0.5 == pytest.approx(y, abs=0.3)


def test_a_box_is_drawn_only_where_one_was_given(prediction):
    grey = np.full((120, 180, 3), 128, np.uint8)
    assert not has(photograph_part(draw_predictions(grey, [prediction])), BOX)
    boxed = replace(prediction, box_xywh=np.array([20.0, 10, 60, 80]))
    assert has(photograph_part(draw_predictions(grey, [boxed])), BOX)


def test_the_photograph_itself_is_not_drawn_on(prediction, photograph):
    before = photograph.copy()
    draw_predictions(photograph, [prediction])
    np.testing.assert_array_equal(photograph, before)


@pytest.mark.parametrize("count", [0, 1, 2, MOST_IN_SPACE + 2])
def test_any_number_of_people_are_drawn(prediction, photograph, count):
    alone = draw_predictions(photograph, [])
    drawing = draw_predictions(photograph, [replace(prediction, person=number) for number in range(count)])
    views = {0: 0, 1: 2}.get(count, min(count, MOST_IN_SPACE) / 2)
    assert drawing.shape[0] == HEIGHT + FOOT
    assert drawing.shape[1] - alone.shape[1] == pytest.approx(views * VIEW_WIDTH, abs=GAP * MOST_IN_SPACE)


def test_joints_that_are_missing_are_not_drawn(prediction, photograph):
    nobody = replace(prediction, joints_img=np.full((16, 2), np.nan), joints_cam=np.full((16, 3), np.nan))
    np.testing.assert_array_equal(draw_overlay(photograph, [nobody.figure]), photograph)
    assert draw_predictions(photograph, [nobody]).std() > 3


def test_an_overlay_has_the_size_of_its_image(prediction, photograph):
    drawn = draw_overlay(photograph, [prediction.figure, prediction.figure])
    assert drawn.shape == photograph.shape
    assert not np.array_equal(drawn, photograph)
