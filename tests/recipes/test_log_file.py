import subprocess
import sys
from pathlib import Path

import pytest

from prepose.errors import DataError
from prepose.recipes.log_file import read_log, whole_rows


def test_rows_are_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,loss\n1,0.5\n2,\n")
    assert read_log(tmp_path) == [{"step": "1", "loss": "0.5"}, {"step": "2", "loss": ""}]


def test_a_row_without_its_end_is_no_row(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,loss\n1,0.5\n2,0.2")
    assert [row["step"] for row in whole_rows(tmp_path / "log.csv")] == ["1"]


def test_no_log_has_no_rows(tmp_path: Path) -> None:
    assert read_log(tmp_path) == []


def test_reading_a_log_needs_no_torch() -> None:
    code = "import sys, prepose.recipes.log_file; print('torch' in sys.modules)"
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
