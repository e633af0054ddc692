"""The energy that the devices of this machine have used: NVML for GPUs, the kernel's powercap files (RAPL) for CPUs.

Both count for the whole device: what a process used is that over the processes in parallel.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
# A processor's counter starts again at zero after some minutes at full power.
SAMPLE_SECONDS = 20.0

# Reads a device's counter, J; and the reading at which it starts again at zero.
Counter = tuple[Callable[[], float], float]


@dataclass
class Energy:
    """What has been used since the beginning.

    Attributes:
        source: `nvml`, `rapl`, or None where no device can be read.
        joules: Of the whole devices; None where no device can be read.
    """

    source: str | None = None
    joules: float | None = None


@contextmanager
def energy_used(*, cuda: bool) -> Iterator[Energy]:
    """Adds up, while it is open, what this machine's first visible GPU (`cuda`) or its processors use."""
    counters = _gpu() if cuda else _processors()
    if not counters:
        yield Energy()
        return
    energy, closed = Energy("nvml" if cuda else "rapl", 0.0), threading.Event()
    last = [read() for read, _ in counters]

    def add() -> None:
        try:
            now = [read() for read, _ in counters]
        except (OSError, ValueError):
            # A part of the sum would be a wrong sum.
            energy.source = energy.joules = None
            return
        if energy.joules is not None:
            used = zip(now, last, counters, strict=True)
            energy.joules += sum(new - old if new >= old else new - old + largest for new, old, (_, largest) in used)
            last[:] = now

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


def _processors() -> Sequence[Counter]:
    """The counters of all processors; none where one may not be read."""

    def reader(path: Path) -> Callable[[], float]:
        return lambda: int(path.read_text()) / 1e6

    # intel-rapl:0 is a processor, intel-rapl:0:0 a part of it; AMD's processors have the same files.
    folders = [folder for folder in sorted(POWERCAP.glob("intel-rapl:*")) if folder.name.count(":") == 1]
    try:
        counters = [(reader(each / "energy_uj"), reader(each / "max_energy_range_uj")()) for each in folders]
        for read, _ in counters:
            read()
    except (OSError, ValueError):
        return ()
    return counters


def _gpu() -> Sequence[Counter]:
    """The counter of the first visible GPU; none where NVML, or its package, is not there."""
    import torch

    try:
        import pynvml  # pyright: ignore[reportMissingImports] - optional
    except ImportError:
        return ()
    try:
        pynvml.nvmlInit()
        # By its identity: NVML counts all cards, torch the visible ones.
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(0).uuid}".encode())

        def joules() -> float:
            try:
                return pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3
            except pynvml.NVMLError as error:
                raise OSError(str(error)) from error

        joules()
    except (pynvml.NVMLError, OSError, RuntimeError, AssertionError):
        return ()
    return [(joules, 0.0)]
