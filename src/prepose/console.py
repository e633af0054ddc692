"""What is shown in a terminal: texts as they are, and progress bars for the verbs that read or write many samples.

A bar appears with its first sample: what is found wrong before that is told in one line that stands alone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from prepose.errors import printable


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


def _bars(console: Console | None) -> Progress:
    rate = TextColumn("{task.fields[rate]}", markup=False)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        rate,
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console or PlainConsole(stderr=True))


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
            tasks[split] = bars.add_task(printable(split), total=total, rate="")
            bars.start()
        bars.update(tasks[split], completed=done, total=total, rate=_rate(bars, tasks[split]))

    try:
        yield move
    finally:
        if tasks:
            bars.stop()
