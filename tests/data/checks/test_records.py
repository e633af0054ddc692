from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from planted import SIZE_PX, simple_samples
from prepose.body.skeletons import LSP_14
from prepose.camera.crop import transform
from prepose.data.checks.records import digest_of, digests_of, look_at, read_records
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


@pytest.fixture
def dataset():
    whole, cut, gone = simple_samples(3)
    samples = [whole, replace(cut, image=cut.image[:900]), replace(gone, image=Path("nowhere/gone.jpg"))]
    return dataset_of(samples, skeleton=whole.skeleton)


def test_a_picture_is_seen_with_its_size_and_scale(dataset):
    seen = look_at(dataset, [0])[0]
    assert seen.size_wh == (SIZE_PX, SIZE_PX)
    assert seen.thumb.shape[1] == round(SIZE_PX * seen.scale)
    assert seen.digest == digest_of(dataset.image_bytes(0))
    assert seen.error == ""


def test_a_large_person_is_seen_small():
    sample = simple_samples(1)[0]
    large = replace(sample, box_xywh=sample.box_xywh * 8)
    seen = look_at(dataset_of([large], skeleton=sample.skeleton), [0])[0]
    assert seen.scale < 1
    assert seen.thumb.shape[0] == pytest.approx(SIZE_PX * seen.scale, abs=1)


def test_broken_and_missing_pictures_are_facts(dataset):
    done = []
    seen = look_at(dataset, [1, 2], progress=done.append)
    assert done == [1, 2]
    assert seen[1].thumb is None
    assert seen[1].digest
    assert "truncated" in seen[1].error
    assert seen[2].digest == b""
    assert "gone.jpg" in seen[2].error


def test_digests_leave_out_what_is_missing(dataset):
    assert sorted(digests_of(dataset, range(3))) == [0, 1]
    assert len(set(digests_of(dataset, range(3)).values())) == 2
