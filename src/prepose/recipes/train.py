"""The one loop."""

import time
from collections.abc import Iterator

import torch
import torch.distributed as dist

from prepose.console import shown_progress
from prepose.data.batch import BatchMaker, PoseBatch
from prepose.errors import DataError
from prepose.recipes.across import processes
from prepose.recipes.budget import stage_cost
from prepose.recipes.checkpoint import Position, Snapshot
from prepose.recipes.defects import with_defects
from prepose.recipes.learner import (
    average_into,
    make_optimiser,
    restore_optimiser,
    set_learning_rate,
    set_trained,
    set_training_mode,
)
from prepose.recipes.objective import Labels, loss_names, losses_of, weights_of
from prepose.recipes.run import Run
from prepose.recipes.stopping import TrainingStopped
from prepose.recipes.training import Nets, Setting, Training
from prepose.recipes.upkeep import how_to_go_on, save, write_row
from prepose.specs.recipe import Stage

# In a log file: at least one line in so many seconds, where validations are rarer.
QUIET_SECONDS = 300.0


def train(stage: Stage, nets: Nets, batches: BatchMaker, run: Run, *, setting: Setting, start: Snapshot) -> Position:
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
        RecipeError: the loss is no longer finite; the checkpoints of before are untouched.
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
                told, rate = write_row(training, validation if validation_due else None)
            done, total = (step + 1) * recipe.batch_size, steps * recipe.batch_size
            shown.move(stage.name, done, total, facts=told, rate=rate, say=validation_due)
            # With several processes the sums are whole only just after a row, and all processes must stop together.
            if processes() == 1 or row_due:
                if _agreed(setting.stopping(), training.tally.device):
                    save(training)
                    raise TrainingStopped(how_to_go_on(training))
                if time.perf_counter() - saved_at > setting.checkpoint_seconds:
                    save(training)
                    saved_at = time.perf_counter()
    training.position = training.position.in_next_stage()
    save(training)
    return training.position


def _begin(stage: Stage, nets: Nets, run: Run, setting: Setting, start: Snapshot) -> Training:
    fabric, net = setting.fabric, nets.net
    cost = stage_cost(run.recipe.model, stage)
    set_trained(net, stage.trained)
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
        if processes() > 1:
            raise
        save(training)
        raise DataError(f"{error}; {how_to_go_on(training)}") from error


def _step(training: Training, batch: PoseBatch) -> None:
    recipe, fabric, nets = training.run.recipe, training.setting.fabric, training.nets
    set_learning_rate(training.optimiser, training.rate(training.position.stage_step))
    output = training.module(batch.image.contiguous(memory_format=torch.channels_last))
    labels = Labels(batch.joints_crop, batch.has_2d, batch.has_3d)
    losses = losses_of(training.losses, output, labels, size=recipe.model.size, skeleton=nets.net.skeleton)
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
    if processes() == 1:
        return wish
    wishes = torch.tensor([float(wish)], device=device)
    dist.all_reduce(wishes)
    return bool(wishes.item() > 0)
