"""Scoring a run on a store, and keeping the result beside the run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from prepose.body.skeleton import Skeleton
from prepose.data.dataset import PoseDataset
from prepose.data.store import describe_store, open_store, store_splits
from prepose.errors import DataError
from prepose.files import inside
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.evaluation_files import save_evaluation
from prepose.metrics.protocols import Protocol, get_protocol, protocols_for
from prepose.models.checkpoint import load_weights
from prepose.predict.evaluate import evaluate
from prepose.predict.fit import misfit, refusal
from prepose.predict.predictor import find_weights


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
        split: Which split; None for the protocol's own, or the store's only one.
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
    rows = protocols_for(name) if asked is None else (asked,)
    own_splits = [split or _own_split(store, row.split) for row in rows]
    if own_splits[0] is None:
        splits = ", ".join(store_splits(store)) or "none"
        raise DataError(f"{store}: has no split {rows[0].split!r}; name one of {splits} by --split")
    datasets = {each: open_store(store, each) for each in dict.fromkeys(own_splits) if each is not None}
    net = load_weights(find_weights(run))
    pairs = [(row, datasets[each]) for row, each in zip(rows, own_splits, strict=True) if each is not None]
    chosen, dataset, choice = _first_that_fits(pairs, net.skeleton)
    evaluation = evaluate(net, dataset, replace(chosen, split=dataset.split), device=device, progress=progress)
    told = choice if asked is None else "asked for"
    return replace(evaluation, facts={**evaluation.facts, "protocol_is": told})


def keep_evaluation(evaluation: Evaluation, run: Path) -> Path | None:
    """Save an evaluation under `evaluations/` in a run's folder; None where `run` is a weights file alone.

    Raises:
        DataError: the dataset's name leads out of that folder, or a link is in the way.
        OSError: the folder may not be written.
    """
    if not (run / "recipe.json").is_file():
        return None
    # The dataset's name comes from its store, which may be someone else's.
    name = f"{evaluation.dataset}-{evaluation.split}-{evaluation.protocol.name}"
    place = inside(inside(run, "evaluations"), f"{name}.json")
    return save_evaluation(evaluation, place.parent, place.stem)


def _first_that_fits(pairs: list[tuple[Protocol, PoseDataset]], network: Skeleton) -> tuple[Protocol, PoseDataset, str]:
    """The first protocol that fits, with its split of the dataset, and why it is the first."""
    reasons = [misfit(row, dataset, network) for row, dataset in pairs]
    for (row, dataset), reason in zip(pairs, reasons, strict=True):
        if reason is None:
            choice = f"the default of {dataset.name} for a network of {network.name}"
            return row, dataset, choice if reasons[0] is None else f"{choice} ({reasons[0]})"
    raise DataError(refusal(f"{reasons[0]}", pairs[0][1], network))


def _own_split(store: Path, wanted: str) -> str | None:
    splits = store_splits(store)
    if wanted in splits:
        return wanted
    return splits[0] if len(splits) == 1 else None
