from dataclasses import replace

import numpy as np
import pytest

from planted import simple_samples
from prepose.data.checks.boxes import check_boxes
from prepose.data.checks.records import read_records
from prepose.data.dataset import dataset_of
from prepose.data.sample import JointState


@pytest.fixture
def records():
    samples = list(simple_samples(40))
    return read_records(dataset_of(samples, skeleton=samples[0].skeleton))


def test_boxes_about_their_people_have_no_finding(records):
    assert check_boxes(records) == []


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda box: box + np.array([100, 0, 0, 0]), "another person's"),
        (lambda box: np.array([*(box[:2] + box[2:] / 2), *box[2:]]), "centre and corner"),
        (lambda box: box * np.array([1, 1, 0.2, 0.2]), "another size"),
        (lambda box: box * np.array([1, 1, 5, 5]), "second corner"),
    ],
)
def test_boxes_that_miss_are_named(records, change, cause):
    for row in (4, 17):
        records.box_xywh[row] = change(records.box_xywh[row])
    (finding,) = check_boxes(records)
    assert finding.samples == (4, 17)
    assert finding.severity == "fault"
    assert cause in finding.cause


def test_a_single_slip_is_a_note(records):
    records.box_xywh[8, 0] += 100
    (finding,) = check_boxes(records)
    assert (finding.severity, finding.samples) == ("note", (8,))


def test_joints_outside_the_picture_do_not_count(records):
    records.joints_img[2, :12] += 500
    assert check_boxes(records) == []
    records.states[2, :12] = JointState.OUTSIDE
    assert check_boxes(replace(records, camera_size_wh=np.zeros_like(records.camera_size_wh))) == []


def test_a_box_may_hold_unlabelled_legs(records):
    legs = [i for i, name in enumerate(records.skeleton.joints) if name[2:] in ("knee", "ankle", "toe")]
    records.joints_img[:, legs] = np.nan
    records.box_xywh[:, 3] *= 3.5
    assert check_boxes(records) == []
