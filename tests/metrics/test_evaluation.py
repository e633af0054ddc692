from dataclasses import replace

import numpy as np
import pytest

from prepose.body.pose import root_relative
from prepose.body.skeletons import MPII_16, get_skeleton
from prepose.metrics.evaluation import Evaluation, mean_pose, with_mean_pose
from prepose.metrics.joint_error import auc3d, mpjpe, n_mpjpe, pa_mpjpe, pck3d
from prepose.metrics.keypoints_2d import OKS_MEASURES
from prepose.metrics.protocol import IN_MM_OR_PX
from prepose.metrics.protocols import PROTOCOLS, get_protocol

STATES = ("unknown", "visible", "occluded")


def make(*, protocol="true-root-depth", noise_mm=50.0, noise_px=8.0, num_samples=12, seed=0):
    generator = np.random.default_rng(seed)
    skeleton = get_skeleton(get_protocol(protocol).skeleton)
    joints = len(skeleton)
    truth = rooted(generator.normal(0, 300, (num_samples, joints, 3)), skeleton)
    truth_img = generator.uniform(0, 200, (num_samples, joints, 2))
    truth[3, 2], truth_img[4, 5] = np.nan, np.nan
    heads = np.full((num_samples, 4), np.nan)
    heads[:6] = 0, 0, 30, 40
    return Evaluation(
        protocol=get_protocol(protocol),
        dataset="lab",
        split="test",
        weights="abc",
        index=np.arange(num_samples),
        subjects=tuple(f"S{i % 2}" for i in range(num_samples)),
        actions=tuple(("walk", "sit", "walk", "lie")[i % 4] for i in range(num_samples)),
        states=generator.integers(0, 3, (num_samples, joints)).astype(np.uint8),
        state_names=STATES,
        boxes_xywh=np.tile([0.0, 0, 100, 200], (num_samples, 1)),
        head_boxes_xywh=heads,
        confidence=np.ones((num_samples, joints), np.float32),
        prediction_img=(truth_img + generator.normal(0, noise_px, truth_img.shape)).astype(np.float32),
        truth_img=truth_img.astype(np.float32),
        prediction_mm=rooted(truth + generator.normal(0, noise_mm, truth.shape), skeleton).astype(np.float32),
        truth_mm=truth.astype(np.float32),
        root_depth_mm=np.full(num_samples, 4000.0),
        areas_px2=np.full(num_samples, 5000.0),
        image_ids=np.arange(num_samples) // 2,
    )


def rooted(poses, skeleton):
    return poses if skeleton.root is None else root_relative(poses, skeleton)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_perfect_prediction_scores_perfectly_under_every_protocol(protocol):
    evaluation = make(protocol=protocol)
    # A network says something of unlabelled joints too.
    prediction_img = np.nan_to_num(evaluation.truth_img)
    perfect = replace(evaluation, prediction_mm=evaluation.truth_mm, prediction_img=prediction_img)
    overall = perfect.overall()
    zero = ("mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm", "error_px")
    assert {name: overall[name] for name in zero} == pytest.approx(dict.fromkeys(zero, 0), abs=1e-3)
    assert overall["pck3d_150"] == overall["auc3d"] == overall["pck2d_box"] == 1
    assert perfect.headline == pytest.approx(0 if perfect.protocol.headline in IN_MM_OR_PX else 1, abs=1e-3)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_known_error_scores_the_known_figure_under_every_protocol(protocol):
    """One joint of every person is 200 mm and 12 px off; the rest is perfect."""
    evaluation = make(protocol=protocol)
    row, skeleton = evaluation.protocol, evaluation.skeleton
    joint = skeleton.index("l_elbow")
    scored = len(row.scored_joints)
    truth_img, truth_mm = np.nan_to_num(evaluation.truth_img), np.nan_to_num(evaluation.truth_mm)
    truth_img[:, [skeleton.index("l_shoulder"), skeleton.index("r_hip")]] = [[0, 0], [30, 40]]  # a torso of 50 px
    moved_mm, moved_img = truth_mm.copy(), truth_img.copy()
    moved_mm[:, joint] += [0, 200, 0]
    moved_img[:, joint] += [12, 0]
    found = replace(
        evaluation,
        prediction_mm=moved_mm,
        truth_img=truth_img,
        prediction_img=moved_img,
        truth_mm=truth_mm,
        boxes_xywh=np.tile([0.0, 0, 50, 100], (12, 1)),
        head_boxes_xywh=np.tile([0.0, 0, 20, 20 / np.sqrt(3)], (12, 1)),  # of 0.6 * 23.1 = 13.9 px
    )
    wrong = 1 / scored
    expected = {
        "mpjpe_mm": 200 * wrong,
        "pck3d_150": 1 - wrong,
        "auc3d": 1 - wrong,
        "pck2d": 1 - wrong,  # 12 px are more than 0.2 * 50
        "pck2d_10": 1 - wrong,
        "pck2d_box": 1 - wrong,  # and than 0.1 * 100
        "pckh_50": 1 - wrong,  # and than 0.5 * 13.9
        "pckh_10": 1 - wrong,
        "error_px": 12 * wrong,
    }
    overall = found.overall()
    known = {name: value for name, value in expected.items() if name in overall}
    assert {name: overall[name] for name in known} == pytest.approx(known, rel=1e-5)
    if row.headline in expected:
        assert found.headline == pytest.approx(expected[row.headline], rel=1e-5)
    if "elbow" in row.groups and row.headline in expected and row.headline not in IN_MM_OR_PX:
        groups = {name: figures[row.headline] for name, figures in found.per_group().items()}
        assert groups.pop("elbow") == 0.5 and set(groups.values()) == {1.0}


def test_a_groups_figure_is_the_mean_of_its_joints_figures():
    evaluation = make(protocol="mpii-pckh-50", noise_px=15)
    truth = evaluation.truth_img.copy()
    truth[:9, MPII_16.index("l_knee")] = np.nan  # three left knees weigh as much as twelve right ones
    evaluation = replace(evaluation, truth_img=truth, head_boxes_xywh=np.tile([0.0, 0, 30, 40], (12, 1)))
    joints, groups = evaluation.per_joint(), evaluation.per_group()
    left, right = joints["l_knee"]["pckh_50"], joints["r_knee"]["pckh_50"]
    assert left != right
    assert groups["knee"]["pckh_50"] == pytest.approx((left + right) / 2)
    assert groups["head"]["pckh_50"] == pytest.approx(
        (joints["upper_neck"]["pckh_50"] + joints["head_top"]["pckh_50"]) / 2
    )
    table = evaluation.tables["pckh_50"]
    unscored = [MPII_16.index("pelvis"), MPII_16.index("thorax")]
    assert np.isnan(table[:, unscored]).all()
    assert evaluation.headline == pytest.approx(np.nanmean(table)), "the mean is over labelled joints, not over groups"


def test_figures_by_what_hides_a_joint_are_grouped_as_the_protocol_says():
    protocol = replace(get_protocol("true-root-depth"), state_groups={"seen": ("visible",), "not": ("occluded", "odd")})
    evaluation = replace(make(), protocol=protocol)
    errors, found = evaluation.errors_mm, evaluation.per_state_group()
    assert list(found) == ["seen", "not"]
    assert found["seen"]["mpjpe_mm"] == pytest.approx(np.nanmean(errors[evaluation.states == 1]))
    assert found["not"]["mpjpe_mm"] == pytest.approx(np.nanmean(errors[evaluation.states == 2]))


def test_oks_needs_to_know_who_shares_an_image():
    with pytest.raises(ValueError, match="needs areas_px2 and image_ids"):
        replace(make(protocol="coco-oks-ap-given-boxes"), image_ids=None).overall()


def test_oks_is_among_the_figures_of_its_protocol_alone():
    assert set(OKS_MEASURES) <= set(make(protocol="coco-oks-ap-given-boxes").overall())
    assert not set(OKS_MEASURES) & set(make().overall())


def test_the_overall_row_is_the_plain_measures():
    evaluation = make()
    arguments = (evaluation.prediction_mm, evaluation.truth_mm, evaluation.scored_3d)
    overall = evaluation.overall()
    measures = {"mpjpe_mm": mpjpe, "pa_mpjpe_mm": pa_mpjpe, "n_mpjpe_mm": n_mpjpe, "pck3d_150": pck3d, "auc3d": auc3d}
    assert {name: overall[name] for name in measures} == pytest.approx({n: f(*arguments) for n, f in measures.items()})
    assert overall["mpjpe_mm"] == pytest.approx(np.nanmean(evaluation.errors_mm))
    assert overall["error_px"] == pytest.approx(np.nanmean(evaluation.errors_px))
    assert overall["pckh_10"] < overall["pckh_50"] < 1
    assert 0 < overall["pck2d"] <= 1


def test_what_is_not_labelled_is_not_scored():
    evaluation = make()
    assert np.isnan(evaluation.errors_mm).sum() == 1
    assert np.isnan(evaluation.errors_mm[3, 2])
    assert np.isnan(evaluation.errors_px[4, 5])
    assert np.isnan(evaluation.tables["pckh_50"][6:]).all(), "samples without a head box"


def test_what_is_not_predicted_is_not_scored():
    evaluation = make()
    prediction = evaluation.prediction_mm.copy()
    prediction[:, 7] = np.nan
    assert np.isnan(replace(evaluation, prediction_mm=prediction).errors_mm[:, 7]).all()


def test_a_protocol_may_ask_for_some_joints_only():
    evaluation = make()
    asked = replace(evaluation, protocol=replace(evaluation.protocol, joints=("l_wrist", "r_wrist")))
    assert set(asked.per_joint()) == {"l_wrist", "r_wrist"}
    columns = [MPII_16.index("l_wrist"), MPII_16.index("r_wrist")]
    assert asked.overall()["mpjpe_mm"] == pytest.approx(np.nanmean(evaluation.errors_mm[:, columns]))


def test_rows_by_joint_action_subject_and_state_are_parts_of_one_table():
    evaluation = make()
    errors = evaluation.errors_mm
    overall = evaluation.overall()["mpjpe_mm"]
    by_joint, by_action, by_state = evaluation.per_joint(), evaluation.per_action(), evaluation.per_state()
    assert by_joint["l_knee"]["mpjpe_mm"] == pytest.approx(np.nanmean(errors[:, MPII_16.index("l_knee")]))
    assert list(by_action) == ["lie", "sit", "walk"]
    assert sum(row["num_samples"] for row in by_action.values()) == 12
    assert by_action["lie"]["mpjpe_mm"] == pytest.approx(np.nanmean(errors[np.array(evaluation.actions) == "lie"]))
    assert set(evaluation.per_subject()) == {"S0", "S1"}
    assert set(by_state) == set(STATES)
    counts = {name: (~np.isnan(errors) & (evaluation.states == state)).sum() for state, name in enumerate(STATES)}
    weighted = sum(by_state[name]["mpjpe_mm"] * count for name, count in counts.items()) / sum(counts.values())
    assert weighted == pytest.approx(overall)


@pytest.mark.parametrize("averaging", ["joints", "samples", "actions"])
def test_averaging_is_the_protocols(averaging):
    evaluation = make()
    truth = evaluation.truth_mm.copy()
    truth[0, 5:], truth[1, 1:9] = np.nan, np.nan
    evaluation = replace(evaluation, truth_mm=truth)
    protocol = replace(evaluation.protocol, averaging=averaging)
    errors, actions = evaluation.errors_mm, np.array(evaluation.actions)
    samples = np.nanmean(errors, axis=1)
    expected = {
        "joints": np.nanmean(errors),
        "samples": samples.mean(),
        "actions": np.mean([samples[actions == action].mean() for action in ("walk", "sit", "lie")]),
    }
    assert len({round(value, 9) for value in expected.values()}) == 3
    assert replace(evaluation, protocol=protocol).overall()["mpjpe_mm"] == pytest.approx(expected[averaging])


def test_the_mean_pose_is_a_variant_with_its_own_row():
    evaluation = make()
    constant = mean_pose(evaluation.truth_mm)
    row = with_mean_pose(evaluation, constant).per_variant()["mean-pose"]
    assert row["mpjpe_mm"] == pytest.approx(
        mpjpe(np.broadcast_to(constant, evaluation.truth_mm.shape), evaluation.truth_mm, evaluation.scored_3d), rel=1e-6
    )
    assert row["mpjpe_mm"] > evaluation.overall()["mpjpe_mm"]


def test_the_mean_pose_skips_what_is_missing():
    poses = np.array([[[0.0, 0, 0], [np.nan] * 3, [1, 2, 3]], [[2.0, 4, 6], [np.nan] * 3, [np.nan] * 3]])
    np.testing.assert_array_equal(mean_pose(poses), [[1, 2, 3], [np.nan] * 3, [1, 2, 3]])


def test_without_3d_truth_only_the_image_is_scored():
    evaluation = make()
    flat = replace(evaluation, truth_mm=np.full_like(evaluation.truth_mm, np.nan))
    assert not flat.has_3d
    overall = flat.overall()
    assert np.isnan([overall["mpjpe_mm"], overall["pa_mpjpe_mm"], overall["auc3d"]]).all()
    assert overall["pck2d"] == evaluation.overall()["pck2d"]
    assert flat.per_state()["visible"]["num_joints"] > 0


def test_columns_must_agree():
    with pytest.raises(
        ValueError, match=r"12 samples and 17 joints cannot hold: prediction_img has shape \(12, 16, 2\)"
    ):
        replace(make(), protocol=get_protocol("bone-sum-4000-legacy"))
    with pytest.raises(ValueError, match="1 actions"):
        replace(make(), actions=("walk",))
