"""The energy that the devices of this machine have used, where they tell it.

Graphics cards tell through NVML, processors through the kernel's powercap files (RAPL), which only root may read on
many machines. Both count for the whole device: what a process used is that over the processes side by side.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
# A processor's counter starts again at zero after some minutes at full power.
SAMPLE_SECONDS = 20.0


@dataclass
class Energy:
    """What has been used since the beginning.

    Attributes:
        source: `nvml`, `rapl`, or None where no device tells.
        joules: Of the whole devices; None where no device tells.
    """

    source: str | None = None
    joules: float | None = None


@dataclass
class _Counter:
    """A device's counter, which may start again at zero."""

    read: Callable[[], float]
    largest: float | None
    last: float = field(init=False)

    def __post_init__(self) -> None:
        self.last = self.read()

    def since_last(self) -> float:
        now = self.read()
        used = now - self.last
        if used < 0:
            used += self.largest or 0.0
        self.last = now
        return max(used, 0.0)


@contextmanager
def energy_used(*, cuda: bool) -> Iterator[Energy]:
    """Adds up, while it is open, what this machine's graphics card or its processors use.

    Args:
        cuda: Whether the first visible graphics card does the work.
    """
    counters: Mapping[str, list[_Counter]] = {"nvml": _cards()} if cuda else {"rapl": _packages(POWERCAP)}
    (source, found), *_ = counters.items()
    if not found:
        yield Energy()
        return
    energy, closed = Energy(source, 0.0), threading.Event()

    def add() -> None:
        if energy.joules is None:
            return
        try:
            energy.joules += sum(counter.since_last() for counter in found)
        except (OSError, ValueError):
            # A part of the sum would be a wrong sum.
            energy.source = energy.joules = None

    def watch() -> None:
        while not closed.wait(SAMPLE_SECONDS):
            add()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield energy
    finally:
        closed.set()
        thread.join()
        add()


def _packages(root: Path) -> list[_Counter]:
    """The counters of all processors; none where they may not be read."""
    counters = []
    # intel-rapl:0 is a processor, intel-rapl:0:0 a part of it; AMD's processors have the same files.
    for folder in sorted(root.glob("intel-rapl:*")):
        if folder.name.count(":") != 1:
            continue
        try:
            largest = int((folder / "max_energy_range_uj").read_text()) / 1e6
            counters.append(_Counter(_reader(folder / "energy_uj"), largest))
        except (OSError, ValueError):
            return []
    return counters


def _reader(path: Path) -> Callable[[], float]:
    return lambda: int(path.read_text()) / 1e6


def _cards() -> list[_Counter]:
    """The counter of the first visible card; none where NVML, or its package, is not there."""
    import torch

    try:
        import pynvml  # pyright: ignore[reportMissingImports] - optional
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        # By its identity: NVML counts all cards, torch the visible ones.
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(0).uuid}".encode())

        def joules() -> float:
            try:
                return pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3
            except pynvml.NVMLError as error:
                raise OSError(str(error)) from error

        return [_Counter(joules, None)]
    except (pynvml.NVMLError, OSError, RuntimeError, AssertionError):
        return []
