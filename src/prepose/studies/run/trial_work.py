"""One trial of a study: train or resume, evaluate on every set, note what it cost; and several on an engine."""

import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from rich.console import Console

from prepose.data.store import open_store
from prepose.errors import DataError
from prepose.files import inside, read_object, read_object_if_any, write_json
from prepose.metrics.evaluation import with_mean_pose
from prepose.metrics.evaluation_files import save_evaluation
from prepose.metrics.protocols import Protocol, get_protocol
from prepose.models.checkpoint import load_weights
from prepose.models.flops import count_flops
from prepose.models.pose_net import PoseNet
from prepose.predict.evaluate import evaluate, with_decoding_floor
from prepose.predict.score import mean_pose_of
from prepose.recipes.run import Run, open_run
from prepose.recipes.train import Machine, run_recipe
from prepose.specs.recipe import Recipe
from prepose.specs.study import EvaluationSet, StoreSpec
from prepose.studies.engines.local import Engine, Failure, Job, Outcome, Resources
from prepose.studies.results.reduced import keep_reduction
from prepose.studies.run.folder import DAMAGED, attempts_at, clear_failure, note_failure
from prepose.studies.run.live_table import Expected, live_table
from prepose.studies.run.trial_costs import (
    EvaluationCost,
    ProcessCost,
    costs_of,
    device_name,
    energy_used,
    evaluation_costs,
    forget_peak_memory,
    peak_memory_bytes,
)


@dataclass(frozen=True)
class PlacedSet:
    """Samples to measure on.

    Attributes:
        store: Folder of the store.
        split: Which of its splits.
        protocol: How they are scored.
        key: What the set is: the digest of its store, split and protocol.
    """

    store: Path
    split: str
    protocol: str
    key: str


@dataclass(frozen=True)
class TrialOrder:
    """What a worker needs to know of a trial.

    Attributes:
        recipe: What it carries out; stores by their folders.
        folder: Its run folder.
        sets: name -> what it is measured on.
        counted_flops: Training FLOPs with a stage that several trainings share counted by its part.
        machine: What it may use.
        side_by_side: Trials that share the device; 0 where that is not known.
    """

    recipe: Recipe
    folder: Path
    sets: Mapping[str, PlacedSet]
    counted_flops: float
    machine: Machine
    side_by_side: int


def placed_set(each: EvaluationSet, spec: StoreSpec, folder: Path) -> PlacedSet:
    """An evaluation set in the folder of its store."""
    store = spec.model_dump(mode="json") if spec.path is None else {"path": str(folder)}
    text = json.dumps([store, each.split, each.protocol], sort_keys=True, separators=(",", ":"))
    return PlacedSet(folder, each.split, each.protocol, hashlib.sha256(text.encode()).hexdigest()[:12])


def is_done(folder: Path, sets: Mapping[str, PlacedSet]) -> bool:
    """Whether a trial is trained, and measured on just these sets."""
    measured = _measured(folder)
    return all(name in measured and measured[name].key == each.key for name, each in sets.items())


def carry_out(order: TrialOrder) -> None:
    """Bring a trial from wherever it is to its end; its folder holds all that comes of it.

    Raises:
        PoseError: the trial cannot be carried out.
        TrainingStopped: SIGINT or SIGTERM; the state is saved.
    """
    began, cuda = time.perf_counter(), order.machine.accelerator == "cuda"
    forget_peak_memory(cuda=cuda)
    with energy_used(cuda=cuda) as energy:
        run, resumed = _trained(order)
        evaluations = _evaluated(order, run)
    known = inside(run.folder, "costs.json")
    if known.exists():
        # Only sets were added: what the training took stays what it was.
        write_json(known, read_object(known, advice=DAMAGED) | evaluation_costs(evaluations))
        return
    # What an earlier session used is not known, nor what shares the device on a cluster.
    known_energy = not resumed and order.side_by_side > 0
    used = ProcessCost(
        device=device_name(cuda=cuda),
        threads=order.machine.threads or torch.get_num_threads(),
        side_by_side=order.side_by_side,
        peak_memory_bytes=peak_memory_bytes(),
        peak_device_memory_bytes=torch.cuda.max_memory_allocated() if cuda else None,
        energy_joules=energy.joules / order.side_by_side if known_energy and energy.joules is not None else None,
        energy_source=energy.source if known_energy else None,
    )
    costs = costs_of(
        order.recipe,
        run.folder,
        counted_flops=order.counted_flops,
        evaluations=evaluations,
        used=used,
        wall_seconds=time.perf_counter() - began,
    )
    write_json(known, costs)
    clear_failure(run.folder)
    # States to go on from are several times the weights, and there is nowhere left to go.
    shutil.rmtree(run.checkpoints, ignore_errors=True)


def _trained(order: TrialOrder) -> tuple[Run, bool]:
    """The finished run, and whether a part of it was done in another session."""
    begun = (order.folder / "recipe.json").exists()
    if begun:
        # The same recipe, as the trial's name says; its stores may have been moved since.
        write_json(order.folder / "recipe.json", order.recipe.model_dump(mode="json"))
        run = open_run(order.folder)
        if run.finished:
            return run, True
    else:
        # It failed before it began; a new run wants its folder empty.
        clear_failure(order.folder)
    return run_recipe(order.recipe, order.folder, resume=begun, machine=order.machine), begun


def _evaluated(order: TrialOrder, run: Run) -> dict[str, EvaluationCost]:
    """Measure the chosen weights on every set that has not been; what it cost, set by set."""
    measured = _measured(run.folder)
    done = {name: measured[name] for name, each in order.sets.items() if _key(measured, name) == each.key}
    missing = {name: each for name, each in order.sets.items() if name not in done}
    if missing:
        net = load_weights(run.best_weights)
        means = _mean_poses(order)
        for name, each in missing.items():
            done[name] = _measure(net, name, each, order=order, mean=means.get(each.protocol))
    return {name: done[name] for name in order.sets}


def _measure(
    net: PoseNet, name: str, each: PlacedSet, *, order: TrialOrder, mean: Float[np.ndarray, "T 3"] | None
) -> EvaluationCost:
    began = time.perf_counter()
    protocol = replace(get_protocol(each.protocol), split=each.split)
    workers = order.machine.workers or 0
    dataset = open_store(each.store, each.split)
    evaluation = evaluate(net, dataset, protocol, device=order.machine.accelerator, workers=workers)
    evaluation = with_decoding_floor(evaluation, net.spec, dataset)
    if mean is not None and np.isfinite(evaluation.truth_mm).any():
        evaluation = with_mean_pose(evaluation, mean)
    keep_reduction(save_evaluation(evaluation, inside(order.folder, "evaluations"), name))
    passes = 2 if protocol.flip_test else 1
    flops = float(passes * count_flops(net.spec).forward * len(evaluation))
    return EvaluationCost(each.key, len(evaluation), flops, round(time.perf_counter() - began, 3))


def _mean_poses(order: TrialOrder) -> dict[str, Float[np.ndarray, "T 3"]]:
    """Protocol -> the mean pose of the first source with 3D labels; empty where a trial sees 2D labels alone."""
    labelled = [spec for spec in order.recipe.sources.values() if spec.labels == "3d" and spec.pseudo_labels is None]
    source = next(iter(labelled), None)
    if source is None:
        return {}
    dataset = open_store(Path(source.store), source.split)
    protocols: dict[str, Protocol] = {each.protocol: get_protocol(each.protocol) for each in order.sets.values()}
    return {name: mean_pose_of(dataset, protocol) for name, protocol in protocols.items()}


def _measured(folder: Path) -> dict[str, EvaluationCost]:
    path = inside(folder, "costs.json")
    content = read_object_if_any(path, advice=DAMAGED)
    if content is None:
        return {}
    try:
        return {name: EvaluationCost(**values) for name, values in content["evaluations"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: is damaged ({error!r}); {DAMAGED}") from error


def _key(measured: Mapping[str, EvaluationCost], name: str) -> str | None:
    return measured[name].key if name in measured else None


def run_orders(
    orders: Mapping[str, TrialOrder],
    expected: Mapping[str, Expected],
    done: Sequence[str],
    *,
    resources: Resources,
    engine: Engine,
    console: Console,
) -> dict[str, Failure]:
    """Carry out what is not done.

    Args:
        orders: trial -> what there is to do, the first ones first.
        expected: trial -> what its row says.
        done: The trials that are.
        resources: What they may use.
        engine: What carries them out.
        console: Where progress is shown.

    Returns:
        trial -> why it failed; each is noted in its folder, too.
    """
    attempts = {name: attempts_at(order.folder) for name, order in orders.items()}
    failures: dict[str, Failure] = {}
    jobs = [Job(name, carry_out, (order,)) for name, order in orders.items() if name not in done]
    with live_table(console, expected, done) as table:

        def on_done(name: str, outcome: Outcome) -> None:
            if outcome.failure is not None:
                failures[name] = outcome.failure
                note_failure(orders[name].folder, outcome.failure, attempts[name] + 1)
            table.finished(name, outcome.failure)

        engine(jobs, resources=resources, tick=table.tick, on_done=on_done)
    return failures
