"""By how much of the person is hidden: the samples in four classes, each measure in each."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from prepose.metrics.evaluation import Evaluation, Row
from prepose.metrics.joint_error import mean_of

# What counts as hidden: not to be seen in the picture, for whatever reason.
HIDDEN_STATES = ("occluded", "occluded_by_object", "occluded_by_body", "outside")
# heading -> the share of hidden joints above which, and up to which, a sample belongs to it.
HIDDEN_CLASSES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"0 %": (-1.0, 0.0), "1 to 25 %": (0.0, 0.25), "26 to 50 %": (0.25, 0.5), "51 to 100 %": (0.5, 1.0)}
)


def hidden_shares(evaluation: Evaluation) -> Float[np.ndarray, "N"]:
    """The share of each sample's joints that is hidden, 0 to 1, among the scored joints whose state is known.

    NaN for a sample of which no scored joint's state is known.
    """
    hidden = np.isin(evaluation.states, _numbers(evaluation, HIDDEN_STATES))
    known = ~np.isin(evaluation.states, _numbers(evaluation, ("unknown",)))
    known &= evaluation.scored_3d | evaluation.scored_2d
    counts = known.sum(axis=1)
    return np.where(counts > 0, (hidden & known).sum(axis=1) / np.maximum(counts, 1), np.nan)


def _numbers(evaluation: Evaluation, names: tuple[str, ...]) -> list[int]:
    return [number for number, name in enumerate(evaluation.state_names) if name in names]


def per_hidden_share(evaluation: Evaluation) -> dict[str, Row]:
    """Each measure by how much of the person is hidden, with `num_samples`; only classes that have samples.

    Means are over joints where the protocol takes them so, else over samples.
    """
    shares = hidden_shares(evaluation)
    rows = {}
    for name, (above, most) in HIDDEN_CLASSES.items():
        mine = (shares > above) & (shares <= most)
        if mine.any():
            means = {measure: _mean(table[mine], evaluation) for measure, table in evaluation.tables.items()}
            rows[name] = {"num_samples": float(mine.sum())} | means
    return rows


def _mean(table: Float[np.ndarray, "M J"], evaluation: Evaluation) -> float:
    if evaluation.protocol.averaging == "joints":
        return mean_of(table)
    return mean_of(np.array([mean_of(row) for row in table]))
