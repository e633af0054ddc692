"""COCO key-points: people in everyday photographs, several an image, crowds marked as such.

Places are whole pixels, from 0. A flag of 0 means not labelled, 1 labelled but occluded, 2 labelled and visible.
Source: Lin et al., "Microsoft COCO: common objects in context", ECCV 2014.
"""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from prepose.body.skeletons import COCO_17
from prepose.data.entry import CatalogEntry
from prepose.data.found import FoundDataset, SplitMissing
from prepose.data.intake import read_json
from prepose.data.labelled_people import LabelledPeople, found_people, people_of
from prepose.data.sample import LEAST_BOX_SIDE, JointState, as_stored
from prepose.errors import DataError

COCO_SPLITS = ("train", "validation")
FILE_OF_SPLIT = MappingProxyType({"train": "train", "validation": "val"})
YEARS = ("2017", "2014")
J = len(COCO_17)
STATE_OF_FLAG = np.array([JointState.UNKNOWN, JointState.OCCLUDED, JointState.VISIBLE], np.uint8)
COCO_NAMES = tuple(name.replace("l_", "left_").replace("r_", "right_") for name in COCO_17.joints)

Annotation = dict[str, Any]


def coco(root: Path, split: str, *, partial: bool) -> FoundDataset:
    """COCO key-points of 2017, or of 2014 where that is what there is.

    Args:
        root: The folder with `annotations/` and the images in `train2017/` and `val2017/` (or `images/` of these).
        split: `train` or `validation`.
        partial: Whether labels without image, and labels of images that the file does not list, are left out instead
            of refused.

    Raises:
        DataError: files are missing, damaged, of another dataset, or do not fit each other.
    """
    if split not in COCO_SPLITS:
        raise DataError(f"coco has no split {split!r}; it has {', '.join(COCO_SPLITS)}")
    path, folder = _find(root, FILE_OF_SPLIT[split])
    content = read_json(path)
    names, annotations = _image_names(path, content), _annotations(path, content)
    whole, crowds = leave_out_crowds(annotations)
    labelled, empty = leave_out_without_keypoints(whole)
    if not labelled:
        raise DataError(f"{path}: none of its {len(annotations)} people has a labelled key-point")
    kept, unlisted = _leave_out_unlisted(path, labelled, names, partial=partial)
    people, read = _people(path, kept, names)
    people = replace(people, sizes_wh=_sizes(content, kept))
    facts = {"labels": path.name}
    notes = (crowds, empty, *unlisted, *read)
    return found_people(people, COCO_17, folder, partial=partial, notes=notes, facts=facts)


def leave_out_crowds(annotations: list[Annotation]) -> tuple[list[Annotation], str]:
    """Those of one person, and how many crowds (one label for many people, without joints) were left out."""
    kept = [one for one in annotations if not one.get("iscrowd")]
    return kept, f"{len(annotations) - len(kept)} of {len(annotations)} labels are of crowds and are left out"


def leave_out_without_keypoints(annotations: list[Annotation]) -> tuple[list[Annotation], str]:
    """Those with a labelled key-point, and how many were left out. The flags decide, not the label's own count."""
    kept = [one for one in annotations if any(flag > 0 for flag in (one.get("keypoints") or [])[2::3])]
    return kept, f"{len(annotations) - len(kept)} of {len(annotations)} people have no key-points and are left out"


def _find(root: Path, name: str) -> tuple[Path, Path]:
    """The label file of a split and the folder of its images."""
    places = [
        (folder / f"person_keypoints_{name}{year}.json", f"{name}{year}")
        for year in YEARS
        for folder in (root / "annotations", root)
    ]
    there = next(((path, images) for path, images in places if path.is_file()), None)
    if there is None:
        raise SplitMissing(f"{root}: holds no key-points of that split; expected {places[0][0].relative_to(root)}")
    path, images = there
    folders = (root / images, root / "images" / images, root / "images", root)
    return path, next(folder for folder in folders if folder.is_dir())


def _image_names(path: Path, content: Any) -> dict[int, str]:
    keys = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in keys):
        found = ", ".join(content) if isinstance(content, dict) else f"a {type(content).__name__}"
        raise DataError(f"{path}: expected an object with {', '.join(keys)}, found {found or 'nothing'}")
    names: dict[int, set[str]] = {}
    try:
        for image in content["images"]:
            names.setdefault(_whole_number(image["id"]), set()).add(str(image["file_name"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: an entry of images lacks a number id or a file_name") from error
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


def _whole_number(value: Any) -> int:
    number = int(value)
    if isinstance(value, float) and number != value:
        raise ValueError(f"{value} is not a whole number")
    return number


def _annotations(path: Path, content: dict[str, Any]) -> list[Annotation]:
    """Those of the category whose key-points are COCO's seventeen, each checked to be whole."""
    _check_categories(path, content["categories"])
    named = [one for one in content["categories"] if isinstance(one, dict) and one.get("keypoints")]
    fitting = [one.get("id") for one in named if tuple(one["keypoints"]) == COCO_NAMES]
    if not fitting:
        found = ", ".join(map(str, named[0]["keypoints"])) if named else "none"
        raise DataError(f"{path}: its key-points are not COCO's seventeen; found {found}; write it as a custom dataset")
    chosen = [one for one in content["annotations"] if isinstance(one, dict) and one.get("category_id") in fitting]
    for number, one in enumerate(chosen):
        if not _is_whole(one):
            raise DataError(
                f"{path}: label {one.get('id', number)} should hold image_id, bbox (4 numbers) and keypoints "
                f"({3 * J} numbers, flags 0, 1 or 2)"
            )
    numbers = Counter(str(one["id"]) for one in chosen if one.get("id") is not None)
    again = [number for number, count in numbers.items() if count > 1]
    if again:
        raise DataError(
            f"{path}: {len(again)} labels have the id of another one ({again[0]}); annotation ids must be unique: "
            "where two files were merged, renumber one of them"
        )
    return chosen


def _check_categories(path: Path, categories: list[Any]) -> None:
    """Make sure that an id means one category.

    Raises:
        DataError: two different ones share theirs.
    """
    first: dict[str, dict[str, Any]] = {}
    for one in categories:
        if isinstance(one, dict) and first.setdefault(str(one.get("id")), one) != one:
            other = first[str(one.get("id"))]
            raise DataError(
                f"{path}: 2 categories have the id {one.get('id')} ({other.get('name')}, {one.get('name')}); category "
                "ids must be unique: where two files were merged, renumber one of them"
            )


def _is_whole(one: Annotation) -> bool:
    # People without key-points and crowds are left out, whatever else they hold.
    if one.get("iscrowd") or one.get("keypoints") in (None, []):
        return True
    try:
        numbers = np.array([*one["bbox"], *one["keypoints"]], float)
    except (KeyError, TypeError, ValueError):
        return False
    flags = set(one["keypoints"][2::3])
    return (
        len(numbers) == 4 + 3 * J
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


def _people(path: Path, annotations: list[Annotation], names: dict[int, str]) -> tuple[LabelledPeople, list[str]]:
    table = np.array([one["keypoints"] for one in annotations], float).reshape(-1, J, 3)
    flags = table[..., 2].astype(int)
    people = people_of(
        np.where((flags > 0)[..., None], table[..., :2], np.nan),
        STATE_OF_FLAG[flags],
        [names[one["image_id"]] for one in annotations],
        [f"{path.name}: annotation {one.get('id', row)}" for row, one in enumerate(annotations)],
    )
    # Boxes are measured from the corner of the first pixel, as a box here covers x - 0.5 on: the numbers are the same.
    boxes = np.array([one["bbox"] for one in annotations], float)
    without_area = (as_stored(boxes[:, 2:]) < LEAST_BOX_SIDE).any(axis=1)
    boxes[without_area] = np.nan
    low, high = boxes[:, None, :2] - 0.5, boxes[:, None, :2] + boxes[:, None, 2:] - 0.5
    grown = ((people.joints_img < low) | (people.joints_img > high)).any(axis=(1, 2))
    occluded, labelled = int((flags == 1).sum()), int((flags > 0).sum())
    notes = [f"{occluded} of {labelled} labelled joints are occluded; {flags.size - labelled} are not labelled"]
    if without_area.any():
        notes.append(f"{int(without_area.sum())} boxes have no area and are drawn about the labelled joints instead")
    if grown.any():
        notes.append(f"{int(grown.sum())} boxes miss a labelled joint and are grown to contain it")
    # Areas are those of the outline; OKS needs them, and who shares an image.
    details = [
        json.dumps({"area": one.get("area"), "annotation": one.get("id"), "image": one["image_id"]})
        for one in annotations
    ]
    return replace(people, boxes_xywh=boxes, details=np.array(details, object)), notes


def _sizes(content: dict[str, Any], annotations: list[Annotation]) -> np.ndarray:
    """(N, 2): width and height of each label's image, px; NaN where the file does not give them."""
    sizes = {}
    for image in content["images"]:
        size = [image.get("width"), image.get("height")]
        given = all(isinstance(side, int | float) and side > 0 for side in size)
        sizes[image["id"]] = size if given else [np.nan, np.nan]
    return np.array([sizes[one["image_id"]] for one in annotations], float).reshape(-1, 2)


ENTRY = CatalogEntry(
    name="coco",
    title="COCO key-points",
    about="150,000 labelled people in everyday photographs, many small, cut off or overlapping",
    has_3d=False,
    skeleton=COCO_17,
    licence="annotations: CC BY 4.0; photographs from Flickr under their authors' terms",
    citation="Lin et al., Microsoft COCO: common objects in context, ECCV 2014",
    home="https://cocodataset.org/#download",
    size="118,000 and 5,000 images of 2017, 18 GB and 1 GB (83,000 and 41,000 of 2014, 13 GB and 6 GB)",
    layouts=("annotations/person_keypoints_train2017.json and ..._val2017.json with train2017/ and val2017/; or 2014",),
    tree=(
        "coco/",
        "├── annotations/person_keypoints_train2017.json, person_keypoints_val2017.json",
        "├── train2017/000000000009.jpg ...",
        "└── val2017/000000000139.jpg ...",
    ),
    expected=MappingProxyType({"train": 149813, "validation": 6352}),
    splits=COCO_SPLITS,
    default_splits=2,
    adapter=coco,
    signature=("person_keypoints_*.json", "annotations/person_keypoints_*.json"),
)
