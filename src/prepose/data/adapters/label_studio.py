"""Label Studio's JSON exports: key-points in percent of the image's size, people by the rectangle that they belong to.

Of an image with several people each key-point must belong to a person's rectangle (its `parentID`); of one person they
may be on their own. Places are from the image's left and top edge; here they are moved by half a pixel.
Source: labelstud.io/guide/export, "Raw JSON format of completed tasks".
"""

import re
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from prepose.camera.crop import from_corner
from prepose.data.entry import CatalogEntry, FoundDataset
from prepose.data.intake import read_json
from prepose.data.labelled_people import found_people
from prepose.data.sample import JointState
from prepose.data.tool_labels import Keypoint, PersonRecord, file_name, find_by_name, people_of_records, without_empty
from prepose.errors import DataError

SPLITS = ("train",)
KIND = "keypointlabels"
# Label Studio puts eight hexadecimal digits before the name of a file that is uploaded.
UPLOADED = re.compile(r"[0-9a-f]{8}-")
START_BYTES = 2**20


def label_studio(root: Path, split: str, *, partial: bool) -> FoundDataset:
    """An export of Label Studio (JSON).

    Args:
        root: The JSON file, or a folder with one; images are found by their names anywhere below its folder.
        split: `train`; exports have no splits.
        partial: Whether labels without image are left out instead of refused.

    Raises:
        DataError: the file is missing, damaged or of another form, people cannot be told apart, or images are missing.
    """
    if split not in SPLITS:
        raise DataError(f"label-studio has no split {split!r}; it has {', '.join(SPLITS)}")
    path = root if root.is_file() else label_studio_file(root)
    if path is None:
        raise DataError(f"{root}: holds no JSON export of Label Studio; name the file itself")
    tasks = read_json(path)
    if not isinstance(tasks, list):
        raise DataError(f"{path}: is not a list of tasks; export it from Label Studio as JSON")
    records, empty = without_empty(record for number, task in enumerate(tasks) for record in _task(path, number, task))
    named, people = people_of_records(records, (), path)
    images = [_plain(name) for name in people.images]
    folder = path.parent
    there = find_by_name(folder, [*images, *people.images])
    people.images[:] = [
        there.get(name) or there.get(plain) or plain for name, plain in zip(people.images, images, strict=True)
    ]
    notes = (
        f"key-points are read as {named.skeleton.name}",
        *named.notes,
        *empty,
        "places are percents of the image's size from its edge, and are moved by 0.5 px",
    )
    facts = {"labels": path.name}
    return found_people(people, named.skeleton, folder, partial=partial, notes=notes, facts=facts)


def label_studio_file(root: Path) -> Path | None:
    """The first JSON file in a folder that looks like an export of key-points."""
    for path in sorted(root.glob("*.json")):
        if path.is_file():
            with path.open("rb") as file:
                start = file.read(START_BYTES)
            if start.lstrip()[:1] == b"[" and f'"{KIND}"'.encode() in start:
                return path
    return None


def _plain(name: str) -> str:
    return UPLOADED.sub("", name, count=1) if UPLOADED.match(name) else name


def _task(path: Path, number: int, task: Any) -> Iterator[PersonRecord]:
    where = f"{path}: task {task.get('id', number) if isinstance(task, dict) else number}"
    try:
        image, results = _image(task), _results(task)
        points = [one for one in results if KIND in one.get("value", {})]
        boxes = {one["id"]: one for one in results if "rectanglelabels" in one.get("value", {})}
        people: dict[str, dict[str, Keypoint]] = {str(name): {} for name in boxes}
        for one in points:
            person = people.setdefault(str(one.get("parentID") or one.get("parent_id") or ""), {})
            label = str(one["value"][KIND][0])
            if label in person:
                raise DataError(
                    f"{where}: {label[:60]!r} occurs twice in one person; draw a rectangle for each person, and make "
                    "key-points its children"
                )
            place = np.array(_px(one, float(one["value"]["x"]), float(one["value"]["y"])))
            x, y = from_corner(place).tolist()
            person[label] = (x, y, JointState.UNKNOWN)
        for name, keypoints in people.items():
            box = boxes.get(name)
            yield PersonRecord(
                image, f"{path.name}: {where.rsplit(': ', 1)[-1]}", keypoints, None if box is None else _box(box)
            )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(
            f"{where}: is not a task with key-points in Label Studio's JSON form ({type(error).__name__} {error})"
        ) from error


def _image(task: dict[str, Any]) -> str:
    """The image's file name: the value of the task's data that looks like one, or where JSON_MIN has it."""
    data = task.get("data", task)
    for key in ("image", "img", *data):
        value = data.get(key)
        if isinstance(value, str) and re.search(
            r"\.(jpe?g|png|bmp|webp|tiff?)$", value.split("?d=")[-1], re.IGNORECASE
        ):
            return file_name(value.split("?d=")[-1])
    raise KeyError("image")


def _results(task: dict[str, Any]) -> list[dict[str, Any]]:
    """The regions of a task: of its last annotation that was not cancelled, or those that JSON_MIN lists."""
    if task.get("annotations") or task.get("completions"):
        done = [one for one in task.get("annotations") or task["completions"] if not one.get("was_cancelled")]
        return list(done[-1]["result"]) if done else []
    if "data" in task:
        return []
    lists = [value for value in task.values() if isinstance(value, list)]
    return [{"value": one, **one} for value in lists for one in value if isinstance(one, dict) and KIND in one]


def _px(region: dict[str, Any], x: float, y: float) -> tuple[float, float]:
    width, height = float(region["original_width"]), float(region["original_height"])
    if not (0 <= x <= 100 and 0 <= y <= 100 and 0 < width < 1e6 and 0 < height < 1e6):
        raise ValueError(f"a place of ({x:g}, {y:g}) % in {width:g} x {height:g} px")
    return x * width / 100, y * height / 100


def _box(region: dict[str, Any]) -> tuple[float, float, float, float]:
    value = region["value"]
    x, y = _px(region, float(value["x"]), float(value["y"]))
    width, height = _px(region, float(value["width"]), float(value["height"]))
    return x, y, width, height


ENTRY = CatalogEntry(
    name="label-studio",
    title="exports of Label Studio",
    about="Label Studio's JSON with key-point labels (its COCO export: coco-style, its YOLO export: yolo-pose)",
    has_3d=False,
    skeleton=None,
    licence="your own",
    citation="your own",
    home="docs/coco_style.md",
    size="your own",
    layouts=("*.json (a list of tasks) with the images anywhere below its folder",),
    tree=("mine/", "├── project-1.json", "└── images/..., named by the labels"),
    expected=MappingProxyType({}),
    splits=SPLITS,
    default_splits=1,
    adapter=label_studio,
    signature=(),
    tell_tale=label_studio_file,
    root_may_be_file=True,
)

ENTRIES = (ENTRY,)
