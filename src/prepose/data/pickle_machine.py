"""The memory of the stack machine that a pickle is a program for."""

from typing import Any

from prepose.data.pickle_names import Refusal
from prepose.data.pickle_values import Budget, Unfinished

MOST_CONTAINERS = 10_000_000


class Machine:
    """The stack machine's memory."""

    __slots__ = ("at", "budget", "containers", "data", "marks", "memo", "memo_far", "stack", "unfinished")

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: list[Any] = []
        self.memo_far: dict[int, Any] = {}
        self.budget = Budget(4 * len(data) + 2**20)
        self.containers = self.unfinished = 0

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
        self.containers += 1
        if self.containers > MOST_CONTAINERS:
            raise Refusal(f"holds more than {MOST_CONTAINERS:,} lists and dicts")
        self.stack.append(value)

    def push_made(self, value: Any) -> None:
        """Push what was made of a named thing."""
        self.unfinished += type(value) is Unfinished
        self.stack.append(value)
