"""The rows of a run's `log.csv`, read without torch."""

import csv
from collections.abc import Mapping
from pathlib import Path

from prepose.errors import DataError, shortened

ADVICE = "delete the line, or the file; the rows are lost, the training is not"


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
