"""What holds for every row."""

import re

import pytest

from prepose.data.catalog import DATASETS
from prepose.data.sample import JointState
from prepose.errors import DataError
from prepose.metrics.protocols import PROTOCOLS, get_protocol, protocols_for
from prepose.metrics.scale import SCALE_RULES
from prepose.synthetic.worlds import WORLDS

ROWS = pytest.mark.parametrize("row", PROTOCOLS.values(), ids=lambda row: row.name)
SCALE_FREE = {"pa_mpjpe_mm"}


@ROWS
def test_a_row_says_what_a_figure_depends_on(row):
    assert get_protocol(row.name) is row
    assert row.scale in row.name or row.scale == "image" or row.headline in SCALE_FREE, "the scale rule is in the name"
    if row.datasets:
        assert re.search(r"(19|20)\d\d|of this project|Not published", row.source), "a paper with its year"
        assert (
            "section" in row.source
            or "of this project" in row.source
            or "cocodataset.org" in row.source
            or ("Not published" in row.source)
        )


@ROWS
def test_a_row_is_for_datasets_and_states_that_there_are(row):
    for name in row.datasets:
        assert name in WORLDS or row.split in DATASETS[name].splits
    known = {state.name.lower() for state in JointState}
    assert {state for states in row.state_groups.values() for state in states} <= known


@ROWS
def test_groups_hold_every_scored_joint_once(row):
    grouped = [joint for joints in row.groups.values() for joint in joints]
    assert len(grouped) == len(set(grouped))
    if row.groups and row.name != "worlds-mpjpe-true-root-depth":  # its pelvis, thorax and head are in no pair
        assert set(grouped) == set(row.scored_joints)


def test_every_world_has_a_row():
    # A dataset needs none: the rows for any dataset score it, too.
    assert set(WORLDS) <= {name for row in PROTOCOLS.values() for name in row.datasets}


def test_every_scale_rule_has_a_protocol():
    assert {row.scale for row in PROTOCOLS.values()} == set(SCALE_RULES)


def test_a_datasets_own_rows_come_before_those_for_any():
    rows = protocols_for("mpii")
    assert [row.name for row in rows[:3]] == ["mpii-pckh-50", "mpii-pckh-10", "true-root-depth"]
    assert all("mpii" in row.datasets or not row.datasets for row in rows)
    assert protocols_for("custom") == tuple(row for row in PROTOCOLS.values() if not row.datasets)


def test_an_unknown_protocol_is_told_a_near_one():
    with pytest.raises(
        DataError, match=r"no protocol is named 'mpii-pckh' \(did you mean 'mpii-pckh-\d\d'\?\); `prepose"
    ):
        get_protocol("mpii-pckh")
    with pytest.raises(DataError, match="no protocol is named 'xyz'; `prepose protocols` lists all"):
        get_protocol("xyz")
