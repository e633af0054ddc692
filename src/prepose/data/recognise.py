"""Which dataset's files these are: each entry of the catalogue names files that give it away."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from prepose.data.entry import CatalogEntry
from prepose.data.intake import hdf5_shapes, mat_shapes
from prepose.errors import DataError


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
