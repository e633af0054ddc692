"""Pairing labels with image files: every label has its image and every image its label, or the user is told."""

import os
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Bool, Float, Int

from prepose.data.archive import check_name
from prepose.data.picture import TRANSPOSED, ImageHeader, image_header, read_file, without_orientation
from prepose.errors import DataError
from prepose.files import inside

# Ends of names, by the format that they stand for.
SUFFIXES: Mapping[str, str] = {
    ".jpg": ".jpg", ".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".png": ".png", ".webp": ".webp",
    ".bmp": ".bmp", ".dib": ".bmp", ".tif": ".tif", ".tiff": ".tif", ".avif": ".avif",
}  # fmt: skip
PICTURE_SUFFIXES = frozenset(SUFFIXES)
# A label of the right image may miss its border by a few pixels, but not by a tenth of it.
OUTSIDE_SHARE, OUTSIDE_IMAGES = 0.1, 0.05
# Of people whom the border cuts off, half of the joints at least are shown.
MOST_JOINTS = 0.5
# So many to the right and none to the left come of people who are cut off once in 128 times.
ONE_SIDED = 7
# What lies under a name, and what is said of a name under which nothing does.
FILE, NO_FILE, LINK, MISSING = "file", "no file", "link", "missing"
# Images of one recording or renderer are alike: so many tell how all of them are turned.
LOOKED_AT = 200


@dataclass(frozen=True, eq=False)
class Pairing:
    """Which labels have an image, and what to tell the user about the others.

    Attributes:
        present: Indices of the labels whose image is there.
        names: The path of each of these images below the folder, as it is spelled on the disk.
        notes: Counts of labels and images left out.
    """

    present: Int[np.ndarray, "M"]
    names: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class LabelledImages:
    """The images of a dataset, read as their labels mean them.

    Attributes:
        folder: Where they lie.
        as_stored: Those whose labels mean the pixels as they are stored, although EXIF says to turn them.
    """

    folder: Path
    as_stored: frozenset[str] = frozenset()

    def size_wh(self, name: str) -> tuple[int, int]:
        """Width and height of the image of a label, as the label means it, px.

        Raises:
            DataError: it cannot be read.
        """
        header = image_header(self.folder / name)
        return header.stored_wh if name in self.as_stored else header.size_wh

    def image(self, name: str) -> Path | bytes:
        """The image of a label: its path, or its bytes where the file itself says another orientation.

        Raises:
            DataError: such a file cannot be read.
        """
        path = self.folder / name
        return without_orientation(read_file(path), str(path)) if name in self.as_stored else path


@dataclass(frozen=True, eq=False)
class CheckedImages:
    """Labels whose images have the size that the labels are of.

    Attributes:
        kept: Indices of the labels whose image has the size that its labels are of.
        images: How to read them.
        notes: How many images are turned, and what was left out.
    """

    kept: Int[np.ndarray, "M"]
    images: LabelledImages
    notes: tuple[str, ...]


def pair_images(folder: Path, names: Sequence[str], *, partial: bool, unlabelled_expected: bool = False) -> Pairing:
    """Look for the image of each label.

    A name may be spelled otherwise than its file (`./`, a backslash, upper case, composed accents, .jpeg for .jpg),
    as long as no other file could be meant.

    Args:
        folder: Where the images lie; it may be a link.
        names: The path of each label's image from there; several labels may share one.
        partial: Whether labels without image and images without label are left out instead of refused.
        unlabelled_expected: Whether images without label belong to the release (of other splits, or of nobody), so
            that they are counted but never refused.

    Raises:
        DataError: there are no images, or some are missing or unlabelled and `partial` is not set; a name leads out of
            the folder, or may mean several files.
    """
    clean = {name: str(check_name(name, folder)) for name in dict.fromkeys(names)}
    files = list_files(folder, clean.values())
    pairing = pair_names(folder, [clean[name] for name in names], files, partial=partial)
    pictures = {name for name, kind in files.items() if kind == FILE and is_picture(name)}
    unlabelled = sorted(pictures - set(pairing.names))
    if not unlabelled:
        return pairing
    if not partial and not unlabelled_expected:
        raise DataError(
            f"{folder}: {len(unlabelled)} images have no label ({first(unlabelled)}); take them away, or pass "
            f"--partial to leave them out"
        )
    why = ", as is expected here," if unlabelled_expected else ""
    note = f"{len(unlabelled)} images have no label{why} and are left out ({first(unlabelled)})"
    return replace(pairing, notes=(*pairing.notes, note))


def pair_names(place: Path, names: Sequence[str], files: Mapping[str, str], *, partial: bool) -> Pairing:
    """Find among files the one that each label's name means.

    Args:
        place: The folder or archive that holds the files.
        names: The path of each label's image below it, as `check_name` returns it.
        files: What lies there, and of what kind, as `list_files` returns it.
        partial: Whether labels without image are left out instead of refused.

    Raises:
        DataError: there are no images; some are missing or are no files and `partial` is not set; a name may mean
            several files.
    """
    spelled = spell(names, files, place)
    troubles = {name: trouble for name in spelled if (trouble := _trouble(place, name, spelled[name], files))}
    present = [row for row, name in enumerate(names) if name not in troubles]
    if troubles and not (partial and present):
        unusable = [trouble for trouble in troubles.values() if trouble != MISSING]
        if unusable:
            more = f" ({len(unusable) - 1} more images cannot be used either)" if len(unusable) > 1 else ""
            raise DataError(f"{unusable[0]}{more}" + ("; or pass --partial to leave them out" if present else ""))
        raise DataError(_missing(place, [name for name in names if name in troubles], len(names), files))
    notes = (*_left_out(names, troubles), *_other_spellings(spelled))
    return Pairing(np.array(present, int), tuple(str(spelled[names[row]]) for row in present), notes)


def spell(names: Sequence[str], there: Collection[str], where: object) -> dict[str, str | None]:
    """For each name the one of the paths that are there which it means, None where there is none.

    Raises:
        DataError: several could be meant.
    """
    wanted = dict.fromkeys(names)
    others: dict[str, list[str]] = {}
    for path in there:
        if path not in wanted:
            others.setdefault(plain(path), []).append(path)
    asked = Counter(plain(name) for name in wanted if name not in there)
    spelled: dict[str, str | None] = {}
    for name in wanted:
        near = [] if name in there else others.get(plain(name), [])
        if len(near) > 1 or (near and asked[plain(name)] > 1):
            raise DataError(
                f"{where}: {name} may mean {first(sorted(near))}, also asked for by {asked[plain(name)]} spellings; "
                "name the image as its file is named"
            )
        spelled[name] = name if name in there else next(iter(near), None)
    return spelled


def plain(name: str) -> str:
    """A path without what spellings of one name differ in: case, composed accents, .jpeg for .jpg."""
    stem, dot, end = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).rpartition(".")
    return f"{stem}{SUFFIXES.get(dot + end, dot + end)}"


def check_labelled_once(names: Sequence[str], where: object) -> None:
    """Make sure that each image of a dataset of single people has one label.

    Raises:
        DataError: some have two: nobody could say which is true.
    """
    again = [name for name, count in Counter(names).items() if count > 1]
    if again:
        raise DataError(
            f"{where}: {len(again)} images have two labels or more ({first(again)}), and one is expected; the labels "
            f"were put together twice, or are of other images: take the original files"
        )


def check_images(
    folder: Path,
    names: Sequence[str],
    joints_img: Float[np.ndarray, "N J 2"],
    *,
    labelled_wh: Sequence[tuple[int, int] | None] | None = None,
    partial: bool = False,
) -> CheckedImages:
    """Read the header of every image: which are turned by EXIF, and whether labels and image are of one size.

    An image is read upright, and its labels are taken to be in the upright image, as label tools and viewers show it.
    Where the labels' own width and height, or all joints that can tell, say that they are in the pixels as stored, the
    image is kept unturned.

    Args:
        folder: Where the images lie.
        names: The image of each label, below it.
        joints_img: The labels, px; NaN for joints that may lie anywhere.
        labelled_wh: Width and height of each label's image as the labels say, px; None where they do not.
        partial: Whether labels of another size than their image are left out instead of refused.

    Raises:
        DataError: an image cannot be read; labels are of another size; labelled joints lie far outside of many images.
    """
    headers = {name: image_header(folder / name) for name in dict.fromkeys(names)}
    sizes = list(labelled_wh) if labelled_wh is not None else [None] * len(names)
    as_stored, told = _as_stored(headers, names, joints_img, sizes)
    size_of = {name: one.stored_wh if name in as_stored else one.size_wh for name, one in headers.items()}
    wrong = [row for row, name in enumerate(names) if sizes[row] not in (None, size_of[name])]
    if wrong and (not partial or len(wrong) == len(names)):
        raise DataError(_other_size(folder, names[wrong[0]], headers[names[wrong[0]]], sizes[wrong[0]], len(wrong)))
    kept = np.setdiff1d(np.arange(len(names)), wrong)
    # Labels that give the size of their image are of that image, wherever their joints lie.
    unsized = [row for row in kept.tolist() if sizes[row] is None]
    cut_off = _check_joints([str(names[row]) for row in unsized], joints_img[unsized], size_of, folder)
    left_out = (f"{len(wrong)} labels are of another size than their image and are left out",) if wrong else ()
    return CheckedImages(kept, LabelledImages(folder.resolve(), as_stored), (*told, *left_out, *cut_off))


def turned_note(folder: Path, names: Sequence[str]) -> tuple[str, ...]:
    """A note where images of one recording are turned by EXIF, judged by up to 200 of them."""
    rows = np.unique(np.linspace(0, len(names) - 1, min(LOOKED_AT, len(names))).astype(int))
    chosen = [str(names[row]) for row in rows]
    return _turned_note([name for name in chosen if image_header(folder / name).orientation != 1], len(chosen))


def first(names: Sequence[str], most: int = 3) -> str:
    """The first of some names, on one line."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def list_files(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """What lies in the folders that the names speak of: its kind by its path below `folder`. Links are not followed."""
    parents = {plain(str(parent)) for parent in {PurePosixPath(name).parent for name in names}}
    above = {str(place) for parent in parents for place in PurePosixPath(parent).parents} | parents
    found: dict[str, str] = {}
    left = [""] if folder.is_dir() else []
    while left:
        place = left.pop()
        with os.scandir(folder / place) as entries:
            for entry in entries:
                path = f"{place}/{entry.name}" if place else entry.name
                if plain(path) in above and entry.is_dir(follow_symlinks=False):
                    left.append(path)
                elif plain(place or ".") in parents:
                    found[path] = LINK if entry.is_symlink() else FILE if entry.is_file() else NO_FILE
    return found


def is_picture(name: str) -> bool:
    """Whether a name ends as an image's."""
    return PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES


def _trouble(place: Path, name: str, found: str | None, files: Mapping[str, str]) -> str:
    """Why the image of a label cannot be used; empty where it can."""
    if found is not None and files[found] == FILE:
        return ""
    if found is not None and files[found] == NO_FILE:
        return f"{place / found}: is a folder or a device, named like an image"
    try:
        inside(place, found or name)
    except DataError as error:
        return str(error)
    return MISSING


def _missing(place: Path, missing: Sequence[str], total: int, there: Collection[str]) -> str:
    """What to say of labels without image, once it was looked under which other names they could be there."""
    by_stem = {str(PurePosixPath(plain(path)).with_suffix("")): path for path in there}
    other = next(((name, by_stem[s]) for name in missing if (s := _stem(name)) in by_stem), None)
    pictures = sorted(path for path in there if is_picture(path))
    if other is not None:
        hint = f"{other[0]} is there in another format, as {other[1]}: name it so in the labels"
    elif not place.exists():
        hint = "there is no such folder: unpack the images there"
    elif len(missing) < total:
        hint = "add the images"
    elif not pictures:
        hint = "there are no images in the folders that the labels name; unpack them there"
    else:
        hint = f"the images there have other names ({first(pictures)})"
    if len(missing) >= total:
        return f"{place}: holds none of the {total} labelled images ({first(missing)}); {hint}"
    return (
        f"{place}: {len(missing)} of {total} labels have no image ({first(missing)}); {hint}, or pass --partial to "
        f"take the {total - len(missing)} that are there"
    )


def _left_out(names: Sequence[str], troubles: Mapping[str, str]) -> list[str]:
    """Notes on labels whose image is missing, or is there and cannot be used."""
    missing = [name for name in names if troubles.get(name) == MISSING]
    unusable = [name for name in names if troubles.get(name, MISSING) != MISSING]
    notes = []
    if missing:
        notes.append(f"{len(missing)} of {len(names)} labels have no image and are left out ({first(missing)})")
    if unusable:
        notes.append(
            f"{len(unusable)} of {len(names)} labels have a link or a folder in place of their image and are left out "
            f"({first(unusable)})"
        )
    return notes


def _other_spellings(spelled: Mapping[str, str | None]) -> list[str]:
    other = [(name, found) for name, found in spelled.items() if found is not None and name != found]
    if not other:
        return []
    name, found = other[0]
    return [f"{len(other)} images are spelled otherwise in the labels than on the disk ({name!a} is {found!a})"]


def _as_stored(
    headers: Mapping[str, ImageHeader],
    names: Sequence[str],
    joints_img: Float[np.ndarray, "N J 2"],
    sizes: Sequence[tuple[int, int] | None],
) -> tuple[frozenset[str], tuple[str, ...]]:
    """Which images' labels mean the pixels as stored, and what to say of turned images."""
    turned = {name: one for name, one in headers.items() if one.orientation != 1}
    if not turned:
        return frozenset(), ()
    upright, stored = set(), set()
    for row, name in enumerate(names):
        header = turned.get(name)
        if header is None or header.stored_wh == header.size_wh:
            continue
        fits = [_fits(joints_img[row], sizes[row], wh) for wh in (header.size_wh, header.stored_wh)]
        if fits[0] != fits[1]:
            (upright if fits[0] else stored).add(name)
    # Sizes tell of each image; of joints, a few may lie anywhere, so that most decide. Images that cannot tell (square,
    # mirrored, upside down) go with those that can.
    if all(size is None for size in sizes):
        as_stored = set(turned) if len(stored) > len(upright) else set()
    else:
        as_stored = set(turned) if stored and not upright else stored
    notes = _turned_note([name for name in turned if name not in as_stored], len(headers))
    if as_stored:
        notes += (
            f"{len(as_stored)} of {len(headers)} images have an EXIF orientation other than 1 "
            f"({first(sorted(as_stored))}), and their labels are in the pixels as stored (by the labels' width and "
            "height, or by where joints lie): these images are kept unturned",
        )
    return frozenset(as_stored), notes


def _fits(joints_img: Float[np.ndarray, "J 2"], labelled_wh: tuple[int, int] | None, size_wh: tuple[int, int]) -> bool:
    return size_wh == labelled_wh if labelled_wh is not None else not _far_out(joints_img, size_wh)


def _turned_note(turned: Sequence[str], total: int) -> tuple[str, ...]:
    if not turned:
        return ()
    return (
        f"{len(turned)} of {total} images have an EXIF orientation other than 1 ({first(turned)}): they are turned "
        "upright, and their labels are taken to be in the upright image",
    )


def _other_size(folder: Path, name: str, header: ImageHeader, labelled_wh: tuple[int, int] | None, count: int) -> str:
    (width, height), labelled = header.size_wh, "{} x {}".format(*(labelled_wh or (0, 0)))
    exif = "" if header.orientation == 1 else f" (EXIF orientation {header.orientation})"
    if exif and header.orientation in TRANSPOSED:
        exif = f" (EXIF orientation {header.orientation}; stored as {height} x {width} px)"
    more = f", and so are {count - 1} other labels" if count > 1 else ""
    return (
        f"{folder / name}: is {width} x {height} px{exif}, but its label is of an image of {labelled} px{more}; take "
        "the images that were labelled, or pass --partial to leave these labels out"
    )


def _check_joints(
    names: Sequence[str],
    joints_img: Float[np.ndarray, "N J 2"],
    size_of: Mapping[str, tuple[int, int]],
    folder: Path,
) -> tuple[str, ...]:
    """Make sure that labels belong to their images; a note where joints lie outside of many.

    Joints outside the image are no fault in themselves: its border cuts people off. But then most of the labelled
    joints still lie inside, and people are cut off on either side; labels of larger images overflow to the right and
    below alone.

    Raises:
        DataError: the labels are not of these images.
    """
    if not names:
        return ()
    overflow = overflow_of(joints_img, np.array([size_of[name] for name in names]))
    enough = OUTSIDE_IMAGES * len(names)
    outside = [names[row] for row in np.flatnonzero(overflow.far_out).tolist()]
    if len(outside) <= enough:
        return ()
    cause = overflow.cause(enough)
    if cause is None:
        return (
            f"in {len(outside)} of {len(names)} labels, joints lie outside the image by more than a tenth of it "
            f"({first(outside)}), as where the border cuts people off",
        )
    width, height = size_of[outside[0]]
    raise DataError(
        f"{folder}: in {len(outside)} of {len(names)} labels, joints lie far outside the image ({outside[0]}, which is "
        f"{width} x {height} px, ...): {cause}; if these people are cut off by the border, label the joints outside "
        "as such, or not at all"
    )


@dataclass(frozen=True, eq=False)
class Overflow:
    """By how much joints lie outside of their images.

    Attributes:
        far_out: Whether a labelled joint lies outside by more than a tenth of the image.
        mostly_out: Whether most of the labelled joints do.
        before: Whether one does to the left or above.
        after: Whether one does to the right.
        factor: How many times the image's size the furthest joint reaches to the right or below.
    """

    far_out: Bool[np.ndarray, "N"]
    mostly_out: Bool[np.ndarray, "N"]
    before: Bool[np.ndarray, "N"]
    after: Bool[np.ndarray, "N"]
    factor: Float[np.ndarray, "N"]

    def cause(self, enough: float) -> str | None:
        """Why joints lie outside, where the labels cannot be of these images; None where people may be cut off.

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
                f"labels are of larger images (joints reach {factor:.1f} times the image)"
            )
        return (
            f"most of the labelled joints in {int(self.mostly_out.sum())} of them, so labels and images do not belong "
            f"together"
        )


def overflow_of(joints_img: Float[np.ndarray, "N J 2"], sizes_wh: Int[np.ndarray, "N 2"]) -> Overflow:
    """By how much joints (px, NaN where not labelled) lie outside of images of these sizes."""
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


def _far_out(joints_img: Float[np.ndarray, "J 2"], size_wh: tuple[int, int]) -> bool:
    size = np.array(size_wh)
    slack = OUTSIDE_SHARE * size
    return bool(((joints_img < -slack) | (joints_img > size - 1 + slack)).any())


def _stem(name: str) -> str:
    return str(PurePosixPath(plain(name)).with_suffix(""))
