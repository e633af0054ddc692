"""People labelled in photographs, as columns: what an adapter of a 2D dataset makes of its original files."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial as bound
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from prepose.arrays import BoxXywh
from prepose.body.skeleton import Skeleton
from prepose.camera.crop import box_of_corners, corners_of_box
from prepose.data.entry import FoundDataset, box_of_joints
from prepose.data.pairing import LabelledImages, check_images, pair_images
from prepose.data.sample import JointState, PoseSample, as_stored
from prepose.errors import DataError


@dataclass(frozen=True, eq=False)
class LabelledPeople:
    """One row per person; several may share an image.

    Attributes:
        joints_img: Places, px from the centre of the first pixel; NaN where not labelled.
        states: A `JointState` for each joint.
        images: Each person's image, as a path from the folder of images.
        sources: Where each label comes from, readable by a person.
        boxes_xywh: The authors' boxes, px, grown where a labelled joint lies outside; NaN for a box about the joints.
        head_boxes_xywh: Boxes of heads, px; NaN where there are none.
        details: Further facts about each person, as JSON.
        sizes_wh: Width and height of each person's image as the labels give them, px; NaN where they do not.
    """

    joints_img: Float[np.ndarray, "N J 2"]
    states: UInt8[np.ndarray, "N J"]
    images: np.ndarray
    sources: np.ndarray
    boxes_xywh: Float[np.ndarray, "N 4"]
    head_boxes_xywh: Float[np.ndarray, "N 4"]
    details: np.ndarray
    sizes_wh: Float[np.ndarray, "N 2"]

    def __len__(self) -> int:
        return len(self.joints_img)

    def take(self, chosen: Int[np.ndarray, "M"] | Bool[np.ndarray, "N"]) -> "LabelledPeople":
        """The people of those indices, or of that mask."""
        return replace(self, **{column.name: getattr(self, column.name)[chosen] for column in fields(self)})


def people_of(
    joints_img: Float[np.ndarray, "N J 2"],
    states: UInt8[np.ndarray, "N J"],
    images: Sequence[str],
    sources: Sequence[str],
) -> LabelledPeople:
    """People of whom no more is known than joints: boxes, head boxes and sizes of images NaN, no details."""
    count = len(joints_img)
    nothing = np.full((count, 4), np.nan)
    return LabelledPeople(
        joints_img,
        states,
        np.array(images, object),
        np.array(sources, object),
        nothing,
        nothing,
        np.full(count, "{}", object),
        np.full((count, 2), np.nan),
    )


def joined(parts: Sequence[LabelledPeople]) -> LabelledPeople:
    """The people of several files, one file after another."""
    columns = (np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(LabelledPeople))
    return LabelledPeople(*columns)


def labelled_joints(joints_img: Float[np.ndarray, "N J 2"]) -> Bool[np.ndarray, "N J"]:
    """Which joints have both coordinates."""
    return np.asarray(~np.isnan(joints_img[..., 0]) & ~np.isnan(joints_img[..., 1]))


def leave_out_nobody_labelled(people: LabelledPeople) -> tuple[LabelledPeople, tuple[str, ...]]:
    """Those with at least one labelled joint, and a note that counts the others."""
    labelled = np.flatnonzero(labelled_joints(people.joints_img).any(axis=1))
    left_out = len(people) - len(labelled)
    notes = (f"{left_out} of {len(people)} people have no labelled joint and are left out",) if left_out else ()
    return people.take(labelled), notes


def repeats_note(people: LabelledPeople) -> tuple[str, ...]:
    """A note that counts people who are labelled twice, to the digit, in one image; the doctor lists them."""
    keys = Counter((image, joints.tobytes()) for image, joints in zip(people.images, people.joints_img, strict=True))
    repeats = sum(count - 1 for count in keys.values())
    return (f"{repeats} people repeat the label of another in the same image, and are kept",) if repeats else ()


def found_people(  # noqa: PLR0913 - a table, where its pictures lie, and what to say of it
    people: LabelledPeople,
    skeleton: Skeleton,
    folder: Path,
    *,
    partial: bool,
    notes: Sequence[str],
    facts: dict[str, Any],
    unlabelled_expected: bool = True,
) -> FoundDataset:
    """Pair people with their images and check what can be checked without decoding.

    Args:
        people: The people of one split.
        skeleton: The skeleton of their joints.
        folder: Where the images lie.
        partial: Whether labels without image are left out instead of refused.
        notes: What to tell the user beside what is found here.
        facts: How the split was read.
        unlabelled_expected: Whether images without label belong to the release.

    Raises:
        DataError: nobody is labelled; images are missing or of another size than the labels; a joint is infinite; the
            labels are of other images.
    """
    labelled, counted = leave_out_nobody_labelled(people)
    if len(labelled) == 0:
        raise DataError(f"{folder}: none of the {len(people)} people of this split has a labelled joint")
    _check_finite(labelled)
    names = labelled.images.tolist()
    pairing = pair_images(folder, names, partial=partial, unlabelled_expected=unlabelled_expected)
    there = replace(labelled.take(pairing.present), images=np.array(pairing.names, object))
    sizes = [(int(w), int(h)) if np.isfinite([w, h]).all() else None for w, h in there.sizes_wh.tolist()]
    known_outside = (there.states == JointState.OUTSIDE)[..., None]
    inside = np.where(known_outside, np.nan, there.joints_img)
    checked = check_images(folder, pairing.names, inside, labelled_wh=sizes, partial=partial)
    there = there.take(checked.kept)
    samples = bound(_samples, checked.images, skeleton, there)
    notes = (*pairing.notes, *checked.notes, *counted, *repeats_note(there), *notes)
    return FoundDataset(skeleton, len(there), samples, notes, facts)


def _check_finite(people: LabelledPeople) -> None:
    columns = {"joint": people.joints_img, "box": people.boxes_xywh, "head box": people.head_boxes_xywh}
    for what, column in columns.items():
        infinite = np.isinf(as_stored(column)).reshape(len(people), -1).any(axis=1)
        if infinite.any():
            first = people.sources[infinite][0]
            raise DataError(f"{first}: a {what} is infinite or too large ({infinite.sum()} such records)")


def grow_box(box_xywh: BoxXywh, joints_img: Float[np.ndarray, "J 2"]) -> BoxXywh:
    """The box, px, made just large enough to contain every labelled joint."""
    low, high = corners_of_box(box_xywh)
    low, high = np.fmin(low, np.nanmin(joints_img, axis=0)), np.fmax(high, np.nanmax(joints_img, axis=0))
    return box_of_corners(low, high)


def _samples(
    images: LabelledImages, skeleton: Skeleton, people: LabelledPeople, first: int, last: int
) -> Iterator[PoseSample]:
    unknown_3d = np.full((len(skeleton), 3), np.nan)
    for row in range(first, last):
        joints, box = people.joints_img[row], people.boxes_xywh[row]
        yield PoseSample(
            image=images.image(people.images[row]),
            skeleton=skeleton,
            box_xywh=box_of_joints(joints) if np.isnan(box).any() else grow_box(box, joints),
            joints_img=joints,
            joints_cam=unknown_3d,
            states=people.states[row],
            head_box_xywh=people.head_boxes_xywh[row],
            source=f"{people.sources[row]}: {people.images[row]}",
            details=people.details[row],
        )
