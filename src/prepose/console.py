"""Progress bars for the verbs that read or write many samples.

A bar appears with its first sample: what is found wrong before that is told in one line that stands alone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


def _bars(console: Console | None) -> Progress:
    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    return Progress(*columns, console=console or Console(stderr=True))


def _rate(bars: Progress, task: TaskID) -> str:
    speed = next(each.finished_speed or each.speed for each in bars.tasks if each.id == task)
    return f"{speed:.0f}/s" if speed else ""


@contextmanager
def counted_progress(title: str, console: Console | None = None) -> Iterator[Callable[[int, int | None], None]]:
    """A bar, and the function (done, total) that moves it."""
    with split_progress(console) as move:
        yield lambda done, total: move(title, done, total)


@contextmanager
def split_progress(console: Console | None = None) -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar for each split, and the function (split, done, total) that moves them."""
    bars = _bars(console)
    tasks: dict[str, TaskID] = {}

    def move(split: str, done: int, total: int | None) -> None:
        if split not in tasks:
            tasks[split] = bars.add_task(split, total=total, rate="")
            bars.start()
        bars.update(tasks[split], completed=done, total=total, rate=_rate(bars, tasks[split]))

    try:
        yield move
    finally:
        if tasks:
            bars.stop()
