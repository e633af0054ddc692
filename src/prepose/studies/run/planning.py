"""From a study to its trials on this machine: what each may use, and how long it is."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prepose.errors import RecipeError
from prepose.recipes.train import Machine
from prepose.specs.reading import at_scale
from prepose.specs.recipe import Recipe
from prepose.specs.study import Study
from prepose.studies.engines.local import Resources, cores, threads_each
from prepose.studies.run.checks import check_stores
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
