import itertools
import math
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prepose.worker import map_in_order, terminated_as_if_interrupted, uninterrupted

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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_ends_a_process_acts_as_control_c(number):
    # Under `nohup` SIGHUP is ignored, and is to stay so.
    inherited = signal.signal(number, signal.SIG_DFL)
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), terminated_as_if_interrupted():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before
    signal.signal(number, inherited)


def test_a_terminal_that_was_closed_stops_no_saving(tmp_path):
    """After SIGHUP each byte to the terminal is an error; what is saved after it must be saved all the same."""
    program = (
        "import os, signal, sys\n"
        "from prepose.worker import terminated_as_if_interrupted\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        "try:\n"
        "  with terminated_as_if_interrupted():\n"
        "    print('ready', flush=True); signal.pause()\n"
        "except KeyboardInterrupt:\n"
        "  print('x' * 100_000, flush=True); print('y', file=sys.stderr, flush=True)\n"
        "  open(sys.argv[1], 'w').write('saved')\n"
    )
    kept = tmp_path / "kept"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", program, str(kept)])
    assert b"ready" in os.read(terminal, 100)
    # The kernel sends SIGHUP to who has it as its terminal.
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert (os.waitstatus_to_exitcode(status), kept.read_text()) == (0, "saved")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_clean_up_is_not_interrupted(number):
    with terminated_as_if_interrupted():
        before = signal.getsignal(number)
        with uninterrupted():
            signal.raise_signal(number)
        assert signal.getsignal(number) is before
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
