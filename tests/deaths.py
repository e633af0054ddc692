"""Processes that die while they write: whatever they leave, the same command again ends as if nothing had been."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

# All through which a file comes to the disk for good, changes its name or goes.
CHANGES = ("fsync", "replace", "rename", "mkdir", "unlink", "rmdir", "truncate")


class DiedError(BaseException):
    """The process was killed: no handler of errors helps, and what would be cleaned up stays."""


@contextmanager
def dying_at(number: int) -> Iterator[Callable[[], int]]:
    """In the block the process dies before its so-manieth change to the disk; yields how many it came to.

    A dead process changes nothing any more: what its handlers try fails likewise.
    """
    made = 0

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def attempt(*arguments: Any, **named: Any) -> Any:
            nonlocal made
            made += 1
            if made >= number:
                raise DiedError
            return change(*arguments, **named)

        return attempt

    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGES:
            patch.setattr(os, name, counted(getattr(os, name)))
        yield lambda: made


def killed_everywhere(command: Callable[[Path], Any], folder: Path, check: Callable[[Path], None]) -> int:
    """Kill a command before each of its changes in a folder of its own, run it again, and check what it left.

    Returns:
        How many changes it makes.
    """
    for number in range(1, 1000):
        out = folder / str(number)
        try:
            with dying_at(number):
                command(out)
        except DiedError:
            command(out)
            check(out)
            left = [path for path in out.rglob("*") if path.name.endswith((".partial", ".lock"))]
            assert not left, f"killed before change {number}, it leaves {left}"
        else:
            return number - 1
    raise AssertionError("it never ends")


def killed_again_and_again(command: Callable[[], Any], *, step: int) -> int:
    """Kill a long command before its first change, run it again and kill it `step` changes later, and so on to its end.

    Returns:
        How often it was killed.
    """
    for times in range(1000):
        try:
            with dying_at(1 + times * step):
                command()
        except DiedError:
            continue
        return times
    raise AssertionError("it never ends")
