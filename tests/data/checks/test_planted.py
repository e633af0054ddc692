"""Every mistake of `planted`, in all samples and in 5 % of them, and sound sets, through the checks."""

import numpy as np
import pytest

from planted import FAULTS, FAULTS_2D, contaminated, labels_2d, simple_samples, sound_samples
from prepose.body.skeleton import joint_map
from prepose.body.skeletons import SKELETONS
from prepose.data.checks.records import digests_of, look_at, read_records
from prepose.data.dataset import dataset_of
from prepose.data.doctor import CHECKS, examine
from prepose.data.sample import PoseSample

SEEING = {"files", "calibration", "boxes", "pairing"}
COUNT = 150
# Pictures, boxes and copies are judged alike with and without 3D labels.
BY_LABELS = {"sides", "order", "upright", "numbers"}
CASES = [(name, "3D") for name in FAULTS] + [(name, "2D") for name in FAULTS_2D if BY_LABELS & set(FAULTS[name].checks)]


def findings_of(samples, checks):
    dataset = dataset_of(samples, skeleton=samples[0].skeleton)
    seen = look_at(dataset, range(len(samples))) if SEEING & set(checks) else {}
    digests = digests_of(dataset, range(len(samples))) if "copies" in checks else {}
    records = read_records(dataset, pictures=seen, digests=digests)
    return [finding for check in checks for finding in CHECKS[check](records)]


def first_faults(samples, checks):
    """The faults of the first of the checks that reports any; the cheap ones are named first."""
    reported = ([each for each in findings_of(samples, [check]) if each.severity == "fault"] for check in checks)
    return next(filter(None, reported), [])


@pytest.mark.parametrize("share", [1.0, 0.05])
@pytest.mark.parametrize(("name", "labels"), CASES)
def test_a_planted_mistake_is_a_fault(name, labels, share):
    fault = FAULTS[name]
    sound = list(simple_samples(COUNT))
    samples, rows = contaminated(sound if labels == "3D" else labels_2d(sound), fault, share, seed=1)
    faults = first_faults(samples, fault.checks)
    if fault.whole_only and labels == "2D" and share < 1:
        assert faults == []
        faults = findings_of(samples, fault.checks)
        assert [finding.severity for finding in faults] == ["note"]
    assert faults
    named = {sample for finding in faults for sample in finding.samples}
    if share < 1:
        assert len(named & set(rows.tolist())) >= 2
        assert len(named - set(rows.tolist())) <= 1


@pytest.mark.parametrize("labels", ["3D", "2D"])
def test_sound_sets_have_no_fault(labels):
    samples = list(simple_samples(COUNT))
    samples = samples if labels == "3D" else labels_2d(samples)
    found = examine(dataset_of(samples, skeleton=samples[0].skeleton))
    assert [finding.text for finding in found.findings if finding.severity == "fault"] == []
    assert sum(len(finding.samples) for finding in found.findings) <= 3


@pytest.mark.slow
@pytest.mark.parametrize("world", ["lab", "wild", "occluded"])
def test_drawn_worlds_have_no_fault(world):
    whole = list(sound_samples(world, 60))
    for samples in (whole, labels_2d(whole)):
        found = examine(dataset_of(samples, skeleton=samples[0].skeleton))
        assert [finding.text for finding in found.findings if finding.severity == "fault"] == []


@pytest.mark.parametrize("target", SKELETONS.values(), ids=lambda skeleton: skeleton.name)
def test_sound_poses_of_every_skeleton_have_no_fault(target):
    joints = joint_map(simple_samples(COUNT)[0].skeleton, target)
    samples = [
        PoseSample(
            image=sample.image,
            skeleton=target,
            box_xywh=sample.box_xywh,
            joints_img=np.where(joints.truly_labelled[:, None], joints.apply(sample.joints_img), np.nan),
            joints_cam=np.where(joints.truly_labelled[:, None], joints.apply(sample.joints_cam), np.nan),
            states=np.zeros(len(target), np.uint8),
            camera=sample.camera,
            subject=sample.subject,
        )
        for sample in simple_samples(COUNT)
    ]
    found = findings_of(samples, [check for check in CHECKS if check not in ("files", "pairing", "copies")])
    assert [finding.text for finding in found if finding.severity == "fault"] == []


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("metres for mm", "in metres"),
        ("centimetres for mm", "in centimetres"),
        ("1-based pixels", "1-based pixels"),
        ("joints off by one", "off by 1"),
        ("left and right swapped", "whole split"),
        ("2D sides swapped against 3D", "left and right joints are swapped"),
        ("y axis of 3D up", "y axis of the 3D labels points up"),
        ("z axis of 3D backwards", "z axis is flipped"),
        ("depth about the root reversed", "depth axis points backwards"),
        ("3D labels in the world's frame", "in the world's frame"),
        ("images shifted by one", "shifted"),
        ("image truncated", "truncated"),
        ("image 8 px high for 80", "wrong size in the calibration file"),
    ],
)
@pytest.mark.parametrize("share", [1.0, 0.05])
def test_the_cause_is_named(name, cause, share):
    if name == "left and right swapped" and share < 1:
        cause = "in these samples"
    samples, _ = contaminated(list(simple_samples(COUNT)), FAULTS[name], share, seed=2)
    found = findings_of(samples, FAULTS[name].checks)
    assert any(cause in finding.cause for finding in found), [finding.text for finding in found]
    assert all(finding.text.strip() and finding.expected and finding.unit for finding in found)
