from dataclasses import replace

import numpy as np
import pytest

from fakes_evaluation import STATES, drawn_evaluation
from prepose.metrics.hidden import HIDDEN_CLASSES, HIDDEN_STATES, hidden_shares, per_hidden_share


def with_hidden(counts, *, state="occluded_by_body", averaging="joints"):
    """An evaluation whose samples have so many of 16 joints in a state, the others visible; nothing unlabelled."""
    evaluation = drawn_evaluation(num_samples=len(counts))
    hidden = np.arange(len(evaluation.skeleton)) < np.array(counts)[:, None]
    states = np.where(hidden, STATES.index(state), STATES.index("visible")).astype(np.uint8)
    return replace(
        evaluation,
        states=states,
        truth_mm=np.nan_to_num(evaluation.truth_mm),
        truth_img=np.nan_to_num(evaluation.truth_img),
        protocol=replace(evaluation.protocol, averaging=averaging),
    )


@pytest.mark.parametrize("state", HIDDEN_STATES)
def test_shares_and_classes_by_hand(state):
    evaluation = with_hidden([0, 1, 4, 5, 8, 9, 16], state=state)
    assert hidden_shares(evaluation) == pytest.approx(np.array([0, 1, 4, 5, 8, 9, 16]) / 16)
    rows = per_hidden_share(evaluation)
    assert {name: row["num_samples"] for name, row in rows.items()} == dict(
        zip(HIDDEN_CLASSES, (1, 2, 2, 2), strict=True)
    )
    assert rows["1 to 25 %"]["mpjpe_mm"] == pytest.approx(evaluation.errors_mm[1:3].mean())


def test_the_classes_cover_every_share_once():
    shares = np.arange(17) / 16
    counts = np.zeros(17)
    for above, most in HIDDEN_CLASSES.values():
        counts += (shares > above) & (shares <= most)
    assert (counts == 1).all()


def test_joints_of_unknown_state_or_without_a_label_do_not_count():
    evaluation = drawn_evaluation(num_samples=30)
    shares = hidden_shares(evaluation)
    assert np.isnan(shares[0]), "nothing of the first sample is labelled"
    known = (evaluation.states != STATES.index("unknown")) & (evaluation.scored_3d | evaluation.scored_2d)
    visible = (evaluation.states == STATES.index("visible")) & known
    assert shares[1:] == pytest.approx(1 - (visible.sum(1) / np.maximum(known.sum(1), 1))[1:])
    nothing_known = replace(evaluation, states=np.zeros_like(evaluation.states))
    assert np.isnan(hidden_shares(nothing_known)).all() and per_hidden_share(nothing_known) == {}


@pytest.mark.parametrize("averaging", ["samples", "actions"])
def test_means_are_over_samples_where_the_protocol_has_it_so(averaging):
    evaluation = with_hidden([0, 0, 0], averaging=averaging)
    truth = evaluation.truth_mm.copy()
    truth[1, :12] = np.nan
    evaluation = replace(evaluation, truth_mm=truth)
    found = per_hidden_share(evaluation)["0 %"]["mpjpe_mm"]
    assert found == pytest.approx(np.nanmean(evaluation.errors_mm, axis=1).mean())
    assert found != pytest.approx(np.nanmean(evaluation.errors_mm))
