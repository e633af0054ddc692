"""CVAT's own XML ("CVAT for images 1.1"): skeletons, or single points that are grouped into people.

Places are px from the image's left and top edge; here they are moved by half a pixel. Its COCO export is read by
`coco_style`. Source: docs.cvat.ai, "CVAT for image format".
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from xml.etree.ElementTree import ParseError, XMLParser

import numpy as np

from prepose.camera.crop import from_corner
from prepose.data.entry import CatalogEntry, FoundDataset
from prepose.data.intake import check_file
from prepose.data.labelled_people import found_people
from prepose.data.sample import JointState
from prepose.data.tool_labels import (
    Keypoint,
    PersonRecord,
    find_image_folder,
    numbers_of,
    people_of_records,
    without_empty,
)
from prepose.errors import DataError

SPLITS = ("train", "validation", "test")
FILE = "annotations.xml"
SPLIT_OF_SUBSET: Mapping[str, str] = MappingProxyType(
    {"val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
)
PIECE_BYTES, START_BYTES = 2**20, 2**16


class _Labels:
    """What a parser of CVAT's XML collects: no tree is built, and a document type, with its entities, is refused."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.people: dict[str, list[PersonRecord]] = {}
        self.names: list[str] = []
        self.image = self.subset = ""
        self.skeleton: str | None = None
        self.number = 0
        self.keypoints: dict[str, dict[str, Keypoint]] = {}
        self.boxes: dict[str, tuple[float, float, float, float]] = {}
        self.label: dict[str, str] = {}
        self.text: list[str] = []

    def doctype(self, name: str, *_: object) -> None:
        raise DataError(f"{self.path}: declares a document type ({name[:40]}); CVAT's files have none")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.text = []
        if tag == "track":
            raise DataError(f"{self.path}: is in CVAT's form for videos; export it as 'CVAT for images 1.1' or COCO")
        if tag == "image":
            self.image, self.subset = attributes.get("name", ""), attributes.get("subset", "")
            self.keypoints, self.boxes, self.number = {}, {}, 0
        elif tag == "skeleton":
            self.number += 1
            self.skeleton = f"skeleton {self.number}"
            self.keypoints[self.skeleton] = {}
        elif tag == "points":
            self._point(attributes)
        elif tag == "box" and attributes.get("group_id"):
            where = f"{self.path}: image {self.image!r}: a box"
            low_x, low_y, high_x, high_y = (
                numbers_of(attributes.get(key, ""), 1, where)[0] for key in ("xtl", "ytl", "xbr", "ybr")
            )
            self.boxes[f"group {attributes['group_id']}"] = (low_x, low_y, high_x - low_x, high_y - low_y)

    def _point(self, attributes: dict[str, str]) -> None:
        group = attributes.get("group_id")
        person = self.skeleton or (f"group {group}" if group and group != "0" else "image")
        name, where = attributes.get("label", ""), f"{self.path}: image {self.image!r}: {attributes.get('label', '')!r}"
        mine = self.keypoints.setdefault(person, {})
        if name in mine:
            raise DataError(
                f"{where} occurs twice in one person; draw people as skeletons, or group the points of each (group_id)"
            )
        x, y = from_corner(np.array(numbers_of(attributes.get("points", ""), 2, where))).tolist()
        if attributes.get("outside") != "1":
            state = JointState.OCCLUDED if attributes.get("occluded") == "1" else JointState.VISIBLE
            mine[name] = (x, y, state)

    def data(self, text: str) -> None:
        if len(self.text) < 100:
            self.text.append(text)

    def end(self, tag: str) -> None:
        if tag == "skeleton":
            self.skeleton = None
        elif tag in ("name", "parent"):
            self.label[tag] = "".join(self.text).strip()
        elif tag == "label":
            # The joints of a skeleton are labels with a parent.
            if self.label.get("parent"):
                self.names.append(self.label.get("name", ""))
            self.label = {}
        elif tag == "image":
            split = SPLIT_OF_SUBSET.get(self.subset.lower(), "train")
            for person, keypoints in self.keypoints.items():
                source = f"{self.path.name}: {self.image}, {person}"
                record = PersonRecord(self.image, source, keypoints, self.boxes.get(person))
                self.people.setdefault(split, []).append(record)

    def close(self) -> None:
        return None


def cvat(root: Path, split: str, *, partial: bool) -> FoundDataset:
    """An export of CVAT in its own form.

    Args:
        root: The folder with `annotations.xml` and the images, or that file.
        split: `train`, `validation` or `test`, by the images' subset; images without one are `train`.
        partial: Whether labels without image are left out instead of refused.

    Raises:
        DataError: the file is missing, damaged, of another form, or does not fit its images.
    """
    path = root if root.is_file() else root / FILE
    labels = _read(path)
    if split not in labels.people:
        raise DataError(f"{path}: labels nobody in the split {split!r}; it has {', '.join(labels.people) or 'nobody'}")
    records, empty = without_empty(labels.people[split])
    names = labels.names or list(
        dict.fromkeys(n for some in labels.people.values() for one in some for n in one.keypoints)
    )
    named, people = people_of_records(records, names, path)
    folder, images = find_image_folder(path, people.images.tolist())
    people.images[:] = images
    notes = (
        f"key-points are read as {named.skeleton.name}; images are found in {folder}",
        *named.notes,
        *empty,
        "pixels count from the image's edge and are moved by 0.5",
    )
    facts = {"labels": path.name}
    return found_people(people, named.skeleton, folder, partial=partial, notes=notes, facts=facts)


def cvat_splits(root: Path) -> tuple[str, ...]:
    """The splits in which somebody is labelled."""
    people = _read(root if root.is_file() else root / FILE).people
    return tuple(split for split in SPLITS if split in people)


def is_cvat(root: Path) -> Path | None:
    """The file that shows a folder to be CVAT's."""
    path = root / FILE
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return path if b"<annotations>" in file.read(START_BYTES) else None


def _read(path: Path) -> _Labels:
    check_file(path)
    labels = _Labels(path)
    parser = XMLParser(target=labels)
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                parser.feed(piece)
        parser.close()
    except ParseError as error:
        raise DataError(f"{path}: is truncated or not XML ({error})") from error
    if not labels.people:
        raise DataError(f"{path}: has no points or skeletons in its images; expected 'CVAT for images 1.1'")
    return labels


ENTRY = CatalogEntry(
    name="cvat",
    title="exports of CVAT",
    about="CVAT's own XML with skeletons or grouped points (its COCO export: coco-style)",
    has_3d=False,
    skeleton=None,
    licence="your own",
    citation="your own",
    home="docs/coco_style.md",
    size="your own",
    layouts=("annotations.xml ('CVAT for images 1.1') with the images beside it or in images/",),
    tree=("mine/", "├── annotations.xml", "└── images/..., named by the labels"),
    expected=MappingProxyType({}),
    splits=SPLITS,
    default_splits=len(SPLITS),
    adapter=cvat,
    signature=(),
    tell_tale=is_cvat,
    splits_at=cvat_splits,
    root_may_be_file=True,
)

ENTRIES = (ENTRY,)
