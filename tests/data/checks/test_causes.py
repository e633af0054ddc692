from dataclasses import replace

import numpy as np
import pytest

from planted import simple_samples
from prepose.data.checks.causes import CAUSES, Views, median_over_joints, project_rows, residual_of
from prepose.data.checks.records import read_records
from prepose.data.dataset import dataset_of


@pytest.fixture(scope="module")
def records():
    samples = list(simple_samples(20))
    return read_records(dataset_of(samples, skeleton=samples[0].skeleton))


def test_sound_labels_are_their_projection(records):
    rows = np.arange(20)
    projected = project_rows(records, rows, records.joints_cam)
    assert (residual_of(Views(records.joints_img, projected)) < 1e-3).all()


def test_there_is_no_projection_without_a_camera(records):
    blind = replace(records, camera_size_wh=np.zeros_like(records.camera_size_wh))
    projected = project_rows(blind, np.arange(20), blind.joints_cam)
    assert np.isnan(projected).all()
    assert np.isinf(residual_of(Views(blind.joints_img, projected))).all()


@pytest.mark.parametrize("name", [name for name in CAUSES if "shifted by the same" not in name and "size" not in name])
def test_no_cause_mends_what_is_not_broken(records, name):
    # A shift or a scale of nothing leaves sound labels sound; every other way of undoing a mistake makes one.
    assert np.median(residual_of(CAUSES[name](records, np.arange(20)))) > 1


def test_the_median_ignores_missing_joints():
    values = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan], [np.inf, 2.0, 2.0]])
    assert median_over_joints(values).tolist() == [2.0, np.inf, 2.0]
