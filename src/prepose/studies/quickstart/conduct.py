"""The built-in comparison: a study of three arms, carried out as any study is, and its own short page."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from prepose.console import split_progress
from prepose.errors import DataError
from prepose.files import LOCK, inside, is_left_over, locked, read_object, write_json
from prepose.specs.builtin_recipes import base_recipe
from prepose.studies.engines.local import Outcome, values_of
from prepose.studies.quickstart.plan import NAME, SIZES, quickstart_study
from prepose.studies.quickstart.report import DAMAGED, seconds_of_steps, write_report
from prepose.studies.run.conduct import run_study
from prepose.studies.run.folder import claim_folder, definition
from prepose.studies.run.planning import RunSettings
from prepose.studies.run.stores import draw_worlds, store_folders


def run_quickstart(out: Path, size: str = "standard", *, jobs: int = 2, console: Console | None = None) -> Path:
    """Run the whole comparison, or resume an interrupted one in the folder.

    Args:
        out: The folder.
        size: A name of `plan.SIZES`.
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
