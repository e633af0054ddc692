"""Processes of this package: how signals end them, and workers that obey their parent and never outlive it."""

import os
import signal
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from types import FrameType
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


# A terminal that closes sends SIGHUP, clusters and the system send SIGTERM; Windows has no SIGHUP.
HANG_UP = getattr(signal, "SIGHUP", None)
ENDING = (signal.SIGTERM,) if HANG_UP is None else (signal.SIGTERM, HANG_UP)


@contextmanager
def terminated_as_if_interrupted() -> Iterator[Callable[[], bool]]:
    """SIGTERM and SIGHUP act as Ctrl-C does: what is finished is kept, and the message says how to resume.

    Yields whether any of them has come: libraries that are being imported may turn the interruption into another error.
    A signal that is ignored stays ignored, as `nohup` wants it. Signals reach the main thread only; elsewhere nothing
    is changed.
    """
    asked = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        asked.set()
        if number == HANG_UP:
            leave_terminal()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDING)}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP are ignored: for a short clean-up, which a second signal would leave half done.

    Signals reach the main thread only; elsewhere nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, *ENDING)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_terminal() -> None:
    """Send what is still printed nowhere: writing to a terminal that was closed is an error, and would end a saving."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        # A closed terminal no longer says that it is one, but it still is a character device.
        if stat.S_ISCHR(os.fstat(stream).st_mode):
            os.dup2(nowhere, stream)
    os.close(nowhere)


def follow_parent() -> None:
    """Leave Ctrl-C and a closed terminal to the parent, and end when the parent does, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if HANG_UP is not None:
        signal.signal(HANG_UP, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def map_in_order(
    work: Callable[[T], R], tasks: Iterable[T], *, workers: int, set_up: Callable[[], object] | None = None
) -> Iterator[R]:
    """work(task) for each task, done by several processes, in the order of the tasks.

    Tasks are taken from their iterator a little ahead of what has been asked for, so that memory stays flat. An error
    in a worker, or in the iterator of tasks, comes when its turn does. Leaving the loop cancels what has not begun.

    Args:
        work: What is done with a task, in a process of its own; picklable.
        tasks: The tasks, picklable.
        workers: Processes, each with one thread of arithmetic.
        set_up: Called once in each process before any work; picklable.

    Raises:
        BrokenProcessPool: a process died.
    """
    waiting: deque[Future[R]] = deque()
    with (
        _one_thread_each(),
        ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin, initargs=(set_up,)) as pool,
    ):
        try:
            for future in _submitted(pool, work, tasks):
                waiting.append(future)
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _submitted(pool: ProcessPoolExecutor, work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[Future[R]]:
    try:
        for task in tasks:
            yield pool.submit(work, task)
    except Exception as error:
        # What was asked for before is still good, and may hold an earlier error.
        failed: Future[R] = Future()
        failed.set_exception(error)
        yield failed


def _begin(set_up: Callable[[], object] | None) -> None:
    follow_parent()
    if set_up is not None:
        set_up()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started inside inherit an environment in which numerical libraries use one thread."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
