import pytest
from rich.console import Console

from prepose.console import counted_progress, split_progress
from prepose.errors import DataError


def test_a_bar_counts():
    console = Console(record=True, width=100, force_terminal=True)
    with counted_progress("people", console) as move:
        move(1, 3)
        move(3, 3)
    assert "people" in console.export_text() and console.is_terminal


def test_each_split_has_its_bar():
    console = Console(record=True, width=100, force_terminal=True)
    with split_progress(console) as move:
        move("train", 2, 2)
        move("test", 1, 1)
    text = console.export_text()
    assert "train" in text and "test" in text and "2/2" in text


def test_a_failure_before_the_first_sample_leaves_the_screen_alone():
    console = Console(record=True, width=100)
    with pytest.raises(DataError), counted_progress("people", console):
        raise DataError("no such world")
    assert console.export_text() == ""


def test_a_failure_later_ends_the_bar():
    console = Console(record=True, width=100, force_terminal=True)
    with pytest.raises(DataError), counted_progress("people", console) as move:
        move(1, 3)
        raise DataError("a broken sample")
    assert "1/3" in console.export_text()
    # A bar that still ran would refuse another one on the same console.
    with counted_progress("more people", console) as move:
        move(1, 1)
