"""What a comparison needs of evaluations: sums and counts for each seed and cluster, whatever the number of samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from prepose.metrics.protocols import Averaging

# More clusters than this are joined, neighbours together: the variance is then told by 399 degrees of freedom instead
# of more, which changes an interval by less than a thousandth, and the cost no longer grows with the set.
MOST_CLUSTERS = 400
# Blocks of neighbouring samples, where there are no people to resample. Neighbouring frames are much alike: blocks keep
# them together, single frames would pretend to know more.
MOST_BLOCKS = 200


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which samples are drawn together: those of one person, or neighbours.

    Attributes:
        index: Cluster of each sample, 0 to `count` - 1.
        count: How many there are.
        kind: What a cluster is.
        text: What is resampled, for a reader.
    """

    index: Int[np.ndarray, "N"]
    count: int
    kind: Literal["subjects", "samples"]
    text: str


def clusters_of(subjects: Sequence[str]) -> Clusters:
    """The clusters of an evaluation set by its subjects; blocks of samples where it has one subject or lacks names.

    Raises:
        ValueError: there are fewer than two samples.
    """
    count = len(subjects)
    people = list(dict.fromkeys(subjects))
    if len(people) > 1 and "" not in people:
        return _by_subject(subjects, people)
    return sample_blocks(
        count, reason="some samples name no subject" if "" in people else "the set has a single subject"
    )


def sample_blocks(num_samples: int, *, reason: str) -> Clusters:
    """Blocks of neighbouring samples, whoever they show: for intervals about these people and not about people.

    Two or three subjects tell next to nothing about others, and an interval that includes what they might be like is
    honest and wide. Who asks about a fixed test set, as published tables do, resamples its samples by this.

    Args:
        num_samples: How many samples there are, in the order in which neighbours are alike.
        reason: Why people are not resampled, for a reader.

    Raises:
        ValueError: there are fewer than two samples.
    """
    if num_samples < 2:
        raise ValueError(f"an evaluation set of {num_samples} sample(s) has no spread; at least 2 are needed")
    blocks = min(num_samples, MOST_BLOCKS)
    return Clusters(
        index=np.arange(num_samples) * blocks // num_samples,
        count=blocks,
        kind="samples",
        text=f"{num_samples} samples in {blocks} blocks of neighbours ({reason}: nothing is said about other people)",
    )


def _by_subject(subjects: Sequence[str], people: Sequence[str]) -> Clusters:
    number = {name: i for i, name in enumerate(people)}
    index = np.array([number[name] for name in subjects])
    if len(people) <= MOST_CLUSTERS:
        return Clusters(index, len(people), "subjects", f"{len(people)} subjects")
    text = f"{len(people)} subjects in {MOST_CLUSTERS} groups"
    return Clusters(index * MOST_CLUSTERS // len(people), MOST_CLUSTERS, "subjects", text)


@dataclass(frozen=True, eq=False)
class ArmScores:
    """One measure of one arm on one evaluation set: S seeds, C clusters, G groups (actions, or one).

    The arm's figure for a seed is the mean over groups of sum / count; a group without counts does not enter.

    Attributes:
        name: The arm.
        seeds: The seeds, one training each.
        sums: Sums of the scored values, in the unit of the measure.
        counts: How many values were summed.
    """

    name: str
    seeds: tuple[int, ...]
    sums: Float[np.ndarray, "S C G"]
    counts: Float[np.ndarray, "S C G"]

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"arm {self.name!r}: seeds must be given, each once, found {self.seeds}")
        if self.sums.shape != self.counts.shape or len(self.sums) != len(self.seeds):
            raise ValueError(
                f"arm {self.name!r}: sums {self.sums.shape} and counts {self.counts.shape} do not fit "
                f"{len(self.seeds)} seeds"
            )
        empty = [seed for seed, count in zip(self.seeds, self.counts, strict=True) if not count.sum() > 0]
        if empty or not np.isfinite(self.sums).all():
            which = f"seed {empty[0]} has no scored value" if empty else "a sum is not finite"
            raise ValueError(f"arm {self.name!r}: {which}; leave such a seed out, and say so")

    @cached_property
    def group_means(self) -> Float[np.ndarray, "S G"]:
        """Mean of each seed and group; NaN where it has no value."""
        return ratio(self.sums.sum(axis=1), self.counts.sum(axis=1))

    @cached_property
    def seed_means(self) -> Float[np.ndarray, "S"]:
        """The arm's figure for each seed."""
        return np.nanmean(self.group_means, axis=1)

    @cached_property
    def influences(self) -> Float[np.ndarray, "S C"]:
        """How much each cluster moves each seed's figure: the linear term, which sums to 0 over the clusters."""
        totals = self.counts.sum(axis=1, keepdims=True)
        means = np.nan_to_num(self.group_means)[:, None, :]
        moved = ratio(self.sums - means * self.counts, np.broadcast_to(totals, self.counts.shape))
        return np.nan_to_num(moved).sum(axis=2) / (totals > 0).sum(axis=2)

    @cached_property
    def weights(self) -> Float[np.ndarray, "C"]:
        """The share of each cluster in the figure, over seeds; they sum to 1."""
        totals = self.counts.sum(axis=1, keepdims=True)
        shares = np.nan_to_num(ratio(self.counts, np.broadcast_to(totals, self.counts.shape)))
        return (shares.sum(axis=2) / (totals > 0).sum(axis=2)).mean(axis=0)

    def of_seeds(self, seeds: Sequence[int]) -> "ArmScores":
        """The same for some of the seeds, in the order given."""
        rows = [self.seeds.index(seed) for seed in seeds]
        return ArmScores(self.name, tuple(seeds), self.sums[rows], self.counts[rows])


def ratio(sums: Float[np.ndarray, "*A"], counts: Float[np.ndarray, "*A"]) -> Float[np.ndarray, "*A"]:
    """Sums over counts; NaN where nothing was counted."""
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def arm_scores(
    name: str,
    tables: Mapping[int, Float[np.ndarray, "N J"]],
    clusters: Clusters,
    *,
    averaging: Averaging = "joints",
    actions: Sequence[str] = (),
) -> ArmScores:
    """Sum an arm's tables (`Evaluation.tables[measure]` of each seed) by cluster.

    Args:
        name: The arm.
        tables: seed -> the measure for each sample and joint, NaN where not scored; (N, 1) for a figure of samples.
        clusters: The clusters of the evaluation set.
        averaging: How the protocol averages: over scored joints, over samples' means, or over actions' means of those.
        actions: Action of each sample; only read for "actions".

    Raises:
        ValueError: a table does not have the samples of the clusters, or a seed has no value at all.
    """
    labels = list(actions) if averaging == "actions" else [""] * len(clusters.index)
    if len(labels) != len(clusters.index):
        raise ValueError(f"arm {name!r}: {len(labels)} actions for {len(clusters.index)} samples")
    numbers = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    shape = (clusters.count, len(numbers))
    cells = clusters.index * len(numbers) + np.array([numbers[label] for label in labels])
    sums, counts = [], []
    for seed, table in tables.items():
        if len(table) != len(cells):
            raise ValueError(f"arm {name!r}, seed {seed}: {len(table)} samples, the evaluation set has {len(cells)}")
        of_samples = _sample_sums(table, averaging)
        for total, column in zip((sums, counts), of_samples, strict=True):
            total.append(np.bincount(cells, weights=column, minlength=shape[0] * shape[1]).reshape(shape))
    return ArmScores(name, tuple(tables), np.array(sums).reshape(-1, *shape), np.array(counts).reshape(-1, *shape))


def _sample_sums(
    table: Float[np.ndarray, "N J"], averaging: Averaging
) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
    known = ~np.isnan(table)
    sums, counts = np.where(known, table, 0).sum(axis=1, dtype=float), known.sum(axis=1).astype(float)
    if averaging == "joints":
        return sums, counts
    return np.nan_to_num(ratio(sums, counts)), (counts > 0).astype(float)
