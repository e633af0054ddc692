import os
import signal
import threading

import pytest

from prepose.recipes.stopping import TrainingStopped, stop_requests


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_asks_and_the_next_one_acts(number: signal.Signals) -> None:
    before = signal.signal(number, signal.default_int_handler)
    try:
        with stop_requests() as stopping:
            assert not stopping()
            os.kill(os.getpid(), number)
            assert stopping()
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), number)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


def test_a_thread_leaves_the_signals_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def work() -> None:
        with stop_requests() as stopping:
            seen.append(stopping())
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False, before]


def test_a_stop_is_an_interrupt() -> None:
    assert issubclass(TrainingStopped, KeyboardInterrupt)


def test_a_hang_up_that_is_ignored_stays_ignored() -> None:
    """As `nohup` asks for."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_requests() as stopping:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stopping()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
