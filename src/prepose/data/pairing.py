"""Pairing labels with image files: every label has its image and every image its label, or the user is told."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Bool, Float, Int

from prepose.data.picture import image_size
from prepose.errors import DataError

PICTURE_SUFFIXES = frozenset([".jpg", ".jpeg", ".png"])
HEADER_BYTES = 2**18  # enough for a JPEG's header behind large EXIF thumbnails
# A label of the right image may miss its border by a few pixels, but not by a tenth of it.
OUTSIDE_SHARE, OUTSIDE_IMAGES = 0.1, 0.05
# Of people whom the border cuts off, half of the joints at least are shown.
MOST_JOINTS = 0.5
# So many to the right and none to the left come of people who are cut off once in 128 times.
ONE_SIDED = 7


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
) -> tuple[str, ...]:
    """Make sure that labels belong to their images, on up to `most` images spread over all.

    Joints outside the image are no fault in themselves: its border cuts people off. But then most of the labelled
    joints still lie inside, and people are cut off on either side; labels of larger images overflow to the right and
    below alone.

    Args:
        folder: Where the images lie.
        names: The path of each label's image from there.
        joints_img: Labelled joints, px; NaN for those that need not lie inside.
        most: How many images to look at.

    Returns:
        A note where joints lie outside of many images.

    Raises:
        DataError: the labels are not of these images.
    """
    chosen = np.unique(np.linspace(0, len(names) - 1, min(most, len(names))).astype(int))
    sizes = np.array([size_of_file(folder / names[index]) for index in map(int, chosen)])
    overflow = overflow_of(joints_img[chosen], sizes)
    enough = OUTSIDE_IMAGES * len(chosen)
    outside = [names[index] for index in map(int, chosen[overflow.far_out])]
    if len(outside) <= enough:
        return ()
    cause = overflow.cause(enough)
    if cause is None:
        return (
            f"in {len(outside)} of {len(chosen)} images looked at, labelled joints lie outside the picture by more "
            f"than a tenth of it ({_first(outside)}), as where the border cuts people off",
        )
    raise DataError(
        f"{folder}: in {len(outside)} of {len(chosen)} images looked at, joints lie far outside the picture "
        f"({_first(outside)}): {cause}; if these people are cut off by the border, label the joints outside as such, "
        f"or not at all"
    )


@dataclass(frozen=True, eq=False)
class Overflow:
    """By how much joints lie outside of their pictures.

    Attributes:
        far_out: Whether a labelled joint lies outside by more than a tenth of the picture.
        mostly_out: Whether most of the labelled joints do.
        before: Whether one does to the left or above.
        after: Whether one does to the right.
        factor: How many times the picture's size the furthest joint reaches to the right or below.
    """

    far_out: Bool[np.ndarray, "N"]
    mostly_out: Bool[np.ndarray, "N"]
    before: Bool[np.ndarray, "N"]
    after: Bool[np.ndarray, "N"]
    factor: Float[np.ndarray, "N"]

    def cause(self, enough: float) -> str | None:
        """Why joints lie outside, where the labels cannot be of these pictures; None where people may be cut off.

        Args:
            enough: More images than this must have most of their joints outside.
        """
        before, after = int(self.before.sum()), int(self.after.sum())
        one_sided = after >= max(ONE_SIDED, 20 * before)
        if self.mostly_out.sum() <= enough and not one_sided:
            return None
        if one_sided:
            factor = float(np.median(self.factor[self.after]))
            return (
                f"beyond the right border in {after} of them and beyond the left or upper one in {before}, so the "
                f"labels are of larger images (joints reach {factor:.1f} times the picture)"
            )
        return (
            f"most of the labelled joints in {int(self.mostly_out.sum())} of them, so labels and images do not belong "
            f"together"
        )


def overflow_of(joints_img: Float[np.ndarray, "N J 2"], sizes_wh: Int[np.ndarray, "N 2"]) -> Overflow:
    """By how much joints (px, NaN where not labelled) lie outside of pictures of these sizes."""
    size = np.asarray(sizes_wh, float)[:, None]
    slack = OUTSIDE_SHARE * size
    before, after = np.asarray(joints_img < -slack), np.asarray(joints_img > size - 1 + slack)
    out, labelled = np.asarray((before | after).any(axis=-1)), np.asarray(~np.isnan(joints_img).any(axis=-1))
    reach = np.where(labelled[..., None], joints_img / size, 0.0).max(axis=(1, 2), initial=0.0)
    return Overflow(
        far_out=np.asarray(out.any(axis=1)),
        mostly_out=np.asarray(out.sum(axis=1) > MOST_JOINTS * labelled.sum(axis=1)),
        before=np.asarray(before.any(axis=(1, 2))),
        after=np.asarray(np.any(after[:, :, 0], axis=1)),
        factor=reach,
    )


def size_of_file(path: Path) -> tuple[int, int]:
    """Width and height of an image file, by its header.

    Raises:
        DataError: it is not a picture.
    """
    with path.open("rb") as file:
        return image_size(file.read(HEADER_BYTES), str(path))


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


def _first(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
