from dataclasses import replace

import numpy as np
import pytest

from planted import SIZE_PX, simple_samples
from prepose.data.checks.calibration import check_calibration
from prepose.data.checks.records import look_at, read_records
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
    assert f"calibrated for {SIZE_PX} x 8 and its image is {SIZE_PX} x {SIZE_PX}" in finding.text


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
    assert "labels are of larger images (joints reach 3." in finding.cause
    assert len(finding.samples) >= 18


def test_joints_that_are_marked_as_outside_are_no_fault(dataset):
    records = read_records(dataset, pictures=look_at(dataset, range(20)))
    states = np.full_like(records.states, JointState.OUTSIDE)
    assert check_calibration(replace(records, joints_img=records.joints_img * 4, states=states)) == []


def test_a_place_in_the_image_beyond_the_lens_is_a_fault(dataset):
    records = read_records(dataset)
    distance = np.linalg.norm(records.joints_cam[..., :2], axis=-1) / records.joints_cam[..., 2]
    limit = float(np.nanquantile(distance, 0.97))
    lens = np.zeros_like(records.camera_distortion)
    lens[:, 0] = -1 / (3 * limit**2)  # 1 + 3 k1 r^2 = 0 at the limit
    beyond = (distance > limit) & records.has_2d
    # As a tool draws them that knows of no limit: the places stay in the image.
    (finding,) = check_calibration(replace(records, camera_distortion=lens))
    assert finding.severity == "fault" and finding.samples == tuple(np.flatnonzero(beyond.any(axis=1)).tolist())
    assert f"{int(beyond.sum())} joints of" in finding.text and f"turns back at {limit:.2f}" in finding.text
    # Without a place in the image they are as they should be.
    joints_img = np.where(beyond[..., None], np.nan, records.joints_img)
    assert check_calibration(replace(records, camera_distortion=lens, joints_img=joints_img)) == []


def test_whoever_is_cut_off_has_joints_far_outside_that_are_marked_so(dataset):
    records = read_records(dataset)
    joints, states = records.joints_img.copy(), records.states.copy()
    ankle = records.skeleton.index("r_ankle")
    joints[4, ankle, 1] = 2.5 * SIZE_PX
    (finding,) = check_calibration(replace(records, joints_img=joints))
    assert finding.samples == (4,)
    states[4, ankle] = JointState.OUTSIDE
    assert check_calibration(replace(records, joints_img=joints, states=states)) == []
