from dataclasses import replace

import numpy as np
import pytest

from prepose.body.skeletons import FLIC_11, MPII_16
from prepose.metrics.measures import average, average_of_group, tables_2d, tables_3d
from prepose.metrics.protocols import get_protocol

TABLE = np.array([[1.0, 2, np.nan], [4, np.nan, np.nan], [7, 8, 9]])


def test_the_three_ways_to_average_by_hand():
    actions = ("walk", "sit", "walk")
    assert average(TABLE, "joints", ()) == pytest.approx((1 + 2 + 4 + 7 + 8 + 9) / 6)
    assert average(TABLE, "samples", ()) == pytest.approx((1.5 + 4 + 8) / 3)
    assert average(TABLE, "actions", actions) == pytest.approx(((1.5 + 8) / 2 + 4) / 2)


def test_a_group_weighs_its_joints_alike():
    assert average_of_group(TABLE, [0, 1]) == pytest.approx((4 + 5) / 2)
    assert average_of_group(TABLE, [1, 2]) == pytest.approx((5 + 9) / 2)
    assert np.isnan(average_of_group(np.full((2, 3), np.nan), [0]))


def test_nothing_scored_is_nan():
    nothing = np.full((2, 3), np.nan)
    for averaging in ("joints", "samples", "actions"):
        assert np.isnan(average(nothing, averaging, ("a", "b")))


def image_tables(skeleton, protocol):
    truth = np.zeros((1, len(skeleton), 2))
    truth[0, skeleton.index("l_shoulder")] = 60, 80  # a torso of 100 px
    errors = np.arange(len(skeleton), dtype=float)[None] * 3
    return tables_2d(
        errors,
        truth,
        boxes_xywh=np.array([[0.0, 0, 90, 60]]),
        head_boxes_xywh=np.array([[0.0, 0, 30, 40]]),
        skeleton=skeleton,
        protocol=protocol,
    )


def test_shares_of_torso_box_and_head_by_hand():
    protocol = get_protocol("mpii-pckh-50")
    tables = image_tables(MPII_16, protocol)
    # 20 px of torso, 9 px of box, 15 and 3 px of head; errors 0, 3, 6 ... 45 px.
    assert {name: int(table.sum()) for name, table in tables.items() if name != "error_px"} == {
        "pck2d": 7, "pck2d_box": 4, "pckh_50": 6, "pckh_10": 2,
    }  # fmt: skip


def test_the_finer_torso_share_is_for_protocols_about_it():
    assert "pck2d_10" not in image_tables(FLIC_11, get_protocol("flic-pck-20"))
    assert int(image_tables(FLIC_11, get_protocol("flic-pck-10"))["pck2d_10"].sum()) == 4
    both = replace(get_protocol("flic-pck-20"), also=("pck2d_10",))
    assert "pck2d_10" in image_tables(FLIC_11, both)


def test_the_3d_measures_by_hand():
    truth = np.zeros((1, 4, 3))
    truth[0, 1:] = [[100, 0, 0], [0, 200, 0], [0, 0, 300]]
    tables = tables_3d(
        truth + np.array([[0, 0, 0], [30, 40, 0], [0, 0, 150], [200, 0, 0]]), truth, np.ones((1, 4), bool)
    )
    np.testing.assert_allclose(tables["mpjpe_mm"], [[0, 50, 150, 200]])
    np.testing.assert_array_equal(tables["pck3d_150"], [[1, 1, 1, 0]])
    # Thresholds 0, 5 ... 150: 50 mm pass 21 of 31, 150 mm the last.
    np.testing.assert_allclose(tables["auc3d"], [[1, 21 / 31, 1 / 31, 0]])
