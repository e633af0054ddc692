"""Joint angles as a measurement: estimated poses beside the true ones, angle by angle, in degrees; no torch.

Angles depend on directions alone: they need no common scale, root or alignment. Only `trunk_lean` depends on the frame,
which must be the same for both poses.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float

from prepose.body.joint_angles import ANGLES, CAMERA_UP, joint_angles
from prepose.body.skeleton import Skeleton
from prepose.errors import DataError
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.evaluation_files import load_evaluation
from prepose.specs.ledger import NOT_RECORDED
from prepose.studies.analysis.study_analysis import to_json
from prepose.studies.statistics.agreement import Agreement, Estimate, agreement
from prepose.studies.statistics.comparison import FEW_SUBJECTS
from prepose.studies.statistics.interval import Interval
from prepose.studies.statistics.scores import Clusters, clusters_of

if TYPE_CHECKING:
    import pandas as pd

Side = Literal["both", "left", "right", ""]
SIDES: tuple[Side, ...] = ("left", "right", "")
UP_OF_CAMERA = "the camera's upward axis, which one image cannot level with the ground"


@dataclass(frozen=True)
class AngleAgreement:
    """One angle of one side.

    Attributes:
        angle: A name of `joint_angles.ANGLES`.
        side: `left`, `right`, `both` (each side a pair of its own), or empty for the trunk.
        poses: How many pairs there could be.
        agreement: In degrees, estimate - truth; None where fewer than 3 pairs are known.
    """

    angle: str
    side: Side
    poses: int
    agreement: Agreement | None

    def as_row(self) -> dict[str, Any]:
        """Plain values for a table; NaN where an end of an interval is not known."""
        row: dict[str, Any] = {"angle": self.angle, "side": self.side, "poses": self.poses}
        known = self.agreement
        if known is None:
            return {**row, "pairs": 0}
        row |= {"pairs": known.pairs, "clusters": known.subjects, "deviation": known.deviation, "within": known.within}
        for name in ("bias", "lower", "upper", "rmse", "icc"):
            each: Estimate = getattr(known, name)
            ends = each.interval or Interval(float("nan"), float("nan"))
            row |= {name: each.value, f"{name}_low": ends.low, f"{name}_high": ends.high}
        return row


@dataclass(frozen=True, eq=False)
class AnglesMeasured:
    """Estimated joint angles beside the true ones.

    Attributes:
        rows: Every angle, both sides together before each.
        num_poses: How many poses there are.
        resampled: What the intervals are over.
        notes: What a reader has to know.
        facts: What was measured (dataset, network ...), as text.
        subjects: Subject of each pose.
        estimated: (angle, side) -> degrees, NaN where unknown; within 180 degrees of the truth.
        true: The same of the true poses.
    """

    rows: tuple[AngleAgreement, ...]
    num_poses: int
    resampled: str
    notes: tuple[str, ...]
    facts: Mapping[str, str]
    subjects: tuple[str, ...]
    estimated: Mapping[tuple[str, str], Float[np.ndarray, "N"]]
    true: Mapping[tuple[str, str], Float[np.ndarray, "N"]]

    def __repr__(self) -> str:
        """What was measured and how far off it is; not the poses."""
        known = [
            f"{each.angle} {each.agreement.rmse.value:.1f}"
            for each in self.rows
            if each.side in ("both", "") and each.agreement and each.agreement.rmse.value is not None
        ]
        return f"AnglesMeasured({self.num_poses:,} poses; RMSE in degrees: {', '.join(known)})"

    def to_dataframe(self) -> "pd.DataFrame":
        """Bias, limits of agreement, RMSE (degrees) and ICC of each angle and side, with intervals; needs pandas."""
        import pandas as pd

        return pd.DataFrame([row.as_row() for row in self.rows])

    def row(self, angle: str, side: Side = "both") -> AngleAgreement:
        """One angle; of the trunk whatever the side."""
        return next(each for each in self.rows if each.angle == angle and each.side in (side, ""))

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the poses."""
        names = ("facts", "num_poses", "resampled", "notes", "rows")
        return {name: to_json(getattr(self, name)) for name in names}


def measure_angles(
    estimated: Float[np.ndarray, "N J 3"],
    true: Float[np.ndarray, "N J 3"],
    skeleton: Skeleton,
    subjects: Sequence[str],
    *,
    up: tuple[float, float, float] = CAMERA_UP,
    facts: Mapping[str, str] | None = None,
) -> AnglesMeasured:
    """Joint angles of estimated poses against those of the true ones.

    Args:
        estimated: Joints in any unit, in the axes of a right-handed frame; NaN where unknown.
        true: The same people in the same axes; NaN where unknown.
        skeleton: Of both.
        subjects: Who is seen in each pose; intervals are over them, or over blocks of neighbouring poses where there is
            a single one or some have no name.
        up: The direction that `trunk_lean` is measured against.
        facts: What was measured, for the reader.

    Raises:
        DataError: there are fewer than two poses, or no angle is known in both poses of at least three samples.
    """
    if len(true) < 2:
        raise DataError(f"{len(true)} pose(s): expected at least 2 to measure joint angles")
    clusters = clusters_of(subjects)
    truth, found = joint_angles(true, skeleton, up), joint_angles(estimated, skeleton, up)
    # Angles of more than half a turn: an estimate is as far off as the shorter way round.
    found = {key: truth[key] + (degrees - truth[key] + 180) % 360 - 180 for key, degrees in found.items()}
    rows = tuple(_rows(found, truth, clusters))
    if all(row.agreement is None for row in rows):
        raise DataError(
            f"no joint angle is known in both poses of at least 3 of {len(true)} samples; angles need hips, knees, "
            f"ankles, shoulders, elbows or wrists with 3D ground truth, found the skeleton {skeleton.name}"
        )
    return AnglesMeasured(
        rows=rows,
        num_poses=len(true),
        resampled=clusters.text,
        notes=tuple(_notes(rows, clusters, up)),
        facts=dict(facts or {}),
        subjects=tuple(subjects),
        estimated=found,
        true=truth,
    )


def _rows(
    found: Mapping[tuple[str, str], np.ndarray], truth: Mapping[tuple[str, str], np.ndarray], clusters: Clusters
) -> list[AngleAgreement]:
    rows = []
    for angle in ANGLES:
        sides: list[Side] = [side for side in SIDES if (angle, side) in truth]
        if len(sides) > 1:
            columns = [np.concatenate([table[angle, side] for side in sides]) for table in (found, truth)]
            twice = Clusters(np.tile(clusters.index, len(sides)), clusters.count, clusters.kind, clusters.text)
            rows.append(AngleAgreement(angle, "both", len(columns[0]), agreement(columns[0], columns[1], twice)))
        for side in sides:
            pair = found[angle, side], truth[angle, side]
            rows.append(AngleAgreement(angle, side, len(pair[0]), agreement(*pair, clusters)))
    return rows


def _notes(rows: Sequence[AngleAgreement], clusters: Clusters, up: tuple[float, float, float]) -> list[str]:
    notes = []
    if clusters.kind == "subjects" and clusters.count < FEW_SUBJECTS:
        notes.append(f"{clusters.text}: too few to tell much about other people; the intervals may be too narrow.")
    if clusters.kind == "samples":
        notes.append("The intervals are over blocks of neighbouring samples and say nothing about other people.")
    unknown = dict.fromkeys(row.angle for row in rows if row.agreement is None)
    if unknown:
        notes.append(f"Not measured, as fewer than 3 poses have the joints: {', '.join(unknown)}.")
    if up == CAMERA_UP:
        notes.append(f"Trunk lean is measured against {UP_OF_CAMERA}.")
    return notes


def angles_of(evaluation: Evaluation) -> AnglesMeasured:
    """Joint angles of an evaluation's predictions, of all joints that prediction and ground truth have in 3D.

    Raises:
        DataError: the evaluation has no 3D ground truth, or too little of it.
    """
    where = f"{evaluation.dataset}/{evaluation.split}"
    if not evaluation.has_3d:
        raise DataError(
            f"{where}: no joint is scored in 3D by the protocol {evaluation.protocol.name}; joint angles need 3D "
            "ground truth: choose another store, or another --protocol (`prepose protocols`)"
        )
    facts = {
        "dataset": where,
        "protocol": evaluation.protocol.name,
        "skeleton": evaluation.protocol.skeleton,
        "weights": evaluation.weights or NOT_RECORDED,
        **{
            key: evaluation.facts[key]
            for key in ("trained_on", "lift", "approximate_joints")
            if key in evaluation.facts
        },
    }
    try:
        # Not `scored_3d`: joints that the protocol averages over are its own matter, the angles need all.
        return measure_angles(
            evaluation.prediction_mm, evaluation.truth_mm, evaluation.skeleton, evaluation.subjects, facts=facts
        )
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def measure_network(
    network: Path,
    store: Path | None,
    *,
    split: str | None = None,
    protocol: str | None = None,
    device: str = "cpu",
    progress: Callable[[int, int | None], None] | None = None,
) -> AnglesMeasured:
    """Joint angles of a network, or of a saved evaluation.

    Args:
        network: A run's folder or a weights file; or the JSON file of a saved evaluation, which needs no store.
        store: The dataset; None for a saved evaluation.
        split: Which split; None for the protocol's own.
        protocol: How poses are lifted and scored; None for the dataset's default.
        device: Where to run the network.
        progress: Called with (samples done, samples in all).

    Raises:
        DataError: see `predict.scoring.score_run` and `angles_of`; or a saved evaluation comes with options that it
            has decided already.
    """
    if network.suffix == ".json" and network.is_file():
        given = [name for name, value in {"data": store, "split": split, "protocol": protocol}.items() if value]
        if given:
            raise DataError(f"{network}: is a saved evaluation, which names its data itself; leave out --{given[0]}")
        evaluation = load_evaluation(network)
    elif store is None:
        raise DataError(f"{network}: name the dataset store by --data; only a saved evaluation (.json) needs none")
    else:
        from prepose.predict.scoring import evaluate_run

        evaluation = evaluate_run(network, store, split=split, protocol=protocol, device=device, progress=progress)
    measured = angles_of(evaluation)
    return AnglesMeasured(**{**vars(measured), "facts": {"network": network.name, **measured.facts}})
