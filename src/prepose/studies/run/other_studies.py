"""Trials that another study's folder has already done: the same training is not done twice.

A trial is named by all that defines it, so a trial of the same name is the same training, whichever study ran it.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from prepose.errors import DataError
from prepose.files import inside, read_object, write_json
from prepose.studies.run.folder import clear_failure, trial_folder
from prepose.studies.run.trial_work import TrialOrder

# What a trial leaves for TensorBoard is most of its files, and the log holds the same.
LEFT_BEHIND = ("tensorboard", "checkpoints")


def check_others(others: Sequence[Path]) -> None:
    """Check that each folder holds a study.

    Raises:
        DataError: one does not.
    """
    for folder in others:
        if not (folder / "plan.json").exists():
            raise DataError(f"{folder}: holds no study; --trials-of takes a folder that `prepose study` made")
        if not (folder / "trials").is_dir():
            raise DataError(f"{folder}: holds a study's results without its trials; give the folder they were run in")


def done_elsewhere(trial: str, others: Sequence[Path]) -> Path | None:
    """The run folder of a trial that is done, in the first of the other studies that has it.

    Raises:
        DataError: it is there as a link.
    """
    places = (trial_folder(folder, trial) for folder in others)
    return next((place for place in places if (place / "costs.json").exists()), None)


def take_over(orders: Mapping[str, TrialOrder], others: Sequence[Path]) -> list[str]:
    """Copy the trials that other studies have done and this one has not begun.

    Args:
        orders: trial -> what there is to do.
        others: Folders of studies.

    Returns:
        The trials that were copied. What they were measured on stays; sets that they lack are measured later.

    Raises:
        DataError: a trial to copy holds a link, or its files are damaged.
    """
    taken = []
    for trial, order in orders.items():
        source = done_elsewhere(trial, others)
        if source is None or (order.folder / "recipe.json").exists():
            continue
        clear_failure(order.folder)
        _copy(source, order)
        taken.append(trial)
    return taken


def _copy(source: Path, order: TrialOrder) -> None:
    _check_files(source)
    aside = order.folder.with_name(f".{order.folder.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(source, aside, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    write_json(aside / "recipe.json", order.recipe.model_dump(mode="json"))
    costs = read_object(aside / "costs.json", advice=f"run the study in {source.parent.parent} again")
    # A stage may be shared by several trainings in one study and by none in the other.
    write_json(aside / "costs.json", costs | {"counted_flops": order.counted_flops})
    shutil.rmtree(order.folder, ignore_errors=True)
    aside.rename(order.folder)


def _check_files(source: Path) -> None:
    """Check that a trial consists of files: what a link points to is not the trial's, and is not copied."""
    for place, folders, names in os.walk(source):
        folders[:] = [name for name in folders if name not in LEFT_BEHIND]
        for name in (*folders, *names):
            path = inside(source, Path(place, name).relative_to(source).as_posix())
            if not path.is_file() and not path.is_dir():
                raise DataError(f"{path}: is a pipe or a device, not a regular file; --trials-of copies files alone")
