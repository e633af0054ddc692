"""What holds for every row."""

import re

import pytest
from rich.console import Console

from prepose.data.catalog import DATASETS
from prepose.data.sample import JointState
from prepose.errors import DataError
from prepose.metrics.protocol import MEASURE_TEXTS
from prepose.metrics.protocols import PROTOCOLS, described, get_protocol, print_protocol, print_protocols, protocols_for
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


def text_of(show, *arguments, width):
    console = Console(record=True, width=width)
    show(*arguments, console)
    return console.export_text()


@pytest.fixture(scope="module")
def lines():
    return text_of(print_protocols, width=80).splitlines()


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_every_protocol_is_listed_with_its_measure_below_its_datasets(lines, protocol):
    cells = [re.split(r"\s{2,}", line.strip()) for line in lines]
    (at,) = [number for number, row in enumerate(cells) if row[0] == protocol.name]
    _, headline, joints = cells[at]
    assert MEASURE_TEXTS[protocol.headline].startswith(re.sub(r",( by( action)?)?$", "", headline))
    assert joints.split()[-1] == str(len(protocol.scored_joints))
    heading = next(row[0] for row in cells[at::-1] if row[0].startswith("for "))
    assert heading == f"for {', '.join(protocol.datasets) or 'any dataset'}"


def test_a_list_fits_a_terminal(lines):
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_one_in_full_says_everything(protocol):
    flat = " ".join(text_of(print_protocol, protocol.name, width=100).split())
    assert protocol.name in flat
    for text in described(protocol).values():
        assert " ".join(text.split()) in flat
    parts = described(protocol)
    assert parts["source"] == protocol.source and protocol.frames in parts["frames"]
    for joint in protocol.accepted_approximations:
        assert joint in parts["accepted though approximate"]
    for group in (*protocol.groups, *protocol.state_groups):
        assert group in parts["groups"] + parts["by what hides a joint"]


def test_people_without_names_are_said_so():
    assert described(PROTOCOLS["h36m-challenge-bone-sum-4000"])["split"] == "test, of people without names"
    assert described(PROTOCOLS["h36m-14-pa-mpjpe"])["split"] == "test, of S9, S11"
    assert described(PROTOCOLS["h36m-14-pa-mpjpe"])["root"] == "middle of l_hip and r_hip"


def test_an_unknown_one_is_said():
    with pytest.raises(DataError, match="no protocol is named 'p1'"):
        print_protocol("p1")
