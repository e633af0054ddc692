"""Stopping on request: Ctrl-C, SIGTERM and SIGHUP let the step end and the state be saved."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from prepose.worker import HANG_UP, leave_terminal


class TrainingStopped(KeyboardInterrupt):
    """The user, or the cluster, stopped the training; its state is saved. The message says how to go on.

    The command line prints it and exits with code 130.
    """


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """While it is open, SIGINT, SIGTERM and SIGHUP only make the yielded function true; a second one acts as ever.

    An ignored SIGHUP stays ignored, as `nohup` wants it. Signals reach the main thread only; elsewhere nothing is
    changed.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    watched = [signal.SIGINT, signal.SIGTERM]
    if HANG_UP is not None and signal.getsignal(HANG_UP) != signal.SIG_IGN:
        watched.append(HANG_UP)
    before = {number: signal.getsignal(number) for number in watched}

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()
        if number == HANG_UP:
            leave_terminal()
        for watched_number in watched:
            signal.signal(watched_number, before[watched_number])

    for number in watched:
        signal.signal(number, ask)
    try:
        yield asked.is_set
    finally:
        for number in watched:
            signal.signal(number, before[number])
