"""From a study to its trials on this machine: what each may use, and how long it is.

That its samples are there and have the labels it needs is checked before anything is trained.
"""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from prepose.body.skeletons import get_skeleton
from prepose.data.dataset import PoseDataset
from prepose.data.store import open_store
from prepose.errors import DataError, RecipeError
from prepose.metrics.protocols import get_protocol
from prepose.predict.fit import check_fit
from prepose.recipes.train import Machine
from prepose.specs.reading import at_scale
from prepose.specs.recipe import Recipe
from prepose.specs.study import Study, store_name
from prepose.studies.engines.local import Resources, cores, threads_each
from prepose.studies.run.folder import plan_of, read_plan
from prepose.studies.run.stores import check_worlds, store_folders
from prepose.studies.run.trial_costs import check_system
from prepose.studies.trials import Arm, PlannedTrial, arms_of, stores_of, trials_of

# The side that images of a store on disk are taken to have where speed is measured.
USUAL_PX = 256
# The cluster's scheduler knows how many fit.
ALL_THAT_FIT = 10_000


@dataclass(frozen=True)
class RunSettings:
    """How a study is run; nothing but rounding depends on it, except on `budget_scale`.

    Attributes:
        jobs: Trials in parallel; None: as many as the machine has cores, or GPUs.
        threads: CPU threads of each; None: what the study's folder was begun with, or its share of the cores.
        accelerator: `auto`, `cpu` or `cuda`; `auto` is what the folder was begun with, or what there is.
        gpus: GPUs of each trial; less than 1: shared.
        stores: Where worlds are kept that several studies use; None: in the study's folder.
        trials_of: Folders of other studies; trials that they have done are copied.
        budget_scale: This many times the study's budget.
        size: The size that a built-in study was asked for in.
        extend: Whether a changed definition takes the place of the one in the folder.
        checkpoint_seconds: Time between checkpoints.
        cluster: Whether trials run on other machines: then jobs are as many as fit, threads 1, and the
            accelerator is `cuda` where `gpus` says so.
    """

    jobs: int | None = None
    threads: int | None = None
    accelerator: str = "auto"
    gpus: float | None = None
    stores: Path | None = None
    trials_of: tuple[Path, ...] = ()
    budget_scale: float = 1.0
    size: str | None = None
    extend: bool = False
    checkpoint_seconds: float = 60.0
    cluster: bool = False


DEFAULT_SETTINGS = RunSettings()


@dataclass(frozen=True)
class Planned:
    """A study that is ready to run.

    Attributes:
        study: The study, at its budget's scale.
        folders: Where each store is.
        arms: Its arms, at their budget.
        trials: Its trials, the first seed's first.
        machine: What each trial may use.
        resources: How many run in parallel.
        cluster: Whether they run on other machines.
    """

    study: Study
    folders: Mapping[str, Path]
    arms: tuple[Arm, ...]
    trials: tuple[PlannedTrial, ...]
    machine: Machine
    resources: Resources
    cluster: bool = False

    @property
    def side_by_side(self) -> int:
        """Trials that share a device; 0 where that is not known."""
        import torch

        if self.cluster:
            return math.ceil(1 / self.resources.gpus) if self.resources.gpus else 0

        devices = torch.cuda.device_count() if self.resources.gpus else 1
        return math.ceil(self.resources.at_once / max(1, devices))

    def as_json(self) -> dict[str, Any]:
        """What `plan.json` holds."""
        kept = {"accelerator": self.machine.accelerator, "threads": self.machine.threads}
        return plan_of(self.arms, self.trials) | {"machine": kept}


def plan_study(study: Study, out: Path, *, settings: RunSettings) -> Planned:
    """Plan every trial, after every check that needs no sample drawn.

    Raises:
        RecipeError: an arm cannot be run, or studies cannot on this system.
        DataError: a store is missing, or the plan that is there is damaged.
    """
    scaled = at_scale(study, settings.budget_scale)
    folders = store_folders(scaled, out, settings.stores)
    check_system()
    check_worlds(scaled)
    arms = arms_of(scaled)
    trials = trials_of(scaled, arms)
    check_stores(scaled, arms, folders)
    return Planned(scaled, folders, arms, trials, *machine_of(out, settings), settings.cluster)


def image_px(study: Study, recipe: Recipe) -> int:
    """The side of the largest images that a recipe reads, px."""
    specs = [study.stores[name] for name, _ in stores_of(recipe)]
    return max(USUAL_PX if spec.world is None else spec.size for spec in specs)


def machine_of(out: Path, settings: RunSettings) -> tuple[Machine, Resources]:
    """What each trial may use; threads and device stay as planned before, because rounding depends on them."""
    before = read_plan(out).get("machine", {}) if (out / "plan.json").exists() else {}
    accelerator = settings.accelerator
    if accelerator == "auto":
        accelerator = str(
            before.get("accelerator") or (_of_cluster(settings) if settings.cluster else found_accelerator())
        )
    cuda = accelerator == "cuda"
    jobs = settings.jobs or (ALL_THAT_FIT if settings.cluster else default_jobs(cuda=cuda))
    threads = settings.threads or int(str(before.get("threads") or threads_each(jobs)))
    gpus = (1.0 if settings.gpus is None else settings.gpus) if cuda else 0.0
    workers = max(1, min(8, threads)) if cuda else 0
    machine = Machine(
        accelerator=accelerator, threads=threads, workers=workers, checkpoint_seconds=settings.checkpoint_seconds
    )
    return machine, Resources(jobs, threads, gpus)


def check_device(accelerator: str, *, cluster: bool) -> None:
    """Check that trials can use a device, before minutes are spent on rendering worlds.

    Raises:
        RecipeError: they are to use a GPU, on this machine, and it has none that torch can use.
    """
    if accelerator == "cuda" and not cluster and found_accelerator() != "cuda":
        raise RecipeError(
            "the trials are to run on cuda, and this machine has no GPU that torch can use; pass "
            "--accelerator cpu, or check the driver and that torch was built for cuda"
        )


def _of_cluster(settings: RunSettings) -> str:
    return "cuda" if settings.gpus else "cpu"


def found_accelerator() -> str:
    """`cuda` where there is a GPU, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def default_jobs(*, cuda: bool) -> int:
    """Trials in parallel where nobody says: one for each GPU, or for each core while memory lasts."""
    import torch

    if cuda:
        return max(1, torch.cuda.device_count())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # A worker with a small network and its cache of images takes about 1.5 GB.
    return max(1, min(cores(), int(memory / 1.5e9)))


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
