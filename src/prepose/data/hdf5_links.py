"""HDF5 files may point to other files of the reader's disk; label files never need to."""

from pathlib import Path

import h5py

from prepose.data.pickle_names import printable
from prepose.errors import DataError


def refuse_links(path: Path, file: h5py.File) -> None:
    """Make sure that everything in an HDF5 file is in that file.

    An external link opens another file, an external or virtual dataset takes its numbers from one: with them, a label
    file could make a store of whatever its reader may read.

    Raises:
        DataError: something lies outside.
    """
    outside: list[str] = []

    # h5py does not let an error through its visits.
    def look_at_link(name: str, link: h5py.HardLink | h5py.SoftLink | h5py.ExternalLink) -> None:
        if isinstance(link, h5py.ExternalLink):
            outside.append(f"{printable(name)!r} is a link to another file, {printable(link.filename)!r}")

    def look_at_item(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and item.external:
            other = printable(item.external[0][0])
            outside.append(f"{printable(name)!r} takes its numbers from another file, {other!r}")
        elif isinstance(item, h5py.Dataset) and item.is_virtual:
            outside.append(f"{printable(name)!r} takes its numbers from other datasets")

    file.visititems_links(look_at_link)
    file.visititems(look_at_item)
    if outside:
        raise DataError(f"{path}: {outside[0]}; refused, get it from its owners")
