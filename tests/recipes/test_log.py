import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from prepose.errors import DataError
from prepose.recipes.log import RunLog, read_log, whole_rows

COLUMNS = ("step", "stage", "loss", "validation_mpjpe_mm")


def write(folder: Path, steps: range, *, after_step: int) -> None:
    log = RunLog(folder, COLUMNS, after_step=after_step)
    for step in steps:
        log.write({"step": step, "stage": "s", "loss": step / 3})
    log.sync()
    log.close()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path, range(1, 4), after_step=0)
    rows = read_log(tmp_path)
    assert [row["step"] for row in rows] == ["1", "2", "3"]
    # Every digit survives, so that two logs can be compared for equality.
    assert float(rows[0]["loss"]) == 1 / 3
    assert rows[0]["validation_mpjpe_mm"] == ""


def test_rows_after_the_checkpoint_and_half_rows_are_dropped(tmp_path: Path) -> None:
    write(tmp_path, range(1, 8), after_step=0)
    with (tmp_path / "log.csv").open("a") as file:
        file.write("8,s,2.66")
    assert len(read_log(tmp_path)) == 7
    write(tmp_path, range(5, 7), after_step=4)
    assert [row["step"] for row in read_log(tmp_path)] == ["1", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize("text", ["loss\n1\n", "step,loss\n,1\n", "step,loss\n1.5,1\n", "step,other\n1,1\n"])
def test_the_log_of_something_else_is_not_continued(tmp_path: Path, text: str) -> None:
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(DataError, match=r"log\.csv: is not the log of this run"):
        RunLog(tmp_path, COLUMNS, after_step=4)
    assert (tmp_path / "log.csv").read_text() == text


def test_the_board_shows_each_step_once(tmp_path: Path) -> None:
    write(tmp_path, range(1, 8), after_step=0)
    write(tmp_path, range(5, 7), after_step=4)
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    assert [event.step for event in board.Scalars("loss")] == [1, 2, 3, 4, 5, 6]


def test_a_folder_without_a_log_has_no_rows(tmp_path: Path) -> None:
    assert read_log(tmp_path) == []


def test_rows_are_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,loss\n1,0.5\n2,\n")
    assert read_log(tmp_path) == [{"step": "1", "loss": "0.5"}, {"step": "2", "loss": ""}]


def test_a_row_without_its_end_is_no_row(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,loss\n1,0.5\n2,0.2")
    assert [row["step"] for row in whole_rows(tmp_path / "log.csv")] == ["1"]


def test_no_log_has_no_rows(tmp_path: Path) -> None:
    assert read_log(tmp_path) == []


def test_reading_a_log_needs_no_torch() -> None:
    code = "import sys, prepose.recipes.log; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step,loss\n1,0.5,7\n", "line 2: expected one value for each column"),
        ("step,loss\n1\n", "line 2: expected one value for each column"),
        ("step,loss\n1,0.5\n2,many\n", "line 3: loss is 'many', expected a number"),
        ("step,loss\n1,\x00\n", "expected a number"),
        (b"step,loss\n1,\xff\n", "is damaged"),
    ],
)
def test_a_damaged_log_is_said(tmp_path: Path, text: str | bytes, message: str) -> None:
    (tmp_path / "log.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=rf"log\.csv: .*{message}"):
        whole_rows(tmp_path / "log.csv")
