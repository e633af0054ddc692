"""Pairing labels with image files: every label has its image and every image its label, or the user is told."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Float, Int

from prepose.data.picture import image_size
from prepose.errors import DataError

PICTURE_SUFFIXES = frozenset([".jpg", ".jpeg", ".png"])
HEADER_BYTES = 2**18  # enough for a JPEG's header behind large EXIF thumbnails
# A label of the right image may miss its border by a few pixels, but not by a tenth of it.
OUTSIDE_SHARE, OUTSIDE_IMAGES = 0.1, 0.05


@dataclass(frozen=True, eq=False)
class Pairing:
    """Which labels have an image, and what to tell the user about the others.

    Attributes:
        present: Indices of the labels whose image is there.
        notes: Counts of labels and images left out.
    """

    present: Int[np.ndarray, "M"]
    notes: tuple[str, ...]


def pair_images(folder: Path, names: Sequence[str], *, partial: bool, unlabelled_expected: bool = False) -> Pairing:
    """Look for the image of each label.

    Args:
        folder: Where the images lie.
        names: The path of each label's image from there; several labels may share one.
        partial: Whether labels without image and images without label are left out instead of refused.
        unlabelled_expected: Whether images without label belong to the release (of other splits, or of nobody), so
            that they are counted but never refused.

    Raises:
        DataError: there are no images, or some are missing or unlabelled and `partial` is not set; a name leads out of
            the folder.
    """
    files = _pictures(folder, names)
    present = np.flatnonzero([name in files for name in names])
    missing = [name for name in names if name not in files]
    strangers = sorted(files - set(names))
    if len(present) == 0:
        raise DataError(
            f"{folder}: holds none of the {len(names)} labelled images ({_first(missing)}); unpack them there"
        )
    if missing and not partial:
        raise DataError(
            f"{folder}: {len(missing)} of {len(names)} labels have no image ({_first(missing)}); add the images, or "
            f"pass --partial to take the {len(present)} that are there"
        )
    if strangers and not partial and not unlabelled_expected:
        raise DataError(
            f"{folder}: {len(strangers)} images have no label ({_first(strangers)}); take them away, or pass --partial "
            f"to leave them out"
        )
    notes = []
    if missing:
        notes.append(f"{len(missing)} of {len(names)} labels have no image and are left out ({_first(missing)})")
    if strangers:
        why = ", as is expected here," if unlabelled_expected else ""
        notes.append(f"{len(strangers)} images have no label{why} and are left out ({_first(strangers)})")
    return Pairing(present, tuple(notes))


def check_labelled_once(names: Sequence[str], where: object) -> None:
    """Make sure that each image of a dataset of single people has one label.

    Raises:
        DataError: some have two: nobody could say which is true.
    """
    again = [name for name, count in Counter(names).items() if count > 1]
    if again:
        raise DataError(
            f"{where}: {len(again)} images have two labels or more ({_first(again)}), and one is expected; the labels "
            f"were put together twice, or are of other images: take the owners' files"
        )


def check_joints_lie_in_images(
    folder: Path, names: Sequence[str], joints_img: Float[np.ndarray, "N J 2"], most: int = 200
) -> None:
    """Make sure that labels and images are of one resolution, on up to `most` images spread over all.

    Raises:
        DataError: labelled joints lie far outside of many images.
    """
    chosen = np.unique(np.linspace(0, len(names) - 1, min(most, len(names))).astype(int))
    outside = [names[index] for index in map(int, chosen) if _far_out(folder / names[index], joints_img[index])]
    if len(outside) > OUTSIDE_IMAGES * len(chosen):
        raise DataError(
            f"{folder}: in {len(outside)} of {len(chosen)} images looked at, joints lie far outside the picture "
            f"({_first(outside)}); labels and images are of different releases or sizes"
        )


def _pictures(folder: Path, names: Sequence[str]) -> set[str]:
    """The pictures in the folders that the names speak of, as paths from `folder`."""
    inside = {PurePosixPath(name).parent for name in set(names)}
    for place in inside:
        if place.is_absolute() or ".." in place.parts or any("\\" in part or ":" in part for part in place.parts):
            stranger = next(name for name in names if PurePosixPath(name).parent == place)
            raise DataError(
                f"{folder}: an image is named {stranger!r}; names must be paths from this folder, inside it"
            )
    entries = [entry for place in inside if (folder / place).is_dir() for entry in (folder / place).iterdir()]
    return {entry.relative_to(folder).as_posix() for entry in entries if entry.suffix.lower() in PICTURE_SUFFIXES}


def _far_out(path: Path, joints_img: Float[np.ndarray, "J 2"]) -> bool:
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    size = np.array(image_size(header, str(path)))
    slack = OUTSIDE_SHARE * size
    return bool(((joints_img < -slack) | (joints_img > size - 1 + slack)).any())


def _first(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
