"""The run folder that a training leaves: what was asked, where it ran, how it went, what came out.

```
RUN/recipe.json        the recipe, every field
    environment.json   versions, machine, command line; one entry for each session
    ledger.json        the datasets and pretrained weights that it learns from, with their terms
    pseudo_labels/     3D labels that the network made for a source, where the recipe asks for them
    log.csv            a row each `log_every` samples; tensorboard/ holds the same
    checkpoints/       the last two, to resume from
    weights/           best.safetensors (by the validation measure) and last.safetensors
    evaluations/       what `prepose evaluate` adds
```
"""

import json
import os
import platform
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import torch

import prepose
from prepose.errors import DataError, RecipeError
from prepose.files import git_commit, inside, is_left_over, read_object, write_json
from prepose.recipes.checkpoint import checkpoints
from prepose.recipes.log import read_log
from prepose.specs.reading import read_recipe
from prepose.specs.recipe import Recipe

MAX_DIFFERENCES = 6


@dataclass(frozen=True)
class Run:
    """A run's folder and its recipe.

    A folder may come from someone else: nothing in it that is a link is read or written, which is a DataError.
    """

    folder: Path
    recipe: Recipe

    def __repr__(self) -> str:
        """Where it is and how far; the recipe is in `recipe`."""
        return (
            f"Run({str(self.folder)!r}, recipe {self.recipe.name}, {'finished' if self.finished else 'not finished'})"
        )

    @property
    def checkpoints(self) -> Path:
        """Where the states to resume from are."""
        return inside(self.folder, "checkpoints")

    @property
    def best_weights(self) -> Path:
        """The weights with the best validation; the last ones where the recipe has no validation."""
        return inside(self.folder, "weights/best.safetensors")

    @property
    def last_weights(self) -> Path:
        """The weights that the training ended with; they exist when it is finished."""
        return inside(self.folder, "weights/last.safetensors")

    @property
    def evaluations(self) -> Path:
        """Where evaluations of this run belong."""
        return inside(self.folder, "evaluations")

    @property
    def finished(self) -> bool:
        """Whether the training reached its end."""
        return self.last_weights.exists()


def create_run(folder: Path, recipe: Recipe) -> Run:
    """A new run in a folder that does not exist or is empty.

    Raises:
        DataError: the folder holds a run or other files.
    """
    if (folder / "recipe.json").exists():
        raise DataError(f"{folder}: already holds a run; resume it with --resume, or choose another --out")
    # What a process that died here leaves is no reason to refuse.
    if folder.exists() and (not folder.is_dir() or not all(is_left_over(path) for path in folder.iterdir())):
        raise DataError(f"{folder}: is not empty and not a run; choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "recipe.json", recipe.model_dump(mode="json"))
    run = Run(folder, recipe)
    run.evaluations.mkdir(exist_ok=True)
    return run


def discard_unless_begun(run: Run) -> bool:
    """Delete what a new run left, if it neither wrote a row of its log nor saved a state: it can be started again.

    Returns:
        Whether it was deleted.
    """
    if checkpoints(run.checkpoints) or read_log(run.folder):
        return False
    for name in ("environment.json", "ledger.json", "log.csv", "recipe.json"):
        (run.folder / name).unlink(missing_ok=True)
    made = (run.folder / "tensorboard", run.folder / "pseudo_labels", run.checkpoints, run.best_weights.parent)
    for folder in (*made, run.evaluations):
        shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        run.folder.rmdir()
    return True


def open_run(folder: Path) -> Run:
    """An existing run.

    Raises:
        DataError: the folder holds no run.
        RecipeError: its recipe cannot be read.
    """
    if not (folder / "recipe.json").is_file():
        raise DataError(f"{folder}: holds no run (it has no recipe.json)")
    return Run(folder, read_recipe(inside(folder, "recipe.json")))


def resume_run(folder: Path, recipe: Recipe) -> Run:
    """An existing run, to be resumed with the same recipe.

    Raises:
        DataError: the folder holds no run.
        RecipeError: the run's recipe is another; the message names the fields that differ.
    """
    run = open_run(folder)
    found = differences(run.recipe.model_dump(mode="json"), recipe.model_dump(mode="json"))
    if found:
        raise RecipeError(
            f"{folder}: the run was started with another recipe: {found}; resume it with the same recipe and "
            "--set, or choose another --out"
        )
    return run


def differences(there: Any, wanted: Any) -> str:
    """The first few fields in which two pieces of plain data differ, in words; empty where they are the same."""
    lines = _differences(there, wanted, "")
    shown = "; ".join(lines[:MAX_DIFFERENCES])
    return f"{shown}; and {len(lines) - MAX_DIFFERENCES} more" if len(lines) > MAX_DIFFERENCES else shown


def _differences(there: Any, wanted: Any, path: str) -> list[str]:
    if isinstance(there, dict) and isinstance(wanted, dict):
        keys = [*there, *(key for key in wanted if key not in there)]
        return [
            line
            for key in keys
            for line in _differences(there.get(key, "nothing"), wanted.get(key, "nothing"), f"{path}.{key}".lstrip("."))
        ]
    if isinstance(there, list) and isinstance(wanted, list) and _named(there) and _named(wanted):
        return _differences({item["name"]: item for item in there}, {item["name"]: item for item in wanted}, "")
    if there == wanted:
        return []
    return [f"{path} was {_short(there)} and is now {_short(wanted)}"]


def _named(items: list[Any]) -> bool:
    return all(isinstance(item, dict) and "name" in item for item in items)


def _short(value: Any) -> str:
    return "a group" if isinstance(value, dict) else json.dumps(value)


def note_environment(run: Run, facts: dict[str, Any]) -> None:
    """Add a session's facts to `environment.json`: the first are the file's own, later ones lie under `resumed`."""
    path = inside(run.folder, "environment.json")
    if path.exists():
        first = read_object(path, advice="delete it; the run then no longer says where it began")
        resumed = first.setdefault("resumed", [])
        if not isinstance(resumed, list):
            raise DataError(f"{path}: resumed is a {type(resumed).__name__}, expected a list; delete the file")
        resumed.append(facts)
        write_json(path, first)
    else:
        write_json(path, facts)


def saved_so_far(folder: Path) -> str:
    """What is saved of a training that was stopped without a word of its own, and how to resume it."""
    newest = checkpoints(folder / "checkpoints")[-1:]
    if not newest:
        return "nothing was saved yet"
    return f"the last saved state is of step {int(newest[0].name.split('-')[1])}; rerun with --resume"


def last_step(run: Run) -> int:
    """The step of the newest checkpoint; 0 where there is none."""
    there = checkpoints(run.checkpoints)
    return int(there[-1].name.split("-")[1]) if there else 0


def environment() -> dict[str, Any]:
    """What one needs to know to run this again: command, date, versions, machine, CPU threads, commit."""
    return {
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "prepose": prepose.__version__,
        "git_commit": git_commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cpu_count": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "torch": torch.__version__,
        "packages": dict(_packages()),
    }


@cache
def _packages() -> dict[str, str]:
    return {package.name: package.version for package in sorted(distributions(), key=lambda p: p.name.lower())}


def cpu_name() -> str:
    """The processor's name; empty where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
