"""Which split of a store is evaluated, and where an evaluation is kept. No torch."""

from collections.abc import Sequence
from pathlib import Path

from prepose.data.store import store_splits
from prepose.errors import DataError
from prepose.files import inside
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.evaluation_files import save_evaluation
from prepose.metrics.protocols import Protocol


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
