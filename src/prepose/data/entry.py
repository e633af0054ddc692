"""A dataset: what is known before having it, what its adapter finds on disk, which files give it away."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from prepose.arrays import BoxXywh
from prepose.body.skeleton import Skeleton
from prepose.camera.crop import box_about
from prepose.data.intake import hdf5_shapes, mat_shapes
from prepose.data.sample import PoseSample
from prepose.errors import DataError

# Joints lie inside the body; its outline, hands and feet reach about this far beyond them.
BODY_MARGIN = 0.1
LEAST_BOX_SIDE = 16.0


class SplitMissing(DataError):
    """A split of a dataset of which nothing is there, while others may be."""


@dataclass(frozen=True)
class FoundDataset:
    """One split of a dataset on disk.

    Attributes:
        skeleton: The skeleton of its samples.
        total: Number of samples.
        samples: `samples(first, last)` yields samples first .. last - 1, their images by absolute path where they are
            plain files, else as bytes. It can begin anywhere, so that an interrupted store goes on where it was and
            several processes can share the work; it must therefore be picklable.
        notes: What a user should be told, with counts: what was left out or corrected, or is not as the authors say.
        facts: How the split was drawn and read, to be kept in the store as JSON.
    """

    skeleton: Skeleton
    total: int
    samples: Callable[[int, int], Iterator[PoseSample]]
    notes: tuple[str, ...]
    facts: dict[str, Any]


def box_of_joints(joints_img: Float[np.ndarray, "J 2"], margin: float = BODY_MARGIN) -> BoxXywh:
    """A box about the labelled joints (px), wider on each side by `margin` of its longer side.

    It contains every labelled joint, also one outside the image, and is never smaller than 16 px.

    Raises:
        ValueError: no joint is labelled.
    """
    labelled = joints_img[~np.isnan(joints_img).any(axis=1)].astype(float)
    if len(labelled) == 0:
        raise ValueError("a box needs at least one labelled joint")
    low, high = labelled.min(axis=0), labelled.max(axis=0)
    extent = high - low
    side = np.maximum(extent + 2 * margin * extent.max(), LEAST_BOX_SIDE)
    return box_about((low + high) / 2, side)


@runtime_checkable
class Adapter(Protocol):
    """Finds one split of a dataset in its authors' layout."""

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
        licence: On which terms its authors give it.
        citation: What to cite.
        home: Where its authors give it.
        size: How large it is, as its authors or the named source say.
        layouts: The layouts that are read, one line each.
        tree: The folder that is expected, drawn as lines; of several layouts the most usual.
        expected: Samples of each split when it is complete.
        splits: The splits that there are; the first `default_splits` of them are added unless others are asked for.
        default_splits: How many splits are added unless others are asked for.
        adapter: The function that finds it.
        signature: Glob patterns below the root, any of which gives the dataset away (`looks_like`).
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


def looks_like(root: Path, entries: Iterable[CatalogEntry]) -> Mapping[str, Path]:
    """The datasets that files below a folder look like, each with the file that gives it away.

    Args:
        root: A folder; another path looks like nothing.
        entries: The datasets to think of.
    """
    return _signs(root, [(entry, entry.signature) for entry in entries])


def lies_in(root: Path, entries: Iterable[CatalogEntry]) -> Mapping[str, Path]:
    """The same without patterns that begin with `*/`: datasets that lie in this folder itself, not in one below."""
    here = [(entry, [one for one in entry.signature if not one.startswith("*/")]) for entry in entries]
    return _signs(root, here)


def with_hint(error: DataError, name: str, root: Path, entries: Iterable[CatalogEntry]) -> DataError:
    """The error of a dataset that could not be read, saying which other one the files look like, if any."""
    likely = looks_like(root, entries)
    if not likely or name in likely or "looks like" in str(error):
        return error
    other, sign = next(iter(likely.items()))
    return DataError(f"{error}; {sign} looks like {other}, not {name}; add it as that")


def hdf5_people_of(root: Path, names: Iterable[str], joints: int) -> Path | None:
    """The first of some HDF5 files whose `part` has that many joints: MPII and FLIC are re-packed under equal names."""
    for path in (root / name for name in names):
        try:
            if path.is_file() and hdf5_shapes(path).get("part", ())[1:] == (joints, 2):
                return path
        except DataError:
            continue
    return None


def mat_joints_of(path: Path, shape: tuple[int, int]) -> Path | None:
    """A MATLAB file if the first two axes of its variable `joints` have that shape (LSP's two sets differ in them)."""
    try:
        return path if path.is_file() and mat_shapes(path).get("joints", ())[:2] == shape else None
    except DataError:
        return None


def _signs(root: Path, patterns: Iterable[tuple[CatalogEntry, Sequence[str]]]) -> Mapping[str, Path]:
    if not root.is_dir():
        return {}
    signs = {entry.name: _first_sign(root, entry, several) for entry, several in patterns}
    return {name: sign for name, sign in signs.items() if sign is not None}


def _first_sign(root: Path, entry: CatalogEntry, patterns: Sequence[str]) -> Path | None:
    named = next((found for pattern in patterns for found in root.glob(pattern)), None)
    return entry.tell_tale(root) if named is None and entry.tell_tale is not None else named
