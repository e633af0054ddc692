from dataclasses import replace

import numpy as np
import pytest

from planted import FAULTS, simple_samples
from prepose.data.checks.bones import UNITS, check_bones
from prepose.data.checks.records import read_records
from prepose.data.dataset import dataset_of


def records_of(samples):
    return read_records(dataset_of(samples, skeleton=samples[0].skeleton))


@pytest.fixture(scope="module")
def records():
    return records_of(list(simple_samples(60)))


def test_people_in_mm_have_no_finding(records):
    assert check_bones(records) == []


@pytest.mark.parametrize(("unit", "factor"), UNITS.items())
def test_every_unit_is_named(records, unit, factor):
    (finding,) = check_bones(replace(records, joints_cam=records.joints_cam * factor))
    assert f"in {unit}," in finding.cause
    assert finding.figure == pytest.approx(factor, rel=0.2)
    assert len(finding.samples) == len(records)


def test_a_child_and_a_giant_are_people(records):
    for factor in (0.6, 1.3):
        assert check_bones(replace(records, joints_cam=records.joints_cam * factor)) == []


def test_another_size_in_one_sample_is_a_changing_subject(records):
    joints = records.joints_cam.copy()
    joints[5] *= 1.12
    (finding,) = check_bones(replace(records, joints_cam=joints))
    assert finding.samples == (5,)
    assert finding.figure == pytest.approx(0.12, abs=0.02)
    assert "subject" in finding.text


def test_a_long_bone_names_the_bone():
    samples = FAULTS["a thigh half as long again"].plant(list(simple_samples(60)), np.array([4, 9]))
    (finding,) = check_bones(records_of(samples))
    assert finding.samples == (4, 9)
    assert "r_hip to r_knee" in finding.text


def test_unlabelled_3d_is_not_judged(records):
    assert check_bones(replace(records, joints_cam=np.full_like(records.joints_cam, np.nan))) == []
