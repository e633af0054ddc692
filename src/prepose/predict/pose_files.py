"""Poses in files: JSON lines as they come, CSV and npz from them, and read back as `PoseSequence`s.

`poses.jsonl` has one line for each person of each frame and is appended to, so that whatever stops a long video leaves
every line before readable. The other two are made of it at the end.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Any

import numpy as np

from prepose.body.skeletons import get_skeleton
from prepose.camera.camera import Camera
from prepose.errors import DataError
from prepose.files import parse_json, whole_file
from prepose.predict.pose_sequence import JointMark, PoseSequence
from prepose.predict.prediction import AXES, UNITS, Prediction

JSON_LINES = "poses.jsonl"

CSV_COLUMNS = (
    "image", "frame", "time_s", "person", "joint", "x_px", "y_px", "x_mm", "y_mm", "z_mm", "x_root_mm", "y_root_mm",
    "z_root_mm", "confidence", "mark", "expected_error_mm", "expected_error_px",
)  # fmt: skip

EXPECTED = ("expected_error_mm", "expected_error_px")
FACTS = ("skeleton", "joints", "provenance", "scale_rule", "camera", "weights", "calibrated_on")


class PoseWriter:
    """Appends predictions to a file of JSON lines; nothing is made before the first frame.

    What is there of earlier poses, tables included, is replaced then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._file: IO[bytes] | None = None
        self._whole = 0  # bytes that are whole lines

    def write(self, people: list[Prediction]) -> None:
        """Append a frame's people, none of them included.

        Raises:
            OSError: the file cannot be written; all lines before are kept.
        """
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # A link under this name was put there by someone else; what it leads to is not ours to overwrite.
            for old in (self.path, *(self.path.with_suffix(f".{each}") for each in FORMATS)):
                old.unlink(missing_ok=True)
            self._file = self.path.open("xb", buffering=0)
        lines = "".join(json.dumps(each.to_json(), allow_nan=False) + "\n" for each in people).encode()
        try:
            written = 0
            while written < len(lines):
                written += self._file.write(lines[written:]) or 0
        except OSError as error:
            self._file.truncate(self._whole)
            error.filename = error.filename or str(self.path)
            raise
        self._whole += len(lines)
        self.rows += len(people)

    def __enter__(self) -> "PoseWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()


def read_poses(path: Path) -> list[PoseSequence]:
    """The poses that `prepose predict` wrote, one sequence for each person of each image or video.

    Args:
        path: The file `poses.jsonl`, or the folder with it.

    Raises:
        DataError: there is no such file, or a line of it is damaged; the message names the line.
    """
    file = path / JSON_LINES if path.is_dir() else path
    groups: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in _rows(file):
        groups.setdefault((row["image"], row["person"]), []).append(row)
    try:
        return [_sequence(rows) for rows in groups.values()]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file}: is damaged ({error}); write it again with `prepose predict --overwrite`") from error


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    row = parse_json(line)
                    _ = row["image"], row["person"], row["frame"]
                except (KeyError, TypeError, ValueError) as error:
                    raise DataError(
                        f"{path}, line {number}: is not a pose ({error}); expected what `prepose predict` writes"
                    ) from error
                yield row
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); expected what `prepose predict` wrote") from error


def _sequence(rows: list[dict[str, Any]]) -> PoseSequence:
    first = rows[0]

    def array(name: str) -> np.ndarray:
        # None becomes NaN.
        return np.array([row[name] for row in rows], float)

    def expected(name: str) -> np.ndarray | None:
        # Files of earlier versions do not have them.
        return None if any(row.get(name) is None for row in rows) else array(name)

    width, height = first["size_wh"]
    camera = Camera(
        K=np.array(first["camera"]["K"], float),
        size_wh=(int(width), int(height)),
        distortion=np.array(first["camera"]["distortion"], float),
    )
    return PoseSequence(
        source=first["image"],
        person=int(first["person"]),
        skeleton=get_skeleton(first["skeleton"]),
        provenance=tuple(first["provenance"]),
        frames=np.array([int(row["frame"]) for row in rows]),
        times=array("time"),
        joints_img=array("joints_img"),
        joints_cam=array("joints_cam"),
        root_cam=array("root_cam"),
        confidence=array("confidence"),
        marks=np.array([[JointMark[mark.upper()] for mark in row["marks"]] for row in rows], np.uint8),
        boxes_xywh=array("box_xywh"),
        camera=camera,
        camera_rule=first["camera"]["rule"],
        scale_rule=first["scale_rule"],
        expected_error_mm=expected("expected_error_mm"),
        expected_error_px=expected("expected_error_px"),
        calibrated_on=first.get("calibrated_on"),
    )


def write_csv(lines: Path, target: Path) -> Path:
    """A file of JSON lines as a table with one row for each joint; cells of missing joints are empty.

    Raises:
        DataError: a line is damaged; OSError: the table cannot be written.
    """
    with whole_file(target) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(CSV_COLUMNS)
        for row in _rows(lines):
            moment = [row["image"], row["frame"], row["time"], row["person"]]
            columns = ("joints", "joints_img", "joints_cam", "joints_root", "confidence", "marks")
            expected = [row.get(name) or [None] * len(row["joints"]) for name in EXPECTED]
            cells = zip(*(row[name] for name in columns), *expected, strict=True)
            for joint, img, cam, root, confidence, mark, mm, px in cells:
                table.writerow([*moment, joint, *img, *cam, *root, confidence, mark, mm, px])
    return target


def write_npz(lines: Path, target: Path) -> Path:
    """A file of JSON lines as arrays of N poses (see `ARRAYS`); all have one skeleton.

    Raises:
        DataError: a line is damaged; OSError: the file cannot be written.
    """
    rows: dict[str, list[Any]] = {name: [] for name in ARRAYS}
    last: Mapping[str, Any] = {}
    for last in _rows(lines):
        for name, (kind, _) in ARRAYS.items():
            value = last[name] if name not in EXPECTED else last.get(name) or [None] * len(last["joints"])
            if name == "marks":
                value = [JointMark[mark.upper()] for mark in value]
            rows[name].append(np.array(value, kind) if kind is not str else value)
    arrays = {name: np.array(values, ARRAYS[name][0]) for name, values in rows.items()}
    # Text, as every array of an npz must be readable without pickle.
    facts = {name: last.get(name) for name in FACTS}
    about = json.dumps(
        {**facts, "units": UNITS, "axes": AXES, "arrays": {name: text for name, (_, text) in ARRAYS.items()}}
    )
    with whole_file(target) as aside, aside.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, about=np.array(about), **arrays)
    return target


# name -> what it holds, and its meaning; `about` is JSON text with the skeleton, units, axes and rules.
ARRAYS: Mapping[str, tuple[type, str]] = MappingProxyType(
    {
        "image": (str, "(N,) the image or video"),
        "frame": (np.int64, "(N,) index of the frame, from 0"),
        "time": (np.float64, "(N,) presentation time, s"),
        "person": (np.int64, "(N,) which person, from 1"),
        "joints_img": (np.float32, "(N, J, 2) px"),
        "joints_cam": (np.float32, "(N, J, 3) mm, camera frame"),
        "joints_root": (np.float32, "(N, J, 3) mm, relative to the root"),
        "root_cam": (np.float32, "(N, 3) mm, camera frame"),
        "confidence": (np.float32, "(N, J) 0 to 1"),
        "expected_error_mm": (np.float32, "(N, J) mm, expected error of joints_root; NaN where not calibrated"),
        "expected_error_px": (np.float32, "(N, J) px, expected error of joints_img; NaN where not calibrated"),
        "marks": (np.uint8, "(N, J) 0 ok, 1 low confidence, 2 outside the image, 3 missing"),
        "box_xywh": (np.float32, "(N, 4) px"),
    }
)

# --format -> how it is made of the JSON lines.
FORMATS = MappingProxyType({"csv": write_csv, "npz": write_npz})
