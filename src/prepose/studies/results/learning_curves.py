"""How the held-out errors of a trial fell while it trained, against images, compute and time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from prepose.errors import DataError
from prepose.files import inside
from prepose.recipes.log import read_log

_NEEDED = ("samples", "stage", "train_flops", "train_seconds")
_VALIDATION, _WATCHED, _MEASURE = "validation_", "watched_", "_mpjpe_mm"


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """One trial's held-out errors: P validations.

    Attributes:
        images: Samples seen up to each.
        flops: Training FLOPs up to each, pre-training in full.
        counted_flops: The same with a stage that several trainings share counted by its part.
        seconds: Time of training up to each.
        errors: What was measured -> MPJPE, mm: `validation`, which chooses the weights, and each watched set by its
            name; NaN where it was not measured.
    """

    images: Float[np.ndarray, "P"]
    flops: Float[np.ndarray, "P"]
    counted_flops: Float[np.ndarray, "P"]
    seconds: Float[np.ndarray, "P"]
    errors: Mapping[str, Float[np.ndarray, "P"]]


def learning_curve(run: Path, shared_by: Mapping[str, int]) -> LearningCurve:
    """The curve of a run's folder; without points where its log holds no validation.

    Args:
        run: The run's folder.
        shared_by: stage -> number of trainings that use its outcome.

    Raises:
        DataError: the log lacks a column, holds something that is not a number, or is a link.
    """
    inside(run, "log.csv")
    rows = read_log(run)
    missing = [name for name in _NEEDED if rows and name not in rows[0]]
    if missing:
        raise DataError(f"{run / 'log.csv'}: has no column {missing[0]!r}; another version wrote it: train again")
    columns = _error_columns(rows)
    try:
        counted = np.cumsum(_counted_steps(rows, shared_by))
        points = [i for i, row in enumerate(rows) if any(row[column] for column in columns.values())]
        numbers = {
            name: np.array([float(rows[i][name]) for i in points])
            for name in ("samples", "train_flops", "train_seconds")
        }
        errors = {name: np.array([float(rows[i][column] or "nan") for i in points]) for name, column in columns.items()}
    except (TypeError, ValueError) as error:
        raise DataError(f"{run / 'log.csv'}: is damaged ({error}); train again") from error
    return LearningCurve(numbers["samples"], numbers["train_flops"], counted[points], numbers["train_seconds"], errors)


def _error_columns(rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What was measured -> its column in the log."""
    found = {}
    for column in rows[0] if rows else ():
        if column == _VALIDATION + _MEASURE[1:]:
            found["validation"] = column
        elif column.startswith(_WATCHED) and column.endswith(_MEASURE):
            found[column.removeprefix(_WATCHED).removesuffix(_MEASURE)] = column
    return {name: column for name, column in found.items() if any(row[column] for row in rows)}


def _counted_steps(rows: Sequence[Mapping[str, str]], shared_by: Mapping[str, int]) -> Float[np.ndarray, "R"]:
    whole = np.array([float(row["train_flops"]) for row in rows])
    parts = np.array([1 / shared_by.get(row["stage"], 1) for row in rows])
    return np.diff(whole, prepend=0.0) * parts
