from dataclasses import replace

import numpy as np
import pytest

from fake_people import standing_people
from planted import labels_2d, simple_samples
from prepose.body.skeleton import joint_map
from prepose.body.skeletons import COCO_17, H36M_17, LSP_14, OCCLUSION_PERSON_15
from prepose.data.checks.records import read_records
from prepose.data.checks.sides import LEAST_WEIGHT, body_score, check_sides, face_score
from prepose.data.dataset import dataset_of
from prepose.data.sides import ARMS, LEGS, exchanged

COUNT = 120


@pytest.fixture(scope="module")
def records():
    samples = list(simple_samples(COUNT))
    return read_records(dataset_of(samples, skeleton=samples[0].skeleton))


def in_skeleton(records, target):
    joints = joint_map(records.skeleton, target)
    return replace(
        records,
        skeleton=target,
        joints_img=joints.apply(records.joints_img),
        joints_cam=joints.apply(records.joints_cam),
        states=np.zeros((len(records), len(target)), np.uint8),
    )


def swapped(records):
    order = records.skeleton.mirror
    return replace(records, joints_img=records.joints_img[:, order], joints_cam=records.joints_cam[:, order])


@pytest.mark.parametrize("target", [H36M_17, OCCLUSION_PERSON_15], ids=lambda skeleton: skeleton.name)
def test_bodies_show_their_sides_in_3d(records, target):
    own = in_skeleton(records, target)
    score, weight = body_score(own)
    against, _ = body_score(swapped(own))
    judged = weight >= LEAST_WEIGHT
    assert judged.mean() > 0.4
    assert (score[judged] > 0.3).all()
    np.testing.assert_allclose(against, -score, atol=1e-9)


def test_a_mirrored_frame_contradicts_the_sides(records):
    (finding,) = check_sides(replace(records, joints_cam=records.joints_cam * [-1, 1, 1]))
    assert "whole split" in finding.cause
    assert finding.figure == 1


def test_faces_show_sides_in_2d_where_they_are_seen(records):
    score, weight = face_score(records)
    judged = weight >= LEAST_WEIGHT
    assert judged.mean() > 0.3
    assert (score[judged] > 0).mean() > 0.98
    blind = replace(records, states=np.full_like(records.states, 2))
    assert not (face_score(blind)[1] >= LEAST_WEIGHT).any()


def test_some_swapped_2d_samples_are_named():
    samples = labels_2d(list(simple_samples(COUNT)))
    records = read_records(dataset_of(samples, skeleton=samples[0].skeleton))
    joints = records.joints_img.copy()
    joints[:20] = joints[:20, records.skeleton.mirror]
    (finding,) = check_sides(replace(records, joints_img=joints))
    assert set(finding.samples) <= set(range(20))
    assert len(finding.samples) >= 3
    assert finding.severity == "fault"


@pytest.mark.parametrize(("backwards", "found"), [(0.3, []), (0.75, ["sides"])])
def test_without_faces_a_split_that_turns_its_back_is_suspected(backwards, found):
    generator = np.random.default_rng(0)
    people = standing_people(LSP_14, 200, generator)
    away = generator.random(200) < backwards
    people[away] = people[away][:, LSP_14.mirror]
    blank = {"states": np.zeros(14, np.uint8), "joints_cam": np.full((14, 3), np.nan), "camera": None}
    sample = simple_samples(1)[0]
    samples = [replace(sample, skeleton=LSP_14, joints_img=person, **blank) for person in people]
    records = read_records(dataset_of(samples, skeleton=LSP_14))
    assert [finding.check for finding in check_sides(records)] == found


def lsp_people(people):
    blank = {"states": np.zeros(14, np.uint8), "joints_cam": np.full((14, 3), np.nan), "camera": None}
    sample = simple_samples(1)[0]
    samples = [replace(sample, skeleton=LSP_14, joints_img=person, **blank) for person in people]
    return read_records(dataset_of(samples, skeleton=LSP_14))


@pytest.mark.parametrize(("share", "severity"), [(0.03, "note"), (0.2, "fault"), (1.0, "fault")])
@pytest.mark.parametrize("part", [LEGS, ARMS], ids=["legs", "arms"])
def test_arms_against_legs_in_2d_are_weighed_against_the_slips_of_real_labels(share, severity, part):
    generator = np.random.default_rng(0)
    people = standing_people(LSP_14, 200, generator)
    away = generator.random(200) < 0.3
    people[away] = people[away][:, LSP_14.mirror]
    rows = np.arange(round(share * 200))
    people[rows] = people[rows][:, exchanged(LSP_14, part)]
    (finding,) = [each for each in check_sides(lsp_people(people)) if "alone" in each.cause]
    assert finding.severity == severity
    assert set(finding.samples) <= set(rows.tolist())
    assert len(finding.samples) > len(rows) / 2
    assert ("in the whole split" in finding.cause) == (share == 1)


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize(
    "parts", [("knee", "ankle"), ("knee",), ("elbow", "wrist"), ("wrist",), ("hip",), ("shoulder",)]
)
def test_limbs_that_cross_in_2d_are_a_fault_and_a_few_that_do_are_poses(parts, share):
    people = standing_people(LSP_14, 200, np.random.default_rng(0))
    people[-50:] = people[-50:][:, LSP_14.mirror]
    crossed = people.copy()
    crossed[: round(share * 200)] = people[: round(share * 200)][:, exchanged(LSP_14, parts)]
    sides = [each for each in check_sides(lsp_people(crossed)) if each.severity == "fault"]
    assert any(len(each.samples) > 0.8 * share * 200 for each in sides)
    assert any("in the whole split" in each.cause for each in sides) == (share == 1)
    crossed = people.copy()
    crossed[:6] = people[:6][:, exchanged(LSP_14, parts)]
    assert not [each for each in check_sides(lsp_people(crossed)) if each.severity == "fault"]


def test_a_slip_does_not_hide_a_split_that_turns_its_back():
    generator = np.random.default_rng(0)
    people = standing_people(LSP_14, 200, generator)[:, LSP_14.mirror]
    people[0] = people[0][exchanged(LSP_14, LEGS)]
    assert [each.severity for each in check_sides(lsp_people(people))] == ["note", "fault"]


@pytest.mark.parametrize(("behind", "noted"), [(0, True), (9, False)])
def test_nobody_seen_from_behind_is_worth_a_note(behind, noted):
    people = standing_people(LSP_14, 200, np.random.default_rng(0))
    people[:behind] = people[:behind][:, LSP_14.mirror]
    findings = check_sides(lsp_people(people))
    assert [each.severity for each in findings] == ["note"] * noted
    assert all("the viewer's" in each.cause for each in findings)


@pytest.mark.parametrize(("mirrored", "noted"), [(True, True), (False, False)])
def test_viewers_sides_are_noted_where_the_faces_of_those_who_face_the_camera_are_labelled(mirrored, noted):
    """As COCO labels them: no face where the person is seen from behind."""
    people = standing_people(COCO_17, 200, np.random.default_rng(0))
    face = [COCO_17.index(name) for name in ("nose", "l_eye", "r_eye", "l_ear", "r_ear")]
    behind = np.arange(60)
    if not mirrored:
        people[behind] = people[behind][:, COCO_17.mirror]
    people[np.ix_(behind, face)] = np.nan
    sample = simple_samples(1)[0]
    blank = {"states": np.zeros(17, np.uint8), "joints_cam": np.full((17, 3), np.nan), "camera": None}
    samples = [replace(sample, skeleton=COCO_17, joints_img=person, **blank) for person in people]
    records = read_records(dataset_of(samples, skeleton=COCO_17))
    assert (face_score(records)[1] >= LEAST_WEIGHT).sum() > 100
    assert [(each.severity, "the viewer's" in each.cause) for each in check_sides(records)] == [("note", True)] * noted
