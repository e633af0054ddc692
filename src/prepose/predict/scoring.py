"""Scoring a run on a store, and keeping the result beside the run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from prepose.data.store import open_store, store_splits
from prepose.errors import DataError
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.evaluation_files import save_evaluation
from prepose.metrics.protocols import get_protocol
from prepose.models.checkpoint import load_weights
from prepose.predict.evaluate import evaluate
from prepose.predict.predictor import find_weights


def evaluate_run(
    run: Path,
    store: Path,
    *,
    split: str | None = None,
    protocol: str = "true-root-depth",
    device: str = "cpu",
    progress: Callable[[int, int | None], None] | None = None,
) -> Evaluation:
    """Score a run's weights on a split of a store; in a run's folder the evaluation is kept under `evaluations/`.

    Args:
        run: A run's folder or a weights file.
        store: The dataset.
        split: Which split; None for the protocol's own, or the store's only one.
        protocol: A name of `metrics.protocols.PROTOCOLS`.
        device: Where to run the network.
        progress: Called with (samples done, samples in all).

    Raises:
        DataError: there are no weights, no such store, split or protocol, or the samples cannot be used.
    """
    asked = get_protocol(protocol)
    chosen = split or _own_split(store, asked.split)
    net = load_weights(find_weights(run))
    evaluation = evaluate(
        net, open_store(store, chosen), replace(asked, split=chosen), device=device, progress=progress
    )
    if (run / "recipe.json").is_file():
        save_evaluation(evaluation, run / "evaluations", f"{evaluation.dataset}-{chosen}-{protocol}")
    return evaluation


def _own_split(store: Path, wanted: str) -> str:
    splits = store_splits(store)
    if wanted in splits:
        return wanted
    if len(splits) == 1:
        return splits[0]
    raise DataError(f"{store}: has no split {wanted!r}; name one of {', '.join(splits) or 'none'} by --split")
