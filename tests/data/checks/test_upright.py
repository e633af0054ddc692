from dataclasses import replace

import numpy as np
import pytest

from planted import simple_samples
from prepose.data.checks.records import read_records
from prepose.data.checks.upright import check_upright
from prepose.data.dataset import dataset_of


@pytest.fixture(scope="module")
def records():
    samples = list(simple_samples(60))
    return read_records(dataset_of(samples, skeleton=samples[0].skeleton))


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
