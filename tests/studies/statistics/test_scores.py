from dataclasses import replace

import numpy as np
import pytest

from fakes_evaluation import drawn_evaluation
from prepose.studies.statistics.scores import (
    MOST_BLOCKS,
    MOST_CLUSTERS,
    ArmScores,
    arm_scores,
    clusters_of,
    sample_blocks,
)


@pytest.mark.parametrize("averaging", ["joints", "samples", "actions"])
def test_the_sums_give_the_figure_of_the_evaluation(averaging):
    """Whatever is not scored, and however the protocol averages."""
    evaluation = drawn_evaluation(num_samples=60, seed=3)
    evaluation = replace(evaluation, protocol=replace(evaluation.protocol, averaging=averaging))
    overall = evaluation.overall()
    clusters = clusters_of(evaluation.subjects)
    for measure in ("mpjpe_mm", "pa_mpjpe_mm", "pck3d_150", "error_px", "pckh_50"):
        tables = {7: evaluation.tables[measure]}
        arm = arm_scores("a", tables, clusters, averaging=averaging, actions=evaluation.actions)
        assert arm.seed_means == pytest.approx([overall[measure]])


@pytest.mark.parametrize("averaging", ["joints", "samples", "actions"])
def test_influences_are_what_a_cluster_moves(averaging):
    """The derivative of the figure by a cluster's weight, and nothing in sum."""
    evaluation = drawn_evaluation(num_samples=60, seed=4)
    clusters = clusters_of(evaluation.subjects)
    arm = arm_scores("a", {0: evaluation.errors_mm}, clusters, averaging=averaging, actions=evaluation.actions)
    assert arm.influences.sum(axis=1) == pytest.approx(0, abs=1e-9)
    assert arm.weights.sum() == pytest.approx(1)
    step = 1e-6
    for cluster in range(clusters.count):
        weight = np.ones(clusters.count)
        weight[cluster] += step
        moved = replace(arm, sums=arm.sums * weight[None, :, None], counts=arm.counts * weight[None, :, None])
        slope = (moved.seed_means - arm.seed_means) / step
        assert slope == pytest.approx(arm.influences[:, cluster], abs=1e-4)


def test_people_are_clusters():
    clusters = clusters_of(["b", "a", "b", "c"])
    assert clusters.index.tolist() == [0, 1, 0, 2] and clusters.kind == "subjects" and clusters.text == "3 subjects"


@pytest.mark.parametrize(("subjects", "why"), [(["S1"] * 1000, "a single subject"), (["S1", ""] * 500, "no subject")])
def test_without_people_blocks_of_neighbours_are_resampled_and_it_says_so(subjects, why):
    clusters = clusters_of(subjects)
    assert clusters.kind == "samples" and clusters.count == MOST_BLOCKS
    assert (np.diff(clusters.index) >= 0).all() and set(np.bincount(clusters.index)) == {5}
    assert why in clusters.text and "1000 samples" in clusters.text and "nothing is said" in clusters.text


def test_samples_are_resampled_where_a_study_asks_about_a_fixed_set():
    clusters = sample_blocks(7, reason="two people are in the set")
    assert clusters.count == 7 and clusters.index.tolist() == list(range(7)) and clusters.kind == "samples"
    assert "(two people are in the set: nothing is said about other people)" in clusters.text


def test_many_people_are_joined_evenly():
    clusters = clusters_of([f"P{i}" for i in range(1000)])
    assert clusters.count == MOST_CLUSTERS and set(np.bincount(clusters.index)) == {2, 3}
    assert clusters.text == f"1000 subjects in {MOST_CLUSTERS} groups"


def test_a_set_of_one_sample_is_refused():
    with pytest.raises(ValueError, match="1 sample"):
        clusters_of(["S1"])


def test_tables_of_another_set_are_refused():
    clusters = clusters_of(["a", "b", "c"])
    with pytest.raises(ValueError, match="seed 4: 2 samples, the evaluation set has 3"):
        arm_scores("x", {4: np.ones((2, 1))}, clusters)
    with pytest.raises(ValueError, match="2 actions for 3 samples"):
        arm_scores("x", {4: np.ones((3, 1))}, clusters, averaging="actions", actions=["walk", "sit"])


def test_a_seed_that_scored_nothing_is_named():
    clusters = clusters_of(["a", "b"])
    with pytest.raises(ValueError, match="arm 'x': seed 5 has no scored value"):
        arm_scores("x", {4: np.ones((2, 1)), 5: np.full((2, 1), np.nan)}, clusters)
    with pytest.raises(ValueError, match="not finite"):
        arm_scores("x", {4: np.array([[np.inf], [1.0]])}, clusters)


def test_scores_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="seeds must be given, each once"):
        ArmScores("x", (1, 1), np.ones((2, 3, 1)), np.ones((2, 3, 1)))
    with pytest.raises(ValueError, match="do not fit 1 seeds"):
        ArmScores("x", (1,), np.ones((2, 3, 1)), np.ones((2, 3, 1)))


def test_some_seeds_are_taken_by_name():
    arm = ArmScores("x", (4, 2, 9), np.arange(3.0)[:, None, None] * np.ones((3, 2, 1)), np.ones((3, 2, 1)))
    assert arm.of_seeds((9, 4)).seed_means.tolist() == [2, 0]
