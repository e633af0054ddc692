"""The log of a run: one row each few steps, in `log.csv` and for TensorBoard."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from torch.utils.tensorboard import SummaryWriter

from prepose.errors import DataError
from prepose.files import write_whole
from prepose.recipes.log_file import ADVICE, read_log, whole_rows

__all__ = ["RunLog", "Value", "read_log"]

Value = str | int | float


class RunLog:
    """Writes rows that survive the death of the process.

    Args:
        folder: The run's folder.
        columns: The names of the values; a row may leave some out.
        after_step: Rows of later steps, left by a sitting that died after its last checkpoint, are dropped.
    """

    def __init__(self, folder: Path, columns: Sequence[str], *, after_step: int) -> None:
        self.path = folder / "log.csv"
        self.columns = tuple(columns)
        rows = [row for row in whole_rows(self.path) if self._step(row) <= after_step]
        _write_rows(self.path, self.columns, rows)
        self._file: TextIO = self.path.open("a", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, self.columns, restval="", lineterminator="\n")
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=after_step + 1)

    def _step(self, row: Mapping[str, str]) -> int:
        if not row.keys() <= set(self.columns) or not row.get("step", "").isdecimal():
            raise DataError(f"{self.path}: is not the log of this run (step is {row.get('step', '')!r:.40}); {ADVICE}")
        return int(row["step"])

    def write(self, row: Mapping[str, Value]) -> None:
        """Add one row; its numbers are also drawn over the step on the board."""
        self._writer.writerow(row)
        self._file.flush()
        step = int(row["step"])
        for name, value in row.items():
            if name not in ("step", "stage"):
                self._board.add_scalar(name, float(value), step)

    def settle(self) -> None:
        """See that what was written is on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._board.flush()

    def close(self) -> None:
        """End the log."""
        self._file.close()
        self._board.close()


def _write_rows(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())
