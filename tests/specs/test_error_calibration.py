import numpy as np
import pytest

from prepose.body.skeletons import MPII_16
from prepose.specs.error_calibration import ErrorCalibration, ErrorCurve
from prepose.specs.fields import from_json

ANKLE = ErrorCurve(confidence=(0.2, 0.6), error=(300.0, 100.0), num_joints=100)
CALIBRATION = ErrorCalibration(dataset="wild", split="validation", samples=50, prepose="1", mm={"ankle": ANKLE})


def test_an_expected_error_is_read_off_between_the_points_and_is_constant_beyond():
    found = ANKLE.at(np.array([0.0, 0.2, 0.4, 0.6, 1.0, np.nan]))
    np.testing.assert_allclose(found, [300, 300, 200, 100, 100, np.nan])


def test_left_and_right_share_a_curve_the_root_has_no_error_and_other_joints_have_none():
    confidence = np.full((3, len(MPII_16)), 0.4)
    found = CALIBRATION.expected_mm(confidence, MPII_16)
    ankles = [MPII_16.index("l_ankle"), MPII_16.index("r_ankle")]
    assert (found[:, ankles] == 200).all() and (found[:, MPII_16.root_index] == 0).all()
    assert np.isnan(np.delete(found, [*ankles, MPII_16.root_index], axis=1)).all()
    assert np.isnan(CALIBRATION.expected_of_crop(confidence, MPII_16)).all()


def test_it_comes_back_from_json():
    assert from_json(ErrorCalibration, CALIBRATION.model_dump(mode="json")) == CALIBRATION
    assert str(CALIBRATION) == "wild/validation (50 samples)"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"samples": 0}, "samples"),
        ({"dataset": None}, "dataset"),
        ({"mm": {"ankle": {"confidence": [0.2], "error": [1, 2], "num_joints": 1}}}, "1 confidences for 2 errors"),
        ({"mm": {"ankle": {"confidence": [0.2, 0.1], "error": [2, 1], "num_joints": 1}}}, "must ascend"),
        ({"mm": {"ankle": {"confidence": [0.1, 0.2], "error": [1, 2], "num_joints": 1}}}, "not rise"),
        ({"mm": {"ankle": {"confidence": [0.1], "error": [float("nan")], "num_joints": 1}}}, "finite"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_what_is_no_calibration_is_refused_by_its_field(change, found):
    with pytest.raises(ValueError, match=found):
        from_json(ErrorCalibration, CALIBRATION.model_dump(mode="json") | change)
