import numpy as np
import pytest

from prepose.models.detector_maps import boxes_of


def test_boxes_stand_about_the_peaks_surest_first():
    centre = np.full((8, 8), -9.0, np.float32)
    centre[2, 3], centre[6, 6], centre[2, 4] = 2.0, 3.0, 1.0
    reach = np.full((4, 8, 8), 4.0, np.float32)
    reach[:, 2, 3] = [4.0, 12.0, 8.0, 20.0]
    low, high, scores = boxes_of(centre, reach, least_score=0.1, most=10)
    assert scores == pytest.approx([0.9526, 0.8808], abs=1e-3), "a cell beside a higher one is no peak"
    # The middle of cell (3, 2) is (27.5, 19.5).
    assert low[1].tolist() == [23.5, 7.5] and high[1].tolist() == [35.5, 39.5]
    assert len(boxes_of(centre, reach, least_score=0.1, most=1)[2]) == 1


def test_where_nobody_is_there_are_no_boxes():
    low, high, scores = boxes_of(
        np.full((2, 3), -9.0, np.float32), np.ones((4, 2, 3), np.float32), least_score=0.1, most=9
    )
    assert low.shape == high.shape == (0, 2) and scores.shape == (0,)
