import itertools
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prepose.worker import map_in_order

PARENT = """
import multiprocessing, time
from prepose.worker import follow_parent

def work(pids):
    follow_parent()
    pids.put(multiprocessing.current_process().pid)
    time.sleep(120)

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    pids = context.Queue()
    context.Process(target=work, args=(pids,)).start()
    print(pids.get(), flush=True)
    time.sleep(120)
"""


@pytest.mark.slow
def test_a_worker_ends_with_its_killed_parent(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while _alive(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _alive(worker)


def test_results_come_in_order_and_errors_in_their_turn():
    # The first takes a while, the others no time.
    numbers = [20_000, *range(9)]
    assert list(map_in_order(math.factorial, numbers, workers=2)) == [math.factorial(number) for number in numbers]
    seen = []
    with pytest.raises(ValueError, match="eleven"):
        for number in map_in_order(int, ["0", "1", "2", "3", "eleven", "5"], workers=2):
            seen.append(number)  # noqa: PERF402 - what came before the error
    assert seen == [0, 1, 2, 3]


def test_workers_use_one_thread_and_the_parent_keeps_its_own(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    told = list(map_in_order(os.getenv, ["OMP_NUM_THREADS", "MKL_NUM_THREADS"], workers=1))
    assert told == ["1", "1"]
    assert os.environ["OMP_NUM_THREADS"] == "7" and "MKL_NUM_THREADS" not in os.environ


def test_leaving_early_ends_the_workers():
    taken = []
    results = map_in_order(abs, (taken.append(number) or number for number in itertools.count()), workers=1)
    assert [next(results), next(results)] == [0, 1]
    results.close()
    assert len(taken) < 6


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
