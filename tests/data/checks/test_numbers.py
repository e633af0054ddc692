from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from planted import BLANK, simple_samples
from prepose.data.checks.numbers import check_files, check_numbers
from prepose.data.checks.records import look_at, read_records
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


def findings_of(samples):
    dataset = dataset_of(samples, skeleton=samples[0].skeleton)
    return check_files(read_records(dataset, pictures=look_at(dataset, range(len(samples)))))


def test_whole_pictures_have_no_finding():
    assert findings_of(list(simple_samples(4))) == []


def test_each_way_to_be_no_picture_is_told_apart():
    samples = list(simple_samples(6))
    samples[1] = replace(samples[1], image=Path("folder/gone.jpg"))
    samples[2] = replace(samples[2], image=samples[2].image[:-200])
    samples[3] = replace(samples[3], image=b"GIF89a nothing")
    samples[4] = replace(samples[4], image=BLANK)
    missing, broken, blank = findings_of(samples)
    assert (missing.samples, broken.samples, blank.samples) == ((1,), (2, 3), (4,))
    assert "gone.jpg" in missing.text
    assert "truncated" in broken.text
    assert {finding.severity for finding in (missing, broken, blank)} == {"fault"}
