"""YOLO-pose folders: `data.yaml`, images, and for each image a text file with one line a person.

A line is class, box (centre, width, height) and key-points (x, y and, where `kpt_shape` ends with 3, a flag), all
places as shares of the image's size. Places times the size are taken as px from the centre of the first pixel, as
Ultralytics makes them of COCO's. Source: docs.ultralytics.com/datasets/pose.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np
import yaml

from prepose.body.skeletons import COCO_17
from prepose.data.entry import CatalogEntry, FoundDataset
from prepose.data.image_source import size_of
from prepose.data.intake import check_file
from prepose.data.keypoint_names import NamedKeypoints, in_order, skeleton_of_names
from prepose.data.labelled_people import found_people, people_of
from prepose.data.pairing import PICTURE_SUFFIXES
from prepose.data.sample import JointState
from prepose.errors import DataError, shortened
from prepose.files import inside

SPLITS = ("train", "validation", "test")
KEY_OF_SPLIT = MappingProxyType({"train": "train", "validation": "val", "test": "test"})
FILES = ("data.yaml", "dataset.yaml", "data.yml")
MOST_YAML_BYTES = 2**20
STATE_OF_FLAG = np.array([JointState.UNKNOWN, JointState.OCCLUDED, JointState.VISIBLE], np.uint8)


@dataclass(frozen=True)
class _Description:
    """What a data.yaml says."""

    path: Path
    content: Mapping[str, Any]
    named: NamedKeypoints
    width: int


@dataclass(frozen=True)
class _Line:
    """A person in the label file of an image."""

    image: str
    source: str
    numbers: tuple[float, ...]


def yolo_pose(root: Path, split: str, *, partial: bool) -> FoundDataset:
    """A YOLO-pose folder.

    Args:
        root: The folder with `data.yaml`, or that file under any name.
        split: `train`, `validation` (its `val`) or `test`.
        partial: Whether labels without image are left out instead of refused.

    Raises:
        DataError: files are missing or damaged, or nothing tells which joint each key-point is.
    """
    about = _description(root)
    base = about.path.parent.resolve()
    lines: list[_Line] = []
    folders = _image_folders(about, split)
    for folder in folders:
        lines += _lines(about, folder.relative_to(base).as_posix(), _label_folder(base, folder))
    if not lines:
        raise DataError(f"{about.path}: its split {split!r} has no label in {', '.join(map(str, folders))}")
    sizes = {name: _size(base / name) for name in dict.fromkeys(line.image for line in lines)}
    size_wh = np.array([sizes[line.image] for line in lines], float)
    table = np.array([line.numbers for line in lines])
    points = table[:, 5:].reshape(len(lines), -1, about.width)[:, list(about.named.order)]
    # Without flags, what was not labelled is at the corner of the image.
    flags = points[..., 2] if about.width == 3 else np.where((points != 0).any(axis=-1), 2, 0)
    tells = about.width == 3 and bool((flags == 2).any())
    people = people_of(
        np.where((flags > 0)[..., None], points[..., :2] * size_wh[:, None], np.nan),
        STATE_OF_FLAG[flags.astype(int)] if tells else np.zeros(flags.shape, np.uint8),
        [line.image for line in lines],
        [line.source for line in lines],
    )
    corner = (table[:, 1:3] - table[:, 3:5] / 2) * size_wh
    people.boxes_xywh[:] = np.concatenate([corner, table[:, 3:5] * size_wh], axis=1)
    people.boxes_xywh[~(people.boxes_xywh[:, 2:] > 0).all(axis=1)] = np.nan
    labelled = int((flags > 0).sum())
    notes = (
        f"key-points are read as {about.named.skeleton.name}",
        *about.named.notes,
        f"{labelled} joints are labelled; {flags.size - labelled} are not",
    )
    facts = {"labels": about.path.name, "folders": [str(folder.relative_to(base)) for folder in folders]}
    return found_people(people, about.named.skeleton, base, partial=partial, notes=notes, facts=facts)


def yolo_pose_splits(root: Path) -> tuple[str, ...]:
    """The splits that a data.yaml names and that have a folder."""
    about = _description(root)
    return tuple(split for split in SPLITS if about.content.get(KEY_OF_SPLIT[split]) and _image_folders(about, split))


class _UniqueKeys(yaml.SafeLoader):
    """YAML whose keys occur once in each mapping, as its specification asks: PyYAML lets the last one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - as PyYAML calls it
        """A mapping.

        Raises:
            yaml.YAMLError: a key occurs twice, or cannot be one.
        """
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else ("", "")
            # `<<` may occur twice: it is no key, but brings in those of another mapping.
            if name in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {shortened(repr(key.value), 60)} occurs twice", key.start_mark
                )
            seen.add(name)
        return super().construct_mapping(node, deep=deep)


def _description(root: Path) -> _Description:
    there = [root] if root.is_file() else [root / name for name in FILES if (root / name).is_file()]
    if not there:
        raise DataError(f"{root}: holds no {FILES[0]}; name the .yaml file itself")
    path = there[0]
    check_file(path)
    if path.stat().st_size > MOST_YAML_BYTES:
        raise DataError(f"{path}: is larger than {MOST_YAML_BYTES >> 20} MiB; no description of a dataset is")
    try:
        # The loader is a safe one: it is SafeLoader with unique keys.
        content = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)  # noqa: S506
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"{path}: is not YAML ({reason})") from error
    shape = content.get("kpt_shape") if isinstance(content, dict) else None
    if not (isinstance(shape, list) and len(shape) == 2 and all(type(one) is int for one in shape)):
        raise DataError(f"{path}: has no kpt_shape such as [17, 3]; it is of a YOLO dataset without key-points")
    if shape[1] not in (2, 3) or not 1 < shape[0] <= 500:
        given = "" if max(map(abs, shape)) > 10**9 else f", found {shape}"
        raise DataError(f"{path}: kpt_shape: expected [key-points, 2 or 3]{given}")
    return _Description(path, content, _named(path, content, shape[0]), shape[1])


def _named(path: Path, content: Mapping[str, Any], count: int) -> NamedKeypoints:
    """Which joint each key-point is: by `kpt_names`, or COCO's seventeen where `flip_idx` is COCO's."""
    names = content.get("kpt_names")
    names = next(iter(names.values()), None) if isinstance(names, dict) else names
    if names is not None:
        if not isinstance(names, list) or len(names) != count or not all(isinstance(name, str) for name in names):
            raise DataError(f"{path}: kpt_names should list {count} names")
        return skeleton_of_names(names, path)
    if count == len(COCO_17) and content.get("flip_idx") == COCO_17.mirror.tolist():
        return in_order(COCO_17)
    raise DataError(
        f"{path}: nothing says which joints its {count} key-points are (flip_idx is not COCO's); add kpt_names, a list "
        "of their names in order"
    )


def _image_folders(about: _Description, split: str) -> list[Path]:
    """The folders of a split's images: as the file says, from its own folder or `path` below it."""
    entries = about.content.get(KEY_OF_SPLIT[split]) or []
    entries = [entries] if isinstance(entries, str) else entries
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise DataError(f"{about.path}: {KEY_OF_SPLIT[split]} should name a folder of images or several")
    if not entries:
        raise DataError(f"{about.path}: names no images of the split {split!r}")
    base, inner = about.path.parent.resolve(), about.content.get("path") or "."
    # As text only: a few lines of YAML can name a list of billions.
    if not all(isinstance(name, str) and name.isprintable() for name in (inner, *entries)):
        raise DataError(f"{about.path}: path and {KEY_OF_SPLIT[split]} should be names of folders")
    return list(dict.fromkeys(_inside(about.path, base, inner, entry) for entry in entries))


def _inside(path: Path, base: Path, inner: str, entry: str) -> Path:
    # `path` is often where the data once lay, and Roboflow writes `../train/images` for a folder beside the file.
    parts = [part for part in PurePosixPath(entry.replace("\\", "/")).parts if part not in ("..", "/", ".")]
    for folder in (base / inner / entry, base / entry, base.joinpath(*parts)):
        resolved = folder.resolve()
        if resolved.is_dir() and resolved.is_relative_to(base):
            return resolved
    raise DataError(f"{path}: its images {shortened(repr(entry))} are in no folder below {base}")


def _label_folder(base: Path, images: Path) -> Path:
    """The folder of labels: the last `images` of the path is `labels` there.

    Raises:
        DataError: it is a link.
    """
    parts = list(images.parts)
    if "images" in parts:
        last = len(parts) - 1 - parts[::-1].index("images")
        swapped = Path(*parts[:last], "labels", *parts[last + 1 :])
        if swapped.is_dir():
            return inside(base, swapped.relative_to(base).as_posix())
    return images


def _lines(about: _Description, folder: str, labels: Path) -> Iterator[_Line]:
    pictures: dict[str, str] = {}
    for entry in sorted((about.path.parent.resolve() / folder).iterdir()):
        if entry.suffix.lower() in PICTURE_SUFFIXES and pictures.setdefault(entry.stem, entry.name) != entry.name:
            raise DataError(
                f"{entry}: has the label file of {pictures[entry.stem]}, too ({entry.stem}.txt); name each "
                "image otherwise"
            )
    count = 5 + len(about.named.order) * about.width
    for path in sorted(labels.glob("*.txt")):
        for number, line in enumerate(_text(labels, path.name).splitlines(), start=1):
            if not line.strip():
                continue
            numbers = _numbers(line, count, about.width, f"{path}: line {number}")
            image = str(PurePosixPath(folder, pictures.get(path.stem, f"{path.stem}.jpg")))
            yield _Line(image, f"{labels.name}/{path.name} line {number}", numbers)


def _text(folder: Path, name: str) -> str:
    path = inside(folder, name)
    if not path.is_file():
        raise DataError(f"{path}: is not a file")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not text; expected one line a person") from error


def _numbers(line: str, count: int, width: int, where: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(word) for word in line.split())
    except ValueError as error:
        raise DataError(f"{where}: holds something else than numbers ({str(error)[:80]})") from error
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise DataError(f"{where}: has {len(numbers)} numbers; expected {count} finite ones (class, box, key-points)")
    points: Sequence[float] = numbers[5:]
    flags = set(points[2::3]) if width == 3 else set()
    places = [*numbers[1:5], *(value for index, value in enumerate(points) if width == 2 or index % 3 != 2)]
    if not flags <= {0.0, 1.0, 2.0} or max(map(abs, places)) > 10:
        raise DataError(f"{where}: places are shares of the image's size, flags 0, 1 or 2; found {line[:60]!r}")
    return numbers


def _size(path: Path) -> tuple[int, int]:
    """Width and height; of an image that is not there, which is then left out or refused, any."""
    return size_of(path, str(path)) if path.is_file() else (1, 1)


ENTRY = CatalogEntry(
    name="yolo-pose",
    title="YOLO-pose folders",
    about="images with a text file each, as Ultralytics, Roboflow and other tools write them",
    has_3d=False,
    skeleton=None,
    licence="your own",
    citation="your own",
    home="docs/coco_style.md",
    size="your own",
    layouts=("data.yaml with kpt_shape (and kpt_names), images/train/... and labels/train/*.txt",),
    tree=(
        "mine/",
        "├── data.yaml",
        "├── images/train/..., images/val/...",
        "└── labels/train/*.txt, labels/val/*.txt",
    ),
    expected=MappingProxyType({}),
    splits=SPLITS,
    default_splits=len(SPLITS),
    adapter=yolo_pose,
    signature=FILES,
    splits_at=yolo_pose_splits,
    root_may_be_file=True,
)

ENTRIES = (ENTRY,)
