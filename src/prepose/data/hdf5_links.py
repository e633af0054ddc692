"""What is in an HDF5 file, found without following it anywhere: label files need no links, and no deep nesting."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue]

from prepose.errors import DataError
from prepose.pickles.names import printable

MOST_DEPTH = 32


def datasets_inside(path: Path, file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """The datasets of an HDF5 file, each once, by their path inside it.

    An external link opens another file, an external or virtual dataset takes its numbers from one: with them, a label
    file could make a store of whatever its reader may read. h5py's own visits take time quadratic in the depth.

    Raises:
        DataError: something lies outside, or the groups are nested more than 32 deep.
    """
    groups: list[tuple[str, h5py.Group, int]] = [("", file, 1)]
    seen: set[int] = set()
    while groups:
        prefix, group, depth = groups.pop()
        for inner in group:
            name = f"{prefix}{inner}"
            if not _is_inside(path, name, group.get(inner, getlink=True)):
                continue
            item: Any = group[inner]
            # Hard links may give one thing many names, and a group to itself.
            address = h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(item, h5py.Dataset):
                _refuse_outside(path, name, item)
                yield name, item
            elif isinstance(item, h5py.Group):
                if depth == MOST_DEPTH:
                    raise DataError(f"{path}: its groups are nested more than {MOST_DEPTH} deep; refused")
                groups.append((f"{name}/", item, depth + 1))


def _is_inside(path: Path, name: str, link: object) -> bool:
    """Whether a link is the thing itself; not where it is another name of something in this file."""
    if isinstance(link, h5py.ExternalLink):
        raise _refusal(path, f"{printable(name)!r} is a link to another file, {printable(link.filename)!r}")
    return isinstance(link, h5py.HardLink)


def _refuse_outside(path: Path, name: str, item: h5py.Dataset) -> None:
    if item.external:
        other = printable(item.external[0][0])
        raise _refusal(path, f"{printable(name)!r} takes its numbers from another file, {other!r}")
    if item.is_virtual:
        raise _refusal(path, f"{printable(name)!r} takes its numbers from other datasets")


def _refusal(path: Path, what: str) -> DataError:
    return DataError(f"{path}: {what}; refused, get it from its owners")
