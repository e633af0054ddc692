"""The samples that a recipe learns from."""

import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Int
from numpy.random import SeedSequence, default_rng

from prepose.body.skeletons import get_skeleton
from prepose.data.dataset import PoseDataset
from prepose.data.store import open_store
from prepose.data.target import label_use
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
