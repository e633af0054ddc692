from dataclasses import replace

import numpy as np
import pytest

from fake_people import fake_camera, fake_posed, turned
from planted import labels_2d, simple_samples
from prepose.body.skeleton import Skeleton, joint_map
from prepose.body.skeletons import COCO_17, H36M_17, LSP_14, MPI_INF_3DHP_17, MPII_16, SKELETONS, SMPL_24
from prepose.data.checks.bones import check_bones
from prepose.data.checks.human import PLACES
from prepose.data.checks.order import _independent_share, check_order, disorder_of, exchanges, file_orders
from prepose.data.checks.records import read_records
from prepose.data.dataset import dataset_of

LIMB_PARTS = (("shoulder", "elbow"), ("hip", "knee"), ("knee", "ankle"))


@pytest.fixture(scope="module")
def records():
    samples = list(simple_samples(60))
    return read_records(dataset_of(samples, skeleton=samples[0].skeleton))


def test_joints_in_order_have_no_finding(records):
    assert [finding for finding in check_order(records) if finding.severity == "fault"] == []


@pytest.mark.parametrize("step", [1, -1, 2])
def test_joints_off_by_some_are_named(records, step):
    rolled = replace(records, joints_cam=np.roll(records.joints_cam, step, axis=1))
    findings = check_order(rolled)
    side = "later" if step > 0 else "earlier"
    assert f"{abs(step)} place(s) {side}" in findings[0].cause
    assert len(findings[0].samples) == 60


def test_another_skeletons_order_is_named(records):
    to_coco = joint_map(records.skeleton, COCO_17)
    read_as_h36m = replace(
        records,
        skeleton=H36M_17,
        joints_cam=to_coco.apply(records.joints_cam),
        joints_img=to_coco.apply(records.joints_img),
        states=np.zeros((len(records), 17), np.uint8),
    )
    assert "in the order of coco-17, stored as h36m-17" in check_order(read_as_h36m)[0].cause


def test_two_exchanged_joints_are_named(records):
    joints = records.joints_cam.copy()
    a, b = (records.skeleton.index(name) for name in ("r_wrist", "l_wrist"))
    joints[:10, [a, b]] = joints[:10, [b, a]]
    (finding,) = check_order(replace(records, joints_cam=joints))
    # Wrists that are near each other may be exchanged without stretching an arm.
    assert set(finding.samples) <= set(range(10))
    assert len(finding.samples) >= 6
    assert "left and right wrist alone" in finding.cause


def test_an_unknown_order_of_a_2d_split_shows_in_its_medians():
    samples = labels_2d(list(simple_samples(60)))
    order = np.random.default_rng(3).permutation(len(samples[0].skeleton))
    records = read_records(dataset_of(samples, skeleton=samples[0].skeleton))
    findings = check_order(replace(records, joints_img=records.joints_img[:, order]))
    assert any(finding.severity == "fault" and "no known order" in finding.cause for finding in findings)


@pytest.mark.parametrize("degrees", range(0, 360, 45))
@pytest.mark.parametrize("skeleton", [MPII_16, LSP_14, COCO_17, SMPL_24], ids=lambda skeleton: skeleton.name)
def test_people_who_are_all_filmed_from_one_side_are_in_order(skeleton, degrees):
    generator = np.random.default_rng(degrees)
    camera, blank = fake_camera(generator), labels_2d(list(simple_samples(1)))[0]
    samples = []
    for _ in range(40):
        pose = turned(fake_posed(generator, skeleton), np.radians(degrees) + generator.normal(0, 0.1))
        nothing = {"joints_cam": np.full((len(skeleton), 3), np.nan), "states": np.zeros(len(skeleton), np.uint8)}
        seen = camera.project(camera.cam_from_world(pose))
        samples.append(replace(blank, skeleton=skeleton, joints_img=seen, **nothing))
    records = read_records(dataset_of(samples, skeleton=skeleton))
    assert [finding.text for finding in check_order(records) if finding.severity == "fault"] == []
    exchanged = np.arange(len(skeleton))
    a, b = skeleton.index("r_ankle"), skeleton.index("r_elbow")
    exchanged[[a, b]] = b, a
    found = check_order(replace(records, joints_img=records.joints_img[:, exchanged]))
    assert "fault" in {finding.severity for finding in found}


def test_disorder_ignores_size_place_and_direction(records):
    turned = records.joints_cam @ np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    np.testing.assert_allclose(
        disorder_of(turned * 0.01 + 5, records.skeleton), disorder_of(records.joints_cam, records.skeleton), rtol=1e-6
    )
    nothing = np.full((2, len(records.skeleton), 3), np.nan)
    assert np.isnan(disorder_of(nothing, records.skeleton)).all()


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda skeleton: skeleton.name)
def test_orders_of_every_skeleton_keep_its_size(skeleton):
    joints = np.random.default_rng(0).normal(size=(2, len(skeleton), 2))
    for order in (*file_orders(skeleton).values(), *exchanges(skeleton).values()):
        assert order(joints).shape == joints.shape
    assert len(file_orders(H36M_17)) == 8
    assert any(MPI_INF_3DHP_17.name in name for name in file_orders(H36M_17))


@pytest.mark.parametrize("across", [("r_hip", "l_hip"), ("r_hip", "l_shoulder")])
def test_a_skeleton_with_a_bone_across_the_body_is_judged(records, across):
    kept = (
        "r_hip",
        "l_hip",
        "r_knee",
        "l_knee",
        "r_ankle",
        "l_ankle",
        "r_shoulder",
        "l_shoulder",
        "r_elbow",
        "l_elbow",
    )
    limbs = tuple((f"{side}_{a}", f"{side}_{b}") for side in "rl" for a, b in LIMB_PARTS)
    own = Skeleton("own", kept, (across, ("r_hip", "r_shoulder"), *limbs), None)
    columns = [records.skeleton.index(name) for name in kept]
    shown = replace(
        records,
        skeleton=own,
        joints_cam=records.joints_cam[:, columns],
        joints_img=records.joints_img[:, columns],
        states=records.states[:, columns],
    )
    assert [finding.text for finding in check_order(shown) if finding.severity == "fault"] == []
    assert [finding.text for finding in check_bones(shown)] == []


@pytest.mark.parametrize(("wrong", "severity"), [(2, "note"), (5, "fault")])
def test_two_contorted_poses_among_a_hundred_2d_labels_are_a_note(wrong, severity):
    samples = labels_2d(list(simple_samples(100)))
    records = read_records(dataset_of(samples, skeleton=samples[0].skeleton))
    joints = records.joints_img.copy()
    joints[:wrong] = np.roll(joints[:wrong], 1, axis=1)
    found = check_order(replace(records, joints_img=joints))
    assert {finding.severity for finding in found} == {severity}
    assert {sample for finding in found for sample in finding.samples} <= set(range(wrong))


def test_a_skeleton_without_bones_has_no_order_to_check(records):
    bare = Skeleton("bare", records.skeleton.joints, (), None)
    assert check_order(replace(records, skeleton=bare)) == []


def test_frames_of_a_video_are_few_samples():
    generator = np.random.default_rng(0)
    apart = generator.normal(0, 0.3, (60, 8))
    assert _independent_share(apart) == 1
    # Two people who alternate, and move a little from frame to frame.
    walk = np.cumsum(generator.normal(0, 0.05, (30, 2, 8)), axis=0) + generator.normal(0, 0.5, (2, 8))
    assert _independent_share(walk.reshape(60, 8)) < 0.15
    shuffled = generator.permutation(walk.reshape(60, 8))
    assert _independent_share(shuffled) > 5 * _independent_share(walk.reshape(60, 8))


@pytest.mark.parametrize("video", [True, False])
def test_an_odd_bone_of_a_video_may_be_its_pose(records, video):
    # A man's right forearm points at the camera, more and less; in so many unrelated photos it does not.
    skeleton, generator = records.skeleton, np.random.default_rng(0)
    pose = np.array([[4.0, -4.0] * PLACES[joint][[0, 2]] / 10 for joint in skeleton.joints])
    joints = pose + generator.normal(0, 1.0, (60, *pose.shape))
    elbow, wrist = skeleton.index("r_elbow"), skeleton.index("r_wrist")
    share = 0.4 + 0.15 * np.sin(np.arange(60) / 9)
    moved = (share[:, None] - 1) * (joints[:, wrist] - joints[:, elbow])
    joints[:, [wrist, skeleton.index("r_hand")]] += moved[:, None]
    steps = np.cumsum(generator.normal(0, 2.0, joints.shape), axis=0)
    order = np.arange(60) if video else generator.permutation(60)
    unknown = np.full((60, *records.joints_cam.shape[1:]), np.nan)
    found = check_order(replace(records, joints_img=(joints + steps)[order], joints_cam=unknown))
    assert any(finding.severity == "fault" for finding in found) is not video


def test_a_split_in_which_every_bone_is_rarely_labelled_says_nothing(records):
    # Arms in one half, legs in the other: no bone is labelled in twenty samples.
    joints = records.joints_img[:24].copy()
    arms = [any(part in joint for part in ("shoulder", "elbow", "wrist", "hand")) for joint in records.skeleton.joints]
    joints[:12, arms], joints[12:, np.logical_not(arms)] = np.nan, np.nan
    unknown = np.full((24, *records.joints_cam.shape[1:]), np.nan)
    assert check_order(replace(records, joints_img=joints, joints_cam=unknown)) == []


@pytest.mark.parametrize("row", range(8))
def test_a_few_frames_of_one_pose_say_nothing_of_a_split(records, row):
    noise = np.random.default_rng(0).normal(0, 0.02, (30, *records.joints_img.shape[1:]))
    unknown = np.full((30, *records.joints_cam.shape[1:]), np.nan)
    few = replace(records, joints_img=records.joints_img[[row] * 30] + noise, joints_cam=unknown)
    assert [finding for finding in check_order(few) if finding.severity == "fault"] == []
