import json
from pathlib import Path

import numpy as np
import pytest

from prepose.body.pose import bone_lengths, root_relative
from prepose.body.skeletons import H36M_17, LSP_14, MPI_INF_3DHP_17, MPII_16, OCCLUSION_PERSON_15
from prepose.errors import SkeletonMismatch
from prepose.metrics.joint_error import mpjpe
from prepose.metrics.scale import (
    BONES_OUTWARDS,
    REFERENCE_BONES,
    SCALE_RULES,
    bone_sum,
    legacy_h36m_from_mpii,
    rescaled,
)

TRUE_BONES = "true-bone-lengths-univ"
FIGURES = json.loads((Path(__file__).parents[1] / "vectors" / "legacy_evaluation.json").read_text())


@pytest.fixture
def poses():
    generator = np.random.default_rng(5)
    truth = root_relative(generator.normal(0, 400, (4, 16, 3)), MPII_16)
    prediction = root_relative(truth + generator.normal(0, 80, truth.shape), MPII_16)
    return prediction, truth, np.ones((4, 16), bool)


def test_the_legacy_pose_is_the_references():
    mpii = np.array(FIGURES["prediction_mpii16"])[None]
    mapped = legacy_h36m_from_mpii(mpii)
    mask = np.ones((1, 17), bool)
    scaled, truth = rescaled("bone-sum-4000-legacy", mapped, np.array(FIGURES["truth_mm"])[None], mask, H36M_17)
    np.testing.assert_allclose(scaled[0], FIGURES["legacy_h36m17_mm"], rtol=0, atol=1e-9)
    assert mpjpe(scaled, truth, mask) == pytest.approx(FIGURES["mpjpe_mm"], abs=1e-9)


def test_the_fourteen_bones_sum_to_the_references_fifteen():
    mapped = legacy_h36m_from_mpii(np.array(FIGURES["prediction_mpii16"])[None])
    ends = np.array(FIGURES["bones_h36m17"])
    fifteen = np.linalg.norm(mapped[:, ends[:, 0]] - mapped[:, ends[:, 1]], axis=-1).sum()
    assert bone_sum(mapped, H36M_17, REFERENCE_BONES) == pytest.approx([fifteen])


def test_the_legacy_map_is_for_mpii_alone():
    with pytest.raises(SkeletonMismatch, match="mpii-16 alone, found lsp-14"):
        legacy_h36m_from_mpii(np.zeros((1, 14, 3)), LSP_14)


@pytest.mark.parametrize("rule", [rule for rule in SCALE_RULES if rule not in ("bone-sum-4000-legacy", TRUE_BONES)])
def test_a_perfect_prediction_stays_perfect(rule, poses):
    _, truth, mask = poses
    prediction, target = rescaled(rule, truth, truth, mask, MPII_16)
    assert mpjpe(prediction, target, mask) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("rule", ["optimal-scale", "bone-sum-4000"])
def test_the_size_of_the_prediction_plays_no_part(rule, poses):
    prediction, truth, mask = poses
    first, second = (mpjpe(*rescaled(rule, size * prediction, truth, mask, MPII_16), mask) for size in (1, 2.5))
    assert first == pytest.approx(second, rel=1e-9)
    assert first > 10


@pytest.mark.parametrize("rule", ["true-root-depth", "mean-person"])
def test_the_metric_rules_change_nothing(rule, poses):
    prediction, truth, mask = poses
    assert rescaled(rule, prediction, truth, mask, MPII_16) == (prediction, truth)


def test_the_bone_sum_rule_makes_both_the_same_size(poses):
    prediction, truth, mask = poses
    for pose in rescaled("bone-sum-4000", prediction, truth, mask, MPII_16):
        assert bone_sum(pose, MPII_16, REFERENCE_BONES) == pytest.approx(4000 * np.ones(4))


def test_a_pose_without_a_bone_has_no_size(poses):
    prediction, truth, mask = poses
    truth[1, MPII_16.index("l_knee")] = np.nan
    truth[2] = 0
    _, scaled = rescaled("bone-sum-4000", prediction, truth, mask, MPII_16)
    assert np.isnan(scaled).all(axis=(1, 2)).tolist() == [False, True, True, False]


def test_a_skeleton_without_the_bones_is_refused():
    pose = np.zeros((1, 15, 3))
    with pytest.raises(SkeletonMismatch, match="occlusion-person-15 has no joint"):
        rescaled("bone-sum-4000", pose, pose, np.ones((1, 15), bool), OCCLUSION_PERSON_15)


def test_the_reference_bones_are_those_of_mpii_but_for_the_neck(poses):
    # mpii-16 bends at the upper neck, the reference goes straight from thorax to head top.
    pose, _, _ = poses
    pose[:, MPII_16.index("upper_neck")] = (pose[:, MPII_16.index("thorax")] + pose[:, MPII_16.index("head_top")]) / 2
    whole = bone_lengths(pose, MPII_16).sum(axis=-1)
    assert bone_sum(pose, MPII_16, REFERENCE_BONES) == pytest.approx(whole)


@pytest.fixture
def bones():
    """Prediction, truth and mask of mpi-inf-3dhp-17, and of each bone the index of its ends."""
    generator = np.random.default_rng(9)
    truth, prediction = (root_relative(generator.normal(0, 300, (5, 17, 3)), MPI_INF_3DHP_17) for _ in range(2))
    ends = [(MPI_INF_3DHP_17.index(a), MPI_INF_3DHP_17.index(b)) for a, b in BONES_OUTWARDS]
    return prediction, truth, np.ones((5, 17), bool), ends


def test_bones_run_from_the_pelvis_to_every_joint_once():
    ends = [end for _, end in BONES_OUTWARDS]
    assert sorted([*ends, "pelvis"]) == sorted(MPI_INF_3DHP_17.joints)
    assert all(start == "pelvis" or start in ends[: ends.index(end)] for start, end in BONES_OUTWARDS)


def test_every_bone_keeps_its_direction_and_gets_its_true_length(bones):
    prediction, truth, mask, ends = bones
    resized, same = rescaled(TRUE_BONES, prediction, truth, mask, MPI_INF_3DHP_17)
    assert same is truth
    for a, b in ends:
        found, said, true = (pose[:, b] - pose[:, a] for pose in (resized, prediction, truth))
        lengths = np.linalg.norm(true, axis=-1, keepdims=True)
        np.testing.assert_allclose(found, lengths * said / np.linalg.norm(said, axis=-1, keepdims=True), atol=1e-9)


def test_the_true_directions_are_a_perfect_prediction_at_any_size(bones):
    _, truth, mask, _ = bones
    resized, _ = rescaled(TRUE_BONES, 0.4 * truth, truth, mask, MPI_INF_3DHP_17)
    np.testing.assert_allclose(resized, truth, atol=1e-9)


def test_a_network_without_a_spine_has_its_neck_at_the_true_distance_from_the_pelvis(bones):
    prediction, truth, mask, _ = bones
    spine, neck, wrist = (MPI_INF_3DHP_17.index(name) for name in ("spine", "neck", "r_wrist"))
    prediction[:, spine], mask[:, spine] = np.nan, False
    resized, _ = rescaled(TRUE_BONES, prediction, truth, mask, MPI_INF_3DHP_17)
    np.testing.assert_allclose(np.linalg.norm(resized[:, neck], axis=-1), np.linalg.norm(truth[:, neck], axis=-1))
    assert np.isfinite(resized[:, wrist]).all() and np.isnan(resized[:, spine]).all()


def test_a_bone_of_no_length_stays_where_it_begins(bones):
    prediction, truth, mask, _ = bones
    resized, _ = rescaled(TRUE_BONES, np.zeros_like(prediction), truth, mask, MPI_INF_3DHP_17)
    np.testing.assert_array_equal(resized, 0)
    with pytest.raises(SkeletonMismatch, match="mpii-16 has no joint"):
        rescaled(TRUE_BONES, prediction[:, :16], truth[:, :16], mask[:, :16], MPII_16)
