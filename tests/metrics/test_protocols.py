import json
from dataclasses import replace

import numpy as np
import pytest

from prepose.body.pose import bone_lengths
from prepose.body.skeleton import joint_map
from prepose.body.skeletons import MPII_16, PREPOSE_27, SKELETONS
from prepose.errors import DataError
from prepose.metrics.protocols import MEAN_PERSON_BONE_SUM_MM, PROTOCOLS, get_protocol, protocol_from_json
from prepose.metrics.scale import SCALE_RULES
from prepose.synthetic.rig import draw_proportions


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=lambda p: p.name)
def test_a_protocol_says_what_a_figure_depends_on(protocol):
    assert protocol.scale in protocol.name, "the scale rule is part of the name"
    assert len(protocol.source) > 40
    assert protocol.root in SKELETONS[protocol.skeleton].joints
    assert get_protocol(protocol.name) is protocol


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=lambda p: p.name)
def test_a_protocol_survives_json(protocol):
    changed = replace(protocol, joints=("l_wrist", "pelvis"), flip_test=False, stride=64, averaging="actions")
    for each in (protocol, changed):
        assert protocol_from_json(json.loads(json.dumps(each.to_json()))) == each


def test_every_scale_rule_has_a_protocol():
    assert {protocol.scale for protocol in PROTOCOLS.values()} == set(SCALE_RULES)


def test_the_headline_follows_from_the_alignment():
    protocol = PROTOCOLS["true-root-depth"]
    assert protocol.headline == "mpjpe_mm"
    assert replace(protocol, alignment="similarity").headline == "pa_mpjpe_mm"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("joints", ("tail",), r"\['tail'\] are not joints of mpii-16"),
        ("root", "belly", r"\['belly'\] are not joints"),
        ("scale", "guess", "scale"),
        ("averaging", "median", "averaging"),
        ("alignment", "none", "alignment"),
        ("stride", 0, "must be positive"),
        ("bone_sum_mm", float("nan"), "must be positive"),
    ],
)
def test_a_wrong_field_is_named(field, value, message):
    values = PROTOCOLS["mean-person"].to_json() | {field: value}
    with pytest.raises(DataError, match=message):
        protocol_from_json(values)


def test_an_unknown_protocol_is_told_the_known_ones():
    with pytest.raises(DataError, match="no protocol is named 'p1'; known: true-root-depth, mean-person"):
        get_protocol("p1")


def test_values_of_another_shape_are_not_a_protocol():
    with pytest.raises(DataError, match="not a protocol"):
        protocol_from_json({"name": "x", "joints": []})


def test_the_mean_person_is_the_mean_of_the_rig():
    generator = np.random.default_rng(0)
    mapping = joint_map(PREPOSE_27, MPII_16)
    people = [mapping.apply(draw_proportions(generator).rest) for _ in range(400)]
    mean = np.mean([bone_lengths(person, MPII_16).sum() for person in people])
    assert mean == pytest.approx(MEAN_PERSON_BONE_SUM_MM, rel=0.02)
