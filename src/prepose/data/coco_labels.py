"""Label files in COCO's form: images, annotations and categories in one JSON object, key-points as triples.

Places are px from the centre of the first pixel. A flag of 0 means not labelled, 1 labelled but occluded, 2 labelled
and visible. Source: Lin et al., "Microsoft COCO: common objects in context", ECCV 2014.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from prepose.camera.crop import corners_of_box
from prepose.data.keypoint_names import NamedKeypoints
from prepose.data.labelled_people import LabelledPeople, people_of
from prepose.data.sample import LEAST_BOX_SIDE, JointState, as_stored
from prepose.errors import DataError, shortened

STATE_OF_FLAG = np.array([JointState.UNKNOWN, JointState.OCCLUDED, JointState.VISIBLE], np.uint8)

Annotation = dict[str, Any]
Content = dict[str, Any]

# Longer than the side of any image that a reader takes.
MOST_SIDE_PX = 2**24


@dataclass(frozen=True)
class KeypointForm:
    """How the annotations of a file hold key-points.

    Attributes:
        named: Which joint each triple is.
        categories: Ids of the categories that have such key-points.
        keys: The keys of an annotation whose triples follow one another.
        first_pixel: The place of the centre of the first pixel: 1 where pixels are counted as in MATLAB.
        needs: What a whole annotation must hold beside.
        notes: What to tell the user about it.
    """

    named: NamedKeypoints
    categories: tuple[Any, ...]
    keys: tuple[str, ...] = ("keypoints",)
    first_pixel: float = 0.0
    needs: tuple[str, ...] = ("bbox",)
    notes: tuple[str, ...] = field(default=())

    def triples(self, one: Annotation) -> list[Any]:
        """An annotation's numbers: x, y and flag of each key-point."""
        return [number for key in self.keys for number in one[key]]


def read_people(
    path: Path, content: Any, form_of: Callable[[Path, Content], KeypointForm], *, partial: bool
) -> tuple[KeypointForm, LabelledPeople, tuple[str, ...]]:
    """The people of a label file, and what was left out.

    Args:
        path: The file, for messages.
        content: What it holds.
        form_of: Chooses the key-points that are read.
        partial: Whether labels of images that the file does not list are left out instead of refused.

    Raises:
        DataError: the file is not in COCO's form, contradicts itself, or nobody is labelled.
    """
    names = _image_names(path, content)
    _check_categories(path, content["categories"])
    _check_annotations(path, content)
    form = form_of(path, content)
    annotations, others = _annotations(path, content, form)
    whole, crowds = leave_out_crowds(annotations)
    labelled, empty = leave_out_without_keypoints(whole, form)
    if not labelled:
        raise DataError(f"{path}: none of its {len(annotations)} people has a labelled key-point")
    kept, unlisted = _leave_out_unlisted(path, labelled, names, partial=partial)
    people, read = _people(path, kept, names, form)
    people = replace(people, sizes_wh=_sizes(content, kept))
    return form, people, (*form.notes, *others, crowds, empty, *unlisted, *read)


def leave_out_crowds(annotations: list[Annotation]) -> tuple[list[Annotation], str]:
    """Those of one person, and how many crowds (one label for many people, without joints) were left out."""
    kept = [one for one in annotations if not one.get("iscrowd")]
    return kept, f"{len(annotations) - len(kept)} of {len(annotations)} labels are of crowds and are left out"


def leave_out_without_keypoints(annotations: list[Annotation], form: KeypointForm) -> tuple[list[Annotation], str]:
    """Those with a labelled key-point, and how many were left out. The flags decide, not the label's own count."""
    kept = [one for one in annotations if one.get("keypoints") and any(flag > 0 for flag in form.triples(one)[2::3])]
    return kept, f"{len(annotations) - len(kept)} of {len(annotations)} people have no key-points and are left out"


def _image_names(path: Path, content: Any) -> dict[int, str]:
    keys = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in keys):
        found = ", ".join(content) if isinstance(content, dict) else f"a {type(content).__name__}"
        raise DataError(f"{path}: expected an object with {', '.join(keys)}, found {found or 'nothing'}")
    names: dict[int, set[str]] = {}
    for image in content["images"]:
        try:
            name = image["file_name"]
            number = _whole_number(image["id"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path}: an entry of images lacks a number id or a file_name") from error
        if not isinstance(name, str):
            raise DataError(f"{path}: the file_name of image {number} is no text: {name!r:.80}")
        _check_size(path, image, number)
        names.setdefault(number, set()).add(name)
    # The same image listed twice does no harm; of two images with one id, people would be stored on the wrong one.
    shared = [number for number, several in names.items() if len(several) > 1]
    if shared:
        first = sorted(names[shared[0]])
        more = f", and {len(shared) - 1} more ids are shared" if len(shared) > 1 else ""
        raise DataError(
            f"{path}: {len(first)} images have the id {shared[0]} ({', '.join(first[:3])}){more}; image ids must be "
            "unique: where two files were merged, renumber one of them"
        )
    return {number: several.pop() for number, several in names.items()}


def _check_size(path: Path, image: Annotation, number: int) -> None:
    """Make sure that an image's size, which is compared with the file's, is one, or is left out (null or 0).

    Raises:
        DataError: it is something else.
    """
    for key in ("width", "height"):
        side = image.get(key)
        if isinstance(side, int | float) and not isinstance(side, bool) and 0 <= side <= MOST_SIDE_PX:
            fits = side == int(side)
        else:
            fits = side is None
        if not fits:
            raise DataError(
                f"{path}: the {key} of image {number} is {shortened(repr(side), 60)}; expected a whole number of px, "
                "or leave it out"
            )


def _whole_number(value: Any) -> int:
    number = int(value)
    if isinstance(value, bool) or (isinstance(value, float) and number != value):
        raise ValueError(f"{value} is not a whole number")
    return number


def _check_annotations(path: Path, content: Content) -> None:
    """Make sure that every label is one, and is of a category that the file lists.

    Raises:
        DataError: one is not; it would vanish without a word.
    """
    listed = {one["id"] for one in content["categories"]}
    unlisted = []
    for number, one in enumerate(content["annotations"]):
        if not isinstance(one, dict):
            raise DataError(f"{path}: entry {number} of annotations is no object: {one!r:.80}")
        category = one.get("category_id")
        if one.get("keypoints") and (not _is_id(category) or category not in listed):
            unlisted.append(f"label {one.get('id', number)} names {category!r:.40}")
    if unlisted:
        ids = ", ".join(f"{one!r:.40}" for one in listed)
        raise DataError(
            f"{path}: {len(unlisted)} labels with key-points are of no category that the file lists "
            f"({unlisted[0]}; listed: {ids[:200] or 'none'}); correct their category_id, or list the category"
        )


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _annotations(path: Path, content: Content, form: KeypointForm) -> tuple[list[Annotation], tuple[str, ...]]:
    """Those of the chosen categories, each checked to be whole, and a note that counts the others with key-points."""
    chosen = [one for one in content["annotations"] if one.get("category_id") in form.categories]
    others = sum(bool(one.get("keypoints")) for one in content["annotations"]) - sum(
        bool(one.get("keypoints")) for one in chosen
    )
    for number, one in enumerate(chosen):
        if not _is_whole(one, form):
            boxes = "".join(f"{key} (4 numbers), " for key in form.needs)
            raise DataError(
                f"{path}: label {one.get('id', number)} should hold image_id, {boxes}and "
                f"{', '.join(form.keys)} ({3 * len(form.named.order)} numbers, flags 0, 1 or 2); "
                "image_id is a whole number"
            )
    numbers = Counter(str(one["id"]) for one in chosen if one.get("id") is not None)
    again = [number for number, count in numbers.items() if count > 1]
    if again:
        raise DataError(
            f"{path}: {len(again)} labels have the id of another one ({again[0]}); annotation ids must be unique: "
            "where two files were merged, renumber one of them"
        )
    return chosen, ((f"{others} labels are of other categories with key-points and are left out",) if others else ())


def _check_categories(path: Path, categories: list[Any]) -> None:
    """Make sure that an id means one category.

    Raises:
        DataError: two different ones share theirs, or one has none.
    """
    first: dict[str, dict[str, Any]] = {}
    for one in categories:
        if not isinstance(one, dict) or not _is_id(one.get("id")):
            raise DataError(f"{path}: an entry of categories has no id that is a number or a text: {one!r:.80}")
        if first.setdefault(str(one.get("id")), one) != one:
            other = first[str(one.get("id"))]
            raise DataError(
                f"{path}: 2 categories have the id {one.get('id')} ({other.get('name')}, {one.get('name')}); category "
                "ids must be unique: where two files were merged, renumber one of them"
            )


def _is_whole(one: Annotation, form: KeypointForm) -> bool:
    # People without key-points and crowds are left out, whatever else they hold.
    if one.get("iscrowd") or one.get("keypoints") in (None, []):
        return True
    try:
        triples = form.triples(one)
        boxes = [number for key in ("bbox", "bbox_head") if one.get(key) or key in form.needs for number in one[key]]
        numbers = np.array([*boxes, *triples], float)
        flags = set(triples[2::3])
    except (KeyError, TypeError, ValueError):
        return False
    return (
        len(boxes) % 4 == 0
        and len(triples) == 3 * len(form.named.order)
        and numbers.ndim == 1
        and bool(np.isfinite(numbers).all())
        and flags <= {0, 1, 2}
        and isinstance(one.get("image_id"), int)
    )


def _leave_out_unlisted(
    path: Path, annotations: list[Annotation], names: dict[int, str], *, partial: bool
) -> tuple[list[Annotation], tuple[str, ...]]:
    """Those of images that the file lists, and a note that counts the others.

    Raises:
        DataError: there are others and `partial` is not set, or there are only others.
    """
    unlisted = [one["image_id"] for one in annotations if one["image_id"] not in names]
    if not unlisted:
        return annotations, ()
    told = f"{len(unlisted)} of {len(annotations)} labels are of images that its list does not name ({unlisted[0]})"
    if not partial or len(unlisted) == len(annotations):
        way_out = "" if len(unlisted) == len(annotations) else ", or pass --partial to leave those labels out"
        raise DataError(f"{path}: {told}; add the images to its list{way_out}")
    return [one for one in annotations if one["image_id"] in names], (f"{told} and are left out",)


def _people(
    path: Path, annotations: list[Annotation], names: dict[int, str], form: KeypointForm
) -> tuple[LabelledPeople, list[str]]:
    order = list(form.named.order)
    table = np.array([form.triples(one) for one in annotations], float).reshape(len(annotations), -1, 3)[:, order]
    flags = table[..., 2].astype(int)
    # Sets that never write 2 write 1 for every label: it then says nothing of what can be seen.
    tells = bool((flags == 2).any())
    people = people_of(
        np.where((flags > 0)[..., None], table[..., :2] - form.first_pixel, np.nan),
        STATE_OF_FLAG[flags] if tells else np.full(flags.shape, JointState.UNKNOWN, np.uint8),
        [names[one["image_id"]] for one in annotations],
        [f"{path.name}: annotation {one.get('id', row)}" for row, one in enumerate(annotations)],
    )
    # Boxes are measured from the corner of the first pixel, where a box here begins, too: the numbers are the same.
    boxes, heads = (_boxes(annotations, key, form.first_pixel) for key in ("bbox", "bbox_head"))
    low, high = corners_of_box(boxes[:, None])
    grown = ((people.joints_img < low) | (people.joints_img > high)).any(axis=(1, 2))
    occluded, labelled = int((flags == 1).sum()), int((flags > 0).sum())
    seen = f"{occluded} of {labelled} labelled joints are occluded" if tells else f"{labelled} joints are labelled"
    notes = [f"{seen}; {flags.size - labelled} are not labelled"]
    if not tells:
        notes.append("no joint has the flag 2, so that 1 tells labelled from unlabelled, not occluded from visible")
    without_area = np.isnan(boxes[:, 0]) & np.array([bool(one.get("bbox")) for one in annotations])
    if without_area.any():
        notes.append(f"{int(without_area.sum())} boxes have no area and are drawn about the labelled joints instead")
    if grown.any():
        notes.append(f"{int(grown.sum())} boxes miss a labelled joint and are grown to contain it")
    # Areas are those of the outline; OKS needs them, and who shares an image.
    details = [
        json.dumps({"area": one.get("area"), "annotation": one.get("id"), "image": one["image_id"]})
        for one in annotations
    ]
    found = replace(people, boxes_xywh=boxes, head_boxes_xywh=heads, details=np.array(details, object))
    return found, notes


def _sizes(content: Content, annotations: Sequence[Annotation]) -> Float[np.ndarray, "N 2"]:
    """Width and height of each label's image, px; NaN where the file does not give them."""
    sizes = {}
    for image in content["images"]:
        width, height = image.get("width"), image.get("height")
        sizes[_whole_number(image["id"])] = [width, height] if width and height else [np.nan, np.nan]
    return np.array([sizes[one["image_id"]] for one in annotations], float).reshape(-1, 2)


def _boxes(annotations: Sequence[Annotation], key: str, first_pixel: float) -> Float[np.ndarray, "N 4"]:
    """Boxes, px; NaN where there is none or it is empty."""
    boxes = np.array([one.get(key) or [np.nan] * 4 for one in annotations], float)
    boxes[~(as_stored(boxes[:, 2:]) >= LEAST_BOX_SIDE).all(axis=1)] = np.nan
    return boxes - [first_pixel, first_pixel, 0, 0]
