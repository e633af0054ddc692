"""The samples that a recipe learns from, and the mistakes that it may ask to be made in their labels.

The ledger says which they were: in the header of the weights, and in the run's `ledger.json`.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Int
from numpy.random import SeedSequence, default_rng

from prepose.body.skeletons import get_skeleton
from prepose.camera.crop import middle_of
from prepose.data.batch import PoseBatch
from prepose.data.dataset import PoseDataset
from prepose.data.store import open_store
from prepose.data.target import label_use
from prepose.files import inside, write_json
from prepose.models.heads import STRIDE
from prepose.models.pose_net import PoseNet
from prepose.recipes.run import Run
from prepose.specs.ledger import Ledger, TrainedOn
from prepose.specs.recipe import Recipe, SourceSpec

# Beside the streams of `data.mixing`, which start from the stages' seeds.
_KEEP_STREAM = 2


def open_sources(recipe: Recipe) -> Mapping[str, PoseDataset]:
    """The sources of a recipe by name, each cut down to the part that the recipe keeps.

    Raises:
        DataError: a store cannot be opened.
    """
    sources = {}
    for name, spec in recipe.sources.items():
        dataset = open_store(Path(spec.store), spec.split)
        if spec.keep < 1:
            dataset = dataset.select(_part(spec, len(dataset), seed=recipe.seed, source=name))
        sources[name] = dataset
    return sources


def unused_labels(recipe: Recipe, sources: Mapping[str, PoseDataset]) -> list[str]:
    """A line for each source with labelled joints that a network of the recipe's skeleton does not learn."""
    skeleton, lines = get_skeleton(recipe.model.skeleton), []
    for name, dataset in sources.items():
        use = label_use(dataset, skeleton)
        if use.unused:
            lines.append(
                f"{name}: {use.labelled - use.used:,} of {use.labelled:,} labelled joints are not learnt, as "
                f"{skeleton.name} has no such joint or defines it otherwise: {', '.join(use.unused)}"
            )
    return lines


def _part(spec: SourceSpec, samples: int, *, seed: int, source: str) -> Int[np.ndarray, "K"]:
    if spec.take == "first":
        return np.arange(max(1, round(spec.keep * samples)))
    return kept(samples, spec.keep, seed=seed, source=source)


def kept(samples: int, part: float, *, seed: int, source: str) -> Int[np.ndarray, "K"]:
    """The samples that are kept, in order: at least one; a smaller part of the same seed lies within a larger one.

    They follow from the source's name, so that recipes which share a source and a seed keep the same samples of it.
    """
    stream = SeedSequence(seed, spawn_key=(_KEEP_STREAM, zlib.crc32(source.encode())))
    order = default_rng(stream).permutation(samples)
    return np.sort(order[: max(1, round(part * samples))])


# Defects: mistakes of the published training, as switches that are off unless a recipe names them, to measure what each
# costs. Source: each was found in the public code of arXiv 2604.22830 by running it. Those that a recipe can already
# say are no switches: a loss weight, the measure that chooses the model, `SourceSpec.take` for a cap that always keeps
# the first samples, `SourceSpec.box_scale` for a crop that cuts head and feet off, readout `argmax-cell`, and the
# protocol `bone-sum-4000-legacy` for its scoring.

# Each loader process pairs images with other images' labels from where it has reshuffled its own list to the end of
# the epoch: on average half of an epoch in one of so many processes.
LOADER_PROCESSES = 4
MISPAIRED_SHARE = 0.5 / LOADER_PROCESSES


def mispaired_labels(batch: PoseBatch) -> PoseBatch:
    """An eighth of the samples with 3D labels have those of another one.

    The labels of the first of them in the batch (whose order is random) go round in a ring.
    """
    with_3d = torch.nonzero(batch.has_3d.any(1)).flatten()
    wrong = with_3d[: round(MISPAIRED_SHARE * len(with_3d))] if len(with_3d) > 1 else with_3d[:0]
    # A single one takes the labels of the last, which keeps its own.
    source = with_3d[-1:] if len(wrong) == 1 else wrong.roll(1)
    joints, has_2d, has_3d = batch.joints_crop.clone(), batch.has_2d.clone(), batch.has_3d.clone()
    joints[wrong], has_2d[wrong], has_3d[wrong] = joints[source], has_2d[source], has_3d[source]
    return replace(batch, joints_crop=joints, has_2d=has_2d, has_3d=has_3d)


def integer_labels(batch: PoseBatch) -> PoseBatch:
    """Labels in the image are cut down to the cell they lie in: on average half a cell too far left and up."""
    joints = batch.joints_crop.clone()
    first = middle_of(STRIDE)  # the centre of the first cell, crop px
    cells = torch.floor((joints[..., :2] - first) / STRIDE)
    joints[..., :2] = torch.where(batch.has_2d[..., None], cells * STRIDE + first, joints[..., :2])
    return replace(batch, joints_crop=joints)


def missing_at_origin(batch: PoseBatch) -> PoseBatch:
    """Joints without a label, of samples without 3D labels, are taken for labelled at the crop's first pixel."""
    only_2d = ~batch.has_3d.any(1, keepdim=True)
    # Masked entries are zeros already.
    return replace(batch, has_2d=batch.has_2d | only_2d)


DEFECTS: Mapping[str, Callable[[PoseBatch], PoseBatch]] = MappingProxyType(
    {
        "mispaired-labels": mispaired_labels,
        "integer-labels": integer_labels,
        "missing-at-origin": missing_at_origin,
    }
)


def with_defects(batch: PoseBatch, names: Sequence[str]) -> PoseBatch:
    """The batch as the named mistakes would have made it."""
    for name in names:
        batch = DEFECTS[name](batch)
    return batch


def add_sources(net: PoseNet, recipe: Recipe, sources: Mapping[str, PoseDataset]) -> None:
    """Add the sources that a stage of the recipe draws from to the network's ledger, which saved weights carry."""
    drawn = {name for stage in recipe.stages for name, share in stage.shares.items() if share > 0}
    learnt = Ledger(
        datasets=tuple(
            TrainedOn(
                dataset=dataset.name,
                split=dataset.split,
                samples=len(dataset),
                # Pseudo-labels are the network's own.
                labels="2d" if recipe.sources[name].pseudo_labels else recipe.sources[name].labels,
                licence=dataset.licence,
            )
            for name, dataset in sources.items()
            if name in drawn
        )
    )
    net.ledger = learnt if net.ledger is None else learnt.merged(net.ledger)


def write_ledger(run: Run, net: PoseNet) -> None:
    """Write the network's ledger into the run's folder."""
    if net.ledger is not None:
        write_json(inside(run.folder, "ledger.json"), net.ledger.model_dump(mode="json"))
