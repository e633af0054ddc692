from dataclasses import replace

import numpy as np
import pytest

from planted import SIZE_PX, simple_samples
from prepose.data.checks.calibration import check_calibration
from prepose.data.checks.pictures import look_at
from prepose.data.checks.records import read_records
from prepose.data.dataset import dataset_of
from prepose.data.sample import JointState


@pytest.fixture(scope="module")
def dataset():
    samples = list(simple_samples(20))
    return dataset_of(samples, skeleton=samples[0].skeleton)


def test_pictures_of_the_calibrated_size_have_no_finding(dataset):
    assert check_calibration(read_records(dataset, pictures=look_at(dataset, range(20)))) == []
    assert check_calibration(read_records(dataset)) == []


def test_a_camera_for_another_size_is_a_fault(dataset):
    records = read_records(dataset, pictures=look_at(dataset, range(20)))
    sizes = records.camera_size_wh.copy()
    sizes[[3, 5]] = SIZE_PX, 8
    (finding,) = check_calibration(replace(records, camera_size_wh=sizes))
    assert finding.samples == (3, 5)
    assert finding.figure == pytest.approx(8 / SIZE_PX)
    assert f"calibrated for {SIZE_PX} x 8 and its picture is {SIZE_PX} x {SIZE_PX}" in finding.text


def test_joints_beyond_the_camera_show_it_without_a_picture(dataset):
    records = read_records(dataset)
    sizes = np.full_like(records.camera_size_wh, SIZE_PX)
    sizes[:, 1] = 8
    (finding,) = check_calibration(replace(records, camera_size_wh=sizes))
    assert len(finding.samples) == 20
    assert finding.figure > 3


def test_labels_of_another_resolution_are_a_fault(dataset):
    records = read_records(dataset, pictures=look_at(dataset, range(20)))
    (finding,) = check_calibration(replace(records, joints_img=records.joints_img * 4))
    assert "different sizes or releases" in finding.cause
    assert len(finding.samples) >= 18


def test_whoever_is_cut_off_has_joints_far_outside_that_are_marked_so(dataset):
    records = read_records(dataset)
    joints, states = records.joints_img.copy(), records.states.copy()
    ankle = records.skeleton.index("r_ankle")
    joints[4, ankle, 1] = 2.5 * SIZE_PX
    (finding,) = check_calibration(replace(records, joints_img=joints))
    assert finding.samples == (4,)
    states[4, ankle] = JointState.OUTSIDE
    assert check_calibration(replace(records, joints_img=joints, states=states)) == []
