"""The quickstart: a study of three arms at equal compute on three worlds, carried out as any study is, and its page."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich.console import Console

from prepose.console import split_progress
from prepose.errors import DataError
from prepose.files import LOCK, inside, is_left_over, locked, read_object, write_json
from prepose.recipes.budget import training_flops
from prepose.specs.builtin_recipes import base_recipe, recipe_named
from prepose.specs.study import Budget, Comparison, EvaluationSet, Factor, Level, StoreSpec, Study
from prepose.studies.engines.local import Outcome, values_of
from prepose.studies.quickstart.report import DAMAGED, seconds_of_steps, write_report
from prepose.studies.run.conduct import run_study
from prepose.studies.run.folder import claim_folder, definition
from prepose.studies.run.planning import RunSettings
from prepose.studies.run.stores import draw_worlds, store_folders

NAME = "quickstart"
QUESTION = (
    "Three ways to spend the same training compute on one small network: 3D labels from a lab alone (only-3d), the "
    "same with images from the wild that have only 2D labels mixed in (mixed), and 2D labels first, both second "
    "(pretrain-finetune). How well does each estimate a person's joints in 3D, in the lab and elsewhere?"
)
ARMS = ("only-3d", "mixed", "pretrain-finetune")
PROTOCOL = "true-root-depth"
TITLES: Mapping[str, str] = MappingProxyType({"lab": "lab test", "wild": "wild", "occluded": "occluded"})


@dataclass(frozen=True)
class Size:
    """How much a quickstart does.

    Attributes:
        name: What the command line calls it.
        counts: world -> split -> samples.
        stored_px: Side of the stored images.
        samples: Samples that the only-3d arm sees; the others are trained for as many FLOPs.
        seeds: One training of each arm for each.
        validate_every: Samples between two validations.
    """

    name: str
    counts: Mapping[str, Mapping[str, int]]
    stored_px: int
    samples: int
    seeds: tuple[int, ...]
    validate_every: int


def _counts(*, wild: int, lab: int, test: int) -> dict[str, dict[str, int]]:
    held_out = max(100, test // 2)
    return {
        "wild": {"train": wild, "validation": held_out, "test": test},
        "lab": {"train": lab, "validation": held_out, "test": test},
        "occluded": {"test": test},
    }


SIZES: Mapping[str, Size] = MappingProxyType(
    {
        "quick": Size("quick", _counts(wild=900, lab=450, test=120), 96, 8_000, (0,), 2_000),
        "standard": Size("standard", _counts(wild=2800, lab=1000, test=200), 96, 20_000, (0, 1), 4_000),
        "full": Size("full", _counts(wild=20_000, lab=6000, test=1000), 96, 480_000, (0, 1, 2), 40_000),
    }
)


def quickstart_study(size: Size) -> Study:
    """Three ways to spend the same training FLOPs; what they are measured on chooses nothing."""
    base = recipe_named("only-3d")
    every = f"every={size.validate_every}"
    # Its first stage sees no 3D labels, and has a validation of its own.
    of_pretraining = {"pretrain-finetune": (f"pretrain.validation.{every}",)}
    levels = tuple(Level(name=arm, recipe=arm, changes=of_pretraining.get(arm, ())) for arm in ARMS)

    def claim(statement: str, baseline: str) -> Comparison:
        first, second = {"training": "pretrain-finetune"}, {"training": baseline}
        return Comparison(statement=statement, arm=first, baseline=second, sets=tuple(TITLES))

    return Study(
        name=NAME,
        question=QUESTION,
        base="only-3d",
        changes=(f"validation.{every}", "watched.wild.store=wild"),
        factors=(Factor(name="training", levels=levels),),
        seeds=size.seeds,
        budget=Budget(rule="flops", amount=training_flops(base) * size.samples / base.samples),
        stores={
            world: StoreSpec(world=world, counts=dict(counts), size=size.stored_px)
            for world, counts in size.counts.items()
        },
        sets={
            name: EvaluationSet(store=name, split="test", protocol=PROTOCOL, title=title)
            for name, title in TITLES.items()
        },
        comparisons=(
            claim("2D pre-training beats 3D labels alone", "only-3d"),
            claim("2D first beats mixing from the start", "mixed"),
        ),
        folders="arm",
    )


def run_quickstart(out: Path, size: str = "standard", *, jobs: int = 2, console: Console | None = None) -> Path:
    """Run the whole comparison, or resume an interrupted one in the folder.

    Args:
        out: The folder.
        size: A name of `SIZES`.
        jobs: Trainings in parallel.
        console: Where progress is shown.

    Returns:
        The page's path.

    Raises:
        DataError: the folder holds something else, or a quickstart of another size; the disk is full.
        PoseError: a training failed; what is done is kept.
    """
    if size not in SIZES:
        raise ValueError(f"no quickstart is of size {size!r}; known: {', '.join(SIZES)}")
    console = console or Console(quiet=True)
    study = quickstart_study(SIZES[size])
    wanted = definition(study, base_recipe(study), size=size, budget_scale=1.0)
    with locked(out / LOCK, f"is running the quickstart in {out}"):
        _check_folder(out, wanted)
        claim_folder(out, wanted, extend=False)
        with _timed(out, "synthesis"), split_progress(console) as show:
            draw_worlds(study, store_folders(study, out, None), workers=jobs, progress=show)
    with _timed(out, "training and evaluation"):
        end = run_study(study, out, settings=RunSettings(jobs=jobs, accelerator="cpu", size=size), console=console)
    values_of({title: Outcome(failure=failure) for title, failure in end.failures.items()})
    return write_report(out)


def _check_folder(out: Path, wanted: dict[str, Any]) -> None:
    """Check that the folder is free or holds this quickstart; the message says what else it holds."""
    path = inside(out, "study.json")
    if path.exists():
        there = read_object(path, advice=DAMAGED)
        if there != wanted:
            study = there.get("study")
            name = study.get("name") if isinstance(study, dict) else "unknown"
            held = f"a quickstart of size {there.get('size')!r} or of" if name == NAME else f"study {name!r}, or"
            raise DataError(f"{out}: holds {held} another version, now {wanted['size']!r} is asked for; {DAMAGED}")
    elif not all(map(is_left_over, out.iterdir())):
        raise DataError(f"{out}: is not empty and holds no quickstart; choose another --out")


@contextmanager
def _timed(out: Path, name: str) -> Iterator[None]:
    """Add to the seconds of a step; what an interrupted session took counts too."""
    begin = time.perf_counter()
    try:
        yield
    finally:
        seconds = seconds_of_steps(out)
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - begin
        write_json(inside(out, "quickstart.json"), {"seconds": seconds})
