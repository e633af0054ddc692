"""The training loop: steps, and between them rows of the log, validations and checkpoints."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from rich.console import Console
from torch import Tensor, nn

from prepose.console import shown_progress
from prepose.data.batch import BatchMaker, PoseBatch
from prepose.errors import DataError, RecipeError, TrainingDiverged
from prepose.metrics.evaluation_tables import told
from prepose.models.checkpoint import save_weights
from prepose.models.pose_net import PoseNet
from prepose.recipes.budget import StageCost, stage_cost
from prepose.recipes.checkpoint import Position, Snapshot, checkpoints, random_state, save_checkpoint
from prepose.recipes.distributed import process_count
from prepose.recipes.log import RunLog
from prepose.recipes.objective import loss_names, losses_of, weights_of
from prepose.recipes.optimiser import (
    average_into,
    learning_rate,
    make_optimiser,
    restore_optimiser,
    set_learning_rate,
    set_trained,
    set_training_mode,
)
from prepose.recipes.run import Run
from prepose.recipes.sources import with_defects
from prepose.recipes.stopping import TrainingStopped
from prepose.recipes.validation import Validated
from prepose.specs.recipe import HIGHER_IS_BETTER, Stage, ValidationSpec

# In a log file: at least one line in so many seconds, where validations are rarer.
QUIET_SECONDS = 300.0


class Nets(NamedTuple):
    """The network, and its average over steps where the recipe asks for one."""

    net: PoseNet
    averaged: PoseNet | None

    @property
    def shown(self) -> PoseNet:
        """The one that is validated, saved and used."""
        return self.net if self.averaged is None else self.averaged


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
    """A stage under way: what `train_stage` moves forward with every step."""

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


def train_stage(
    stage: Stage, nets: Nets, batches: BatchMaker, run: Run, *, setting: Setting, start: Snapshot
) -> Position:
    """Train a network through one stage, from wherever `start` is in it to its end.

    Every process calls it; the first one alone writes. The loop waits for the device only where it writes a row of the
    log or a checkpoint.

    Args:
        stage: What to do.
        nets: The network and its average, changed in place.
        batches: The stage's batches.
        run: Where to save.
        setting: What surrounds the training.
        start: Where to begin; its optimiser state is None at the start of a stage.

    Returns:
        The start of the next stage.

    Raises:
        TrainingStopped: someone asked to stop; the state is saved.
        DataError: a sample is broken; the state before its batch is saved.
        TrainingDiverged: the loss is no longer finite; the checkpoints of before are untouched.
    """
    recipe = run.recipe
    training = _begin(stage, nets, run, setting, start)
    first, steps = start.position.stage_step, recipe.steps(stage)
    validation = recipe.validation_of(stage)
    # Rows of the log have the rest; a validation is what a person waits for.
    quiet = None if validation is None else QUIET_SECONDS
    with shown_progress(setting.console, line_seconds=quiet, by_tenths=validation is None) as shown:
        told, rate = "", None
        stream = batches.stream(first, steps, workers=setting.workers)
        saved_at = time.perf_counter()
        for step in range(first, steps):
            _step(training, _next_batch(training, stream))
            validation_due = validation is not None and training.due(validation.every)
            row_due = validation_due or training.due(recipe.log_every)
            if row_due:
                told, rate = _write_row(training, validation if validation_due else None)
            done, total = (step + 1) * recipe.batch_size, steps * recipe.batch_size
            shown.move(stage.name, done, total, facts=told, rate=rate, say=validation_due)
            # With several processes the sums are whole only just after a row, and all processes must stop together.
            if process_count() == 1 or row_due:
                if _agreed(setting.stopping(), training.tally.device):
                    _save(training)
                    raise TrainingStopped(_how_to_resume(training))
                if time.perf_counter() - saved_at > setting.checkpoint_seconds:
                    _save(training)
                    saved_at = time.perf_counter()
    training.position = training.position.in_next_stage()
    _save(training)
    return training.position


def _begin(stage: Stage, nets: Nets, run: Run, setting: Setting, start: Snapshot) -> Training:
    fabric, net = setting.fabric, nets.net
    cost = stage_cost(run.recipe.model, stage)
    set_trained(net, stage.trained, stage.frozen_groups)
    for name, parameter in net.named_parameters():
        # DDP waits for a gradient of everything that can have one, but heat-map losses never reach the depth head.
        parameter.requires_grad = parameter.requires_grad and name in cost.reached
    set_training_mode(net, stage)
    optimiser = make_optimiser(stage, net)
    if start.optimiser is not None:
        restore_optimiser(optimiser, start.optimiser)
    tally = torch.zeros(2 + len(loss_names(stage))) if start.tally is None else start.tally
    return Training(
        stage=stage,
        run=run,
        setting=setting,
        nets=nets,
        module=fabric.setup_module(net),
        optimiser=fabric.setup_optimizers(optimiser),
        losses=loss_names(stage),
        cost=cost,
        weights=weights_of(stage, fabric.device),
        tally=tally.to(fabric.device),
        position=start.position,
        row_position=start.position,
        clock=time.perf_counter(),
    )


def _next_batch(training: Training, stream: Iterator[PoseBatch]) -> PoseBatch:
    try:
        batch = with_defects(next(stream), training.run.recipe.defects)
        return batch.to(training.setting.fabric.device)
    except DataError as error:
        if process_count() > 1:
            raise
        _save(training)
        raise DataError(f"{error}; {_how_to_resume(training)}") from error


def _step(training: Training, batch: PoseBatch) -> None:
    recipe, fabric, nets = training.run.recipe, training.setting.fabric, training.nets
    set_learning_rate(training.optimiser, training.rate(training.position.stage_step))
    output = training.module(batch.image.contiguous(memory_format=torch.channels_last))
    losses = losses_of(training.losses, output, batch, size=recipe.model.size, skeleton=nets.net.skeleton)
    loss = losses @ training.weights
    fabric.backward(loss)
    if recipe.clip_norm is not None:
        # Without the check for finite norms, which would wait for the device; rows of the log check the loss.
        fabric.clip_gradients(training.module, training.optimiser, max_norm=recipe.clip_norm, error_if_nonfinite=False)
    training.optimiser.step()
    training.optimiser.zero_grad(set_to_none=True)
    if nets.averaged is not None and recipe.ema_decay is not None:
        average_into(nets.averaged, nets.net, recipe.ema_decay, training.position.step)
    with torch.no_grad():
        training.tally += torch.cat([torch.ones_like(loss)[None], loss.detach()[None], losses.detach()])
    training.position = training.position.after_step(
        recipe.batch_size, recipe.batch_size * float(training.cost.training)
    )


def _agreed(wish: bool, device: torch.device) -> bool:  # noqa: FBT001 - a wish is a bool
    """Whether any process wishes it."""
    if process_count() == 1:
        return wish
    wishes = torch.tensor([float(wish)], device=device)
    dist.all_reduce(wishes)
    return bool(wishes.item() > 0)


def _write_row(training: Training, validation: ValidationSpec | None) -> tuple[str, float]:
    """Write a row of the log, after a validation where one is due, and begin new sums.

    Returns:
        Loss and score in words, and samples a second.
    """
    means = _means(training)
    training.count_time()
    before, now = training.row_position, training.position
    seconds = max(now.train_seconds - before.train_seconds, 1e-9)
    row: dict[str, Any] = {
        "step": now.step,
        "samples": now.samples,
        "stage": training.stage.name,
        "loss": means[0],
        **{f"loss_{name}": mean for name, mean in zip(training.losses, means[1:], strict=True)},
        "learning_rate": training.rate(now.stage_step - 1),
        "samples_per_second": round((now.samples - before.samples) / seconds, 2),
        "train_flops": now.train_flops,
        "train_seconds": round(now.train_seconds, 3),
    }
    if validation is not None:
        row |= _validate(training, validation)
    if training.setting.log is not None:
        training.setting.log.write(row)
    training.tally.zero_()
    training.row_position = training.position
    scored = validation is not None and f"validation_{validation.metric}" in row
    score = f", {told(validation.metric, row[f'validation_{validation.metric}'])}" if validation and scored else ""
    return f"loss {means[0]:.4f}{score}", float(row["samples_per_second"])


def _means(training: Training) -> list[float]:
    """Mean loss, and mean of each loss, since the last row, over all processes."""
    if process_count() > 1:
        dist.all_reduce(training.tally)
    count, *sums = training.tally.tolist()
    if not math.isfinite(sums[0]):
        raise TrainingDiverged(
            f"stage {training.stage.name!r}: the loss is no longer finite ({sums[0]}) by step "
            f"{training.position.step}; {_advice(training)}"
        )
    return [total / count for total in sums]


def _validate(training: Training, spec: ValidationSpec) -> dict[str, float]:
    """Validate on the first process (the others wait at their next exchange); keep the weights if they are the best."""
    setting, nets = training.setting, training.nets
    if not setting.fabric.is_global_zero:
        return {}
    began = time.perf_counter()
    found = setting.validate(nets.shown, spec)
    set_training_mode(nets.net, training.stage)
    value, position = found.measures[spec.metric], training.position
    if math.isnan(value):
        raise RecipeError(
            f"{spec.store}/{spec.split}: its labels cannot give {spec.metric}; choose another metric or store"
        )
    best = position.best if position.metric == spec.metric else None
    if best is None or (value > best if spec.metric in HIGHER_IS_BETTER else value < best):
        best = value
        save_weights(nets.shown, training.run.best_weights)
    training.clock = time.perf_counter()
    training.position = replace(
        position,
        metric=spec.metric,
        best=best,
        validation_flops=position.validation_flops + found.flops,
        validation_seconds=position.validation_seconds + training.clock - began,
    )
    measures = {f"validation_{name}": value for name, value in found.measures.items()}
    measures |= {f"watched_{name}_mpjpe_mm": value for name, value in found.watched.items()}
    return measures | {
        "validation_flops": training.position.validation_flops,
        "validation_seconds": round(training.position.validation_seconds, 3),
    }


def _save(training: Training) -> None:
    """Write a checkpoint of this moment; on the first process alone."""
    training.count_time()
    if not training.setting.fabric.is_global_zero:
        return
    _check_weights(training)
    inside = training.position.stage_step > 0
    snapshot = Snapshot(
        position=training.position,
        optimiser=training.optimiser.optimizer.state_dict() if inside else None,
        tally=training.tally.cpu() if inside else None,
        random=random_state(),
    )
    if training.setting.log is not None:
        # Its rows must be on the disk before a checkpoint counts on them.
        training.setting.log.sync()
    save_checkpoint(training.run.checkpoints, snapshot, training.nets.net, training.nets.averaged)
    training.clock = time.perf_counter()


def _check_weights(training: Training) -> None:
    # A checkpoint of broken weights must not push out a sound one.
    broken = [name for name, tensor in training.nets.net.state_dict().items() if not tensor.isfinite().all()]
    if broken:
        raise TrainingDiverged(
            f"stage {training.stage.name!r}: {broken[0]} is no longer finite by step {training.position.step}; "
            f"{_advice(training)}"
        )


def _advice(training: Training) -> str:
    saved = "; the last checkpoint is from before" if checkpoints(training.run.checkpoints) else ""
    return f"lower {training.stage.name}.learning_rate or set clip_norm{saved}"


def _how_to_resume(training: Training) -> str:
    """What to tell a person whose training stopped just after a checkpoint."""
    return (
        f"saved at step {training.position.step} ({training.position.samples:,} samples) in {training.run.folder}; "
        "rerun the same command with --resume"
    )
