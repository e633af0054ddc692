"""What a trial cost: operations, time, memory, energy. `costs.json` is the last file that a trial writes."""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from prepose.errors import RecipeError
from prepose.models.flops import count_flops, count_parameters
from prepose.recipes.log import read_log
from prepose.recipes.run import cpu_name
from prepose.specs.recipe import Recipe

try:
    import resource
except ImportError:  # Windows, where no study begins: see `check_system`
    resource = None

POWERCAP = Path("/sys/class/powercap")
# A processor's counter starts again at zero after some minutes at full power.
SAMPLE_SECONDS = 20.0

# Reads a device's counter, J; and the reading at which it starts again at zero.
Counter = tuple[Callable[[], float], float]


@dataclass(frozen=True)
class EvaluationCost:
    """What measuring one set cost.

    Attributes:
        key: What the set is: the digest of its store, split and protocol.
        samples: Samples scored.
        flops: Floating-point operations, mirror images included.
        seconds: How long it took.
    """

    key: str
    samples: int
    flops: float
    seconds: float


@dataclass(frozen=True)
class ProcessCost:
    """What the process that ended a trial used.

    Attributes:
        device: Where the arithmetic was done.
        threads: CPU threads.
        side_by_side: Trials in parallel on the device.
        peak_memory_bytes: The process's largest resident memory in the trial.
        peak_device_memory_bytes: Likewise on the GPU; None on a processor.
        energy_joules: The devices' energy over the trials in parallel; None where no device can be read, or where the
            trial was begun in another session.
        energy_source: `nvml`, `rapl` or None.
    """

    device: str
    threads: int
    side_by_side: int
    peak_memory_bytes: int
    peak_device_memory_bytes: int | None
    energy_joules: float | None
    energy_source: str | None


def costs_of(
    recipe: Recipe,
    run: Path,
    *,
    counted_flops: float,
    evaluations: Mapping[str, EvaluationCost],
    used: ProcessCost,
    wall_seconds: float,
) -> dict[str, Any]:
    """The content of `costs.json`.

    Args:
        recipe: The trial's.
        run: Its folder; the log of its training is read.
        counted_flops: Training FLOPs with a stage that several trainings share counted by its part.
        evaluations: set -> what measuring it cost.
        used: What the process used.
        wall_seconds: From the trial's beginning in this session to its end.
    """
    log = read_log(run)
    stages = _stages(log)
    validated = [row for row in log if row.get("validation_flops")]
    costs = {
        "parameters": count_parameters(recipe.model),
        "forward_flops": count_flops(recipe.model).forward,
        "stages": stages,
        "train_flops": sum(stage["train_flops"] for stage in stages.values()),
        "counted_flops": counted_flops,
        "validation_flops": float(validated[-1]["validation_flops"]) if validated else 0.0,
        "images_seen": sum(stage["samples"] for stage in stages.values()),
        "train_seconds": round(sum(stage["train_seconds"] for stage in stages.values()), 3),
        "validation_seconds": float(validated[-1]["validation_seconds"]) if validated else 0.0,
        "wall_seconds": round(wall_seconds, 3),
        **asdict(used),
        **evaluation_costs(evaluations),
    }
    if used.peak_device_memory_bytes is None:
        del costs["peak_device_memory_bytes"]
    return costs


def evaluation_costs(evaluations: Mapping[str, EvaluationCost]) -> dict[str, Any]:
    """The part of `costs.json` that says what the sets cost."""
    return {
        "evaluation_flops": sum(each.flops for each in evaluations.values()),
        "evaluation_seconds": round(sum(each.seconds for each in evaluations.values()), 3),
        "evaluations": {name: asdict(each) for name, each in evaluations.items()},
    }


def _stages(log: Sequence[Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    """What each stage took: its last row of the log less that of the stage before."""
    stages: dict[str, dict[str, Any]] = {}
    before = {"samples": 0.0, "train_flops": 0.0, "train_seconds": 0.0}
    ends = {row["stage"]: {key: float(row[key]) for key in before} for row in log}
    for name, end in ends.items():
        stages[name] = {key: end[key] - before[key] for key in before}
        stages[name]["samples"] = int(stages[name]["samples"])
        stages[name]["train_seconds"] = round(stages[name]["train_seconds"], 3)
        before = end
    return stages


def device_name(*, cuda: bool) -> str:
    """The device in words."""
    return torch.cuda.get_device_name() if cuda else cpu_name() or "cpu"


def check_system() -> None:
    """Check that this system tells what a trial costs, before anything is rendered or trained.

    Raises:
        RecipeError: it is Windows, which has no `getrusage`.
    """
    if resource is None:
        raise RecipeError(
            f"studies and the quickstart measure the memory of each trial with getrusage, which {sys.platform} does "
            "not have; use Linux, macOS or WSL"
        )


def forget_peak_memory(*, cuda: bool) -> None:
    """Let the next peak be that of what comes now, though the process did other things before."""
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    try:
        # Source: Linux, Documentation/filesystems/proc.rst, clear_refs.
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        # Then the peak is that of the process's whole life.
        return


def peak_memory_bytes() -> int:
    """The largest resident memory of this process since `forget_peak_memory`, or since its start where that failed."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        check_system()
        assert resource is not None
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


@dataclass
class Energy:
    """What the devices of this machine have used.

    Attributes:
        source: `nvml` (GPUs), `rapl` (processors, by the kernel's powercap files), or None where none can be read.
        joules: Of the whole devices: what a process used is that over the processes in parallel. None likewise.
    """

    source: str | None = None
    joules: float | None = None


@contextmanager
def energy_used(*, cuda: bool) -> Iterator[Energy]:
    """Adds up, while it is open, what this machine's first visible GPU (`cuda`) or its processors use."""
    try:
        counters = _gpu() if cuda else _processors()
        last = [read() for read, _ in counters]
    except (OSError, ValueError):
        counters = last = []
    energy, closed = Energy("nvml" if cuda else "rapl", 0.0) if counters else Energy(), threading.Event()

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


def _processors() -> list[Counter]:
    """The counters of all processors: intel-rapl:0 is one, intel-rapl:0:0 a part of it; AMD's have the same files."""

    def reader(path: Path) -> Callable[[], float]:
        return lambda: int(path.read_text()) / 1e6

    folders = [folder for folder in sorted(POWERCAP.glob("intel-rapl:*")) if folder.name.count(":") == 1]
    return [(reader(each / "energy_uj"), reader(each / "max_energy_range_uj")()) for each in folders]


def _gpu() -> list[Counter]:
    """The counter of the first visible GPU; none where NVML's package is not there."""
    try:
        import pynvml  # pyright: ignore[reportMissingImports] - optional
    except ImportError:
        return []

    def joules() -> float:
        try:
            pynvml.nvmlInit()
            # By its identity: NVML counts all cards, torch the visible ones.
            handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(0).uuid}".encode())
            return pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3
        except (pynvml.NVMLError, RuntimeError, AssertionError) as error:
            raise OSError(str(error)) from error

    return [(joules, 0.0)]
