import json
from dataclasses import replace
from itertools import takewhile
from typing import get_args

import numpy as np
import pytest
from rich.console import Console

from prepose.body.skeletons import MPII_16
from prepose.metrics.evaluation import Evaluation, with_mean_pose
from prepose.metrics.evaluation_tables import COLUMNS, LEGEND_OKS, as_plain, print_evaluation
from prepose.metrics.keypoints_2d import OKS_MEASURES
from prepose.metrics.protocol import Measure
from prepose.metrics.protocols import get_protocol

COUNT, JOINTS = 6, len(MPII_16)
STATES = ("unknown", "visible", "occluded_by_object")


@pytest.fixture
def evaluation():
    """Truth and a prediction that is 10 mm and 2 px off everywhere; a head box in every second sample."""
    generator = np.random.default_rng(0)
    truth_mm = generator.normal(0, 300, (COUNT, JOINTS, 3))
    truth_mm -= truth_mm[:, MPII_16.root_index, None]
    truth_img = generator.normal(100, 30, (COUNT, JOINTS, 2))
    head = np.full((COUNT, 4), np.nan)
    head[::2] = (90, 20, 30, 40)
    made = Evaluation(
        protocol=get_protocol("true-root-depth"), dataset="lab", split="test", weights="0123", index=np.arange(COUNT),
        subjects=("S1", "S1", "S2", "S2", "S2", "S2"), actions=("walk", "sit") * 3,
        states=np.tile(np.array([0, 1, 2, 1], np.uint8), (COUNT, 4)), state_names=STATES,
        boxes_xywh=np.tile([0.0, 0, 200, 200], (COUNT, 1)), head_boxes_xywh=head,
        confidence=np.ones((COUNT, JOINTS)), prediction_img=truth_img + np.array([2.0, 0]), truth_img=truth_img,
        prediction_mm=truth_mm + np.array([6.0, 8, 0]), truth_mm=truth_mm, root_depth_mm=np.full(COUNT, 4000.0),
        facts={"device": "cpu"},
    )  # fmt: skip
    return with_mean_pose(made, np.zeros((JOINTS, 3)))


def printed(evaluation):
    console = Console(record=True, width=300)
    print_evaluation(evaluation, console)
    return console.export_text()


def tables_in(text):
    """first heading -> (headings, row name -> cells)"""
    found, lines = {}, text.splitlines()
    titles = {head for head, *_ in COLUMNS.values()}
    for number, line in enumerate(lines):
        if line.startswith("──"):
            words = lines[number - 1].split()
            count = sum(word in titles for word in words)
            rows = [row.rsplit(maxsplit=count) for row in takewhile(str.strip, lines[number + 1 :])]
            first, *heads = [" ".join(words[:-count]), *words[-count:]]
            found[first] = (
                [first, *heads],
                {name.strip(): dict(zip(heads, cells, strict=True)) for name, *cells in rows},
            )
    return found


def test_the_heading_says_what_was_scored_and_how(evaluation):
    assert printed(evaluation).startswith("lab/test: 6 samples, true-root-depth, with flip test\n")
    plain = replace(evaluation, protocol=replace(evaluation.protocol, flip_test=False))
    assert "without flip test" in printed(plain)


def test_the_headline_is_said_in_words_with_its_averaging(evaluation):
    assert "MPJPE, mm: 10.0 (mean over all scored joints of all samples)\n" in printed(evaluation)
    shares = replace(evaluation, protocol=replace(evaluation.protocol, headline="pckh_10", averaging="samples"))
    assert "PCKh at 0.1: 100.0 % (mean over the samples' (frames') means)\n" in printed(shares)
    both = replace(evaluation, protocol=replace(evaluation.protocol, headline="pck3d_150", also=("auc3d", "mpjpe_mm")))
    # 10 mm are at most 29 of the 31 thresholds.
    assert "PCK3D at 150 mm: 100.0 %; AUC of PCK3D, 0 to 150 mm: 93.5 %; MPJPE, mm: 10.0 (mean over" in printed(both)
    headless = replace(shares, head_boxes_xywh=np.full((COUNT, 4), np.nan))
    assert "PCKh at 0.1: not scored" in printed(headless)


def test_an_oks_ap_is_averaged_over_its_thresholds():
    protocol = get_protocol("coco-oks-ap-given-boxes")
    truth = np.random.default_rng(0).uniform(0, 90, (2, 17, 2))
    unknown = np.full((2, 17, 3), np.nan)
    made = Evaluation(
        protocol=protocol, dataset="coco", split="validation", weights="", index=np.arange(2), subjects=("", ""),
        actions=("", ""), states=np.ones((2, 17), np.uint8), state_names=STATES, boxes_xywh=np.ones((2, 4)),
        head_boxes_xywh=np.full((2, 4), np.nan), confidence=np.ones((2, 17)), prediction_img=truth, truth_img=truth,
        prediction_mm=unknown, truth_mm=unknown, root_depth_mm=np.full(2, np.nan), areas_px2=np.full(2, 9000.0),
        image_ids=np.arange(2),
    )  # fmt: skip
    text = printed(made)
    assert "OKS-AP: 100.0 % (mean over thresholds 0.50 to 0.95)\n" in text and LEGEND_OKS in text
    assert tables_in(text)["overall"][1]["prediction"]["AP75"] == "100.0"


def test_what_a_default_protocol_and_approximate_joints_are_is_said(evaluation):
    assert "default" not in printed(evaluation) and "approximate" not in printed(evaluation)
    told = {"protocol_is": "the default of lab for a network of mpii-16", "approximate_joints": "neck (thorax)"}
    text = printed(replace(evaluation, facts=told))
    assert "true-root-depth is the default of lab for a network of mpii-16; --protocol names another one\n" in text
    assert "approximate, of the joints that count: neck (thorax)\n" in text
    assert "asked" not in printed(replace(evaluation, facts={"protocol_is": "asked for"}))


def test_groups_of_joints_and_states_have_tables(evaluation):
    protocol = replace(evaluation.protocol, groups={"knee": ("l_knee", "r_knee")}, state_groups={"seen": ("visible",)})
    grouped = replace(evaluation, protocol=protocol)
    tables = tables_in(printed(grouped))
    assert tables["part"][1]["knee"]["MPJPE"] == "10.0" and tables["joints"][1]["seen"]["MPJPE"] == "10.0"
    assert set(as_plain(grouped)["per_group"]) == {"knee"} and set(as_plain(grouped)["per_state_group"]) == {"seen"}


def test_all_groups_are_printed_with_their_rows(evaluation):
    tables = {name: set(rows) for name, (_, rows) in tables_in(printed(evaluation)).items()}
    assert tables == {
        "overall": {"prediction", "mean-pose"},
        "joint is": {"unknown", "visible", "occluded by object"},
        "joint": {joint.replace("_", " ") for joint in MPII_16.joints},
        "action": {"walk", "sit"},
        "subject": {"S1", "S2"},
    }


def test_the_figures_are_the_evaluations(evaluation):
    rows = tables_in(printed(evaluation))["overall"][1]
    overall = evaluation.overall()
    assert rows["prediction"]["MPJPE"] == "10.0"
    assert rows["prediction"]["2D"] == "2.0"
    for name in overall:
        heading, factor, digits = COLUMNS[name]
        assert rows["prediction"][heading] == f"{overall[name] * factor:.{digits}f}"
    assert rows["mean-pose"]["MPJPE"] == f"{evaluation.per_variant()['mean-pose']['mpjpe_mm']:.1f}"
    assert rows["mean-pose"]["2D"] == "-", "a pose in mm has no place in the image"


def test_what_nothing_was_scored_on_has_no_column_and_no_table(evaluation):
    flat = replace(
        evaluation,
        truth_mm=np.full_like(evaluation.truth_mm, np.nan),
        head_boxes_xywh=np.full((COUNT, 4), np.nan),
        variants={},
        actions=("",) * COUNT,
    )
    tables = tables_in(printed(flat))
    assert "action" not in tables
    assert tables["overall"][0] == ["overall", "2D", "PCK", "box"]


def test_every_measure_has_a_column(evaluation):
    of_few_protocols = {"pck2d_10", *(name for name in COLUMNS if name.startswith("oks"))}
    assert set(COLUMNS) - of_few_protocols == set(evaluation.overall())
    assert set(get_args(Measure)) <= set(COLUMNS)
    assert {"oks_ap", "oks_ap_50", "oks_ap_75", "oks_ap_medium", "oks_ap_large", "oks_ar"} <= set(OKS_MEASURES)
    assert len({heading for heading, _, _ in COLUMNS.values()}) == len(COLUMNS)


def test_plain_values_hold_everything_that_is_printed(evaluation):
    found = as_plain(evaluation)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["num_samples"] == COUNT and found["protocol"]["name"] == "true-root-depth"
    assert found["overall"]["mpjpe_mm"] == pytest.approx(10)
    assert set(found["per_joint"]) == set(MPII_16.joints)
    assert set(found["per_action"]) == {"walk", "sit"} and set(found["per_subject"]) == {"S1", "S2"}
    assert set(found["per_state"]) == set(STATES) and set(found["baselines"]) == {"mean-pose"}
    assert found["facts"] == {"device": "cpu"}
    assert found["headline"] == {
        "protocol": "true-root-depth", "measure": "mpjpe_mm", "value": pytest.approx(10),
    }  # fmt: skip


def test_what_was_not_scored_is_null(evaluation):
    headless = replace(evaluation, head_boxes_xywh=np.full((COUNT, 4), np.nan))
    assert as_plain(headless)["overall"]["pckh_50"] is None


def test_labelled_joints_that_are_not_scored_stand_beside_the_figure(evaluation):
    assert "scored; left out" not in printed(evaluation) and "of the protocol's" not in printed(evaluation)
    truth_mm, labelled = evaluation.truth_mm.copy(), np.ones((COUNT, JOINTS), bool)
    labelled[0, 3] = truth_mm[0, 3, 0] = np.nan  # not labelled
    labelled[0, 3] = False
    truth_mm[1] = np.nan  # labelled, without a root
    text = printed(replace(evaluation, truth_mm=truth_mm, labelled_3d=labelled))
    assert f"3D: {COUNT * JOINTS - 17} of {COUNT * JOINTS - 1} labelled joints scored; left out: r ankle 1" in text
    absent = evaluation.prediction_mm.copy()
    absent[:, MPII_16.index("r_knee")] = np.nan
    lacking = replace(evaluation, prediction_mm=absent)
    text = printed(lacking)
    assert (
        f"3D: {COUNT * JOINTS - COUNT} of {COUNT * JOINTS} labelled joints scored; left out: r knee {COUNT}\n" in text
    )
    assert "over 15 of the protocol's 16 joints; labels or network lack: r knee\n" in text
    joints = as_plain(lacking)["joints"]
    assert joints["scored_3d"] == joints["labelled_3d"] - COUNT and joints["never_scored"] == ["r_knee"]


def test_people_who_are_absent_and_the_number_of_actions_stand_beside_the_figure(evaluation):
    protocol = replace(evaluation.protocol, subjects=("S1", "S2", "S11"), averaging="actions")
    text = printed(replace(evaluation, protocol=protocol))
    assert "no samples of S11, whom the protocol is about as well\n" in text and "over 2 actions\n" in text
    assert "no samples of" not in printed(evaluation) and "actions\n" not in printed(evaluation)


def test_a_baseline_over_fewer_joints_is_named(evaluation):
    poorer = evaluation.truth_mm.copy()
    poorer[2, :5] = np.nan
    variant = replace(evaluation, variants={**evaluation.variants, "true-2d-flat-depth": poorer})
    every = COUNT * JOINTS
    assert f"over fewer joints than the prediction ({every}): true-2d-flat-depth {every - 5}\n" in printed(variant)
    assert as_plain(variant)["joints"]["baselines"] == {"mean-pose": every, "true-2d-flat-depth": every - 5}
