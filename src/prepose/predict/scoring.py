"""Scoring a run on a store, and keeping the result beside the run."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from prepose.body.skeleton import Skeleton
from prepose.data.dataset import PoseDataset
from prepose.data.store import describe_store, open_store
from prepose.errors import DataError
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.protocols import Protocol, get_protocol, protocols_for
from prepose.models.checkpoint import load_weights
from prepose.predict.evaluate import evaluate
from prepose.predict.evaluations import keep_evaluation, own_split
from prepose.predict.fit import misfit, refusal
from prepose.predict.networks import find_weights


def evaluate_run(
    run: Path,
    store: Path,
    *,
    split: str | None = None,
    protocol: str | None = None,
    device: str = "cpu",
    progress: Callable[[int, int | None], None] | None = None,
) -> Evaluation:
    """Score a run's weights on a split of a store, and keep the evaluation with the run: see the two functions below.

    Raises:
        DataError: see `score_run` and `keep_evaluation`.
        OSError: the run's folder may not be written.
    """
    evaluation = score_run(run, store, split=split, protocol=protocol, device=device, progress=progress)
    keep_evaluation(evaluation, run)
    return evaluation


def score_run(
    run: Path,
    store: Path,
    *,
    split: str | None = None,
    protocol: str | None = None,
    device: str = "cpu",
    progress: Callable[[int, int | None], None] | None = None,
) -> Evaluation:
    """Score a run's weights on a split of a store.

    Args:
        run: A run's folder or a weights file.
        store: The dataset.
        split: Which split; None for the first that a protocol for the dataset is made for and the store has, or the
            store's only one. Every protocol is tried on that one.
        protocol: A name of `metrics.protocols.PROTOCOLS`; None for the first one that is made for the dataset and fits
            it and the network, else the first for any dataset that does. The evaluation's facts say which it was.
        device: Where to run the network.
        progress: Called with (samples done, samples in all).

    Raises:
        DataError: there are no weights, no such store, split or protocol; protocol, dataset and network do not fit
            (found before the network runs); or the samples cannot be used.
    """
    asked = None if protocol is None else get_protocol(protocol)
    name = describe_store(store).description.name
    own = protocols_for(name)
    rows = own if asked is None else (asked,)
    dataset = open_store(store, split or own_split(store, (*rows, *own)))
    net = load_weights(find_weights(run))
    chosen, choice = _first_that_fits(rows, dataset, net.skeleton)
    evaluation = evaluate(net, dataset, replace(chosen, split=dataset.split), device=device, progress=progress)
    told = choice if asked is None else "asked for"
    return replace(evaluation, facts={**evaluation.facts, "protocol_is": told})


def _first_that_fits(rows: Sequence[Protocol], dataset: PoseDataset, network: Skeleton) -> tuple[Protocol, str]:
    """The first protocol that fits, and why it is the first."""
    first = None
    for row in rows:
        reason = misfit(row, dataset, network)
        if reason is None:
            choice = f"the default of {dataset.name} for a network of {network.name}"
            return row, choice if first is None else f"{choice} ({first})"
        first = first or reason
    raise DataError(refusal(f"{first}", dataset, network))
