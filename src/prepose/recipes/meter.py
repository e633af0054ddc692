"""What a person sees while a network trains: a live bar on a terminal, a line now and then elsewhere."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

LINE_SECONDS = 30.0
# Drawing the bar costs a core some milliseconds each time.
REFRESHES_PER_SECOND = 2


class Meter:
    """Shows how a stage goes.

    Args:
        console: Where to; nothing is shown without one.
        name: The stage's name.
        total: Samples of the stage.
        done: Samples already seen.
    """

    def __init__(self, console: Console | None, name: str, *, total: int, done: int) -> None:
        self._console, self._name, self._total = console, name, total
        self._done = self._first = done
        self._loss = float("nan")
        self._started = self._last_line = time.perf_counter()
        self._bar: tuple[Progress, TaskID] | None = None
        if console is not None and console.is_terminal:
            progress = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.completed:,.0f}/{task.total:,.0f}  {task.fields[facts]}", markup=False),
                TimeRemainingColumn(),
                console=console,
                refresh_per_second=REFRESHES_PER_SECOND,
            )
            self._bar = progress, progress.add_task(name, total=total, completed=done, facts="")
            progress.start()

    def advance(self, samples: int) -> None:
        """So many samples more were seen."""
        self._done += samples
        if self._bar is not None:
            progress, task = self._bar
            progress.update(task, advance=samples)
        elif self._console is not None and time.perf_counter() - self._last_line >= LINE_SECONDS:
            self._last_line = time.perf_counter()
            rate = (self._done - self._first) / (self._last_line - self._started)
            left = (self._total - self._done) / rate
            loss = "" if math.isnan(self._loss) else f"loss {self._loss:.4f}, "
            self._console.print(
                f"{self._name}: {self._done:,}/{self._total:,} samples, {loss}{rate:.0f} samples/s, {left:.0f} s left",
                highlight=False,
            )

    def show(self, loss: float, samples_per_second: float) -> None:
        """What the last row of the log says."""
        self._loss = loss
        if self._bar is not None:
            progress, task = self._bar
            progress.update(task, facts=f"loss {loss:.4f}  {samples_per_second:.0f} samples/s")

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar[0].stop()


@contextmanager
def meter(console: Console | None, name: str, *, total: int, done: int) -> Iterator[Meter]:
    """A meter that is closed whatever happens."""
    shown = Meter(console, name, total=total, done=done)
    try:
        yield shown
    finally:
        shown.close()
