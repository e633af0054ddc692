"""Training a network by a recipe: data, network, stages, run folder, and resuming a run that stopped."""

import copy
import logging
import os
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from numpy.random import SeedSequence
from rich.console import Console

from prepose.body.skeletons import get_skeleton
from prepose.data.batch import BatchMaker, Source
from prepose.data.dataset import PoseDataset
from prepose.errors import OUT_OF_SPACE, DataError, RecipeError
from prepose.files import LOCK, flush_folder, locked
from prepose.metrics.evaluation_tables import told
from prepose.models.checkpoint import load_into, save_weights
from prepose.models.pose_net import PoseNet, build_pose_net
from prepose.predict.networks import find_weights
from prepose.recipes.budget import labelling_flops, training_flops
from prepose.recipes.checkpoint import (
    Position,
    Snapshot,
    how_to_replace,
    load_checkpoint,
    random_state,
    restore_random_state,
)
from prepose.recipes.distributed import process_count, share_batch_norm
from prepose.recipes.log import RunLog
from prepose.recipes.loop import Nets, Setting, train_stage
from prepose.recipes.objective import loss_names
from prepose.recipes.pseudo_labels import check_pseudo_labels, labels_told, pseudo_labels
from prepose.recipes.run import (
    Run,
    create_run,
    discard_unless_begun,
    environment,
    last_step,
    note_environment,
    resume_run,
)
from prepose.recipes.sources import add_sources, open_sources, unused_labels, write_ledger
from prepose.recipes.stopping import stop_requests
from prepose.recipes.validation import MEASURES, Validator
from prepose.specs.ledger import terms_to_check
from prepose.specs.recipe import Recipe, Stage

# source -> 3D pseudo-labels in the dataset's skeleton, mm.
Labels = Mapping[str, Float[np.ndarray, "_ _ 3"]]
PRECISIONS: Mapping[str, Literal["bf16-mixed", "32-true"]] = {"bf16": "bf16-mixed", "fp32": "32-true"}


@dataclass(frozen=True)
class Machine:
    """What a training may use; no result depends on it but by rounding.

    Attributes:
        accelerator: `auto`, `cpu`, `cuda` or `mps`.
        devices: How many of it on each node; a launcher such as torchrun overrules it.
        nodes: How many nodes; the run folder must be visible to all.
        threads: CPU threads; None: as torch chooses.
        workers: Threads that make batches ahead; None: 0 on a CPU, else up to 8.
        checkpoint_seconds: Time between checkpoints.
    """

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    threads: int | None = None
    workers: int | None = None
    checkpoint_seconds: float = 60.0


def run_recipe(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    machine: Machine = Machine(),
    console: Console | None = None,
) -> Run:
    """Train a network by a recipe, or resume a training that stopped.

    A new run that fails before the first row of its log and the first checkpoint leaves no folder.

    Args:
        recipe: What to do.
        out: The run's folder.
        resume: Whether to resume the run in the folder.
        machine: What to use.
        console: Where to say how it goes; nothing is said without one.

    Returns:
        The finished run.

    Raises:
        RecipeError: the recipe does not fit the machine, or is not the run's.
        DataError: a store, sample or folder cannot be used, or the disk is full; the message says what is saved.
        TrainingStopped: SIGINT or SIGTERM; the state is saved.
    """
    with _threads(machine.threads), torch.random.fork_rng(range(torch.cuda.device_count())):
        fabric = _launch(recipe, machine)
        console = console if fabric.is_global_zero else None
        sources = open_sources(recipe)
        check_pseudo_labels(recipe, sources)
        validator = Validator(recipe)
        with _alone(out, fabric, resume=resume):
            run = _open_run(recipe, out, fabric, resume=resume)
            try:
                _carry_out(run, sources, validator, fabric=fabric, machine=machine, console=console)
            except BaseException as error:
                gone = fabric.is_global_zero and not resume and discard_unless_begun(run)
                if not isinstance(error, OSError) or error.errno not in OUT_OF_SPACE:
                    raise
                saved = "nothing was saved yet" if gone else f"everything up to step {last_step(run)} is saved"
                how = "" if gone else " (`prepose train` with --resume)"
                raise DataError(
                    f"{run.folder}: the disk is full ({error.strerror}); {saved}; free some space and run the same "
                    f"command again{how}"
                ) from error
    return run


def _alone(out: Path, fabric: Fabric, *, resume: bool) -> AbstractContextManager[None]:
    """Keep other trainings out of the folder; where it cannot be a run's, opening it says so better than a lock."""
    if not fabric.is_global_zero or not (out.is_dir() or not (out.exists() or resume)):
        return nullcontext()
    return locked(out / LOCK, f"is training in {out}")


def _launch(recipe: Recipe, machine: Machine) -> Fabric:
    devices, nodes = machine.devices, machine.nodes
    if torch.distributed.is_torchelastic_launched():
        devices, nodes = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["GROUP_WORLD_SIZE"])
    world = devices * nodes
    if recipe.batch_size % world:
        raise RecipeError(f"batch_size {recipe.batch_size} cannot be shared by {world} processes; make it a multiple")
    strategy = "ddp" if world > 1 else "auto"
    # Fabric announces the precision; `_start_of` says it too, in its place.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    try:
        fabric = Fabric(
            accelerator=machine.accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy=strategy,
            precision=PRECISIONS[recipe.precision],
        )
    except (RuntimeError, ValueError) as error:
        raise RecipeError(f"accelerator {machine.accelerator!r} x {devices}: {' '.join(str(error).split())}") from error
    fabric.launch()
    return fabric


def _open_run(recipe: Recipe, out: Path, fabric: Fabric, *, resume: bool) -> Run:
    if resume:
        run = resume_run(out, recipe)
    elif fabric.is_global_zero:
        run = create_run(out, recipe)
    else:
        run = Run(out, recipe)
    if fabric.is_global_zero:
        note_environment(run, environment())
    fabric.barrier()
    return run


def _carry_out(
    run: Run,
    sources: Mapping[str, PoseDataset],
    validator: Validator,
    *,
    fabric: Fabric,
    machine: Machine,
    console: Console | None,
) -> None:
    recipe = run.recipe
    nets = _nets(recipe, fabric)
    torch.manual_seed(recipe.seed)
    start = load_checkpoint(run.checkpoints, nets.net, nets.averaged)
    if start is None:
        _start_from(recipe, nets)
        start = Snapshot(Position(), None, None, random_state())
    for net in filter(None, nets):
        add_sources(net, recipe, sources)
    _check_progress(run, start)
    restore_random_state(start.random)
    _tell(console, _start_of(run, nets.net, start.position, fabric=fabric))
    _tell(console, unused_labels(recipe, sources))
    if fabric.is_global_zero:
        write_ledger(run, nets.net)
    log = RunLog(run.folder, log_columns(recipe), after_step=start.position.step) if fabric.is_global_zero else None
    try:
        with stop_requests() as stopping:
            setting = Setting(
                fabric=fabric,
                log=log,
                console=console,
                validate=validator.validate,
                stopping=stopping,
                workers=_workers(machine, fabric),
                checkpoint_seconds=machine.checkpoint_seconds,
            )
            for stage in recipe.stages[start.position.stage :]:
                labels, start = _labelled(run, stage, sources, nets, start, fabric)
                _tell(console, labels_told(recipe, stage, labels))
                batches = stage_batches(
                    recipe, stage, sources, labels, rank=fabric.global_rank, world=fabric.world_size
                )
                position = train_stage(stage, nets, batches, run, setting=setting, start=start)
                start = Snapshot(position, None, None, random_state())
    finally:
        if log is not None:
            log.close()
    if fabric.is_global_zero:
        _finish(run, nets.shown)
    _tell(console, _end_of(run, start.position))
    _tell(console, filter(None, [terms_to_check(nets.net.ledger)]))


def _labelled(
    run: Run, stage: Stage, sources: Mapping[str, PoseDataset], nets: Nets, start: Snapshot, fabric: Fabric
) -> tuple[Labels, Snapshot]:
    """The pseudo-labels that a stage learns from, and its start with their price."""
    began, begun = time.perf_counter(), start.position.stage_step > 0
    labels = pseudo_labels(run, stage, sources, nets.shown, begun=begun, fabric=fabric)
    if not labels or begun:
        return labels, start
    position = start.position
    position = replace(
        position,
        train_flops=position.train_flops + labelling_flops(run.recipe, stage),
        train_seconds=position.train_seconds + time.perf_counter() - began,
    )
    return labels, replace(start, position=position)


def _check_progress(run: Run, start: Snapshot) -> None:
    """The checkpoint must be of a moment that a training by the recipe has.

    Raises:
        DataError: it is not.
    """
    recipe, position = run.recipe, start.position
    lengths = [recipe.steps(stage) for stage in recipe.stages]
    inside = position.stage_step > 0
    sound = (
        position.stage <= len(lengths)
        and position.stage_step <= [*lengths, 0][position.stage]
        and position.step == sum(lengths[: position.stage]) + position.stage_step
        and position.samples == position.step * recipe.batch_size
        and (start.optimiser is not None) == (start.tally is not None) == inside
        and (start.tally is None or len(start.tally) == 2 + len(loss_names(recipe.stages[position.stage])))
    )
    if not sound:
        raise DataError(
            f"{run.checkpoints}: the newest checkpoint is of step {position.step} ({position.samples} samples), step "
            f"{position.stage_step} of stage {position.stage}, which this recipe does not come to, or its state is not "
            f"complete; {how_to_replace(run.checkpoints)}"
        )


def _nets(recipe: Recipe, fabric: Fabric) -> Nets:
    # All of its numbers come from elsewhere where the recipe starts from a network.
    model = recipe.model if recipe.start is None else recipe.model.model_copy(update={"weights": "random"})
    net = build_pose_net(model, seed=recipe.seed)
    net.spec = net.spec.model_copy(update={"weights": recipe.model.weights})
    # The layout comes first: fused optimisers need their state in the layout of the weights.
    net.to(fabric.device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    averaged = None
    if recipe.ema_decay is not None:
        averaged = copy.deepcopy(net).requires_grad_(requires_grad=False).eval()
    if process_count() > 1:
        share_batch_norm(net, fabric.device)
    return Nets(net, averaged)


def _start_from(recipe: Recipe, nets: Nets) -> None:
    """Give the networks the weights of the one that the recipe starts from, where it names one.

    Raises:
        DataError: there are none, or they are of another network.
        SkeletonMismatch: its joints are others.
    """
    if recipe.start is not None:
        file = find_weights(Path(recipe.start))
        for net in filter(None, nets):
            load_into(net, file)


def _finish(run: Run, net: PoseNet) -> None:
    if run.recipe.validation_of(run.recipe.stages[-1]) is None:
        save_weights(net, run.best_weights)
    save_weights(net, run.last_weights)
    flush_folder(run.folder)


def _tell(console: Console | None, lines: Iterable[str]) -> None:
    if console is not None:
        for line in lines:
            console.print(line, highlight=False, soft_wrap=True)


def _start_of(run: Run, net: PoseNet, position: Position, *, fabric: Fabric) -> Iterator[str]:
    """The recipe, its network, the machine, and where the run is and resumes."""
    recipe = run.recipe
    parameters = sum(parameter.numel() for parameter in net.parameters())
    yield (
        f"{recipe.name}: {len(recipe.stages)} stages, {recipe.samples:,} samples, "
        f"{training_flops(recipe):.3g} training FLOPs"
    )
    yield (
        f"{recipe.model.backbone} at {recipe.model.size} px, {parameters / 1e6:.2f} M parameters; "
        f"{fabric.world_size} x {fabric.device.type}, {recipe.precision}, {torch.get_num_threads()} threads"
    )
    if position.step:
        yield f"resumes at step {position.step} ({position.samples:,} samples)"
    yield f"run: {run.folder}"


def _end_of(run: Run, position: Position) -> Iterator[str]:
    """The best score, where the weights are, and what to do next."""
    recipe = run.recipe
    chosen = recipe.validation_of(recipe.stages[-1])
    if chosen is not None and position.best is not None and position.metric == chosen.metric:
        yield f"best: {told(chosen.metric, position.best)} on {chosen.store}/{chosen.split}"
    yield f"done: weights in {run.last_weights.parent}"
    store = next(iter(recipe.sources.values())).store if chosen is None else chosen.store
    yield f"next: prepose evaluate {shlex.quote(str(run.folder))} --data {shlex.quote(store)}"


def stage_batches(
    recipe: Recipe,
    stage: Stage,
    sources: Mapping[str, PoseDataset],
    labels: Labels = MappingProxyType({}),
    *,
    rank: int = 0,
    world: int = 1,
) -> BatchMaker:
    """The batches of a stage: its shares of its sources, drawn by the recipe's seed and the stage's place.

    Args:
        recipe: The recipe.
        stage: One of its stages.
        sources: The datasets by the recipe's names.
        labels: source -> its pseudo-labels, where it has some.
        rank: Which process this is.
        world: How many processes share a batch.
    """
    total = sum(stage.shares.values())
    seed = SeedSequence([recipe.seed, recipe.stages.index(stage)]).generate_state(1, "uint64")[0]
    return BatchMaker(
        [
            Source(sources[name], share / total, spec.labels, spec.cap, spec.box_scale, labels.get(name))
            for name, share in stage.shares.items()
            for spec in [recipe.sources[name]]
        ],
        batch_size=recipe.batch_size,
        size=recipe.model.size,
        skeleton=get_skeleton(recipe.model.skeleton),
        augmentation=stage.augmentation,
        seed=int(seed),
        rank=rank,
        world=world,
    )


def log_columns(recipe: Recipe) -> list[str]:
    """The columns of the log of a run by this recipe."""
    losses = dict.fromkeys(f"loss_{name}" for stage in recipe.stages for name in loss_names(stage))
    return [
        "step",
        "samples",
        "stage",
        "loss",
        *losses,
        "learning_rate",
        "samples_per_second",
        "train_flops",
        "train_seconds",
        *(f"validation_{name}" for name in MEASURES),
        *(f"watched_{name}_mpjpe_mm" for name in recipe.watched),
        "validation_flops",
        "validation_seconds",
    ]


def _workers(machine: Machine, fabric: Fabric) -> int:
    if machine.workers is not None:
        return machine.workers
    return 0 if fabric.device.type == "cpu" else min(8, os.cpu_count() or 1)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
