"""The rows of a run's `log.csv`, read without torch."""

import csv
from pathlib import Path


def read_log(folder: Path) -> list[dict[str, str]]:
    """The rows of a run's log, as text; none where there is no log."""
    return whole_rows(folder / "log.csv")


def whole_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a log that were written to their end."""
    if not path.exists():
        return []
    # A process that dies while writing leaves a last line without its end.
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    return list(csv.DictReader(whole.splitlines()))
