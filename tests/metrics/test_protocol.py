import json
from dataclasses import replace
from typing import get_args

import pytest

from prepose.body.skeleton import joint_map
from prepose.body.skeletons import MPII_16, PREPOSE_27
from prepose.errors import DataError
from prepose.metrics.protocol import (
    AVERAGING_TEXTS,
    IN_MM_OR_PX,
    MEAN_PERSON_BONE_SUM_MM,
    MEASURE_TEXTS,
    MEASURES_3D,
    Averaging,
    Measure,
    Protocol,
    protocol_from_json,
)

PROTOCOL = Protocol(name="some", skeleton="mpii-16", scale="true-root-depth", source="a paper, section 4")


def test_a_protocol_survives_json():
    full = replace(
        PROTOCOL,
        datasets=("lab", "wild"),
        subjects=("S9",),
        joints=("l_wrist", "pelvis"),
        accepted_approximations=("pelvis",),
        root=("l_hip", "r_hip"),
        headline="pck3d_150",
        also=("auc3d",),
        groups={"wrist": ("l_wrist",)},
        state_groups={"hidden": ("occluded", "outside")},
        coverage="all",
        flip_test=False,
        stride=64,
        averaging="actions",
    )
    for each in (PROTOCOL, full):
        assert protocol_from_json(json.loads(json.dumps(each.to_json()))) == each


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("joints", ["tail"], r"\['tail'\] are not joints of mpii-16"),
        ("root", ["belly"], r"\['belly'\] are not joints"),
        ("accepted_approximations", ["belly"], r"\['belly'\] are not joints"),
        ("groups", {"tail": ["tail"]}, r"\['tail'\] are not joints"),
        ("scale", "guess", "unknown scale guess; known: true-root-depth"),
        ("averaging", "median", "unknown averaging median; known: joints, samples, actions"),
        ("coverage", "some", "unknown coverage some; known: all, shared"),
        ("headline", "iou", "unknown headline iou; known: mpjpe_mm"),
        ("also", ["iou"], "unknown also iou"),
        ("alignment", "root", "alignment are fields that this version does not know"),
        ("stride", 0, "must be positive"),
        ("bone_sum_mm", float("nan"), "must be positive"),
        ("root", [], "needs a root"),
        ("scale", "image", "mpjpe_mm needs a scale rule, found image"),
        ("thresholds", [150], "thresholds are fields that this version does not know"),
    ],
)
def test_a_wrong_field_is_named(field, value, message):
    with pytest.raises(DataError, match=message):
        protocol_from_json(PROTOCOL.to_json() | {field: value})


def test_a_group_is_of_joints_that_are_scored():
    with pytest.raises(ValueError, match=r"groups name \['l_knee'\], which are not scored"):
        replace(PROTOCOL, joints=("r_knee",), groups={"knee": ("r_knee", "l_knee")})


def test_values_of_another_shape_are_not_a_protocol():
    with pytest.raises(DataError, match="not a protocol"):
        protocol_from_json({"name": "x", "joints": []})


def test_all_joints_are_scored_unless_some_are_named():
    assert PROTOCOL.scored_joints == MPII_16.joints
    assert replace(PROTOCOL, joints=("l_knee",)).scored_joints == ("l_knee",)


def test_every_choice_has_words():
    assert set(MEASURE_TEXTS) == set(get_args(Measure)) and set(AVERAGING_TEXTS) == set(get_args(Averaging))
    assert set(MEASURE_TEXTS) >= (MEASURES_3D | IN_MM_OR_PX)
    assert {replace(PROTOCOL, headline=measure).needs_3d for measure in MEASURES_3D} == {True}


def test_a_protocol_can_be_a_key():
    assert {PROTOCOL: 1}[replace(PROTOCOL)] == 1


def test_the_mean_person_is_the_mean_of_the_rig():
    import numpy as np

    from prepose.body.pose import bone_lengths
    from prepose.synthetic.rig import draw_proportions

    generator = np.random.default_rng(0)
    mapping = joint_map(PREPOSE_27, MPII_16)
    people = [mapping.apply(draw_proportions(generator).rest) for _ in range(400)]
    mean = np.mean([bone_lengths(person, MPII_16).sum() for person in people])
    assert mean == pytest.approx(MEAN_PERSON_BONE_SUM_MM, rel=0.02)
