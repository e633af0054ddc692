"""Files of predictions, in whichever of the usual forms they come, as columns."""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from prepose.body.skeleton import canonical_joint_name
from prepose.errors import DataError, shortened, unknown_name
from prepose.files import inside, parse_json, read_regular_file
from prepose.predict.other_systems.predictions import Predictions, predictions_of
from prepose.predict.pose_files import JSON_LINES

Columns = dict[str, Any]
_ZIP, _NPY = b"PK\x03\x04", b"\x93NUMPY"
# CSV of one joint a row: coordinate -> the headings it may have, with the unit that they say.
_LONG: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "x": {"x_mm": "mm", "x_m": "m", "x": ""},
        "y": {"y_mm": "mm", "y_m": "m", "y": ""},
        "z": {"z_mm": "mm", "z_m": "m", "z": ""},
    }
)
_WIDE = re.compile(r"(?P<joint>.+)_(?P<axis>x|y|z)(?:_(?P<unit>mm|cm|m|px))?")
_ROW_KEYS = ("sample", "image", "image_id", "subject", "action", "frame", "person")


def read_predictions(path: Path, *, form: str | None = None, skeleton: str | None = None) -> Predictions:
    """Predictions of a file or a folder of files.

    Args:
        path: The file, or a folder of OpenPose's or MMPose's JSON files, or one that `prepose predict` wrote.
        form: A key of `FORMS`; None to tell it from the content.
        skeleton: Name of the skeleton, or names of the joints with commas between, other than the file says.

    Raises:
        DataError: the file cannot be read, is in no known form, or its joints cannot be told.
    """
    if form is not None and form not in FORMS:
        raise DataError(f"--form: {unknown_name('form', form, FORMS)}")
    if path.is_dir() and (path / JSON_LINES).is_file():
        path = inside(path, JSON_LINES)
    chosen = form or recognise(path)
    columns, presumed = FORMS[chosen](path)
    if not columns:
        raise DataError(f"{path}: holds no prediction")
    return predictions_of(columns, str(path), skeleton=skeleton, presumed=presumed)


def recognise(path: Path) -> str:
    """The form of a file or folder, told from its content.

    Raises:
        DataError: it is in none that is known, or cannot be read.
    """
    if path.is_dir():
        names = [each.name for each in path.iterdir()]
        if any(name.endswith("_keypoints.json") for name in names):
            return "openpose"
        if any(name.endswith(".json") for name in names):
            return "mmpose"
        raise DataError(f"{path}: is a folder without JSON files of OpenPose or MMPose, or {JSON_LINES} of prepose")
    form = _form_of(_content(path))
    if form is None:
        raise DataError(f"{path}: is in none of the known forms; expected {', '.join(FORMS)} (--form names one)")
    return form


def _form_of(content: bytes) -> str | None:
    if content.startswith(_ZIP):
        return "npz"
    if content.startswith(_NPY):
        return "npy"
    first, _, rest = content.strip().partition(b"\n")
    if first[:1] == b"[":
        return "coco"
    if first[:1] == b"{":
        return "jsonl" if _is_person(first, alone=not rest) else "mmpose"
    return "csv" if b"," in first and b"\0" not in content[:1024] else None


def _is_person(line: bytes, *, alone: bool) -> bool:
    try:
        one = parse_json(line)
    except ValueError:
        return False
    return isinstance(one, dict) and not (alone and "instance_info" in one)


def _content(path: Path) -> bytes:
    try:
        return read_regular_file(path)
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file of predictions") from error
    except OSError as error:
        raise DataError(f"{path}: the predictions cannot be read ({error.strerror})") from error


def _plain(path: Path) -> Any:
    try:
        return parse_json(_content(path))
    except ValueError as error:
        raise DataError(f"{path}: is not valid JSON ({error}); write NaN as null") from error


def _npz(path: Path) -> tuple[Columns, str | None]:
    try:
        with np.load(io.BytesIO(_content(path)), allow_pickle=False) as archive:
            columns = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: is not an archive of plain arrays ({shortened(str(error))}); save numbers and texts, no objects"
        ) from error
    if "about" in columns:  # prepose's own
        try:
            columns["skeleton"] = parse_json(str(columns["about"]).encode())["skeleton"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: its `about` is damaged ({error})") from error
    return columns, None


def _npy(path: Path) -> tuple[Columns, str | None]:
    try:
        array = np.load(io.BytesIO(_content(path)), allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path}: is not a plain array ({shortened(str(error))})") from error
    name = "joints_2d" if array.ndim == 3 and array.shape[-1] == 2 else "joints_3d"
    return {name: array}, None


def _json_lines(path: Path) -> tuple[Columns, str | None]:
    rows = []
    for number, line in enumerate(_content(path).splitlines(), start=1):
        if line.strip():
            try:
                rows.append(parse_json(line))
            except ValueError as error:
                raise DataError(f"{path}, line {number}: is not valid JSON ({error}); write NaN as null") from error
    return stacked(rows, str(path)), None


def stacked(rows: Iterable[Any], where: str) -> Columns:
    """Objects with the same keys, one a person, as columns; joints by name become arrays.

    Raises:
        DataError: one is no object, or has other keys or joints than the first.
    """
    rows = list(rows)
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise DataError(f"{where}, row {number}: is {type(row).__name__}, expected an object of one person")
    columns: Columns = {}
    for key in dict.fromkeys(key for row in rows for key in row):
        values = [row.get(key) for row in rows]
        lacking = [number for number, value in enumerate(values) if value is None]
        shape = next(value for value in [*values, []] if value is not None)
        if isinstance(shape, Mapping) and key not in ("units", "axes", "camera"):
            columns["joints"], values = _by_name(values)
        elif lacking and isinstance(shape, list):
            # A person whose joints are null was not found.
            values = [np.full(np.shape(shape), np.nan).tolist() if value is None else value for value in values]
        elif lacking and key in _ROW_KEYS:
            raise DataError(f"{where}, row {lacking[0]}: has no {key}, which other rows have")
        elif lacking:
            continue
        columns[key] = values
        _check_lengths(key, values, where)
    return columns


def _by_name(values: list[Any]) -> tuple[list[str], list[Any]]:
    """Joints by name as a list of names and lists in their order, NaN where a person lacks one."""
    names = list(dict.fromkeys(name for value in values for name in value or ()))
    width = max((len(one) for value in values for one in (value or {}).values() if one), default=3)
    return names, [[(value or {}).get(name) or [np.nan] * width for name in names] for value in values]


def _check_lengths(key: str, values: list[Any], where: str) -> None:
    odd = [number for number, value in enumerate(values) if _length(value) != _length(values[0])]
    if odd:
        found, expected = _length(values[odd[0]]), _length(values[0])
        raise DataError(f"{where}, row {odd[0]}: {key} has {found} entries, and the first row {expected}")


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list) else 0


def _csv(path: Path) -> tuple[Columns, str | None]:
    try:
        text = _content(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text") from error
    table = csv.DictReader(io.StringIO(text))
    heads = [head.strip() for head in table.fieldnames or ()]
    table.fieldnames = heads
    rows = list(table)
    if "joint" in heads:
        return _long(rows, heads, path), None
    return _wide(rows, heads, path), None


def _long(rows: list[dict[str, str]], heads: list[str], path: Path) -> Columns:
    """One row for each joint."""
    axes = {axis: next((head for head in known if head in heads), None) for axis, known in _LONG.items()}
    places = [head for head in (axes["x"], axes["y"], axes["z"]) if head is not None]
    keys = [key for key in _ROW_KEYS if key in heads]
    joints = list(dict.fromkeys(row["joint"] for row in rows))
    people = {key: number for number, key in enumerate(dict.fromkeys(tuple(row[k] for k in keys) for row in rows))}
    arrays = {
        "joints_3d": (places, np.full((len(people), len(joints), 3), np.nan)),
        "joints_2d": (["x_px", "y_px"], np.full((len(people), len(joints), 2), np.nan)),
        "confidence": (["confidence"], np.full((len(people), len(joints), 1), np.nan)),
    }
    seen = set()
    for number, row in enumerate(rows, start=2):
        person, joint = people[tuple(row[key] for key in keys)], joints.index(row["joint"])
        if (person, joint) in seen:
            raise DataError(f"{path}, line {number}: has joint {row['joint']} of the same person again")
        seen.add((person, joint))
        for columns, array in arrays.values():
            if set(columns) <= set(heads) and len(columns) == array.shape[2]:
                array[person, joint] = [_number(row[column], path, number) for column in columns]
    found: Columns = {key: [one[keys.index(key)] for one in people] for key in keys}
    found |= {
        name: array
        for name, (columns, array) in arrays.items()
        if set(columns) <= set(heads) and len(columns) == array.shape[2]
    }
    if "confidence" in found:
        found["confidence"] = found["confidence"][..., 0]
    unit = next((known[head] for known in _LONG.values() for head in places if known.get(head)), None)
    # prepose's tables are in the camera's frame.
    frame = {"frame_3d": "cam"} if "x_root_mm" in heads else {}
    return {**found, "joints": joints, **({"unit": unit} if unit else {}), **frame}


def _wide(rows: list[dict[str, str]], heads: list[str], path: Path) -> Columns:
    """One row for each person, with columns such as r_knee_x, r_knee_y, r_knee_z (mm), r_knee_x_px."""
    places: dict[str, dict[tuple[str, str], str]] = {"3d": {}, "2d": {}}
    units = set()
    for head in heads:
        match = _WIDE.fullmatch(head)
        if match and head not in _ROW_KEYS:
            kind = "2d" if match["unit"] == "px" else "3d"
            places[kind][match["joint"], match["axis"]] = head
            units |= {match["unit"]} if kind == "3d" and match["unit"] else set()
    found: Columns = {key: [row[key] for row in rows] for key in _ROW_KEYS if key in heads}
    axes = "xyz" if any(axis == "z" for _, axis in places["3d"]) else "xy"
    if axes == "xy" and not places["2d"]:
        places = {"3d": {}, "2d": places["3d"]}
    joints = list(dict.fromkeys(canonical_joint_name(joint) for kind in places.values() for joint, _ in kind))
    for kind, wanted in (("3d", "xyz"), ("2d", "xy")):
        if places[kind]:
            array = np.full((len(rows), len(joints), len(wanted)), np.nan)
            for (joint, axis), head in places[kind].items():
                if axis in wanted:
                    column = [_number(row[head], path, number) for number, row in enumerate(rows, start=2)]
                    array[:, joints.index(canonical_joint_name(joint)), wanted.index(axis)] = column
            found[f"joints_{kind}"] = array
    return {**found, "joints": joints, **({"unit": units.pop()} if len(units) == 1 else {})}


def _number(text: str | None, path: Path, line: int) -> float:
    if text is None or not text.strip():
        return float("nan")
    try:
        return float(text)
    except ValueError as error:
        raise DataError(f"{path}, line {line}: {shortened(text)!r} is not a number") from error


def _coco(path: Path) -> tuple[Columns, str | None]:
    """COCO's results: a list of people; or MMPose's list of instances of one image."""
    rows = _plain(path)
    if not isinstance(rows, list):
        raise DataError(f"{path}: holds {type(rows).__name__}, expected COCO's list of results")
    people = [row for row in rows if not isinstance(row, dict) or row.get("category_id", 1) == 1]
    if people and isinstance(people[0], dict) and "keypoint_scores" in people[0] and "image_id" not in people[0]:
        people = [{**row, "image": row.get("image", path.stem)} for row in people]
        return stacked(map(_instance, people), str(path)), None
    return stacked(people, str(path)), "coco-17"


def _mmpose(path: Path) -> tuple[Columns, str | None]:
    """A folder of MMPose's predictions, one file an image, or one file of a video's frames."""
    rows, names = [], None
    for file in sorted(path.glob("*.json")) if path.is_dir() else [path]:
        content = _plain(inside(path, file.name) if path.is_dir() else file)
        if isinstance(content, dict):
            meta = content.get("meta_info", {})
            names = meta.get("keypoint_id2name", names) if isinstance(meta, dict) else names
            frames = content.get("instance_info", [])
        else:
            frames = [{"instances": content}]
        for frame in frames:
            for one in frame.get("instances", []) if isinstance(frame, dict) else [frame]:
                image = {"image": file.stem} if "frame_id" not in frame else {"frame": frame["frame_id"] - 1}
                rows.append({**_instance(one), **image} if isinstance(one, dict) else one)
    columns = stacked(rows, str(path))
    if isinstance(names, dict):
        columns["joints"] = [names[key] for key in sorted(names, key=int)]
    if "frame" in columns and "image" not in columns:
        columns["action"] = [path.stem] * len(rows)
    return columns, None


def _instance(one: dict[str, Any]) -> dict[str, Any]:
    """A person of MMPose: `keypoints` are in 3D where they have three coordinates, as the scores come beside them."""
    kept = {key: one[key] for key in ("keypoints", "keypoint_scores", "bbox_score", "image", "track_id") if key in one}
    if np.shape(kept.get("keypoints", ()))[-1:] == (3,):
        kept["keypoints_3d"] = kept.pop("keypoints")
    if "transformed_keypoints" in one:
        kept["keypoints_2d"] = [point[:2] for point in one["transformed_keypoints"]]
    box = np.asarray(one.get("bbox", ()), float).reshape(-1)
    return {**kept, "bbox_xyxy": box.tolist()} if len(box) == 4 else kept


def _openpose(path: Path) -> tuple[Columns, str | None]:
    """A folder of OpenPose's NAME_keypoints.json."""
    rows = []
    for file in sorted(path.glob("*_keypoints.json")) if path.is_dir() else [path]:
        content = _plain(inside(path, file.name) if path.is_dir() else file)
        for one in content.get("people", []) if isinstance(content, dict) else []:
            points = np.asarray(one.get("pose_keypoints_2d", ()), float).reshape(-1, 3)
            # OpenPose writes 0, 0, 0 for what it did not find.
            points = np.where(points[:, 2:] > 0, points, np.nan)
            rows.append({"image": file.stem.removesuffix("_keypoints"), "joints_2d": points.tolist()})
    return stacked(rows, str(path)), "openpose-25"


FORMS: Mapping[str, Callable[[Path], tuple[Columns, str | None]]] = MappingProxyType(
    {
        "npz": _npz,
        "npy": _npy,
        "jsonl": _json_lines,
        "csv": _csv,
        "coco": _coco,
        "mmpose": _mmpose,
        "openpose": _openpose,
    }
)
