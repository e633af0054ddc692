from dataclasses import replace

import numpy as np
import pytest

from planted import simple_samples
from prepose.data.checks.copies import check_copies, overlap_by_name
from prepose.data.checks.records import digests_of, read_records
from prepose.data.dataset import dataset_of


def findings_of(samples, others=None):
    dataset = dataset_of(samples, skeleton=samples[0].skeleton)
    digests = digests_of(dataset, range(len(samples)))
    return check_copies(read_records(dataset, digests=digests, others=others))


def test_different_samples_have_no_finding():
    assert findings_of(list(simple_samples(10))) == []


def test_a_sample_twice_is_a_fault():
    samples = list(simple_samples(6))
    (finding,) = findings_of([*samples, samples[2], samples[2]])
    assert finding.samples == (6, 7)
    assert "added twice" in finding.cause


def test_two_people_may_share_a_picture():
    one, two = simple_samples(2)
    beside = two.box_xywh + np.array([30, 0, 0, 0])
    other = replace(two, image=one.image, box_xywh=beside, subject="someone else")
    assert findings_of([one, other]) == []
    (finding,) = findings_of([one, replace(other, subject=one.subject)])
    assert finding.samples == (1,)


def test_a_label_under_two_pictures_is_a_fault():
    samples = list(simple_samples(6))
    samples[4] = replace(samples[4], joints_img=samples[1].joints_img)
    (finding,) = findings_of(samples)
    assert finding.samples == (4,)
    assert "different image" in finding.text


def test_a_picture_of_another_split_is_a_fault():
    train, test = list(simple_samples(6)), [*simple_samples(3, seed=1), simple_samples(6)[5]]
    digests = digests_of(dataset_of(test, skeleton=test[0].skeleton), range(4))
    (finding,) = findings_of(train, dict.fromkeys(digests.values(), "test"))
    assert finding.samples == (5,)
    assert "in split test, too" in finding.text


def test_a_few_repeats_among_many_are_a_note():
    samples = [
        replace(sample, image=b"%d" % number, subject=f"person {number}")
        for number, sample in enumerate(simple_samples(150))
    ]
    (finding,) = findings_of([*samples, samples[2], samples[7]])
    assert (finding.severity, finding.samples) == ("note", (150, 151))
    (finding,) = findings_of([*samples, *samples[:8]])
    assert finding.severity == "fault"


@pytest.mark.parametrize(
    ("one", "other", "meant"),
    [("train", "train-all", True), ("test-clean", "test", True), ("all", "test", True), ("train", "test", False)],
)
def test_splits_that_are_meant_to_overlap_are_told_by_name(one, other, meant):
    assert overlap_by_name(one, other) is overlap_by_name(other, one) is meant
