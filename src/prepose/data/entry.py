"""What there is to know about a dataset before having it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from prepose.body.skeleton import Skeleton
from prepose.data.found import FoundDataset


@runtime_checkable
class Adapter(Protocol):
    """Finds one split of a dataset in its owner's layout."""

    def __call__(self, root: Path, split: str, *, partial: bool) -> FoundDataset:
        """Look at the files below `root`; `partial` leaves out what has no partner instead of refusing it."""
        ...


@dataclass(frozen=True)
class CatalogEntry:
    """What there is to know about a dataset before having it.

    Attributes:
        name: The name on the command line.
        title: The name in papers.
        about: What it is, in a sentence.
        has_3d: Whether its labels are 3D.
        skeleton: The skeleton of its labels; None where each user's labels bring their own.
        licence: On which terms its owners give it.
        citation: What to cite.
        home: Where its owners give it.
        size: How large it is, as its owners or the named source say.
        layouts: The layouts that are read, one line each.
        tree: The folder that is expected, drawn as lines; of several layouts the most usual.
        expected: Samples of each split when it is complete.
        splits: The splits that there are; the first `default_splits` of them are added unless others are asked for.
        default_splits: How many splits are added unless others are asked for.
        adapter: The function that finds it.
        signature: Glob patterns below the root, any of which gives the dataset away (`recognise.looks_like`).
        tell_tale: Where file names say too little: looks into files below the root, and gives the one that gives the
            dataset away, or None.
        splits_at: The splits that the files hold, where that is up to the user; else None.
        root_may_be_file: Whether the root may be a label file instead of a folder.
    """

    name: str
    title: str
    about: str
    has_3d: bool
    skeleton: Skeleton | None
    licence: str
    citation: str
    home: str
    size: str
    layouts: tuple[str, ...]
    tree: tuple[str, ...]
    expected: Mapping[str, int]
    splits: tuple[str, ...]
    default_splits: int
    adapter: Adapter
    signature: tuple[str, ...]
    tell_tale: Callable[[Path], Path | None] | None = None
    splits_at: Callable[[Path], tuple[str, ...]] | None = None
    root_may_be_file: bool = False
