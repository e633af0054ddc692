from dataclasses import replace

import numpy as np
import pytest

from planted import simple_samples
from prepose.data.checks.numbers import check_numbers
from prepose.data.checks.records import read_records
from prepose.data.dataset import dataset_of


def records_of(*samples):
    return read_records(dataset_of(list(samples), skeleton=samples[0].skeleton))


@pytest.fixture
def sample():
    return simple_samples(1)[0]


def test_sound_numbers_have_no_finding(sample):
    assert check_numbers(records_of(sample, sample)) == []


@pytest.mark.parametrize("column", ["joints_img", "joints_cam"])
@pytest.mark.parametrize(
    ("value", "text"), [(np.inf, "infinite"), (np.nan, "some coordinates"), (0.0, "origin or another placeholder")]
)
def test_what_is_no_measurement_is_a_fault(sample, column, value, text):
    joints = getattr(sample, column).copy()
    joints[[3, 5], 0 if np.isnan(value) else slice(None)] = value
    findings = check_numbers(records_of(sample, replace(sample, **{column: joints})))
    assert [finding.samples for finding in findings] == [(1,)]
    assert text in findings[0].text
    assert findings[0].severity == "fault"


def test_one_joint_in_the_corner_and_a_root_at_the_origin_are_no_placeholders(sample):
    corner, root = sample.joints_img.copy(), sample.joints_cam - sample.joints_cam[0]
    corner[8] = 0
    assert check_numbers(records_of(replace(sample, joints_img=corner, joints_cam=root))) == []


def test_boxes_are_looked_at(sample):
    flat = replace(sample, box_xywh=np.array([1.0, 2, 0, 5]))
    lost = replace(sample, box_xywh=np.array([1.0, np.nan, 3, 5]))
    texts = [finding.text for finding in check_numbers(records_of(sample, flat, lost))]
    assert any("no area, in 1 of 3 samples (1)" in text for text in texts)
    assert any("box_xywh is not finite, in 1 of 3 samples (2)" in text for text in texts)


def test_a_camera_of_broken_numbers_is_a_fault(sample):
    records = records_of(sample, sample)
    camera_K = records.camera_K.copy()
    camera_K[1, 0, 0] = np.nan
    (finding,) = check_numbers(replace(records, camera_K=camera_K))
    assert finding.samples == (1,)
    assert "calibration" in finding.cause


def test_samples_and_joints_without_labels(sample):
    nothing = replace(
        sample, joints_img=np.full_like(sample.joints_img, np.nan), joints_cam=np.full_like(sample.joints_cam, np.nan)
    )
    (empty,) = check_numbers(records_of(sample, nothing))
    assert (empty.severity, empty.samples) == ("fault", (1,))
    joints = sample.joints_img.copy(), sample.joints_cam.copy()
    for each in joints:
        each[6] = np.nan
    (absent,) = check_numbers(records_of(replace(sample, joints_img=joints[0], joints_cam=joints[1])))
    assert absent.severity == "note"
    assert absent.text.startswith(sample.skeleton.joints[6])
