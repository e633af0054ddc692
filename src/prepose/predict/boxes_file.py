"""Files that say where people are: rows of image, frame, box and person, or detections in COCO's form.

CSV with a header: `image,x,y,w,h`, and where wanted `frame`, `person` and `score`. JSON: a list of objects with `image`
and `box` (x, y, w, h), and likewise `frame`, `person` and `score`; or COCO's detection results (`image_id`, `bbox`,
`category_id`, `score`), or a COCO label file (`images`, `annotations`). All in px of the upright image.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from prepose.errors import DataError, shortened
from prepose.files import parse_json, read_regular_file
from prepose.predict.frames import Frame
from prepose.predict.people import FoundPerson, checked_box

_CSV_FORM = "a header with image,x,y,w,h and where wanted frame, person, score"
_JSON_FORM = (
    'a list of {"image": "a.jpg", "box": [x, y, w, h]} with "frame", "person" and "score" where wanted, or COCO\'s '
    "detection results or labels"
)
_PERSON = 1  # COCO's category


@dataclass(frozen=True, eq=False)
class BoxRow:
    """One box of a file.

    Attributes:
        where: The line or entry, for messages.
        image: The image's name; None where the file has COCO's number alone.
        image_id: COCO's number of the image.
        frame: Which frame of a video, from 0.
        box_xywh: px.
        person: Who it is, where the file says so.
        score: How sure the detector is; 1 where the file does not say.
    """

    where: str
    image: str | None
    image_id: int | None
    frame: int
    box_xywh: tuple[float, float, float, float]
    person: int | None
    score: float


@dataclass(frozen=True, eq=False)
class BoxesFile:
    """The boxes of a file, for the inputs that they are of.

    Attributes:
        path: The file.
        people: (input, frame) -> its people, in the order of the file.
        notes: What a user should know of the file: boxes that are not used, and why.
    """

    path: Path
    people: Mapping[tuple[str, int], Sequence[FoundPerson]]
    notes: tuple[str, ...]

    def __call__(self, frame: Frame) -> list[FoundPerson]:
        """The people of a frame.

        Raises:
            DataError: a box cannot be used.
        """
        found = self.people.get((frame.source, frame.index), ())
        name = f"{self.path}: {frame.source}, frame {frame.index}"
        return [FoundPerson(checked_box(each.box_xywh, frame.size_wh, name), each.person) for each in found]


def read_boxes(path: Path, inputs: Sequence[Path], *, least_score: float = 0.5) -> BoxesFile:
    """A file's boxes, matched to the inputs by name.

    A name in the file means the input of that name; of several the one whose folders agree (`left/a.jpg`). COCO's
    number of an image without a name means the input that is named by it (`000000000785.jpg`).

    Args:
        path: The file.
        inputs: The images and videos, as the user named them.
        least_score: Boxes of a lower score are left out.

    Raises:
        DataError: the file cannot be read, a row is not what it should be (the message names it), a name fits several
            inputs, one person has two boxes in a frame, or no row is of any input.
    """
    rows, notes = _read(path)
    sure = [row for row in rows if row.score >= least_score]
    if len(sure) < len(rows):
        notes.append(f"{path}: {len(rows) - len(sure)} of {len(rows)} boxes have a score below {least_score:g}")
    names = _Names(path, inputs)
    people: dict[tuple[str, int], list[FoundPerson]] = {}
    strange: Counter[str] = Counter()
    for row in sure:
        source = names.input_of(row)
        if source is None:
            strange[row.image or f"image_id {row.image_id}"] += 1
            continue
        there = people.setdefault((source, row.frame), [])
        if row.person is not None and any(each.person == row.person for each in there):
            raise DataError(f"{path}, {row.where}: person {row.person} has a box in this frame already")
        there.append(FoundPerson(np.array(row.box_xywh), row.person))
    if sure and not people:
        raise DataError(
            f"{path}: no box is of any of the {len(inputs)} inputs; it has {shortened(', '.join(sorted(strange)))}"
        )
    if strange:
        shown = shortened(", ".join(sorted(strange)))
        notes.append(f"{path}: has boxes of {len(strange)} images that are not among the inputs ({shown})")
    return BoxesFile(path, people, tuple(notes))


class _Names:
    """Which input a name in a file means."""

    def __init__(self, path: Path, inputs: Sequence[Path]) -> None:
        self._path = path
        self._by_name: dict[str, list[Path]] = {}
        self._by_id: dict[int, list[Path]] = {}
        for each in inputs:
            self._by_name.setdefault(each.name, []).append(each)
            if each.stem.isdecimal():
                self._by_id.setdefault(int(each.stem), []).append(each)

    def input_of(self, row: BoxRow) -> str | None:
        """The input as the user named it; None where there is none."""
        if row.image is None:
            found = self._by_id.get(-1 if row.image_id is None else row.image_id, [])
        else:
            parts = PurePosixPath(row.image.replace("\\", "/")).parts
            named = self._by_name.get(parts[-1], []) if parts else []
            # Of inputs that share the name, the one whose folders agree the furthest.
            agreed = [_common_end(each.resolve().parts, parts) for each in named]
            found = [each for each, far in zip(named, agreed, strict=True) if far == max(agreed)]
        if len(found) > 1:
            raise DataError(
                f"{self._path}, {row.where}: {row.image or row.image_id} may be {found[0]} or {found[1]}; name the "
                "folders too"
            )
        return str(found[0]) if found else None


def _common_end(path: Sequence[str], name: Sequence[str]) -> int:
    far = 0
    while far < min(len(path), len(name)) and path[-1 - far] == name[-1 - far]:
        far += 1
    return far


def _read(path: Path) -> tuple[list[BoxRow], list[str]]:
    try:
        content = read_regular_file(path)
    except OSError as error:
        raise DataError(f"{path}: the boxes cannot be read ({error.strerror})") from error
    if content.lstrip()[:1] in (b"[", b"{"):
        return _json_rows(path, content)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is neither JSON nor CSV in UTF-8; expected {_CSV_FORM}") from error
    return _csv_rows(path, text), []


def _csv_rows(path: Path, text: str) -> list[BoxRow]:
    table = csv.DictReader(io.StringIO(text))
    columns = {name.strip() for name in table.fieldnames or ()}
    missing = [name for name in ("image", "x", "y", "w", "h") if name not in columns]
    if missing:
        raise DataError(f"{path}: has no column {', '.join(missing)}; expected {_CSV_FORM}")
    rows = []
    for cells in table:
        row = {str(name).strip(): value for name, value in cells.items()}
        where = f"line {table.line_num}"
        box = [row.get(name) for name in "xywh"]
        rows.append(_row(path, where, {**row, "box": box}))
    return rows


def _json_rows(path: Path, content: bytes) -> tuple[list[BoxRow], list[str]]:
    try:
        plain = parse_json(content)
    except ValueError as error:
        raise DataError(f"{path}: is not valid JSON ({error}); expected {_JSON_FORM}") from error
    files: dict[Any, str] = {}
    if isinstance(plain, dict):
        try:
            files = {each["id"]: str(each["file_name"]) for each in plain["images"]}
            plain = plain["annotations"]
        except (KeyError, TypeError) as error:
            raise DataError(
                f"{path}: an object without images (id, file_name) and annotations; {_JSON_FORM}"
            ) from error
    if not isinstance(plain, list) or not all(isinstance(each, dict) for each in plain):
        raise DataError(f"{path}: is not a list of boxes; expected {_JSON_FORM}")
    others = sum(each.get("category_id", _PERSON) != _PERSON for each in plain)
    notes = [f"{path}: {others} of {len(plain)} boxes are not of category 1, COCO's person"] if others else []
    rows = []
    for number, each in enumerate(plain):
        if each.get("category_id", _PERSON) == _PERSON:
            image = each.get("image", files.get(_hashable(each.get("image_id"))))
            row = {**each, "image": image, "box": each.get("box", each.get("bbox"))}
            rows.append(_row(path, f"entry {number}", row))
    return rows, notes


def _hashable(value: Any) -> Any:
    return value if isinstance(value, int | str) else None


def _row(path: Path, where: str, row: Mapping[str, Any]) -> BoxRow:
    try:
        image, number = row.get("image"), row.get("image_id")
        if image is None and not isinstance(number, int):
            raise ValueError("it names no image")
        box = row["box"]
        if not isinstance(box, list | tuple) or len(box) != 4:
            raise ValueError(f"its box is {shortened(repr(box))}, expected x, y, w, h")
        x, y, width, height = _numbers(box)
        if not width > 0 or not height > 0:
            raise ValueError(f"its box has the size {width:g} x {height:g} px")
        frame, person = (_whole(row.get(name), name) for name in ("frame", "person"))
        (score,) = _numbers([row.get("score") if row.get("score") not in (None, "") else 1])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{path}, {where}: is not a box ({error})") from error
    name = None if image is None else str(image).strip()
    return BoxRow(where, name, number if image is None else None, frame or 0, (x, y, width, height), person, score)


def _numbers(values: Iterable[Any]) -> list[float]:
    found = [float(value) for value in values]
    if not np.isfinite(found).all():
        raise ValueError(f"{found} are not finite numbers")
    return found


def _whole(value: Any, name: str) -> int | None:
    if value is None or value == "":
        return None
    number = float(value)
    if number != round(number) or number < 0:
        raise ValueError(f"{name} is {value}, expected a whole number from 0")
    return int(number)
