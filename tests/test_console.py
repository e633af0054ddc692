import io

import pytest
from rich.console import Console
from rich.table import Table

from prepose import console as console_module
from prepose.console import PlainConsole, counted_progress, duration, say, shown_progress, split_progress, table_of
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


@pytest.fixture
def log_file() -> Console:
    """A console that is no terminal; narrow, as a line in a log must not be broken."""
    return PlainConsole(file=io.StringIO(), width=30)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(console_module.time, "monotonic", lambda: now[0])
    return now


def lines_of(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_without_a_terminal_each_tenth_is_a_line(log_file, clock):
    with counted_progress("people of the lab world", log_file) as move:
        for done in range(1, 1001):
            clock[0] += 0.1
            move(done, 1000)
    lines = lines_of(log_file)
    assert len(lines) == 10
    assert lines[1] == "people of the lab world: 200/1,000 samples, 10 samples/s, 80 s left"
    assert lines[-1] == "people of the lab world: 1,000/1,000 samples, 10 samples/s"


def test_without_a_terminal_half_a_minute_is_a_line_though_the_total_is_not_known(log_file, clock):
    with split_progress(log_file) as move:
        for done in range(1, 122):
            move("train", done, None)
            clock[0] += 1
    assert [line.split(",")[0] for line in lines_of(log_file)] == [f"train: {n} samples" for n in (31, 61, 91, 121)]


def test_what_was_done_in_an_earlier_session_is_no_speed(log_file, clock):
    with split_progress(log_file) as move:
        move("train", 500, 1000)
        clock[0] += 10
        move("train", 600, 1000)
    assert lines_of(log_file) == ["train: 600/1,000 samples, 10 samples/s, 40 s left"]


def test_what_is_over_in_a_moment_needs_no_line(log_file, clock):
    with split_progress(log_file) as move:
        for done in range(1, 5):
            clock[0] += 0.4
            move("train", done, 4)
    assert lines_of(log_file) == []


def test_a_training_has_a_line_where_it_says_so_and_where_it_was_long_quiet(log_file, clock):
    with shown_progress(log_file, line_seconds=300.0, by_tenths=False) as shown:
        for step in range(1, 101):
            clock[0] += 4
            shown.move("pretrain", step, 100, facts="loss 0.5", rate=2.0, say=step == 50)
    assert lines_of(log_file) == [
        "pretrain: 50/100 samples, loss 0.5, 2 samples/s, 25 s left",
    ]
    with shown_progress(None) as shown:
        shown.move("pretrain", 1, 1, say=True)


def test_a_bar_shows_facts_and_speed():
    console = Console(record=True, width=120, force_terminal=True)
    with shown_progress(console) as shown:
        shown.move("pretrain", 50, 100, facts="loss 0.5", rate=640.4, say=True)
    assert "50/100  loss 0.5  640 samples/s" in console.export_text()


@pytest.mark.parametrize(
    ("seconds", "text"), [(3.4, "3 s"), (600.0, "10 min"), (5400.0, "1 h 30 min"), (7500.0, "2 h 05 min")]
)
def test_time_is_said_as_people_say_it(seconds, text):
    assert duration(seconds) == text


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


def test_tables_have_one_rule_and_numbers_to_the_right():
    console = PlainConsole(file=io.StringIO(), width=40)
    table = table_of("arm", "error", "[b]", title="Errors of [i]x[/i]")
    table.add_row("only-3d", "185.1", "9")
    table.add_row("mixed", "9.4", "100")
    console.print(table)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert lines == [
        "Errors of [i]x[/i]",
        "arm      error  [b]",
        "───────────────────",
        "only-3d  185.1    9",
        "mixed      9.4  100",
    ]
