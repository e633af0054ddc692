"""What each difference between two protocols is worth on given predictions.

With k differences there are 2^k protocols between the first and the second, and k! orders in which to walk from one to
the other; what a difference is worth depends on which were switched before it. Three figures say how much: switched
first (from the first protocol alone), switched last (into the second), and the mean over all orders, which add up to
the whole (Shapley, "A value for n-person games", 1953).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import factorial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from prepose.body.skeletons import get_skeleton
from prepose.console import PlainConsole, table_of
from prepose.data.dataset import PoseDataset
from prepose.errors import DataError
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.evaluation_files import load_evaluation, read_description
from prepose.metrics.measures import average
from prepose.metrics.protocol import MEASURES_3D, Measure, Protocol
from prepose.metrics.protocol_diff import PropertyDifference, differences, switched
from prepose.predict.other_systems.frames import Placed
from prepose.predict.other_systems.matching import Matched
from prepose.predict.other_systems.predictions import Predictions
from prepose.predict.other_systems.score_file import Readied, Reading, ready_predictions

# Shares have no mm: they are thresholds of these.
_IN_MM: Mapping[str, Measure] = {"pa_mpjpe_mm": "pa_mpjpe_mm", "n_mpjpe_mm": "n_mpjpe_mm"}
# Why predictions that were made already cannot tell what a property is worth.
NOT_ON_PREDICTIONS = {
    "boxes": "the system would have to look again",
    "flip": "the system would have to look again",
    "people": "other samples",
    "approximations": "joints that either accepts are taken in the protocols between the two",
}


@dataclass(frozen=True)
class Worth:
    """What one difference is worth, mm (px where both protocols are in the image).

    Attributes:
        difference: In what the protocols differ.
        first: Switched alone, from the first protocol; NaN where that cannot be scored.
        last: Switched last, into the second protocol; likewise.
        mean: Mean over all orders; NaN where a protocol between cannot be scored.
        reason: Why a figure is NaN.
    """

    difference: PropertyDifference
    first: float
    last: float
    mean: float
    reason: str = ""


@dataclass(frozen=True)
class ProtocolsApart:
    """Two protocols on the same predictions.

    Attributes:
        first: The first protocol.
        second: The second.
        value: The figure under the first.
        second_value: The figure under the second, with the properties alone that predictions can tell.
        unit: mm or px.
        num_samples: How many samples were scored.
        worths: Each difference's worth.
        notes: What a reader has to know.
    """

    first: Protocol
    second: Protocol
    value: float
    second_value: float
    unit: str
    num_samples: int
    worths: tuple[Worth, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "first": self.first.name,
            "second": self.second.name,
            "unit": self.unit,
            "num_samples": self.num_samples,
            "value_first": _plain(self.value),
            "value_second": _plain(self.second_value),
            "differences": [
                {
                    "property": each.difference.name,
                    "first": each.difference.first,
                    "second": each.difference.second,
                    "switched_first": _plain(each.first),
                    "switched_last": _plain(each.last),
                    "mean_of_orders": _plain(each.mean),
                    "reason": each.reason,
                }
                for each in self.worths
            ],
            "notes": list(self.notes),
        }


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else value


def ready(path: Path, dataset: PoseDataset, *, reading: Reading | None = None) -> Readied:
    """Predictions, or a saved evaluation as the predictions that it holds.

    Raises:
        DataError: they cannot be read or matched; or the evaluation's scale rule cannot be taken back.
    """
    is_evaluation = path.suffix == ".json" and path.with_suffix(".npz").is_file()
    if not is_evaluation:
        return ready_predictions(path, dataset, reading=reading)
    read_description(path)
    return of_evaluation(load_evaluation(path), dataset, str(path))


def of_evaluation(evaluation: Evaluation, dataset: PoseDataset, where: str) -> Readied:
    """The predictions of an evaluation, in its protocol's skeleton, at the size that they were scored at."""
    if (evaluation.dataset, evaluation.split) != (dataset.name, dataset.split):
        raise DataError(
            f"{where}: is of {evaluation.dataset}/{evaluation.split}, and the store has {dataset.name}/{dataset.split}"
        )
    if evaluation.protocol.scale not in ("true-root-depth", "mean-person", "image"):
        raise DataError(
            f"{where}: its poses were resized by {evaluation.protocol.scale}, which cannot be taken back; evaluate "
            "with --protocol true-root-depth, or give the predictions themselves"
        )
    if len(evaluation) and int(evaluation.index.max()) >= len(dataset):
        raise DataError(f"{where}: has sample {evaluation.index.max()}, and the store {len(dataset)} samples")
    found = evaluation.of_found()
    has_3d = found.has_3d
    predictions = Predictions(
        where=where,
        skeleton=get_skeleton(evaluation.protocol.skeleton),
        joints_img=found.prediction_img if np.isfinite(found.prediction_img).any() else None,
        joints_3d=found.prediction_mm if has_3d else None,
        confidence=found.confidence,
    )
    rows = np.full(len(dataset), -1)
    rows[evaluation.index] = np.arange(len(evaluation))
    joints = None
    if has_3d:
        joints = np.full((len(dataset), *found.prediction_mm.shape[1:]), np.nan)
        joints[evaluation.index] = found.prediction_mm
    placed = Placed(joints, metric=True, facts={})
    return Readied(predictions, dataset, Matched(rows, "by sample", ""), placed, "own", evaluation.weights, {})


def protocols_apart(first: Protocol, second: Protocol, predictions: Readied) -> ProtocolsApart:
    """What the differences between two protocols are worth on predictions.

    Raises:
        DataError: one scores in 3D and the other in the image, or the first cannot score the predictions at all.
    """
    if first.needs_3d != second.needs_3d:
        in_3d, in_2d = (first, second) if first.needs_3d else (second, first)
        raise DataError(f"{in_3d.name} scores in 3D and {in_2d.name} in the image: no mm lie between them")
    found = differences(first, second)
    names = [each.name for each in found if each.name not in NOT_ON_PREDICTIONS]
    for row in (first, second):
        reason = predictions.unfit(replace(row, datasets=(), subjects=()))
        if reason is not None:
            raise DataError(f"{predictions.predictions.where} under {row.name}: {reason}")
    steps, everything = _Steps(first, second, predictions, frozenset(names)), frozenset(names)
    value = steps.value(frozenset())
    for end in (frozenset[str](), everything):
        if np.isnan(steps.value(end)):
            raise DataError(steps.reasons.get(end, f"{predictions.predictions.where}: no joint could be scored"))
    worths = tuple(_worth(each, names, steps) for each in found)
    notes = [
        "switched first: from the first protocol alone; last: into the second; mean: over all orders, which add up"
    ]
    shares = [row for row in (first, second) if row.headline not in MEASURES_MM]
    if shares and first.needs_3d:
        told = ", ".join(f"{row.name} ({row.headline})" for row in shares)
        notes.append(f"a share has no mm; taken instead, the MPJPE that it is a share of: {told}")
    return ProtocolsApart(
        first=first,
        second=second,
        value=value,
        second_value=steps.value(everything),
        unit="mm" if first.needs_3d else "px",
        num_samples=len(predictions.dataset),
        worths=worths,
        notes=tuple(notes),
    )


MEASURES_MM = frozenset({"mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm", "error_px"})


class _Steps:
    """The figures of the protocols between two, each computed once."""

    def __init__(self, first: Protocol, second: Protocol, predictions: Readied, everything: frozenset[str]) -> None:
        self._first, self._second, self._predictions, self._everything = first, second, predictions, everything
        self._values: dict[frozenset[str], float] = {}
        self._evaluations: dict[Any, Evaluation] = {}
        self.reasons: dict[frozenset[str], str] = {}

    def value(self, names: frozenset[str]) -> float:
        """The figure with some properties of the second protocol; NaN where that cannot be scored."""
        if names not in self._values:
            try:
                self._values[names] = self._scored(self._protocol(names))
            except (DataError, ValueError) as error:
                self._values[names], self.reasons[names] = float("nan"), str(error)
        return self._values[names]

    def _protocol(self, names: frozenset[str]) -> Protocol:
        """The first protocol, the second as far as predictions tell, or one between, which accepts what either does."""
        if not names:
            return switched(self._first, self._second, names)
        if names == self._everything:
            return switched(self._first, self._second, names | {"approximations"})
        made = switched(self._first, self._second, names)
        either = {*self._first.accepted_approximations, *self._second.accepted_approximations}
        joints = get_skeleton(made.skeleton).joints
        return replace(made, accepted_approximations=tuple(joint for joint in joints if joint in either))

    def _scored(self, protocol: Protocol) -> float:
        measure = _IN_MM.get(protocol.headline, "mpjpe_mm") if protocol.headline in MEASURES_3D else "error_px"
        # Alignment and average are read from the same tables, and datasets and people play no part here.
        key = (protocol.skeleton, protocol.scored_joints, protocol.accepted_approximations, protocol.root,
               protocol.scale, protocol.bone_sum_mm, protocol.stride)  # fmt: skip
        if key not in self._evaluations:
            self._evaluations[key] = self._predictions.judged(_for_any(protocol))
        evaluation = self._evaluations[key]
        return average(evaluation.tables[measure], protocol.averaging, evaluation.actions)


def _for_any(protocol: Protocol) -> Protocol:
    headline: Measure = "mpjpe_mm" if protocol.needs_3d else "error_px"
    return replace(protocol, datasets=(), subjects=(), averaging="joints", headline=headline, coverage="shared")


def _worth(each: PropertyDifference, names: list[str], steps: _Steps) -> Worth:
    nan = float("nan")
    if each.name in NOT_ON_PREDICTIONS:
        return Worth(each, nan, nan, nan, NOT_ON_PREDICTIONS[each.name])
    mine, everything = frozenset({each.name}), frozenset(names)
    first = steps.value(mine) - steps.value(frozenset())
    last = steps.value(everything) - steps.value(everything - mine)
    others, mean = [name for name in names if name != each.name], 0.0
    for size in range(len(others) + 1):
        share = factorial(size) * factorial(len(others) - size) / factorial(len(names))
        for before in map(frozenset, combinations(others, size)):
            mean += share * (steps.value(before | mine) - steps.value(before))
    failed = [steps.reasons[key] for key in (mine, everything - mine, everything) if key in steps.reasons]
    return Worth(each, first, last, mean, failed[0] if failed else "")


def print_worth(found: ProtocolsApart, console: Console | None = None) -> None:
    """What each difference is worth, as a table for the terminal."""
    console = console or PlainConsole()
    table = table_of(f"difference, {found.unit}", "first", "last", "mean")
    for each in found.worths:
        table.add_row(each.difference.name, *(_told(value) for value in (each.first, each.last, each.mean)))
    total = found.second_value - found.value
    table.add_row("all together", "", "", _told(total))
    console.print(table)
    console.print(
        f"{found.first.name}: {found.value:.1f} {found.unit}; {found.second.name}: {found.second_value:.1f} "
        f"{found.unit}; {found.num_samples} samples",
        highlight=False,
    )
    for each in found.worths:
        if each.reason:
            console.print(f"{each.difference.name}: {each.reason}", highlight=False)
    for note in found.notes:
        console.print(note, highlight=False)


def _told(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:+.1f}"
