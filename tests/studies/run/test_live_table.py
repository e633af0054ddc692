"""Tests for what a person sees while a study runs."""

import io
import os

import pytest
from rich.console import Console

from prepose.studies.engines.local import Failure
from prepose.studies.run import live_table as module
from prepose.studies.run.live_table import (
    Expected,
    LiveTable,
    Standing,
    live_table,
    standing_of,
)

HEAD = "step,samples,stage,loss,samples_per_second,train_flops,validation_mpjpe_mm,validation_pck2d_box\n"


@pytest.fixture
def expected(tmp_path):
    for name in "abc":
        (tmp_path / name).mkdir()
    return {name: Expected(f"arm {name}, seed 0", tmp_path / name, 1000, 1e12) for name in "abc"}


def log(folder, *rows):
    path = folder / "log.csv"
    path.write_text(HEAD + "".join(row + "\n" for row in rows))
    os.utime(path, (1, 1 + len(rows)))


def shown(table, running):
    console = Console(file=io.StringIO(), width=120)
    console.print(table.table(running))
    return console.file.getvalue()


def test_a_trial_stands_where_its_log_says(expected):
    folder = expected["a"].folder
    assert standing_of(folder) == Standing()
    log(folder, "1,200,pretrain,0.5,99.5,2e11,,0.6125", "2,400,finetune,0.5,50,4e11,,")
    assert standing_of(folder) == Standing("finetune", 400, 4e11, 50.0, "PCK at 0.1 box 61.3 %")
    log(folder, "1,200,pretrain,0.5,99.5,2e11,,0.6125", "2,400,finetune,0.5,50,4e11,81.26,0.9")
    assert standing_of(folder).error == "MPJPE 81.3 mm"


def test_the_table_says_how_far_each_trial_and_the_whole_are(expected):
    table = LiveTable(Console(quiet=True), expected, ["c"])
    log(expected["a"].folder, "1,200,pretrain,0.5,100,2e11,81.26,")
    text = shown(table, ["a", "b"])
    assert "arm a, seed 0  pretrain  200/1,000  MPJPE 81.3 mm        100   8 s" in text
    assert "arm b, seed 0  starting    0/1,000" in text
    assert "1 of 3 trials done, 2 running, 0 waiting; about" in text


def test_the_time_left_follows_from_what_this_session_has_done(expected, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    log(expected["a"].folder, "1,200,pretrain,0.5,100,2e11,,")
    table = LiveTable(Console(quiet=True), expected, ["c"])
    assert table.seconds_left() is None
    now[0] += 10
    log(expected["a"].folder, "1,200,pretrain,0.5,100,2e11,,", "2,400,pretrain,0.5,100,4e11,,")
    # 0.2 of the 1.6 TFLOP that are left took 10 s.
    assert table.seconds_left() == pytest.approx(80)
    table.finished("b", Failure("Killed", "by signal 9"))
    assert table.seconds_left() == pytest.approx(30)


def test_off_a_terminal_each_validation_is_a_line_and_each_trial_and_now_and_then_the_whole(expected, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), width=40)
    rows = [
        "1,200,pretrain,0.5,100,2e11,,0.6125",
        "2,300,pretrain,0.4,100,3e11,,",
        "3,400,finetune,0.3,50,4e11,90.04,",
        "4,1000,finetune,0.25,50,1e12,81.26,",
    ]
    log(expected["a"].folder, rows[0])
    with live_table(console, expected, []) as table:
        for second in range(70):
            now[0] += 1
            if second == 10:
                log(expected["a"].folder, *rows[:3])
            table.tick(["a"])
        log(expected["a"].folder, *rows)
        table.finished("a", None)
        table.finished("b", Failure("Killed", "its process was killed by signal 9; most often the machine ran out"))
    lines = console.file.getvalue().splitlines()
    assert lines[0] == "arm a, seed 0, finetune: 400/1,000 samples, loss 0.3000, MPJPE 90.0 mm, 50 samples/s, 12 s left"
    assert lines[1].startswith("0 of 3 trials done, 1 running, 2 waiting")
    assert lines[2:] == [
        "arm a, seed 0, finetune: 1,000/1,000 samples, loss 0.2500, MPJPE 81.3 mm, 50 samples/s",
        f"done    arm a, seed 0: validation MPJPE 81.3 mm; weights in {expected['a'].folder / 'weights'}",
        "failed  arm b, seed 0: its process was killed by signal 9; most often the machine ran out",
    ]


def test_on_a_terminal_the_table_lives_and_goes(expected, monkeypatch):
    monkeypatch.setattr(module, "REFRESH_SECONDS", 0.0)
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    with live_table(console, expected, []) as table:
        table.tick(["a"])
        assert "arm a, seed 0" in console.file.getvalue()
        table.finished("a", None)
    assert "done    arm a" in console.file.getvalue()
