"""Trials side by side on one machine: a few processes, each with its share of the cores."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass

from prepose.errors import PoseError
from prepose.worker import follow_parent

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Trial:
    """One piece of work that needs no other: a function of this package and its arguments (both picklable)."""

    name: str
    work: Callable[..., object]
    arguments: tuple[object, ...]


def run_trials(trials: Sequence[Trial], *, jobs: int, tick: Callable[[], None] = lambda: None) -> dict[str, object]:
    """Run all trials, at most `jobs` at once; `tick` is called a few times a second.

    Returns:
        What each trial returned, by name, in the order of `trials`.

    Raises:
        PoseError: trials failed by their user's input; the others were carried out.
    """
    # Spawned, not forked: a fork of a process that has used torch's threads can hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        max_workers=jobs, mp_context=context, initializer=_settle, initargs=(threads_each(jobs),)
    )
    try:
        waiting: dict[Future[object], Trial] = {pool.submit(trial.work, *trial.arguments): trial for trial in trials}
        results: dict[str, object] = {}
        failures: list[PoseError] = []
        while waiting:
            done, _ = wait(waiting, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                trial = waiting.pop(future)
                try:
                    results[trial.name] = future.result()
                except PoseError as error:
                    failures.append(type(error)(f"{trial.name}: {error}"))
            tick()
    except KeyboardInterrupt:
        # A training that is told to end saves its state first.
        for worker in multiprocessing.active_children():
            worker.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if failures:
        others = f" ({len(failures) - 1} more trials failed)" if len(failures) > 1 else ""
        raise type(failures[0])(f"{failures[0]}{others}")
    return {trial.name: results[trial.name] for trial in trials}


def threads_each(jobs: int) -> int:
    """Threads for each of `jobs` processes that share this machine."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, available // jobs)


def _settle(threads: int) -> None:
    follow_parent()
    # Before torch is imported, so that its own pool obeys too.
    os.environ["OMP_NUM_THREADS"] = str(threads)
    import cv2
    import torch

    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
