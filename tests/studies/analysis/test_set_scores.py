import json
from dataclasses import replace

import numpy as np
import pytest

from fakes_study import PROTOCOL, Fake, fake_evaluation
from prepose.errors import DataError
from prepose.metrics.evaluation_files import load_evaluation, save_evaluation
from prepose.studies.analysis.set_scores import figure_of, set_scores
from prepose.studies.results.study_results import read_study
from prepose.studies.statistics.comparison import arm_figure
from prepose.studies.statistics.scores import ArmScores


def test_an_arms_figures_are_its_evaluations(studied):
    results = read_study(studied)
    scores = set_scores(results, "wild")
    assert list(scores.arms) == ["pretrained", "only-3d"]
    assert (scores.num_samples, scores.num_subjects, scores.clusters.kind) == (48, 8, "subjects")
    for arm, found in scores.arms.items():
        trials = results.measured(arm, "wild")
        evaluations = [load_evaluation(trial.evaluation_file("wild")) for trial in trials]
        for measure, sums in found.measures.items():
            assert sums.seeds == (0, 1, 2)
            np.testing.assert_allclose(sums.seed_means, [each.overall()[measure] for each in evaluations], rtol=1e-6)
        mixture = "true-2d-predicted-depth"
        wanted = [each.per_variant()[mixture]["mpjpe_mm"] for each in evaluations]
        np.testing.assert_allclose(found.variants[mixture].seed_means, wanted, rtol=1e-6)
        assert [len(found.calibrations), len(found.groups["joint"]["l_knee"])] == [3, 3]


def spoil(folder, change):
    """Another evaluation in the place of the last trial's."""
    path = sorted(folder.glob("trials/*/evaluations/lab.json"))[-1]
    save_evaluation(change(load_evaluation(path)), path.parent, "lab")
    return path


def test_other_samples_are_refused(own_study):
    path = spoil(own_study, lambda each: replace(each, index=each.index[::-1].copy()))
    with pytest.raises(
        DataError, match=r"holds other samples than trial [0-9a-f]{12}, or other ground truth"
    ) as caught:
        set_scores(read_study(own_study), "lab")
    assert path.parent.parent.name in str(caught.value)


def test_other_ground_truth_is_refused(own_study):
    spoil(own_study, lambda each: replace(each, truth_mm=each.truth_mm + np.float32(0.5)))
    with pytest.raises(DataError, match=r"or other ground truth for them"):
        set_scores(read_study(own_study), "lab")


def test_a_set_of_one_sample_is_refused_in_one_line(own_study):
    one = Fake(samples=1)
    for path in own_study.glob("trials/*/evaluations/lab.json"):
        generator = np.random.default_rng(0)
        save_evaluation(
            fake_evaluation("lab", PROTOCOL, one, noise=9, generator=generator, dataset="lab"), path.parent, "lab"
        )
    with pytest.raises(DataError, match=r"lab\.json: cannot be compared: an evaluation set of 1 sample"):
        set_scores(read_study(own_study), "lab")


def test_a_figure_of_one_subject_has_no_interval():
    sums, counts = np.zeros((3, 2, 1)), np.zeros((3, 2, 1))
    sums[:, 0, 0], counts[:, 0, 0] = [2, 4, 6], 2
    found = figure_of(ArmScores("a", (0, 1, 2), sums, counts))
    assert (found.mean, found.deviation, found.interval) == (2.0, 1.0, None)
    sums[:, 1, 0], counts[:, 1, 0] = [1, 2, 3], 1
    spread = ArmScores("a", (0, 1, 2), sums, counts)
    assert figure_of(spread) == arm_figure(spread) and figure_of(spread).interval is not None


def test_a_measure_that_one_seed_lacks_is_left_out(own_study):
    def without_torso(each):
        boxes = each.boxes_xywh.copy()
        boxes[:] = np.nan
        return replace(each, boxes_xywh=boxes, confidence=np.full_like(each.confidence, np.nan))

    path = spoil(own_study, without_torso)
    arm = next(
        t["arm"] for t in json.loads((own_study / "plan.json").read_text())["trials"] if t["id"] == path.parts[-3]
    )
    scores = set_scores(read_study(own_study), "lab")
    assert "pck2d_box" not in scores.arms[arm].measures and "mpjpe_mm" in scores.arms[arm].measures
    assert scores.arms[arm].calibrations == []
    others = [name for name in scores.arms if name != arm]
    assert all("pck2d_box" in scores.arms[name].measures and scores.arms[name].calibrations for name in others)
