"""Jobs side by side on one machine: a few worker processes, each with its share of the cores.

Each worker has a pipe of its own. One that dies, killed or out of memory, fails the job it had and no other; the next
job gets a fresh one.
"""

import os
import pickle
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Protocol, runtime_checkable

from prepose import errors
from prepose.errors import PoseError, explained, one_line, ran_out_of_memory
from prepose.worker import follow_parent, terminated_as_if_interrupted

POLL_SECONDS = 0.5
OUT_OF_MEMORY, KILLED, STOPPED = "OutOfMemory", "Killed", "Stopped"


@dataclass(frozen=True)
class Job:
    """One piece of work that needs no other: a function of this package and its arguments (both picklable)."""

    name: str
    work: Callable[..., object]
    arguments: tuple[object, ...]


@dataclass(frozen=True)
class Failure:
    """Why a job has no result.

    Attributes:
        kind: The error's class, or `OutOfMemory`, `Killed`, `Stopped`.
        message: One line for a person.
        trace: Where it happened; empty where that helps nobody.
    """

    kind: str
    message: str
    trace: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a job gave: a value, or a failure."""

    value: object = None
    failure: Failure | None = None


@dataclass(frozen=True)
class Resources:
    """What jobs may use.

    Attributes:
        at_once: Jobs side by side.
        threads: Threads of arithmetic of each.
        gpus: Graphics cards of each; a part of one is shared.
        shared: Folders that every machine must see, where there are several.
    """

    at_once: int
    threads: int
    gpus: float = 0.0
    shared: tuple[Path, ...] = ()


@runtime_checkable
class Engine(Protocol):
    """Carries jobs out somewhere; every job ends with an outcome."""

    def __call__(
        self,
        jobs: Sequence[Job],
        *,
        resources: Resources,
        tick: Callable[[Sequence[str]], None],
        on_done: Callable[[str, Outcome], None],
    ) -> dict[str, Outcome]:
        """Run all jobs, the first ones first; see `run_jobs`."""
        ...


def run_jobs(
    jobs: Sequence[Job],
    *,
    resources: Resources,
    tick: Callable[[Sequence[str]], None] = lambda running: None,
    on_done: Callable[[str, Outcome], None] = lambda name, outcome: None,
) -> dict[str, Outcome]:
    """Run all jobs on this machine, the first ones first.

    Args:
        jobs: What to do.
        resources: How many at once, and what each may use.
        tick: Called a few times a second with the names of the jobs that run.
        on_done: Called with a job's name and outcome as soon as it is known.

    Returns:
        The outcome of each job, by name, in the order of `jobs`.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM; trainings were told to stop, and have saved their state.
    """
    waiting, outcomes = deque(jobs), dict[str, Outcome]()
    workers = [_Worker(number, resources) for number in range(min(resources.at_once, len(jobs)))]
    with terminated_as_if_interrupted():
        try:
            while waiting or any(worker.job is not None for worker in workers):
                for worker in workers:
                    if worker.job is None and waiting:
                        worker.begin(waiting.popleft())
                for name, outcome in _finished(workers):
                    outcomes[name] = outcome
                    on_done(name, outcome)
                tick([worker.job.name for worker in workers if worker.job is not None])
        except KeyboardInterrupt:
            # A training that is told to end saves its state first.
            for worker in workers:
                worker.tell_to_stop()
            raise
        finally:
            for worker in workers:
                worker.end()
    return {job.name: outcomes[job.name] for job in jobs}


def values_of(outcomes: Mapping[str, Outcome]) -> dict[str, object]:
    """What each job returned.

    Raises:
        PoseError: jobs failed by their user's input or for want of memory; the message is the first one's.
        RuntimeError: a job failed otherwise; the message has its traceback.
    """
    failed = {name: outcome.failure for name, outcome in outcomes.items() if outcome.failure is not None}
    if failed:
        name, failure = next(iter(failed.items()))
        if failure.trace:
            raise RuntimeError(f"{name}: {failure.message}\n{failure.trace}")
        others = f" ({len(failed) - 1} more failed)" if len(failed) > 1 else ""
        raise getattr(errors, failure.kind, PoseError)(f"{name}: {failure.message}{others}")
    return {name: outcome.value for name, outcome in outcomes.items()}


def threads_each(jobs: int) -> int:
    """Threads for each of `jobs` processes that share this machine."""
    return max(1, cores() // jobs)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def failure_of(error: BaseException) -> Failure:
    """An error in a line, with the reason and the remedy where memory was short."""
    line = one_line(error)
    if isinstance(error, KeyboardInterrupt):
        return Failure(STOPPED, line or "it was told to stop")
    if ran_out_of_memory(error):
        return Failure(
            OUT_OF_MEMORY,
            f"out of memory ({line[:160] or type(error).__name__}); run fewer at once (--jobs), or make batch_size, "
            "model.size or the network smaller",
        )
    known = explained(error)
    if known is not None:
        return Failure(type(error).__name__, one_line(known))
    return Failure(type(error).__name__, f"{type(error).__name__}: {line}", "".join(traceback.format_exception(error)))


class _Worker:
    """A process that does one job after another; it is started with its first, and anew after each failure."""

    def __init__(self, number: int, resources: Resources) -> None:
        self._number, self._resources = number, resources
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self.job: Job | None = None

    @property
    def pipe(self) -> Connection:
        assert self._pipe is not None
        return self._pipe

    def begin(self, job: Job) -> None:
        if self._process is None or not self._process.is_alive():
            self.end()
            self._start()
        self.job = job
        with suppress(ConnectionError):  # a worker that has just died; reading its outcome tells
            self.pipe.send_bytes(pickle.dumps((job.work, job.arguments)))

    def take(self) -> tuple[str, Outcome]:
        """The outcome of the job, once the pipe has something to read."""
        assert self.job is not None
        name, self.job = self.job.name, None
        try:
            outcome = pickle.loads(self.pipe.recv_bytes())  # noqa: S301 - our own process wrote it
        except (EOFError, ConnectionError):
            outcome = Outcome(failure=self._death())
        if outcome.failure is not None:
            # An accelerator's memory, or its whole context, may be spoilt for what comes next.
            self.end()
        return name, outcome

    def tell_to_stop(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def end(self) -> None:
        if self._process is not None and self._pipe is not None:
            self._pipe.close()
            self._process.join()
            self._process.close()
        self._process = self._pipe = None

    def _start(self) -> None:
        # Spawned, not forked: a fork of a process that has used torch's threads can hang.
        context = get_context("spawn")
        self._pipe, theirs = connection.Pipe()  # pyright: ignore[reportAttributeAccessIssue] - Windows has another class
        self._process = context.Process(target=_serve, args=(theirs, self._number, self._resources))
        self._process.start()
        theirs.close()

    def _death(self) -> Failure:
        assert self._process is not None
        self._process.join()
        code = self._process.exitcode or 0
        if code >= 0:
            return Failure(KILLED, f"its process ended with exit code {code}")
        why = "; most often the machine ran out of memory" if code == -signal.SIGKILL else ""
        return Failure(KILLED, f"its process was killed by signal {-code}{why}")


def _finished(workers: Sequence[_Worker]) -> Iterator[tuple[str, Outcome]]:
    """What has ended within the next moment."""
    busy = {worker.pipe: worker for worker in workers if worker.job is not None}
    for pipe in connection.wait(list(busy), timeout=POLL_SECONDS):
        yield next(worker for known, worker in busy.items() if known is pipe).take()


def _serve(pipe: Connection, number: int, resources: Resources) -> None:
    """The life of a worker: jobs until the pipe is closed."""
    _settle(number, resources)
    with suppress(EOFError, ConnectionError):
        while True:
            pipe.send_bytes(_carried_out(pipe.recv_bytes(), resources.threads))


def _carried_out(order: bytes, threads: int) -> bytes:
    try:
        work, arguments = pickle.loads(order)  # noqa: S301 - our own process wrote it
        use_threads(threads)
        return pickle.dumps(Outcome(work(*arguments)))
    except (Exception, KeyboardInterrupt) as error:
        return pickle.dumps(Outcome(failure=failure_of(error)))


def _settle(number: int, resources: Resources) -> None:
    follow_parent()
    if sys.platform != "win32":
        # Ctrl-C in a terminal goes to a whole group. The parent passes it on as one SIGTERM: a second signal would
        # end a training before it has saved its state.
        os.setpgid(0, 0)
    use_threads(resources.threads)
    if resources.gpus:
        import torch

        visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(torch.cuda.device_count())))
        devices = visible.split(",")
        os.environ["CUDA_VISIBLE_DEVICES"] = devices[number % len(devices)]


def use_threads(threads: int) -> None:
    """Let the arithmetic of this process use so many threads.

    Call it before a job's modules are imported and again after that. Importing torch here would take seconds, also for
    jobs that do not need it.
    """
    # Before torch is imported, so that its own pool obeys too.
    os.environ["OMP_NUM_THREADS"] = str(threads)
    import cv2

    cv2.setNumThreads(threads)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)
