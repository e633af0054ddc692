"""Tests for jobs side by side: whatever ends a job, the others go on."""

import operator
import os
import signal
import subprocess
import sys
import time

import pytest

from fake_jobs import broken, die, leave, missing, pid
from prepose.errors import DataError
from prepose.studies.engines.local import (
    Failure,
    Job,
    Outcome,
    Resources,
    cores,
    failure_of,
    run_jobs,
    threads_each,
    values_of,
)

ONE, TWO = Resources(1, 1), Resources(2, 1)


@pytest.mark.slow
def test_outcomes_come_by_name_in_the_order_of_the_jobs():
    jobs = [Job(f"{a}", operator.mul, (a, 2)) for a in (3, 1, 2)]
    ticks, done = [], {}
    outcomes = run_jobs(jobs, resources=TWO, tick=ticks.append, on_done=done.__setitem__)
    assert list(outcomes.items()) == [("3", Outcome(6)), ("1", Outcome(2)), ("2", Outcome(4))]
    assert done == outcomes
    assert {name for running in ticks for name in running} <= {"1", "2", "3"} and ticks[-1] == []
    assert list(values_of(outcomes).values()) == [6, 2, 4]


@pytest.mark.slow
def test_whatever_ends_a_job_the_others_go_on():
    jobs = [
        Job("first", pid, ()),
        Job("second", pid, ()),
        Job("lost", missing, ("/nowhere",)),
        Job("killed", die, (int(signal.SIGKILL),)),
        Job("left", leave, ()),
        Job("last", pid, ()),
    ]
    outcomes = run_jobs(jobs, resources=ONE)
    assert outcomes["lost"].failure == Failure("DataError", "/nowhere: is missing")
    assert outcomes["killed"].failure == Failure(
        "Killed", "its process was killed by signal 9; most often the machine ran out of memory"
    )
    assert outcomes["left"].failure == Failure("Killed", "its process ended with exit code 7")
    assert outcomes["first"].value == outcomes["second"].value, "a worker that is well does the next job, too"
    assert isinstance(outcomes["last"].value, int) and outcomes["last"].value != outcomes["first"].value


def test_errors_become_one_line():
    def failure(work):
        with pytest.raises(Exception) as raised:
            work()
        return failure_of(raised.value)

    assert failure(lambda: missing("x")) == Failure("DataError", "x: is missing")
    bug = failure(broken)
    assert (bug.kind, bug.message) == ("IndexError", "IndexError: list index out of range")
    assert "in broken" in bug.trace
    assert failure_of(KeyboardInterrupt("saved at step 3")) == Failure("Stopped", "saved at step 3")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        type("OutOfMemoryError", (RuntimeError,), {})("CUDA"),
    ],
)
def test_want_of_memory_is_explained(error):
    failure = failure_of(error)
    assert failure.kind == "OutOfMemory" and not failure.trace
    assert (
        failure.message.startswith("out of memory (")
        and "--jobs" in failure.message
        and "batch_size" in failure.message
    )


def test_a_users_mistake_in_a_job_is_told_with_its_name():
    outcomes = {
        "kept": Outcome(1),
        "lost": Outcome(failure=Failure("DataError", "/nowhere: is missing")),
        "killed": Outcome(failure=Failure("Killed", "x")),
    }
    with pytest.raises(DataError, match=r"^lost: /nowhere: is missing \(1 more failed\)$"):
        values_of(outcomes)
    with pytest.raises(RuntimeError, match=r"^bug: KeyError: 1\ntrace$"):
        values_of({"bug": Outcome(failure=Failure("KeyError", "KeyError: 1", "trace"))})


SCRIPT = """
import signal, sys, time
from pathlib import Path
from prepose.recipes.stopping import TrainingStopped, stop_requests
from prepose.studies.engines.local import Job, Resources, run_jobs

def train(folder):
    with stop_requests() as stopping:
        (folder / "began").touch()
        while not stopping():
            time.sleep(0.01)
        time.sleep(0.3)
        (folder / "saved").touch()
    raise TrainingStopped("saved")

if __name__ == "__main__":
    # What is started in the background, as tests may be, inherits that Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run_jobs([Job("long", train, (Path(sys.argv[1]),))], resources=Resources(1, 1))
"""


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_training_saves_before_the_engine_stops(tmp_path, number):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, script, tmp_path]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE) as process:
        wait_for(lambda: (tmp_path / "began").exists() or process.poll() is not None)
        # As a terminal does it, to the whole group.
        os.killpg(process.pid, number)
        try:
            _, told = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (tmp_path / "saved").exists()
    assert b"KeyboardInterrupt" in told and process.returncode != 0


def test_jobs_share_the_cores():
    assert threads_each(10_000) == 1
    assert threads_each(1) == cores() == len(os.sched_getaffinity(0))
