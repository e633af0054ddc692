"""Jobs on a Ray cluster: each where there are cores and cards for it, and again where a machine was lost.

A trial keeps all that it knows in its folder, which every machine must see: what was lost with a machine is what came
after the last checkpoint. The engine knows the cluster that `RAY_ADDRESS` names, or the one this machine belongs to.
"""

import logging
import os
import pickle
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prepose import __version__
from prepose.errors import DataError, RecipeError
from prepose.studies.engines.local import (
    KILLED,
    OUT_OF_MEMORY,
    POLL_SECONDS,
    STOPPED,
    Failure,
    Job,
    Outcome,
    Resources,
    failure_of,
    terminated_as_if_interrupted,
    use_threads,
)

# A machine that takes three others' work and is lost each time points to the work.
MOST_LOSSES = 3
CONNECT_SECONDS = 10.0
NOTICE_SECONDS = 5
STOP_SECONDS = 120.0
DEFAULT_PORT = 6379


def run_jobs_on_ray(
    jobs: Sequence[Job],
    *,
    resources: Resources,
    tick: Callable[[Sequence[str]], None] = lambda running: None,
    on_done: Callable[[str, Outcome], None] = lambda name, outcome: None,
) -> dict[str, Outcome]:
    """Run all jobs on a Ray cluster, the first ones first; see `local.run_jobs`.

    Raises:
        RecipeError: Ray is not installed, no cluster can be reached, or none of its machines has what a job takes.
        DataError: a machine does not see the folders, or has another version of this package.
        KeyboardInterrupt: Ctrl-C or SIGTERM; trainings were told to stop, and have saved their state.
    """
    with _cluster() as ray, terminated_as_if_interrupted():
        _check_room(ray, resources)
        with _tokens(resources.shared) as tokens:
            _check_machines(ray, tokens)
            flight = _Flight(ray, jobs, resources, tokens)
            try:
                while flight.is_busy:
                    for name, outcome in flight.next_outcomes():
                        on_done(name, outcome)
                    tick(flight.running)
            except KeyboardInterrupt:
                flight.stop()
                raise
    return {job.name: flight.outcomes[job.name] for job in jobs}


@dataclass
class _Attempt:
    job: Job
    losses: int = 0
    machines: frozenset[str] = frozenset()


class _Flight:
    """The jobs that are on the cluster, those that wait and those that are done."""

    def __init__(self, ray: Any, jobs: Sequence[Job], resources: Resources, tokens: Sequence[str]) -> None:
        self._ray, self._resources, self._tokens = ray, resources, tuple(tokens)
        self._waiting = deque(_Attempt(job) for job in jobs)
        self._running: dict[Any, _Attempt] = {}
        self.outcomes: dict[str, Outcome] = {}
        # No retries by Ray: it cannot tell a lost machine from a job that its machine's memory cannot hold.
        self._task = ray.remote(_carried_out).options(
            num_cpus=resources.threads, num_gpus=resources.gpus, max_retries=0, name="trial"
        )

    @property
    def is_busy(self) -> bool:
        return bool(self._waiting or self._running)

    @property
    def running(self) -> list[str]:
        return [attempt.job.name for attempt in self._running.values()]

    def next_outcomes(self) -> Iterator[tuple[str, Outcome]]:
        """Send what there is room for, and yield what has ended within the next moment."""
        while self._waiting and len(self._running) < self._resources.at_once:
            attempt = self._waiting.popleft()
            attempt.machines = _machines(self._ray)
            order = pickle.dumps((attempt.job.work, attempt.job.arguments))
            self._running[self._task.remote(order, self._resources.threads, self._tokens)] = attempt
        done, _ = self._ray.wait(list(self._running), num_returns=1, timeout=POLL_SECONDS)
        for reference in done:
            attempt = self._running.pop(reference)
            outcome = self._outcome(reference, attempt)
            if outcome is not None:
                self.outcomes[attempt.job.name] = outcome
                yield attempt.job.name, outcome

    def _outcome(self, reference: Any, attempt: _Attempt) -> Outcome | None:
        """None where its machine was lost and it is sent again."""
        errors = self._ray.exceptions
        try:
            outcome = pickle.loads(self._ray.get(reference))  # noqa: S301 - our own process wrote it
        except (errors.NodeDiedError, errors.ObjectLostError) as error:
            return self._again(attempt, _first(error))
        except errors.OutOfMemoryError as error:
            message = (
                f"its machine ran out of memory ({_first(error)}); give each trial more threads, so that fewer run"
            )
            return Outcome(failure=Failure(OUT_OF_MEMORY, message))
        except errors.WorkerCrashedError as error:
            if self._has_lost_a_machine(attempt):
                return self._again(attempt, _first(error))
            why = "its process died; most often it was killed, or the machine ran out of memory"
            return Outcome(failure=Failure(KILLED, why))
        except errors.RayError as error:
            return Outcome(failure=Failure(type(error).__name__, f"Ray: {_first(error)}"))
        if outcome.failure is not None and outcome.failure.kind == STOPPED:
            # Nobody here has told it to: its machine is being given back, and it has saved its state.
            return self._again(attempt, outcome.failure.message)
        return outcome

    def _again(self, attempt: _Attempt, why: str) -> Outcome | None:
        attempt.losses += 1
        if attempt.losses < MOST_LOSSES:
            self._waiting.appendleft(attempt)
            return None
        return Outcome(failure=Failure(KILLED, f"its machine was lost {attempt.losses} times ({why})"))

    def _has_lost_a_machine(self, attempt: _Attempt) -> bool:
        """Whether a machine has gone since the attempt began; the cluster notices a moment after the process died."""
        for _ in range(NOTICE_SECONDS):
            if not attempt.machines <= _machines(self._ray):
                return True
            time.sleep(1.0)
        return False

    def stop(self) -> None:
        """Tell all trainings to stop, and wait while they save."""
        for reference in self._running:
            self._ray.cancel(reference, force=False)
        if self._running:
            self._ray.wait(list(self._running), num_returns=len(self._running), timeout=STOP_SECONDS)


def _carried_out(order: bytes, threads: int, tokens: Sequence[str]) -> bytes:
    """A job on some machine of the cluster, and its outcome."""
    use_threads(threads)
    try:
        unseen = [token for token in tokens if not Path(token).exists()]
        if unseen:
            raise DataError(f"{_unshared(socket.gethostname(), unseen[0])}")
        work, arguments = pickle.loads(order)  # noqa: S301 - our own process wrote it
        use_threads(threads)
        return pickle.dumps(Outcome(work(*arguments)))
    except (Exception, KeyboardInterrupt) as error:
        return pickle.dumps(Outcome(failure=failure_of(error)))


@contextmanager
def _cluster() -> Iterator[Any]:
    """Ray, connected; disconnected at the end where it was not before.

    Raises:
        RecipeError: Ray is not installed, or no cluster can be reached.
    """
    try:
        import ray
    except ImportError:
        raise RecipeError("--engine ray needs Ray; install it with `pip install 'prepose[cluster]'`") from None
    if ray.is_initialized():
        yield ray
        return
    address = os.environ.get("RAY_ADDRESS", "auto")
    how = "start one with `ray start --head`, or set RAY_ADDRESS to its HOST:PORT"
    _check_port(address, how)
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise RecipeError(f"--engine ray: no cluster can be reached at {address!r} ({_first(error)}); {how}") from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_port(address: str, how: str) -> None:
    """See that something listens; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").partition(":")
    if host in ("auto", "local", ""):
        return
    try:
        number = int(port or DEFAULT_PORT)
        socket.create_connection((host, number), timeout=CONNECT_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        raise RecipeError(f"--engine ray: nothing answers at {address} ({error}); {how}") from None


def _check_room(ray: Any, resources: Resources) -> None:
    """See that some machine has what a job takes; else it would wait for ever."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(
        machine.get("CPU", 0) >= resources.threads and machine.get("GPU", 0) >= resources.gpus for machine in machines
    ):
        largest = ", ".join(f"{node.get('CPU', 0):.0f} CPUs and {node.get('GPU', 0):.0f} GPUs" for node in machines)
        raise RecipeError(
            f"--engine ray: no machine has {resources.threads} CPUs and {resources.gpus:g} GPUs for a trial; the "
            f"cluster has {largest or 'no machine'}; lower --threads or --gpus"
        )


@contextmanager
def _tokens(folders: Sequence[Path]) -> Iterator[list[str]]:
    """A file in each folder, by which machines can tell that it is the same folder; gone at the end."""
    tokens = [folder.resolve() / f".seen-by-all-{secrets.token_hex(4)}" for folder in folders]
    try:
        for token in tokens:
            token.touch()
        yield [str(token) for token in tokens]
    finally:
        for token in tokens:
            token.unlink(missing_ok=True)


def _check_machines(ray: Any, tokens: Sequence[str]) -> None:
    """See that every machine has this version of this package, and sees the folders.

    Raises:
        DataError: one does not.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [node for node in ray.nodes() if node["Alive"]]
    look = ray.remote(_look)
    answers = [
        look.options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(
            list(tokens)
        )
        for node in nodes
    ]
    for node, reference in zip(nodes, answers, strict=True):
        host = node["NodeManagerHostname"]
        try:
            found: Mapping[str, Any] = ray.get(reference)
        except (ImportError, ray.exceptions.RayError) as error:
            raise DataError(f"--engine ray: machine {host} cannot be used ({_first(error)})") from None
        if found["version"] != __version__:
            raise DataError(
                f"--engine ray: machine {host} has prepose {found['version']}, this one {__version__}; install one "
                "version everywhere"
            )
        if found["unseen"]:
            raise DataError(f"--engine ray: {_unshared(host, found['unseen'][0])}")


def _look(tokens: Sequence[str]) -> dict[str, Any]:
    return {"version": __version__, "unseen": [token for token in tokens if not Path(token).exists()]}


def _machines(ray: Any) -> frozenset[str]:
    """The machines that are there."""
    return frozenset(node["NodeID"] for node in ray.nodes() if node["Alive"])


def _unshared(host: str, token: str) -> str:
    return (
        f"machine {host} does not see {Path(token).parent}; put --out, --stores and datasets on a file system that all "
        "machines share, under the same path"
    )


def _first(error: BaseException) -> str:
    """The first line of an error."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
