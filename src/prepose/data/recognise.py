"""Which dataset's files these are: each entry of the catalogue names files that give it away."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from prepose.data.entry import CatalogEntry
from prepose.errors import DataError


def looks_like(root: Path, entries: Iterable[CatalogEntry]) -> Mapping[str, Path]:
    """The datasets that files below a folder look like, each with the file that gives it away.

    Args:
        root: A folder; another path looks like nothing.
        entries: The datasets to think of.
    """
    if not root.is_dir():
        return {}
    signs = {entry.name: _first_sign(root, entry.signature) for entry in entries}
    return {name: sign for name, sign in signs.items() if sign is not None}


def with_hint(error: DataError, name: str, root: Path, entries: Iterable[CatalogEntry]) -> DataError:
    """The error of a dataset that could not be read, saying which other one the files look like, if any."""
    likely = looks_like(root, entries)
    if not likely or name in likely or "looks like" in str(error):
        return error
    other, sign = next(iter(likely.items()))
    return DataError(f"{error}; {sign} looks like {other}, not {name}; add it as that")


def _first_sign(root: Path, patterns: Iterable[str]) -> Path | None:
    return next((found for pattern in patterns for found in root.glob(pattern)), None)
