"""What a network scored, for whoever meets it: each evaluation's headline with its protocol and interval."""

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from prepose.errors import DataError
from prepose.files import inside
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.evaluation_files import load_evaluation, plain
from prepose.studies.results.reduced import clusters_of_evaluation
from prepose.studies.statistics.interval import Interval, combined, t_interval
from prepose.studies.statistics.scores import arm_scores
from prepose.studies.statistics.uncertainty import cluster_part, effective_clusters


class Score(BaseModel):
    """An evaluation in a line.

    Attributes:
        dataset: The dataset's name.
        split: The split.
        protocol: The protocol's name.
        measure: What the protocol is about, a key of `Evaluation.overall`.
        value: The network's number, in the unit of the measure.
        low: Lower end of the 95 % interval over the test set's people or samples; None where it cannot be told.
        high: Upper end.
        samples: How many samples were scored.
        resampled: What the interval is over.
        overall: All measures of the evaluation; None where nothing was scored.
        approximate_joints: Joints of the protocol that only follow approximately from the network's; empty for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    split: str
    protocol: str
    measure: str
    value: float
    low: float | None
    high: float | None
    samples: int
    resampled: str
    overall: dict[str, float | None]
    approximate_joints: str = ""

    @property
    def interval(self) -> Interval | None:
        """The interval; None where it cannot be told."""
        return None if self.low is None or self.high is None else Interval(self.low, self.high)


def score_of(evaluation: Evaluation) -> Score | None:
    """The score that an evaluation comes to; None where its headline could not be scored."""
    measure = evaluation.protocol.headline
    value = evaluation.headline
    if np.isnan(value):
        return None
    ends, resampled = _interval(evaluation, measure)
    return Score(
        dataset=evaluation.dataset,
        split=evaluation.split,
        protocol=evaluation.protocol.name,
        measure=measure,
        value=value,
        low=None if ends is None else ends.low,
        high=None if ends is None else ends.high,
        samples=len(evaluation),
        resampled=resampled,
        overall=plain(evaluation.overall()),
        approximate_joints=str(evaluation.facts.get("approximate_joints", "")),
    )


def _interval(evaluation: Evaluation, measure: str) -> tuple[Interval | None, str]:
    """The 95 % t interval of a single training over the test set's people or samples, and what it is over."""
    table = evaluation.tables.get(measure)
    if table is None or len(evaluation) < 2:
        return None, "no interval of this measure" if table is None else "no interval of one sample"
    clusters = clusters_of_evaluation(evaluation)
    settings: dict[str, Any] = {"averaging": evaluation.protocol.averaging, "actions": evaluation.actions}
    arm = arm_scores("network", {0: table}, clusters, **settings)
    if effective_clusters(arm.weights) < 1 + 1e-6:
        return None, "no interval, as one of them has all labels"
    return t_interval(float(arm.seed_means[0]), combined([cluster_part(arm.influences[0], arm.weights)])), clusters.text


def scores_of(run: Path, weights: str, files: tuple[Path, ...] = ()) -> tuple[list[Score], list[str]]:
    """The scores of a network, and a line for each evaluation that is left out.

    Args:
        run: A run's folder, whose `evaluations/` are read; of anything else nothing is.
        weights: Digest of the network's weights: evaluations of others are none of this network.
        files: Further evaluations.

    Raises:
        DataError: an evaluation is damaged, or one of `files` is of other weights.
    """
    scores, notes = [], []
    kept = inside(run, "evaluations") if (run / "recipe.json").is_file() else None
    own = [] if kept is None else [inside(kept, path.name) for path in sorted(kept.glob("*.json"))]
    for path in (*own, *files):
        evaluation = load_evaluation(path)
        if evaluation.weights != weights:
            line = f"{path}: is of other weights ({evaluation.weights}) than those that are shared ({weights})"
            if path not in own:
                raise DataError(f"{line}; evaluate these")
            notes.append(f"{line}; left out")
            continue
        score = score_of(evaluation)
        if score is None:
            notes.append(f"{path}: scored nothing by {evaluation.protocol.headline}; left out")
        else:
            scores.append(score)
    return scores, notes
