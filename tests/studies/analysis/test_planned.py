import shutil

import numpy as np
import pytest

from fakes_study import Fake, fake_study, trial_id
from prepose.metrics.evaluation_files import load_evaluation
from prepose.studies.analysis.planned import pairs_of, planned_results
from prepose.studies.analysis.set_scores import set_scores
from prepose.studies.results.study_results import read_study
from prepose.studies.statistics.interval import holm


def carried_out(folder):
    results = read_study(folder)
    sets = {name: set_scores(results, name) for name in results.sets}
    return results, planned_results(results, sets)


def test_a_comparison_is_made_for_each_set_and_each_combination_of_unnamed_levels(crossed):
    results, (first, second) = carried_out(crossed)
    # 2 worlds x 2 budgets, but for the arm that was left out, on 3 sets.
    assert len(first.tests) == len(second.tests) == 3 * 3
    where = [tuple(test.where.values()) for test in first.tests if test.set == "lab"]
    assert where == [("lab-3d", "half"), ("lab-3d", "whole"), ("wild-3d", "whole")]
    planned = results.study.comparisons[0]
    assert next(pair[1:] for pair in pairs_of(results, planned)) == (
        "2d-first / lab-3d / half",
        "only-3d / lab-3d / half",
    )


def test_a_difference_is_that_of_the_evaluations_means(studied):
    results, (planned,) = carried_out(studied)
    for test in planned.tests:
        means = [
            np.mean([load_evaluation(t.evaluation_file(test.set)).overall()["mpjpe_mm"] for t in results.of_arm(arm)])
            for arm in (test.arm, test.baseline)
        ]
        assert test.result is not None
        assert test.result.difference == pytest.approx(means[0] - means[1], rel=1e-5)
        assert test.result.paired and test.result.direction == "lower"
        assert test.result.difference in test.result.interval


def test_all_tests_of_a_study_are_corrected_together(crossed):
    _, planned = carried_out(crossed)
    made = [test.result for each in planned for test in each.tests if test.result.verdict != "too few seeds"]
    assert len(made) < 18, "the trial that is missing leaves two seeds, which enter no correction"
    assert [each.adjusted_p_value for each in made] == holm([each.p_value for each in made])
    assert planned[0].tests[0].result.adjusted_verdict == "too few seeds"


def test_one_more_test_leaves_the_others_draws_alone(studied, tmp_path):
    claim = dict(Fake().comparisons[0])
    more = fake_study(tmp_path / "more", Fake(comparisons=(claim, {**claim, "metric": "pa_mpjpe_mm"})))
    _, (alone,) = carried_out(studied)
    _, (same, _) = carried_out(more)
    assert [test.result.bootstrap for test in alone.tests] == [test.result.bootstrap for test in same.tests]


def test_what_cannot_be_compared_says_why(own_study):
    for seed in (0, 1, 2):
        shutil.rmtree(own_study / "trials" / trial_id({"training": "only-3d"}, seed))
    _, (planned,) = carried_out(own_study)
    assert [(test.result, test.reason) for test in planned.tests] == [(None, "no trial of only-3d is finished")] * 2


def test_a_measure_that_the_labels_do_not_give_says_so(tmp_path):
    claim = {**Fake().comparisons[0], "metric": "auc3d", "sets": ["lab"]}
    folder = fake_study(tmp_path / "study", Fake(comparisons=(claim,)))
    results = read_study(folder)
    scores = set_scores(results, "lab")
    for arm in scores.arms.values():
        arm.measures.pop("auc3d")
    (planned,) = planned_results(results, {"lab": scores})
    assert planned.tests[0].reason == "pretrained has no auc3d on this set: its labels do not give it"
    (planned,) = planned_results(results, {})
    assert planned.tests[0].reason == "no trial was measured on this set"
