"""One evaluation set of a study: each arm's sums by seed and test subject, and what its error is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prepose.errors import DataError
from prepose.metrics.protocols import Protocol
from prepose.studies.results.error_groups import group_means
from prepose.studies.results.reduced import Reduced, reduced_of
from prepose.studies.results.study_results import StudyResults, TrialResult
from prepose.studies.statistics.comparison import ArmFigure, arm_figure
from prepose.studies.statistics.scores import ArmScores, Clusters
from prepose.studies.statistics.uncertainty import effective_clusters

Json = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class ArmSums:
    """One arm on one set, before intervals are made.

    Attributes:
        measures: measure -> its sums by seed and cluster; measures without a value in every seed are missing.
        parts: part of MPJPE -> its sums; `scale` + `orientation` + `rest` is MPJPE. Empty without 3D ground truth.
        variants: variant of `Evaluation.variants` -> sums of its MPJPE.
        groups: kind of group -> label -> the figure of each seed; NaN where it has none.
        group_measure: The measure that the groups show.
        calibrations: How confidence goes with error, one for each seed; empty where a seed has none.
    """

    measures: Mapping[str, ArmScores]
    parts: Mapping[str, ArmScores]
    variants: Mapping[str, ArmScores]
    groups: Mapping[str, Mapping[str, Sequence[float]]]
    group_measure: str
    calibrations: Sequence[Json]


@dataclass(frozen=True, eq=False)
class SetScores:
    """A set with every arm that was measured on it.

    Attributes:
        name: The set.
        protocol: How it is scored.
        clusters: What is resampled; its index is empty, because the sums are made already.
        num_samples: How many samples it has.
        num_subjects: How many people it names.
        arms: arm -> its sums.
    """

    name: str
    protocol: Protocol
    clusters: Clusters
    num_samples: int
    num_subjects: int
    arms: Mapping[str, ArmSums]


def set_scores(results: StudyResults, set_name: str) -> SetScores:
    """Every arm on one set.

    Raises:
        DataError: an evaluation is damaged, or was made on other samples than the rest.
    """
    arms, first = {}, None
    for arm in results.arms:
        trials = results.measured(arm.name, set_name)
        seeds = {trial.seed: _reduced(trial, set_name) for trial in trials}
        if not seeds:
            continue
        first = first or (trials[0], seeds[trials[0].seed])
        for trial in trials:
            _check_alike(trial, seeds[trial.seed], *first, set_name=set_name)
        arms[arm.name] = _arm_sums(arm.name, seeds)
    if first is None:
        raise ValueError(f"no trial was measured on {set_name!r}")
    facts = first[1].facts
    clusters = Clusters(np.zeros(0, int), **facts["clusters"])
    return SetScores(set_name, results.protocol(set_name), clusters, facts["num_samples"], facts["num_subjects"], arms)


def figure_of(scores: ArmScores) -> ArmFigure:
    """An arm's figure; without an interval where all scored values lie in one subject, which has no spread to tell."""
    if effective_clusters(scores.weights) > 1 + 1e-6:
        return arm_figure(scores)
    means = scores.seed_means
    deviation = float(means.std(ddof=1)) if len(means) > 1 else None
    return ArmFigure(scores.name, scores.seeds, tuple(means.tolist()), float(means.mean()), deviation, None)


def _reduced(trial: TrialResult, set_name: str) -> Reduced:
    path = trial.evaluation_file(set_name)
    try:
        return reduced_of(path, trial.headers[set_name]["arrays_sha256"])
    except ValueError as error:
        raise DataError(f"{path}: cannot be compared: {error}") from error


def _check_alike(trial: TrialResult, found: Reduced, other: TrialResult, expected: Reduced, *, set_name: str) -> None:
    if found.facts["samples"] != expected.facts["samples"]:
        raise DataError(
            f"{trial.evaluation_file(set_name)}: holds other samples than trial {other.id}, or other ground truth for "
            "them; numbers on different samples are not comparable: evaluate one of them again"
        )
    if found.facts["clusters"] != expected.facts["clusters"]:
        raise DataError(
            f"{trial.evaluation_file(set_name)}: scores other people than trial {other.id}: its predictions miss whole "
            "subjects; evaluate it again"
        )


def _arm_sums(arm: str, seeds: Mapping[int, Reduced]) -> ArmSums:
    each = list(seeds.values())

    def together(kind: str) -> dict[str, ArmScores]:
        names = [name for name in each[0].sums[kind] if all(name in one.sums[kind] for one in each)]
        stacks = {
            name: [np.stack(side) for side in zip(*(one.sums[kind][name] for one in each), strict=True)]
            for name in names
        }
        return {name: ArmScores(arm, tuple(seeds), sums, counts) for name, (sums, counts) in stacks.items()}

    calibrations = [one.facts["calibration"] for one in each]
    return ArmSums(
        measures=together("measures"),
        parts=together("parts"),
        variants=together("variants"),
        groups=group_means([one.facts["groups"] for one in each]),
        group_measure=each[0].facts["group_measure"],
        calibrations=[] if None in calibrations else calibrations,
    )
