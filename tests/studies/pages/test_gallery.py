import base64

import cv2
import numpy as np

from prepose.studies.pages.gallery import jpeg_base64, pick_ranks, plain_pose


def test_ranks_are_best_median_and_worst():
    errors = np.array([5.0, 1.0, np.nan, 9.0, 3.0, 7.0])
    assert pick_ranks(errors, each=1) == [("best", 1), ("median", 0), ("worst", 3)]


def test_a_sample_without_a_score_is_never_picked():
    picked = [sample for _, sample in pick_ranks(np.array([np.nan, 1.0, np.nan, 2.0, 3.0]), each=2)]
    assert set(picked) <= {1, 3, 4}


def test_nothing_scored_gives_no_case():
    assert pick_ranks(np.array([np.nan, np.nan]), each=2) == []


def test_pose_for_json_has_null_for_missing_joints():
    assert plain_pose(np.array([[1.04, 2.0, 3.0], [np.nan, 0.0, 0.0]])) == [[1.0, 2.0, 3.0], None]


def test_jpeg_keeps_the_channel_order():
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[..., 0] = 200
    back = cv2.imdecode(np.frombuffer(base64.b64decode(jpeg_base64(picture)), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert back[8, 8, 0] > 180 and back[8, 8, 2] < 30
