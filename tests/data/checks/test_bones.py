from dataclasses import replace

import numpy as np
import pytest

from planted import FAULTS, simple_samples
from prepose.body.skeletons import MPI_INF_3DHP_17, PREPOSE_27, SMPL_24
from prepose.data.checks.bones import UNITS, check_bones
from prepose.data.checks.human import human_bones, other_side
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


def measured(samples, noise_mm, seed=0):
    """The same people, as multi-view capture without a fitted skeleton gives their joints."""
    generator = np.random.default_rng(seed)
    shape = samples[0].joints_cam.shape
    return [replace(each, joints_cam=each.joints_cam + generator.normal(0, noise_mm, shape)) for each in samples]


def test_noise_of_a_capture_is_a_note_with_its_size():
    (finding,) = check_bones(records_of(measured(list(simple_samples(60)), 6.0)))
    assert finding.severity == "note"
    assert finding.figure > 0.08
    assert "without a skeleton of fixed bone lengths" in finding.text


def test_an_outlier_in_a_few_calm_frames_of_a_capture_is_a_note():
    frames = measured([next(iter(simple_samples(1)))] * 30, 0.4)
    elbow, *arm = (frames[0].skeleton.index(f"r_{name}") for name in ("elbow", "wrist", "hand"))
    joints = frames[9].joints_cam.copy()
    joints[arm] += 0.12 * (joints[arm[0]] - joints[elbow])
    frames[9] = replace(frames[9], joints_cam=joints)
    assert [(found.severity, found.samples) for found in check_bones(records_of(frames))] == [("note", (9,))]
    # A fitted skeleton has no such outlier.
    frames = [next(iter(simple_samples(1)))] * 30
    frames[9] = replace(frames[9], joints_cam=joints)
    assert [(found.severity, found.samples) for found in check_bones(records_of(frames))] == [("fault", (9,))]


def test_a_misplaced_joint_is_a_fault_within_a_capture_too():
    samples = FAULTS["a thigh half as long again"].plant(measured(list(simple_samples(60)), 6.0), np.array([4, 9, 30]))
    faults = [finding for finding in check_bones(records_of(samples)) if finding.severity == "fault"]
    assert {sample for finding in faults for sample in finding.samples} == {4, 9, 30}


def test_a_bone_across_the_body_is_its_own_other_side():
    bones = (("r_hip", "r_knee"), ("l_hip", "l_knee"), ("r_hip", "l_hip"), ("r_hip", "l_shoulder"))
    assert other_side(bones).tolist() == [1, 0, 2, 3]


@pytest.mark.parametrize("skeleton", [PREPOSE_27, MPI_INF_3DHP_17, SMPL_24], ids=lambda skeleton: skeleton.name)
def test_where_between_neck_and_crown_the_head_is_does_not_count(skeleton):
    bones = human_bones(skeleton)
    assert not any("head" in bone for bone in bones)
    assert any("head_top" in bone for bone in bones) == ("head_top" in skeleton.joints)


def lopsided(samples, factor):
    """The same people, whose right upper arm is longer by a factor in every sample."""
    places = [samples[0].skeleton.index(f"r_{name}") for name in ("shoulder", "elbow", "wrist", "hand")]
    for each in samples:
        joints = each.joints_cam.copy()
        joints[places[1:]] += (factor - 1) * (joints[places[1]] - joints[places[0]])
        yield replace(each, joints_cam=joints)


@pytest.mark.parametrize(
    ("noise_mm", "factor", "severity"), [(0.0, 1.13, "fault"), (6.0, 1.14, "note"), (6.0, 1.3, "fault")]
)
def test_an_arm_longer_by_less_than_a_captures_error_is_a_note(noise_mm, factor, severity):
    samples = list(lopsided(measured(list(simple_samples(60)), noise_mm), factor))
    found = [finding for finding in check_bones(records_of(samples)) if "r_shoulder to r_elbow is" in finding.text]
    assert {finding.severity for finding in found} == {severity}


def test_noise_of_a_capture_is_known_without_names_of_subjects():
    nameless = [replace(each, subject="") for each in measured(list(simple_samples(60)), 6.0)]
    assert [finding for finding in check_bones(records_of(nameless)) if finding.severity == "fault"] == []
