"""The memory of the stack machine that a pickle is a program for."""

from collections.abc import Callable
from typing import Any

from prepose.pickles.values import SET_BYTES, Budget, Unfinished

# What they take in memory, and what points to them.
EMPTY_BYTES = {list: 72, dict: 80, set: SET_BYTES, frozenset: SET_BYTES}
# Numbers and lists of two take up to twelve times their place in the file.
FREE_BYTES, TIMES = 2**28, 12


def allowance(size: int) -> int:
    """Bytes of memory that the values in a file of so many bytes may take."""
    return FREE_BYTES + TIMES * size


class Machine:
    """The stack machine's memory.

    Args:
        data: The program.
        memory: Bytes that its values may take; None: what a file of that size may.
        at: Where in the data it begins: some files hold several, one after another.
        refer: What it gets for the name of an object outside of it; None: such names are refused.
    """

    __slots__ = ("at", "budget", "data", "marks", "memo", "memo_far", "refer", "stack", "unfinished")

    def __init__(
        self, data: bytes, memory: int | None = None, *, at: int = 0, refer: Callable[[Any], Any] | None = None
    ) -> None:
        self.data, self.at, self.refer = data, at, refer
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: list[Any] = []
        self.memo_far: dict[int, Any] = {}
        self.budget = Budget(4 * len(data) + 2**20, allowance(len(data)) if memory is None else memory)
        self.unfinished = 0

    def forget(self) -> None:
        """Let go of what was only needed while the program ran."""
        self.memo, self.memo_far, self.stack, self.marks = [], {}, [], []

    def take(self, size: int) -> bytes:
        """The next bytes of the program."""
        end = self.at + size
        if size < 0 or end > len(self.data):
            raise EOFError
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def line(self) -> bytes:
        """The bytes up to the next line feed."""
        end = self.data.index(b"\n", self.at)
        piece = self.data[self.at : end]
        self.at = end + 1
        return piece

    def since_mark(self) -> list[Any]:
        """What was pushed since the last mark."""
        pushed, self.stack = self.stack, self.marks.pop()
        return pushed

    def drop(self, values: list[Any]) -> None:
        """Forget values that were pushed."""
        self.unfinished -= sum(type(value) is Unfinished for value in values)

    def push_container(self, value: Any) -> None:
        """Push a list, dict or set."""
        self.budget.hold(EMPTY_BYTES[type(value)])
        self.stack.append(value)

    def push_made(self, value: Any) -> None:
        """Push what was made of a named thing."""
        self.unfinished += type(value) is Unfinished
        self.stack.append(value)
