"""COCO key-points: people in everyday photographs, several an image, crowds marked as such.

Places are whole pixels, from 0. A flag of 0 means not labelled, 1 labelled but occluded, 2 labelled and visible.
Source: Lin et al., "Microsoft COCO: common objects in context", ECCV 2014.
"""

from pathlib import Path
from types import MappingProxyType

from prepose.body.skeletons import COCO_17
from prepose.data.coco_labels import Content, KeypointForm, read_people
from prepose.data.entry import CatalogEntry, FoundDataset, SplitMissing
from prepose.data.intake import read_json
from prepose.data.keypoint_names import in_order
from prepose.data.labelled_people import found_people
from prepose.errors import DataError

COCO_SPLITS = ("train", "validation")
FILE_OF_SPLIT = MappingProxyType({"train": "train", "validation": "val"})
YEARS = ("2017", "2014")
COCO_NAMES = tuple(name.replace("l_", "left_").replace("r_", "right_") for name in COCO_17.joints)


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
    form, people, notes = read_people(path, read_json(path), _seventeen, partial=partial)
    facts = {"labels": path.name}
    return found_people(people, form.named.skeleton, folder, partial=partial, notes=notes, facts=facts)


def _seventeen(path: Path, content: Content) -> KeypointForm:
    """COCO's own seventeen key-points, in its own order."""
    named = [one for one in content["categories"] if isinstance(one, dict) and one.get("keypoints")]
    fitting = tuple(one.get("id") for one in named if tuple(one["keypoints"]) == COCO_NAMES)
    if not fitting:
        found = ", ".join(map(str, named[0]["keypoints"]))[:200] if named else "none"
        raise DataError(
            f"{path}: its key-points are not COCO's seventeen; found {found}; add it as coco-style, which reads others"
        )
    return KeypointForm(in_order(COCO_17), fitting)


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

ENTRIES = (ENTRY,)
