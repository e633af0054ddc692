from dataclasses import replace

import numpy as np
import pytest

from prepose.body.pose import root_relative
from prepose.body.skeletons import MPII_16, get_skeleton
from prepose.metrics.evaluation import Evaluation, mean_pose, with_mean_pose
from prepose.metrics.joint_error import auc3d, mpjpe, n_mpjpe, pa_mpjpe, pck3d
from prepose.metrics.protocols import PROTOCOLS, get_protocol

STATES = ("unknown", "visible", "occluded")


def make(*, protocol="true-root-depth", noise_mm=50.0, noise_px=8.0, num_samples=12, seed=0):
    generator = np.random.default_rng(seed)
    skeleton = get_skeleton(get_protocol(protocol).skeleton)
    joints = len(skeleton)
    truth = root_relative(generator.normal(0, 300, (num_samples, joints, 3)), skeleton)
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
        prediction_mm=root_relative(truth + generator.normal(0, noise_mm, truth.shape), skeleton).astype(np.float32),
        truth_mm=truth.astype(np.float32),
        root_depth_mm=np.full(num_samples, 4000.0),
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_perfect_prediction_scores_zero_under_every_protocol(protocol):
    evaluation = make(protocol=protocol)
    perfect = replace(evaluation, prediction_mm=evaluation.truth_mm, prediction_img=evaluation.truth_img)
    overall = perfect.overall()
    zero = ("mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm", "error_px")
    assert {name: overall[name] for name in zero} == pytest.approx(dict.fromkeys(zero, 0), abs=1e-3)
    assert overall["pck3d_150"] == overall["auc3d"] == overall["pck2d_box"] == 1


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
