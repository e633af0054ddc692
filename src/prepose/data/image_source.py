"""Images that labels name by a path: below a folder, or still inside the zip archive in which they came."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from prepose.data.archive import check_name, open_archive
from prepose.data.pairing import FILE, LOOKED_AT, Pairing, is_picture, list_files, pair_names, plain, spell, turned_note
from prepose.data.picture import image_header
from prepose.errors import DataError


@dataclass(frozen=True)
class ImageSource:
    """Where images lie.

    Attributes:
        place: A folder or a zip archive.
        names: The path of each label's image below it.
    """

    place: Path
    names: tuple[str, ...]

    @property
    def zipped(self) -> bool:
        """Whether the images are still inside an archive."""
        return self.place.is_file()


def find_images(places: Sequence[Path], names: Sequence[str], labels: Path) -> ImageSource:
    """The place that holds the most of the images: one of the folders or archives, under one of its first folders.

    People unpack with or without the archive's outermost folder, so a name is looked for as it stands, below
    `images`, and without its first part.

    Args:
        places: Folders and archives, the preferred first; they need not exist.
        names: The path of each label's image.
        labels: The file that gives the names.

    Raises:
        DataError: a name leads outside, or none of the places exists.
    """
    cleaned = [str(check_name(name, labels)) for name in names]
    step = max(1, len(cleaned) // LOOKED_AT)
    sources = [
        ImageSource(place.resolve(), tuple(map(moved, cleaned)))
        for place in places
        if place.exists()
        for moved in (str, _below_images, _without_first)
    ]
    if not sources:
        raise DataError(f"{labels}: its images are not there; looked for {' and '.join(map(str, places))}")
    counts = [_count_present(ImageSource(source.place, source.names[::step])) for source in sources]
    return sources[int(np.argmax(counts))]


def pair_source(source: ImageSource, *, partial: bool) -> Pairing:
    """Look for the image of each label.

    Args:
        source: Where the images lie.
        partial: Whether labels without image are left out instead of refused. Images without label are no trouble here:
            they are the other splits'.

    Raises:
        DataError: there are no images; some are missing or are no files and `partial` is not set; a name may mean
            several files.
    """
    pairing = pair_names(source.place, source.names, _files(source), partial=partial)
    if source.zipped:
        return pairing
    return replace(pairing, notes=(*pairing.notes, *turned_note(source.place, pairing.names)))


def unlabelled_images(source: ImageSource, known: Collection[str] = ()) -> tuple[str, ...]:
    """Images beside the labelled ones that neither the source nor `known` names, sorted."""
    named = {plain(name) for name in (*source.names, *known)}
    folders = {PurePosixPath(name).parent for name in (*source.names, *known)}
    if source.zipped:
        with open_archive(source.place) as archive:
            beside = [name for name in archive.members if PurePosixPath(name).parent in folders]
    else:
        there = [source.place / folder for folder in folders if (source.place / folder).is_dir()]
        beside = [path.relative_to(source.place).as_posix() for folder in there for path in folder.iterdir()]
    return tuple(sorted(name for name in beside if plain(name) not in named and is_picture(name)))


@contextmanager
def image_reader(source: ImageSource) -> Iterator[Callable[[str], Path | bytes]]:
    """What gives the image of a name: its bytes out of an archive, its absolute path in a folder.

    Raises:
        DataError: the archive is damaged.
    """
    if not source.zipped:
        yield lambda name: source.place / name
        return
    with open_archive(source.place) as archive:
        yield archive.read


def size_of(image: Path | bytes, name: str) -> tuple[int, int]:
    """(width, height) of an image in px, from its header.

    Raises:
        DataError: it is missing, or not an image.
    """
    return image_header(image, name).size_wh


def _below_images(name: str) -> str:
    return f"images/{name}"


def _without_first(name: str) -> str:
    return name.split("/", 1)[-1]


def _files(source: ImageSource) -> dict[str, str]:
    if not source.zipped:
        return list_files(source.place, source.names)
    with open_archive(source.place) as archive:
        return dict.fromkeys(archive.members, FILE)


def _count_present(source: ImageSource) -> int:
    files = _files(source)
    try:
        return sum(found is not None for found in spell(source.names, files, source.place).values())
    # Of a name that may mean several files it is said more once this place is chosen.
    except DataError:
        return sum(name in files for name in source.names)
