"""The log of a run: one row each few steps, in `log.csv` and for TensorBoard. Reading one needs no torch."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from prepose.errors import DataError, shortened
from prepose.files import write_whole

Value = str | int | float

ADVICE = "delete the line, or the file; the rows are lost, the training is not"


class RunLog:
    """Writes rows that survive the death of the process.

    Args:
        folder: The run's folder.
        columns: The names of the values; a row may leave some out.
        after_step: Rows of later steps, left by a session that died after its last checkpoint, are dropped.
    """

    def __init__(self, folder: Path, columns: Sequence[str], *, after_step: int) -> None:
        self.path = folder / "log.csv"
        self.columns = tuple(columns)
        rows = [row for row in whole_rows(self.path) if self._step(row) <= after_step]
        _write_rows(self.path, self.columns, rows)
        self._file: TextIO = self.path.open("a", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, self.columns, restval="", lineterminator="\n")
        # Only here, because whoever reads a log needs no torch.
        from torch.utils.tensorboard import SummaryWriter

        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=after_step + 1)

    def _step(self, row: Mapping[str, str]) -> int:
        if not row.keys() <= set(self.columns) or not row.get("step", "").isdecimal():
            raise DataError(f"{self.path}: is not the log of this run (step is {row.get('step', '')!r:.40}); {ADVICE}")
        return int(row["step"])

    def write(self, row: Mapping[str, Value]) -> None:
        """Add one row; its numbers also go to TensorBoard, over the step."""
        self._writer.writerow(row)
        self._file.flush()
        step = int(row["step"])
        for name, value in row.items():
            if name not in ("step", "stage"):
                self._board.add_scalar(name, float(value), step)

    def sync(self) -> None:
        """Flush everything that was written to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._board.flush()

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        self._board.close()


def _write_rows(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())


def read_log(folder: Path) -> list[dict[str, str]]:
    """The rows of a run's log, as text; none where there is no log."""
    return whole_rows(folder / "log.csv")


def whole_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a log that were written to their end.

    Raises:
        DataError: a row has more or fewer values than the log has columns, or one that is not a number.
    """
    if not path.exists():
        return []
    try:
        # A process that dies while writing leaves a last line without its end.
        whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
        rows = list(csv.DictReader(whole.splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: is damaged ({error}); {ADVICE}") from error
    for number, row in enumerate(rows, start=2):
        fault = _fault(row)
        if fault is not None:
            raise DataError(f"{path}: is damaged (line {number}: {fault}); {ADVICE}")
    return rows


def _fault(row: Mapping[str | None, str | None]) -> str | None:
    if None in row or None in row.values():
        return "expected one value for each column"
    for name, value in row.items():
        if name != "stage" and value and not _is_number(value):
            return f"{name} is {shortened(repr(value))}, expected a number"
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
