import pytest
from rich.console import Console
from rich.table import Table

from prepose.console import PlainConsole, counted_progress, say, split_progress
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


ODD = "[/b] [red]x :smile: a\x1b[31mb\x07 \u202e"


def test_a_name_is_shown_as_it_is_whatever_rich_would_make_of_it():
    console = PlainConsole(record=True, width=100, force_terminal=True)
    table = Table(title=ODD)
    table.add_column(ODD)
    table.add_row(ODD)
    console.print(ODD)
    console.print(table)
    with counted_progress(ODD, console) as move:
        move(1, 1)
    text = console.export_text(clear=False)
    shown = ODD.replace("\x1b", "\\x1b").replace("\x07", "\\x07").replace("\u202e", "\\u202e")
    assert text.count(shown) >= 5
    assert not {"\x1b", "\x07", "\u202e"} & set(text)


def test_what_is_said_holds_no_control_characters(capsys):
    say("a\x1b[31mb\nc")
    assert capsys.readouterr().out == "a\\x1b[31mb\nc\n"
