import re

import pytest
from rich.console import Console

from prepose.errors import DataError
from prepose.metrics.protocol import MEASURE_TEXTS
from prepose.metrics.protocol_table import described, print_protocol, print_protocols
from prepose.metrics.protocols import PROTOCOLS


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
