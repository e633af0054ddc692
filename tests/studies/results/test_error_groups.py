from dataclasses import replace

import numpy as np
import pytest

from fakes_study import PROTOCOL, Fake, fake_evaluation
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.hidden import per_hidden_share
from prepose.studies.results.error_groups import KINDS, STATE_TITLES, breakdown_measure, group_means, group_sums


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return fake_evaluation("lab", PROTOCOL, Fake(), noise=40, generator=np.random.default_rng(0), dataset="lab")


def test_groups_are_the_evaluations_own_rows(evaluation):
    """The same means as `Evaluation.per_joint`, `per_state` and `per_action` give."""
    means = group_means([group_sums(evaluation)])
    assert tuple(means) == KINDS
    for kind, rows in (("joint", evaluation.per_joint()), ("action", evaluation.per_action())):
        for label, row in rows.items():
            assert means[kind][label] == [pytest.approx(row["mpjpe_mm"], abs=1e-4)]
    for name, row in evaluation.per_state().items():
        assert means["state"][STATE_TITLES[name]] == [pytest.approx(row["mpjpe_mm"], abs=1e-4)]
    for name, row in per_hidden_share(evaluation).items():
        assert means["hidden"][name] == [pytest.approx(row["mpjpe_mm"], abs=1e-4)]


def test_a_kind_that_tells_nothing_apart_is_left_out(evaluation):
    alone = replace(evaluation, actions=("walking",) * len(evaluation), states=np.ones_like(evaluation.states))
    assert set(group_sums(alone)) == {"joint"}


def test_seeds_stand_side_by_side_and_what_is_missing_is_nan():
    means = group_means([{"state": {"visible": (6.0, 3.0), "hidden": (5.0, 1.0)}}, {"state": {"visible": (8.0, 2.0)}}])
    assert means["state"]["visible"] == [2.0, 4.0]
    assert means["state"]["hidden"][0] == 5.0 and np.isnan(means["state"]["hidden"][1])


def test_without_truth_in_3d_the_image_is_shown(evaluation):
    flat = replace(evaluation, truth_mm=np.full_like(evaluation.truth_mm, np.nan))
    assert breakdown_measure(evaluation) == "mpjpe_mm"
    assert breakdown_measure(flat) == "error_px"
    assert group_means([group_sums(flat)])["joint"]["l_wrist"] == [
        pytest.approx(flat.per_joint()["l_wrist"]["error_px"], abs=1e-6)
    ]
