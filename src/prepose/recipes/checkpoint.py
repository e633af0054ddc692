"""Checkpoints: all that a training needs to resume as if it had never stopped.

A checkpoint is a folder, written aside and renamed when every byte of it is on the disk, so that a process that dies at
any moment leaves whole checkpoints only. Weights are safetensors; the rest loads with `weights_only=True`.
"""

import io
import math
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from prepose.errors import DataError, shortened
from prepose.files import flush_folder, write_whole
from prepose.models.checkpoint import load_into, save_weights
from prepose.models.pose_net import PoseNet

KEPT = 2


@dataclass(frozen=True)
class Position:
    """How far a training is.

    Attributes:
        stage: Index of the stage.
        stage_step: Optimiser steps done in it.
        step: Optimiser steps done in all.
        samples: Samples seen in all.
        train_flops: Floating-point operations of training so far.
        train_seconds: Time spent in training steps.
        validation_flops: Floating-point operations of validation so far.
        validation_seconds: Time spent in validation.
        metric: Name of the measure that chose the best weights so far.
        best: Its value; None before the first validation by it.
    """

    stage: int = 0
    stage_step: int = 0
    step: int = 0
    samples: int = 0
    train_flops: float = 0.0
    train_seconds: float = 0.0
    validation_flops: float = 0.0
    validation_seconds: float = 0.0
    metric: str = ""
    best: float | None = None

    def after_step(self, samples: int, flops: float) -> "Position":
        """One optimiser step further."""
        return replace(
            self,
            stage_step=self.stage_step + 1,
            step=self.step + 1,
            samples=self.samples + samples,
            train_flops=self.train_flops + flops,
        )

    def in_next_stage(self) -> "Position":
        """At the start of the next stage."""
        return replace(self, stage=self.stage + 1, stage_step=0)


@dataclass(frozen=True)
class Snapshot:
    """A training at one moment.

    Attributes:
        position: How far it is.
        optimiser: The optimiser's state; None between stages.
        tally: Sums of what the next row of the log will say; None just after a row.
        random: States of torch's generators (for layers that draw, such as dropout).
    """

    position: Position
    optimiser: dict[str, Any] | None
    tally: Tensor | None
    random: dict[str, Any]


def save_checkpoint(folder: Path, snapshot: Snapshot, net: PoseNet, averaged: PoseNet | None) -> Path:
    """Write a checkpoint into the run's `checkpoints` folder and drop all but the last two.

    Raises:
        OSError: the disk is full or refuses; the checkpoints that were there are untouched.
    """
    target = folder / f"step-{snapshot.position.step:09d}-{snapshot.position.stage}"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".partial-{target.name}"
    _clear(aside)
    try:
        aside.mkdir()
        save_weights(net, aside / "weights.safetensors")
        if averaged is not None:
            save_weights(averaged, aside / "averaged.safetensors")
        _write_state(aside / "state.pt", snapshot)
        aside.rename(target)
    except BaseException:
        _clear(aside)
        raise
    flush_folder(folder)
    for old in checkpoints(folder)[:-KEPT]:
        _remove(old)
    return target


def checkpoints(folder: Path) -> list[Path]:
    """The whole checkpoints of a run, oldest first."""
    return sorted(path for path in folder.glob("step-*") if re.fullmatch(r"step-\d{9,}-\d+", path.name))


def load_checkpoint(folder: Path, net: PoseNet, averaged: PoseNet | None) -> Snapshot | None:
    """Load the newest checkpoint of a run into its networks; None where the run has none yet.

    Raises:
        DataError: the checkpoint is damaged.
    """
    for aside in folder.glob(".partial-*"):
        _clear(aside)
    there = checkpoints(folder)
    if not there:
        return None
    newest = there[-1]
    load_into(net, newest / "weights.safetensors")
    if averaged is not None:
        load_into(averaged, newest / "averaged.safetensors")
    try:
        state = torch.load(newest / "state.pt", map_location="cpu", weights_only=True)
        fault = _fault(state)
    except Exception as error:  # torch.load says in many ways that a file is damaged
        raise DataError(f"{newest / 'state.pt'}: damaged ({type(error).__name__}); {how_to_replace(folder)}") from error
    if fault is not None:
        raise DataError(f"{newest / 'state.pt'}: damaged ({fault}); {how_to_replace(folder)}")
    return Snapshot(Position(**state["position"]), state["optimiser"], state["tally"], state["random"])


def how_to_replace(folder: Path) -> str:
    """What to do where the newest checkpoint of a run's `checkpoints` folder is damaged."""
    there = checkpoints(folder)
    if len(there) > 1:
        return f"delete the folder {there[-1].name} to resume from the one before"
    return "start the run again in another folder"


def _fault(state: Mapping[str, Any]) -> str | None:
    """What of a checkpoint's state has a type or value that no training writes; None where all is sound."""
    position, tally = state["position"], state["tally"]
    if position.keys() != _SOUND.keys():
        return f"its position has the fields {shortened(', '.join(map(repr, position)))}"
    for name, value in position.items():
        if not _SOUND[name](value):
            return f"{name} is {shortened(repr(value), 40)}"
    if not isinstance(state["optimiser"], dict | None):
        return f"the optimiser's state is a {type(state['optimiser']).__name__}"
    if tally is not None and not (isinstance(tally, Tensor) and tally.ndim == 1 and tally.isfinite().all()):
        return "the sums for the log are not finite numbers"
    generators = (state["random"]["cpu"], *state["random"]["cuda"])
    if not all(isinstance(each, Tensor) and each.dtype == torch.uint8 for each in generators):
        return "the state of a random generator is not bytes"
    return None


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_amount(value: Any) -> bool:
    return _is_finite(value) and value >= 0


# What each field of a position may be.
_SOUND: Mapping[str, Callable[[Any], bool]] = MappingProxyType(
    {
        **dict.fromkeys(("stage", "stage_step", "step", "samples"), _is_count),
        **dict.fromkeys(("train_flops", "train_seconds", "validation_flops", "validation_seconds"), _is_amount),
        "metric": lambda value: isinstance(value, str),
        "best": lambda value: value is None or _is_finite(value),
    }
)


def _write_state(path: Path, snapshot: Snapshot) -> None:
    state = {
        "position": asdict(snapshot.position),
        "optimiser": snapshot.optimiser,
        "tally": snapshot.tally,
        "random": snapshot.random,
    }
    # Through memory, because torch reports a full disk as an internal error of its archive writer.
    memory = io.BytesIO()
    torch.save(state, memory)
    write_whole(path, memory.getbuffer())


def _clear(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _remove(checkpoint: Path) -> None:
    """Delete a checkpoint: renamed first, so that half of one is never taken for a whole one."""
    aside = checkpoint.with_name(f".partial-{checkpoint.name}")
    _clear(aside)
    checkpoint.rename(aside)
    _clear(aside)


def random_state() -> dict[str, Any]:
    """The state of torch's generators."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def restore_random_state(state: dict[str, Any]) -> None:
    """Put torch's generators back, as far as this machine has the devices.

    Raises:
        DataError: a state is damaged.
    """
    try:
        torch.set_rng_state(state["cpu"])
        if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state["cuda"])
    except (RuntimeError, TypeError) as error:
        raise DataError(f"the checkpoint's state of the random generators is damaged ({error})") from error
