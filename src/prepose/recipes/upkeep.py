"""What a training does between its steps: rows of the log, validations, checkpoints."""

import math
import time
from dataclasses import replace
from typing import Any

import torch.distributed as dist

from prepose.errors import RecipeError
from prepose.metrics.evaluation_tables import told
from prepose.models.checkpoint import save_weights
from prepose.recipes.across import processes
from prepose.recipes.checkpoint import Snapshot, checkpoints, random_state, save_checkpoint
from prepose.recipes.learner import set_training_mode
from prepose.recipes.training import Training
from prepose.specs.recipe import HIGHER_IS_BETTER, ValidationSpec


def write_row(training: Training, validation: ValidationSpec | None) -> tuple[str, float]:
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
    if processes() > 1:
        dist.all_reduce(training.tally)
    count, *sums = training.tally.tolist()
    if not math.isfinite(sums[0]):
        raise RecipeError(
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


def save(training: Training) -> None:
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
        training.setting.log.settle()
    save_checkpoint(training.run.checkpoints, snapshot, training.nets.net, training.nets.averaged)
    training.clock = time.perf_counter()


def _check_weights(training: Training) -> None:
    # A checkpoint of broken weights must not push out a sound one.
    broken = [name for name, tensor in training.nets.net.state_dict().items() if not tensor.isfinite().all()]
    if broken:
        raise RecipeError(
            f"stage {training.stage.name!r}: {broken[0]} is no longer finite by step {training.position.step}; "
            f"{_advice(training)}"
        )


def _advice(training: Training) -> str:
    saved = "; the last checkpoint is from before" if checkpoints(training.run.checkpoints) else ""
    return f"lower {training.stage.name}.learning_rate or set clip_norm{saved}"


def how_to_go_on(training: Training) -> str:
    """What to tell a person whose training stopped just after a checkpoint."""
    return (
        f"saved at step {training.position.step} ({training.position.samples:,} samples) in {training.run.folder}; "
        "go on with the same command and --resume"
    )
