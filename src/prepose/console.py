"""What is shown: texts as they are, tables, and the progress of whatever takes long.

On a terminal progress is bars; in a log file, or whatever else is no terminal, it is plain lines. A bar appears with
its first sample: what is found wrong before that is told in one line that stands alone.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from prepose.errors import printable

# Without a terminal: a line each tenth of the whole, and at least one in so many seconds.
LINE_SECONDS = 30.0
# What is found in less time says nothing of what is to come: workers hand in several samples at once.
LEAST_SECONDS = 2.0
# Drawing bars costs a core some milliseconds each time.
REFRESHES_PER_SECOND = 4


class PlainConsole(Console):
    """A console that shows names and values as they are, whatever folder, store or label file they come from.

    `[/b]` is no mark-up, `:x:` no emoji, and no control character reaches the terminal.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """As rich does for every text that it is to show, in tables too."""
        return super().render_str(printable(text), **options)


def say(text: object, *, file: TextIO | None = None) -> None:
    """Print a line, or several, without control characters; to standard output where no other file is named."""
    print(printable(str(text)), file=file)


def table_of(*heads: str, title: str | None = None, texts: int = 1, dense: bool = False) -> Table:
    """An empty table in the one style of all tables: a rule below the heads, no other lines.

    Args:
        heads: The columns' heads; all empty: none is shown.
        title: What stands above it.
        texts: So many columns, from the left, hold text, which may wrap; the others hold numbers.
        dense: One space between columns instead of two, where many must fit a terminal of 80 columns.
    """
    table = Table(
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        show_header=any(heads),
        padding=0 if dense else (0, 1, 0, 0),
        pad_edge=False,
    )
    for number, head in enumerate(heads):
        is_text = number < texts
        table.add_column(head, justify="left" if is_text else "right", no_wrap=not is_text, overflow="fold")
    return table


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def progress_line(
    name: str, done: int, total: int | None, *, facts: str = "", rate: float = 0.0, unit: str = "samples"
) -> str:
    """How far something is, in a line: `pretrain: 200/1,000 samples, loss 0.5, 100 samples/s, 8 s left`.

    Args:
        name: What is being done.
        done: Samples so far.
        total: Samples in all, where that is known.
        facts: What else there is to say.
        rate: Samples each second; 0 where that is not known yet.
        unit: What samples are called here.
    """
    parts = [f"{done:,} {unit}" if total is None else f"{done:,}/{total:,} {unit}", facts]
    if rate > 0:
        parts.append(f"{rate:.0f} {unit}/s")
        if total is not None and done < total:
            parts.append(f"{duration((total - done) / rate)} left")
    return f"{name}: {', '.join(filter(None, parts))}"


@dataclass
class _Row:
    """One name's progress: where it began, and what was last said of it."""

    first: int
    began: float
    said_at: float
    tenths: int = 0
    task: TaskID | None = None


class Progress:
    """How far things are: a bar for each name on a terminal, plain lines elsewhere.

    Args:
        console: Where to; nothing is shown without one.
        line_seconds: Without a terminal, at least one line in so many seconds.
        by_tenths: Without a terminal, a line each tenth of the whole, once it has taken `LEAST_SECONDS`.
        unit: What samples are called here.
    """

    def __init__(
        self,
        console: Console | None,
        *,
        line_seconds: float | None = None,
        by_tenths: bool = True,
        unit: str = "samples",
    ) -> None:
        self._console, self._by_tenths, self._unit = console, by_tenths, unit
        self._line_seconds = LINE_SECONDS if line_seconds is None else line_seconds
        self._rows: dict[str, _Row] = {}
        self._bars: Bars | None = None
        if console is not None and console.is_terminal:
            self._bars = Bars(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.fields[count]}  {task.fields[facts]}", markup=False),
                TimeRemainingColumn(),
                console=console,
                refresh_per_second=REFRESHES_PER_SECOND,
            )

    def move(
        self, name: str, done: int, total: int | None, *, facts: str = "", rate: float | None = None, say: bool = False
    ) -> None:
        """So much of something is done.

        Args:
            name: Of what.
            done: Samples so far.
            total: Samples in all, where that is known.
            facts: What else there is to say.
            rate: Samples each second; as measured here without it.
            say: Whether this is worth a line where there is no terminal.
        """
        now = time.monotonic()
        row = self._rows.get(name)
        if row is None:
            row = self._rows[name] = _Row(done, now, now)
        if self._bars is not None:
            self._move_bar(self._bars, row, name, done, total, facts=facts, rate=rate)
        elif self._console is not None:
            tenths = 10 * done // total if total and self._by_tenths else 0
            # What is over in a moment needs no line on its way.
            due = tenths > row.tenths and now - row.began >= LEAST_SECONDS
            if say or due or now - row.said_at >= self._line_seconds:
                row.said_at, row.tenths = now, tenths
                if rate is None:
                    rate = (done - row.first) / (now - row.began) if now - row.began >= LEAST_SECONDS else 0.0
                line = progress_line(printable(name), done, total, facts=facts, rate=rate, unit=self._unit)
                self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _move_bar(  # noqa: PLR0913 - as `move`
        self, bars: Bars, row: _Row, name: str, done: int, total: int | None, *, facts: str, rate: float | None
    ) -> None:
        if row.task is None:
            row.task = bars.add_task(printable(name), total=total, completed=done, count="", facts="")
            bars.start()
        speed = rate or next(each.finished_speed or each.speed for each in bars.tasks if each.id == row.task)
        count = f"{done:,}/{'?' if total is None else f'{total:,}'}"
        shown = "  ".join(filter(None, (facts, f"{speed:.0f} {self._unit}/s" if speed else "")))
        bars.update(row.task, completed=done, total=total, count=count, facts=shown)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bars is not None and self._rows:
            self._bars.stop()


@contextmanager
def shown_progress(
    console: Console | None, *, line_seconds: float | None = None, by_tenths: bool = True, unit: str = "samples"
) -> Iterator[Progress]:
    """A `Progress` that is closed whatever happens."""
    progress = Progress(console, line_seconds=line_seconds, by_tenths=by_tenths, unit=unit)
    try:
        yield progress
    finally:
        progress.close()


@contextmanager
def counted_progress(
    title: str, console: Console | None = None, *, unit: str = "samples"
) -> Iterator[Callable[[int, int | None], None]]:
    """The function (done, total) that shows how far something is; on the error stream where no console is named."""
    with shown_progress(console or PlainConsole(stderr=True), unit=unit) as progress:
        yield lambda done, total: progress.move(title, done, total)


@contextmanager
def split_progress(console: Console | None = None) -> Iterator[Callable[[str, int, int | None], None]]:
    """The function (split, done, total) that shows how far each split is; see `counted_progress`."""
    with shown_progress(console or PlainConsole(stderr=True)) as progress:
        yield progress.move
