"""Scoring a run on a store, and keeping the result beside the run."""

from collections.abc import Callable, Sequence
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


def keep_evaluation(evaluation: Evaluation, run: Path, *, out: Path | None = None) -> Path | None:
    """Save an evaluation under `evaluations/` in a run's folder, or in another one, which `compare` takes as a run.

    Args:
        evaluation: What to save.
        run: What was evaluated.
        out: The other folder; without it, nothing is saved where `run` is a weights file alone.

    Raises:
        DataError: the dataset's name leads out of that folder, or a link is in the way.
        OSError: the folder may not be written.
    """
    if out is None and not (run / "recipe.json").is_file():
        return None
    # The dataset's name comes from its store, which may be someone else's.
    name = f"{evaluation.dataset}-{evaluation.split}-{evaluation.protocol.name}"
    place = inside(inside(out or run, "evaluations"), f"{name}.json")
    return save_evaluation(evaluation, place.parent, place.stem)


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


def own_split(store: Path, rows: Sequence[Protocol]) -> str:
    """The split that the first of some protocols is made for and a store has, or the store's only one.

    Raises:
        DataError: there is none.
    """
    splits = store_splits(store)
    made_for = next((row.split for row in rows if row.split in splits), None)
    if made_for is not None or len(splits) == 1:
        return made_for or splits[0]
    raise DataError(f"{store}: has no split {rows[0].split!r}; name one of {', '.join(splits) or 'none'} by --split")
