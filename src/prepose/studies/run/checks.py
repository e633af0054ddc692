"""What is checked of a study's samples before anything is trained: that they are there and have the labels it needs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from prepose.body.skeletons import get_skeleton
from prepose.data.dataset import PoseDataset
from prepose.data.store import open_store
from prepose.errors import DataError, RecipeError
from prepose.metrics.protocols import get_protocol
from prepose.predict.fit import check_fit
from prepose.specs.recipe import Recipe
from prepose.specs.study import Study, store_name
from prepose.studies.trials import Arm, stores_of

# Enough to find labels that are there at all.
LOOKED_AT = 1000


def check_stores(study: Study, arms: Sequence[Arm], folders: Mapping[str, Path]) -> None:
    """Check that the stores which the study does not render are there, and have 3D labels where arms learn from them.

    Raises:
        DataError: a store or split is missing or not complete.
        RecipeError: an arm learns 3D, or chooses by a 3D measure, from labels that have none.
    """
    there = {name: folders[name] for name, spec in study.stores.items() if spec.path is not None}
    needed = [(pair, f"arm {arm.name!r}") for arm in arms for pair in stores_of(arm.recipe)]
    needed += [((each.store, each.split), f"set {name!r}") for name, each in study.sets.items()]
    opened: dict[tuple[str, str], PoseDataset] = {}
    for (name, split), who in needed:
        if name in there and (name, split) not in opened:
            try:
                opened[name, split] = open_store(there[name], split)
            except DataError as error:
                raise DataError(f"study {study.name!r}, {who}: {error}") from None
    for arm in arms:
        _check_pseudo_labels(study, arm, opened)
        for what, name, split in _wants_3d(arm.recipe):
            dataset = opened.get((name, split))
            if dataset is not None and not has_3d(dataset):
                raise RecipeError(
                    f"study {study.name!r}, arm {arm.name!r}: {what} {name}/{split}, which has no 3D labels; use a "
                    "store that has them"
                )


def _check_pseudo_labels(study: Study, arm: Arm, opened: Mapping[tuple[str, str], PoseDataset]) -> None:
    for name, spec in arm.recipe.sources.items():
        if spec.pseudo_labels is None:
            continue
        place = store_name(spec.store), spec.split
        samples = len(opened[place]) if place in opened else study.stores[place[0]].counts[spec.split]
        if spec.pseudo_labels.samples > max(1, round(spec.keep * samples)):
            raise RecipeError(
                f"study {study.name!r}, arm {arm.name!r}: sources.{name}.pseudo_labels.samples is "
                f"{spec.pseudo_labels.samples:,}, more than {'/'.join(place)} gives ({samples:,} samples)"
            )


def check_sets(study: Study, arms: Sequence[Arm], folders: Mapping[str, Path]) -> None:
    """Check that every set can be scored as the study says, for every network, and gives what comparisons are about.

    Raises:
        DataError: a set, its protocol and a network do not fit.
        RecipeError: a comparison is about 3D on a set without 3D labels.
    """
    skeletons = dict.fromkeys(arm.recipe.model.skeleton for arm in arms)
    without_3d = set()
    for name, each in study.sets.items():
        dataset = open_store(folders[each.store], each.split)
        protocol = replace(get_protocol(each.protocol), split=each.split)
        for skeleton in skeletons:
            try:
                check_fit(protocol, dataset, get_skeleton(skeleton))
            except DataError as error:
                raise DataError(f"study {study.name!r}, set {name!r}: {error}") from None
        if not has_3d(dataset):
            without_3d.add(name)
    for comparison in study.comparisons:
        if comparison.metric.endswith("_mm") or "3d" in comparison.metric:
            for name in without_3d & set(comparison.sets):
                raise RecipeError(
                    f"study {study.name!r}, comparison {comparison.statement!r}: {comparison.metric} needs 3D labels, "
                    f"which set {name!r} does not have; compare by error_px or pck2d"
                )


def has_3d(dataset: PoseDataset) -> bool:
    """Whether any sample has a 3D joint."""
    some = np.unique(np.linspace(0, len(dataset) - 1, LOOKED_AT).round().astype(np.int64)) if len(dataset) else None
    if some is None:
        return False
    return bool(np.isfinite(dataset.array("joints_cam", some)).any() or np.isfinite(dataset.array("joints_cam")).any())


def _wants_3d(recipe: Recipe) -> Iterator[tuple[str, str, str]]:
    """(what is done, store, split) of everything in a recipe that needs 3D labels."""
    for stage in recipe.stages:
        for source in stage.shares:
            spec = recipe.sources[source]
            if spec.labels == "3d" and spec.pseudo_labels is None:
                yield f"stage {stage.name!r} learns 3D from", store_name(spec.store), spec.split
        chosen = recipe.validation_of(stage)
        if chosen is not None and chosen.metric.endswith("_mm"):
            yield f"stage {stage.name!r} chooses by {chosen.metric} on", store_name(chosen.store), chosen.split
