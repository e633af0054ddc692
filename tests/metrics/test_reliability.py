from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from fakes_evaluation import drawn_evaluation
from prepose.metrics.evaluation_files import load_evaluation, save_evaluation
from prepose.metrics.evaluation_tables import as_plain, print_evaluation
from prepose.metrics.protocols import get_protocol
from prepose.metrics.reliability import errors_of_crop, reliability, reliability_in_image, reliability_mm


def test_expected_errors_that_hold_have_no_calibration_error_and_others_have_theirs():
    measured = np.random.default_rng(0).gamma(2.0, 30.0, 5000)
    exact = reliability(measured, measured)
    assert len(exact.bins) == 10 and exact.num_joints == 5000
    assert exact.expected_calibration_error == pytest.approx(0) and exact.expected == pytest.approx(measured.mean())
    assert reliability(measured + 25, measured).expected_calibration_error == pytest.approx(25)
    # Right on average, but not by confidence: the bins tell.
    constant = reliability(np.full(5000, measured.mean()), measured)
    assert len(constant.bins) == 1 and constant.expected_calibration_error == pytest.approx(0)
    turned = reliability(2 * measured.mean() - measured, measured)
    assert turned.expected == pytest.approx(turned.measured) and turned.expected_calibration_error > 50


def test_joints_without_one_of_both_are_left_out():
    nan = np.nan
    assert reliability(np.array([nan, 1.0]), np.array([1.0, nan])) is None
    assert reliability(np.array([nan, 1.0, 2.0]), np.array([1.0, 4.0, nan])).num_joints == 1


@pytest.fixture
def calibrated():
    evaluation = replace(drawn_evaluation(), protocol=get_protocol("mean-person"))
    expected = np.full(evaluation.confidence.shape, 80, np.float32)
    facts = {"calibrated_on": "wild/validation (300 samples)"}
    return replace(evaluation, expected_mm=expected, expected_of_crop=expected / 1000, facts=facts)


def test_an_evaluation_has_them_by_joint_without_the_root(calibrated, tmp_path):
    mm, image = reliability_mm(calibrated), reliability_in_image(calibrated)
    assert "pelvis" not in mm and "pelvis" in image and set(mm) | {"pelvis"} == set(image)
    knee = calibrated.skeleton.index("l_knee")
    assert mm["l_knee"].measured == pytest.approx(np.nanmean(calibrated.errors_mm[:, knee]))
    assert image["l_knee"].measured == pytest.approx(100 * np.nanmean(errors_of_crop(calibrated)[:, knee]))
    assert image["overall"].expected == pytest.approx(8)
    again = load_evaluation(save_evaluation(calibrated, tmp_path, "one"))
    assert reliability_mm(again) == mm


def test_tables_and_json_show_them(calibrated):
    console = Console(record=True, width=120)
    print_evaluation(calibrated, console)
    text = console.export_text()
    assert "a calibration on wild/validation (300 samples)" in text and "calibration error" in text
    assert as_plain(calibrated)["reliability_mm"]["l_knee"]["expected"] == pytest.approx(80)
    print_evaluation(replace(calibrated, expected_mm=None), console)
    assert "--protocol mean-person" in console.export_text()


def test_without_a_calibration_there_is_nothing():
    evaluation = drawn_evaluation()
    assert reliability_mm(evaluation) == reliability_in_image(evaluation) == {}
    console = Console(record=True, width=120)
    print_evaluation(evaluation, console)
    assert "expected" not in console.export_text()
