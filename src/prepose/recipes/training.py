"""A training under way, and what surrounds it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from lightning_fabric import Fabric
from rich.console import Console
from torch import Tensor, nn

from prepose.models.pose_net import PoseNet
from prepose.recipes.budget import StageCost
from prepose.recipes.checkpoint import Position
from prepose.recipes.log import RunLog
from prepose.recipes.run import Run
from prepose.recipes.schedule import learning_rate
from prepose.specs.recipe import Stage, ValidationSpec


class Nets(NamedTuple):
    """The network, and its average over steps where the recipe asks for one."""

    net: PoseNet
    averaged: PoseNet | None

    @property
    def shown(self) -> PoseNet:
        """The one that is validated, saved and used."""
        return self.net if self.averaged is None else self.averaged


@dataclass(frozen=True)
class Validated:
    """The result of a validation.

    Attributes:
        measures: name -> value.
        flops: What it cost.
        watched: name of watched samples -> their MPJPE, mm.
    """

    measures: Mapping[str, float]
    flops: float
    watched: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """What surrounds a training: the machine, and what to do with its results.

    Attributes:
        fabric: Devices, precision and processes.
        log: Where rows go; None on all processes but the first.
        console: Where progress is shown, if at all.
        validate: Measures a network.
        stopping: Whether someone asked to stop.
        workers: Processes that make batches; 0: this one.
        checkpoint_seconds: Time between checkpoints; there is also one at the end of each stage.
    """

    fabric: Fabric
    log: RunLog | None
    console: Console | None
    validate: Callable[[PoseNet, ValidationSpec], Validated]
    stopping: Callable[[], bool]
    workers: int = 0
    checkpoint_seconds: float = 60.0


@dataclass
class Training:
    """A stage under way: what `train` moves forward with every step."""

    stage: Stage
    run: Run
    setting: Setting
    nets: Nets
    module: nn.Module
    optimiser: Any
    losses: tuple[str, ...]
    cost: StageCost
    weights: Tensor
    tally: Tensor  # sums since the last row of the log: steps, loss, then each loss unweighted
    position: Position
    row_position: Position
    clock: float

    def due(self, every: int) -> bool:
        """Whether the stage has just seen another `every` samples, or its last ones."""
        seen, batch = self.position.stage_step, self.run.recipe.batch_size
        return seen * batch // every > (seen - 1) * batch // every or seen == self.run.recipe.steps(self.stage)

    def rate(self, stage_step: int) -> float:
        """The learning rate of a step of the stage."""
        return learning_rate(self.stage, stage_step * self.run.recipe.batch_size)

    def count_time(self) -> None:
        """Add the time since the last call to the training's."""
        now = time.perf_counter()
        self.position = replace(self.position, train_seconds=self.position.train_seconds + now - self.clock)
        self.clock = now
