from dataclasses import replace

import numpy as np
import pytest

from planted import simple_samples
from prepose.body.skeletons import LSP_14
from prepose.camera.crop import transform
from prepose.data.checks.records import read_records
from prepose.data.chip import Chips, chip_of
from prepose.data.dataset import dataset_of


def records_of(samples):
    return read_records(dataset_of(samples, skeleton=samples[0].skeleton))


def test_labels_come_as_they_were_stored():
    samples = list(simple_samples(5))
    records = records_of(samples)
    np.testing.assert_allclose(records.joints_img[3], samples[3].joints_img, rtol=1e-6)
    np.testing.assert_allclose(records.joints_cam[3], samples[3].joints_cam, rtol=1e-6)
    assert len(records) == 5
    assert records.has_2d.all()
    assert records.has_3d.all()
    assert records.cameras[2].size_wh == samples[2].camera.size_wh
    assert records.subject[4] == samples[4].subject


def test_infinite_joints_count_as_missing_and_are_remembered():
    sample = simple_samples(1)[0]
    joints = sample.joints_cam.copy()
    joints[2, 1] = np.inf
    records = records_of([sample, replace(sample, joints_cam=joints)])
    assert records.infinite["joints_cam"].tolist() == [False, True]
    assert not records.infinite["joints_img"].any()
    assert not records.has_3d[1, 2]


def test_extent_is_the_diagonal_of_the_labelled_joints():
    sample = simple_samples(1)[0]
    joints = np.full_like(sample.joints_img, np.nan)
    joints[:2] = [[0, 0], [3, 4]]
    nothing, one = np.full_like(joints, np.nan), np.full_like(joints, np.nan)
    one[0] = 7
    records = records_of([replace(sample, joints_img=each) for each in (joints, nothing, one)])
    assert records.extent[0] == pytest.approx(5)
    assert np.isnan(records.extent[1:]).all()


def test_a_joint_is_taken_under_the_first_name_there_is():
    records = records_of(list(simple_samples(2)))
    np.testing.assert_array_equal(records.of(records.joints_img, "neck", "thorax"), records.joints_img[:, 2])
    assert np.isnan(records.of(records.joints_img, "belly")).all()
    assert "belly" not in LSP_14.joints


def test_a_camera_that_is_none_is_left_out():
    sample = simple_samples(1)[0]
    records = records_of([sample, replace(sample, camera=None)])
    broken = replace(records, camera_K=records.camera_K * -1)
    assert records.cameras[1] is None
    assert broken.cameras == (None, None)


def test_labels_of_chips_are_compared_where_they_lie_in_the_photograph():
    samples = list(simple_samples(4))
    plain = read_records(dataset_of(samples, skeleton=samples[0].skeleton))
    assert plain.full_from_img is None
    np.testing.assert_array_equal(plain.label_on(1, 2), plain.joints_img[2])
    chips = [chip_of(sample, Chips(48, 1.2)) for sample in samples]
    records = read_records(dataset_of(chips, skeleton=samples[0].skeleton))
    np.testing.assert_allclose(records.joints_full, plain.joints_img, atol=1e-3)
    np.testing.assert_array_equal(records.label_on(2, 2), records.joints_img[2])
    there = transform(chips[1].full_from_img, records.label_on(1, 2))
    np.testing.assert_allclose(there, plain.joints_img[2], atol=1e-3)
