"""What a person sees while a study runs: a live table on a terminal, a line for each validation elsewhere.

It reads what trials write into their folders, so that it does not matter where they run.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from prepose.console import duration, progress_line, table_of
from prepose.metrics.evaluation_tables import told
from prepose.metrics.protocol import Measure
from prepose.recipes.log import read_log
from prepose.studies.engines.local import Failure

LINE_SECONDS = 60.0
REFRESH_SECONDS = 1.0
MOST_ROWS = 24
# What stands for a validation: the first of these that it gave.
SCORES: tuple[Measure, ...] = ("mpjpe_mm", "pck2d_box")


@dataclass(frozen=True)
class Expected:
    """A trial as it is planned.

    Attributes:
        title: Its arm and seed.
        folder: Its run folder.
        samples: Samples that it will see.
        train_flops: What its training costs.
    """

    title: str
    folder: Path
    samples: int
    train_flops: float


@dataclass(frozen=True)
class Standing:
    """How far a trial is, as its log says.

    Attributes:
        stage: The stage it is in; empty before the first row of the log.
        samples: Samples seen.
        train_flops: Spent so far.
        samples_per_second: At the last row.
        error: The last validation, in words.
    """

    stage: str = ""
    samples: int = 0
    train_flops: float = 0.0
    samples_per_second: float = 0.0
    error: str = ""


def standing_of(folder: Path) -> Standing:
    """How far the trial in a run folder is."""
    log = read_log(folder)
    if not log:
        return Standing()
    last = log[-1]
    return Standing(
        last["stage"],
        int(last["samples"]),
        float(last["train_flops"]),
        float(last["samples_per_second"]),
        _last_error(log),
    )


def _last_error(log: Sequence[Mapping[str, str]]) -> str:
    return next((score for row in reversed(log) if (score := score_of(row))), "")


def score_of(row: Mapping[str, str]) -> str:
    """What a row of a log says of a validation, in words; empty where it says nothing."""
    for measure in SCORES:
        if row.get(f"validation_{measure}"):
            return told(measure, float(row[f"validation_{measure}"]))
    return ""


class LiveTable:
    """Shows how the trials of a study go.

    Args:
        console: Where to; nothing is shown on a quiet one.
        expected: Every trial of the study, by name.
        done: Names of those that earlier sessions finished.
    """

    def __init__(self, console: Console, expected: Mapping[str, Expected], done: Sequence[str]) -> None:
        self._console, self._expected = console, expected
        self._done, self._failed = set(done), dict[str, Failure]()
        self._standings: dict[str, tuple[float, Standing]] = {}
        self._began = self._shown = self._line = time.monotonic()
        self._spent_before = self._spent()
        self._validated = {name: len(_validations(each.folder)) for name, each in expected.items()}
        self.live: Live | None = None

    def tick(self, running: Sequence[str]) -> None:
        """Show how it stands, unless that was shown just now."""
        now = time.monotonic()
        if now - self._shown < REFRESH_SECONDS:
            return
        self._shown = now
        if self.live is not None:
            self.live.update(self.table(running), refresh=True)
            return
        for name in running:
            known = self._standings.get(name)
            self._standing(name)
            if self._standings.get(name) is not known:
                self._tell_validations(name)
        if now - self._line >= LINE_SECONDS:
            self._line = now
            self._console.print(self._summary(running), highlight=False, soft_wrap=True)

    def _tell_validations(self, name: str) -> None:
        """A line for each validation of a trial that there has been since the last one."""
        expected, rows = self._expected[name], _validations(self._expected[name].folder)
        for row in rows[self._validated[name] :]:
            line = progress_line(
                f"{expected.title}, {row['stage']}",
                int(row["samples"]),
                expected.samples,
                facts=f"loss {float(row['loss']):.4f}, {score_of(row)}",
                rate=float(row["samples_per_second"]),
            )
            self._console.print(Text(line), soft_wrap=True)
        self._validated[name] = len(rows)

    def finished(self, name: str, failure: Failure | None) -> None:
        """A trial has ended; says so in a line that stays."""
        expected = self._expected[name]
        if self.live is None:
            self._tell_validations(name)
        if failure is None:
            self._done.add(name)
            error = standing_of(expected.folder).error
            line = f"done    {expected.title}: " + (f"validation {error}; " if error else "")
            line += f"weights in {expected.folder / 'weights'}"
        else:
            self._failed[name] = failure
            line = f"failed  {expected.title}: {failure.message}"
        self._console.print(Text(line), soft_wrap=True)

    def table(self, running: Sequence[str]) -> Group:
        """The trials that run, and how far the whole is."""
        table = table_of("trial", "stage", "samples", "validation", "samples/s", "left", texts=2)
        for column in table.columns:
            column.no_wrap, column.overflow = True, "ellipsis"
        for name in running[:MOST_ROWS]:
            expected, standing = self._expected[name], self._standing(name)
            left = (expected.samples - standing.samples) / max(standing.samples_per_second, 1e-9)
            begun = bool(standing.stage)
            table.add_row(
                expected.title,
                standing.stage or "starting",
                f"{standing.samples:,}/{expected.samples:,}",
                standing.error,
                f"{standing.samples_per_second:.0f}" if begun else "",
                duration(left) if begun else "",
            )
        return Group(table, Text(self._summary(running)))

    def _summary(self, running: Sequence[str]) -> str:
        total = len(self._expected)
        failed = f", {len(self._failed)} failed" if self._failed else ""
        waiting = total - len(self._done) - len(self._failed) - len(running)
        left = self.seconds_left()
        about = f"; about {duration(left)} left" if left is not None else ""
        return f"{len(self._done)} of {total} trials done{failed}, {len(running)} running, {waiting} waiting{about}"

    def seconds_left(self) -> float | None:
        """From the training FLOPs of this session so far; None before there are any."""
        spent, elapsed = self._spent(), time.monotonic() - self._began
        whole = sum(each.train_flops for name, each in self._expected.items() if name not in self._failed)
        if spent <= self._spent_before:
            return None
        return max(0.0, whole - spent) * elapsed / (spent - self._spent_before)

    def _spent(self) -> float:
        return sum(
            each.train_flops if name in self._done else self._standing(name).train_flops
            for name, each in self._expected.items()
            if name not in self._failed
        )

    def _standing(self, name: str) -> Standing:
        """Read again only what has changed."""
        log = self._expected[name].folder / "log.csv"
        try:
            changed = log.stat().st_mtime
        except OSError:
            return Standing()
        known = self._standings.get(name)
        if known is None or known[0] != changed:
            known = self._standings[name] = (changed, standing_of(log.parent))
        return known[1]


def _validations(folder: Path) -> list[dict[str, str]]:
    return [row for row in read_log(folder) if score_of(row)]


@contextmanager
def live_table(console: Console, expected: Mapping[str, Expected], done: Sequence[str]) -> Iterator[LiveTable]:
    """A live table that leaves the terminal as it was, whatever happens."""
    shown = LiveTable(console, expected, done)
    if not console.is_terminal:
        yield shown
        return
    with Live(console=console, auto_refresh=False, transient=True) as shown.live:
        yield shown
