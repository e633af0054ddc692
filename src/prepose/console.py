"""Progress bars for the verbs that read or write many samples."""

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
    with _bars(console) as bars:
        task = bars.add_task(title, total=None, rate="")

        def move(done: int, total: int | None) -> None:
            bars.update(task, completed=done, total=total, rate=_rate(bars, task))

        yield move


@contextmanager
def split_progress(console: Console | None = None) -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar for each split, and the function (split, done, total) that moves them."""
    with _bars(console) as bars:
        tasks: dict[str, TaskID] = {}

        def move(split: str, done: int, total: int | None) -> None:
            if split not in tasks:
                tasks[split] = bars.add_task(split, total=total, rate="")
            bars.update(tasks[split], completed=done, total=total, rate=_rate(bars, tasks[split]))

        yield move
