"""Errors by joint, by action, by what hides a joint, by how much of the person is hidden."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from prepose.metrics.evaluation import Evaluation
from prepose.metrics.hidden import HIDDEN_CLASSES, hidden_shares

KINDS = ("joint", "state", "hidden", "action")
MOST_ACTIONS = 24

STATE_TITLES = {
    "visible": "visible",
    "occluded": "occluded",
    "occluded_by_object": "occluded by an object",
    "occluded_by_body": "self-occluded",
    "outside": "outside the image",
    "unknown": "unknown",
}


def breakdown_measure(evaluation: Evaluation) -> str:
    """The measure that groups show: the protocol's headline where it is told joint by joint, else MPJPE or px."""
    headline = evaluation.protocol.headline
    if headline in evaluation.tables and not np.isnan(evaluation.tables[headline]).all():
        return headline
    return "mpjpe_mm" if evaluation.has_3d else "error_px"


def group_sums(evaluation: Evaluation) -> dict[str, dict[str, list[float]]]:
    """Kind of group -> label -> the sum of the breakdown measure over the joints in it, and their number.

    Kinds whose labels tell nothing apart (one action, one state) are left out.
    """
    table = evaluation.tables[breakdown_measure(evaluation)]
    found = {kind: _sums(table, masks) for kind, masks in group_masks(evaluation).items()}
    return {kind: rows for kind, rows in found.items() if len(rows) > (0 if kind == "joint" else 1)}


def group_masks(evaluation: Evaluation) -> dict[str, dict[str, np.ndarray]]:
    """Kind of group -> label -> which samples and joints are in it, as a mask that broadcasts to (N, J)."""
    count = len(evaluation.skeleton)
    joints = {name: np.arange(count)[None] == j for j, name in enumerate(evaluation.skeleton.joints)}
    states = {STATE_TITLES.get(name, name): evaluation.states == i for i, name in enumerate(evaluation.state_names)}
    named = np.array(evaluation.actions)
    actions = sorted({action for action in evaluation.actions if action})[:MOST_ACTIONS]
    return {
        "joint": joints,
        "state": states,
        "hidden": _by_share_hidden(evaluation),
        "action": {action: (named == action)[:, None] for action in actions},
    }


def group_means(seeds: Sequence[Mapping[str, Mapping[str, Sequence[float]]]]) -> dict[str, dict[str, list[float]]]:
    """Kind -> label -> the mean of each seed, from their sums; NaN where a seed has nothing in the group."""
    means: dict[str, dict[str, list[float]]] = {}
    for kind in KINDS:
        labels = dict.fromkeys(label for seed in seeds for label in seed.get(kind, {}))
        for label in labels:
            pairs = [seed.get(kind, {}).get(label, (0.0, 0)) for seed in seeds]
            means.setdefault(kind, {})[label] = [total / count if count else float("nan") for total, count in pairs]
    return means


def _by_share_hidden(evaluation: Evaluation) -> dict[str, np.ndarray]:
    share = np.nan_to_num(hidden_shares(evaluation), nan=-9.0)
    return {label: ((share > low) & (share <= high))[:, None] for label, (low, high) in HIDDEN_CLASSES.items()}


def _sums(table: Float[np.ndarray, "N J"], masks: Mapping[str, np.ndarray]) -> dict[str, list[float]]:
    known = ~np.isnan(table)
    values = np.where(known, table, 0)
    sums = {label: [float((values * mask).sum()), float((known & mask).sum())] for label, mask in masks.items()}
    return {label: pair for label, pair in sums.items() if pair[1]}
