from dataclasses import replace

import numpy as np
import pytest

from planted import simple_samples
from prepose.data.checks.records import read_records
from prepose.data.checks.reprojection import check_reprojection, check_upright
from prepose.data.dataset import dataset_of


@pytest.fixture(scope="module")
def records():
    samples = list(simple_samples(60))
    return read_records(dataset_of(samples, skeleton=samples[0].skeleton))


def test_sound_cameras_have_no_finding(records):
    assert check_reprojection(records) == []


@pytest.mark.parametrize("shift", [(1.0, 1.0), (0.5, -2.0), (-30.0, 4.0)])
def test_a_shift_is_measured(records, shift):
    (finding,) = check_reprojection(replace(records, joints_img=records.joints_img + shift))
    assert finding.figure == pytest.approx(np.hypot(*shift), rel=1e-3)
    assert f"({shift[0]:+.2f}, {shift[1]:+.2f}) px" in finding.cause
    assert ("1-based" in finding.cause) == (shift == (1.0, 1.0))
    assert len(finding.samples) == 60


def test_two_mistakes_are_told_apart(records):
    joints_img, joints_cam = records.joints_img.copy(), records.joints_cam.copy()
    joints_img[3] += 1
    joints_cam[7, :, 1] *= -1
    findings = check_reprojection(replace(records, joints_img=joints_img, joints_cam=joints_cam))
    assert {finding.samples: finding.cause[:10] for finding in findings} == {(3,): "the 2D lab", (7,): "the y axis"}


def test_clicked_labels_are_a_note_and_a_wrong_one_among_them_a_fault(records):
    noise = np.random.default_rng(0).normal(0, 0.7, records.joints_img.shape)
    clicked = replace(records, joints_img=records.joints_img + noise)
    (note,) = check_reprojection(clicked)
    assert (note.severity, note.samples) == ("note", ())
    assert 0.5 < note.figure < 1.2
    clicked.joints_img[11] = records.joints_img[12]
    findings = check_reprojection(clicked)
    assert [finding.samples for finding in findings if finding.severity == "fault"] == [(11,)]


def test_a_wrong_focal_length_is_no_scatter(records):
    longer = records.camera_K * np.array([[1.03, 1, 1], [1, 1.03, 1], [1, 1, 1]])
    findings = check_reprojection(replace(records, camera_K=longer))
    assert findings
    assert all(finding.severity == "fault" for finding in findings)


def test_labels_without_camera_or_3d_are_not_judged(records):
    assert check_reprojection(replace(records, joints_cam=np.full_like(records.joints_cam, np.nan))) == []
    assert check_reprojection(replace(records, camera_size_wh=np.zeros_like(records.camera_size_wh))) == []


def test_a_camera_that_is_inexact_is_a_note_and_a_wrong_one_a_fault(records):
    def refocused(factor):
        K = records.camera_K.copy()
        K[:, 1, 1] *= factor  # along one axis, which no shift and no scale explains
        return check_reprojection(replace(records, camera_K=K))

    (note,) = [finding for finding in refocused(1.03) if finding.severity == "note"]
    assert "exact to that alone" in note.text and 0.3 < note.figure < 1 and len(note.samples) > 30
    wrong = refocused(1.15)
    assert {finding.severity for finding in wrong} == {"fault"}
    assert any("not this image's" in finding.cause and finding.figure > 1 for finding in wrong)


def test_people_are_upright(records):
    assert check_upright(records) == []


@pytest.mark.parametrize(("column", "what"), [("joints_img", "2D"), ("joints_cam", "3D")])
def test_a_flipped_axis_is_a_fault(records, column, what):
    flipped = getattr(records, column).copy()
    flipped[..., 1] *= -1
    (finding,) = check_upright(replace(records, **{column: flipped}))
    assert f"the y axis of the {what} labels points up" in finding.cause
    assert finding.figure < 0.3


def test_a_troupe_of_acrobats_is_none(records):
    joints = records.joints_img.copy()
    joints[:25, :, 1] *= -1
    assert check_upright(replace(records, joints_img=joints)) == []


def test_few_samples_say_nothing(records):
    few = replace(records, joints_img=np.where(np.arange(60)[:, None, None] < 9, -records.joints_img, np.nan))
    assert check_upright(replace(few, joints_cam=np.full_like(records.joints_cam, np.nan))) == []
