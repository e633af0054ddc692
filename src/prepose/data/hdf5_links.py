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

    def check_link(name: str, link: h5py.HardLink | h5py.SoftLink | h5py.ExternalLink) -> None:
        if isinstance(link, h5py.ExternalLink):
            raise DataError(
                f"{path}: {printable(name)!r} is a link to another file, {printable(link.filename)!r}; refused"
            )

    def check_item(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        if item.external:
            outside = printable(item.external[0][0])
            raise DataError(f"{path}: {printable(name)!r} takes its numbers from another file, {outside!r}; refused")
        if item.is_virtual:
            raise DataError(f"{path}: {printable(name)!r} takes its numbers from other datasets; refused")

    file.visititems_links(check_link)
    file.visititems(check_item)
