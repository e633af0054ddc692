"""The label files of a user's own dataset (docs/custom.md): JSON, or CSV with or without a JSON that describes it."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from prepose.body.skeleton import Skeleton, canonical_joint_name, hung_from_root
from prepose.body.skeletons import SKELETONS
from prepose.data.intake import check_file, read_json
from prepose.errors import DataError, unknown_name

LABEL_FILES = ("labels.json", "labels.csv")
SPLITS = ("train", "validation", "test")
MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
BOX_COLUMNS = ("box.x", "box.y", "box.width", "box.height")
TEXT_COLUMNS = ("image", "split", "camera", "subject", "action", "frame", "skeleton")
MOST_COLUMNS = 2000
# What may separate columns; the first where there is but one column.
DELIMITERS = (",", ";", "\t")
DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+([eE][-+]?\d+)?\s*")
WHOLE_NUMBER = re.compile(r"\s*[-+]?\d+\s*")

Number = float | None
Pair = Annotated[list[Number], Field(min_length=2, max_length=2)]
Triple = Annotated[list[Number], Field(min_length=3, max_length=3)]
Row3 = Annotated[list[float], Field(min_length=3, max_length=3)]
State = Literal["unknown", "visible", "occluded", "occluded_by_object", "occluded_by_body", "outside"]
Unit = Literal["mm", "cm", "m"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SkeletonRecord(_Record):
    """A skeleton of the user's own, or a category of COCO's, whose `keypoints` and `skeleton` are read alike.

    A side is the person's side, in any spelling that `canonical_joint_name` knows. Bones are pairs of joints, or of
    their numbers, in either direction.
    """

    name: str = Field(min_length=1)
    joints: list[str] = Field(min_length=2, validation_alias=AliasChoices("joints", "keypoints"))
    bones: list[Annotated[list[str | int], Field(min_length=2, max_length=2)]] = Field(
        default=[], validation_alias=AliasChoices("bones", "edges", "skeleton")
    )
    root: str | None = None


class CameraRecord(_Record):
    """Intrinsics in px, pose as cam_from_world; the translation is in the file's unit."""

    K: Annotated[list[Row3], Field(min_length=3, max_length=3)]
    size_wh: Annotated[list[int], Field(min_length=2, max_length=2)]
    rotation: Annotated[list[Row3], Field(min_length=3, max_length=3)] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    translation: Row3 = [0, 0, 0]
    distortion: Annotated[list[float], Field(max_length=5)] = []


class SampleRecord(_Record):
    """One person in one image; joints by name, those left out or null are not labelled."""

    image: str = Field(min_length=1)
    split: Literal["train", "validation", "test"] = "train"
    box_xywh: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None
    joints_2d: dict[str, Pair | None] = {}
    joints_3d: dict[str, Triple | None] = {}
    states: dict[str, State] = {}
    camera: str | None = None
    subject: str = ""
    action: str = ""
    frame: int = -1


def _known_origin(first_pixel: float) -> float:
    if first_pixel not in (0.0, 0.5, 1.0):
        raise ValueError("should be 0, 0.5 or 1: the place of the centre of the top-left pixel")
    return first_pixel


class DescriptionRecord(_Record):
    """A whole dataset."""

    version: Literal[1] = 1
    title: str = ""
    skeleton: str | SkeletonRecord
    first_pixel: Annotated[float, AfterValidator(_known_origin)] = 0.0
    unit: Unit | None = None
    frame_3d: Literal["cam", "world"] = "cam"
    cameras: dict[str, CameraRecord] = {}
    samples: list[SampleRecord] | str


@dataclass(frozen=True)
class CustomLabels:
    """A user's dataset as its files say it.

    Attributes:
        path: The file that was read first; images are found from its folder.
        description: Everything but the samples.
        skeleton: The skeleton that it names or brings.
        samples: Its people.
        sources: Where each of them comes from.
        notes: What a user should be told of the names of joints and of bones.
    """

    path: Path
    description: DescriptionRecord
    skeleton: Skeleton
    samples: Sequence[SampleRecord]
    sources: Sequence[str]
    notes: tuple[str, ...] = ()


def read_custom_labels(root: Path) -> CustomLabels:
    """Read a label file, or the `labels.json` or `labels.csv` of a folder.

    Raises:
        DataError: there is none, or it is not what docs/custom.md asks for; the first fault is named.
    """
    path = _label_file(root)
    if path.suffix.lower() == ".csv":
        table = _read_csv(path)
        samples, sources, name = table.samples, table.sources, table.skeleton
        if name is None:
            raise DataError(
                f"{path}: does not say which skeleton its joints belong to; add a column 'skeleton' with one of "
                f"{', '.join(SKELETONS)}, or describe your own in a JSON file (docs/custom.md)"
            )
        description = DescriptionRecord(skeleton=name, unit=table.unit, samples=path.name)
        read_as = table.notes
    else:
        description = _parse(DescriptionRecord, read_json(path), str(path))
        samples, sources, description, read_as = _samples_of(path, description)
    if not samples:
        raise DataError(f"{path}: holds no samples")
    spelled: dict[str, str] = {}
    skeleton, notes = _skeleton(path, description.skeleton, spelled)
    samples = [_canonical_sample(sample, source, spelled) for sample, source in zip(samples, sources, strict=True)]
    _check_names(skeleton, samples, sources, description, spelled)
    return CustomLabels(path, description, skeleton, samples, sources, (*read_as, *_spelling_note(spelled), *notes))


def _label_file(root: Path) -> Path:
    if not root.is_dir():
        check_file(root)
        if root.suffix.lower() not in (".csv", ".json"):
            raise DataError(f"{root}: a custom dataset is a .json or .csv file of labels (docs/custom.md)")
        return root
    there = [root / name for name in LABEL_FILES if (root / name).is_file()]
    if not there:
        raise DataError(f"{root}: holds neither {' nor '.join(LABEL_FILES)}; name the file itself (docs/custom.md)")
    return there[0]


def _samples_of(
    path: Path, description: DescriptionRecord
) -> tuple[Sequence[SampleRecord], Sequence[str], DescriptionRecord, tuple[str, ...]]:
    """Samples, where each comes from, the description with the unit that they are in, and notes."""
    if not isinstance(description.samples, str):
        return description.samples, [f"{path.name}[{row}]" for row in range(len(description.samples))], description, ()
    file = path.parent / description.samples
    if Path(description.samples).name != description.samples:
        raise DataError(f"{path}: samples must name a CSV file beside it, found {description.samples!r}")
    table = _read_csv(file)
    if table.unit is not None and description.unit not in (None, table.unit):
        raise DataError(f"{file}: its columns are in {table.unit}, and {path.name} says unit {description.unit!r}")
    described = description.model_copy(update={"unit": table.unit or description.unit})
    return table.samples, table.sources, described, table.notes


def _skeleton(path: Path, record: str | SkeletonRecord, spelled: dict[str, str]) -> tuple[Skeleton, tuple[str, ...]]:
    """The skeleton with canonical names (`spelled` takes what each was called), and notes on it."""
    if isinstance(record, str):
        if record not in SKELETONS:
            raise DataError(f"{path}: {unknown_name('skeleton', record, SKELETONS)}; or describe it")
        return SKELETONS[record], ()
    if record.name in SKELETONS:
        raise DataError(f"{path}: its skeleton is named {record.name!r} like a known one; give it another name")
    joints = tuple(_canonical(record.joints, str(path), spelled).values())
    edges = [(_named(path, record, a), _named(path, record, b)) for a, b in record.bones]
    root = None if record.root is None else canonical_joint_name(record.root)
    unknown = [joint for bone in edges for joint in bone if joint not in joints]
    if unknown:
        raise DataError(f"{path}: a bone names {unknown[0]!r}, which is not among its joints {', '.join(joints)}")
    bones, loops = hung_from_root(joints, edges, root)
    try:
        skeleton = Skeleton(record.name, joints, bones, root)
    except ValueError as error:
        raise DataError(f"{path}: {error}" + "".join(f"; {note}" for note in _spelling_note(spelled))) from error
    notes = []
    if bones != tuple(edges):
        left_out = f"; {loops} close a loop or repeat another one and are left out" if loops else ""
        notes.append(f"bones are read as edges, which hang from {bones[0][0]}{left_out}")
    return skeleton, (*notes, *_unknown_note(skeleton))


def _named(path: Path, record: SkeletonRecord, end: str | int) -> str:
    """The joint at one end of a bone, by name or by number: from 1 as in COCO's files, or from 0."""
    if isinstance(end, str):
        return canonical_joint_name(end)
    numbers = [each for bone in record.bones for each in bone if isinstance(each, int)]
    count = len(record.joints)
    first = 0 if min(numbers) == 0 else 1
    if min(numbers) < 0 or max(numbers) - first >= count or (first == 1 and max(numbers) < count):
        raise DataError(
            f"{path}: bones number joints from {min(numbers)} to {max(numbers)} of {count}, so that it cannot be told "
            "whether from 0 or 1; write pairs of names"
        )
    return canonical_joint_name(record.joints[end - first])


def _canonical(names: Iterable[str], where: str, spelled: dict[str, str]) -> dict[str, str]:
    """Canonical name of each joint's name.

    Raises:
        DataError: two names are the same joint.
    """
    first: dict[str, str] = {}
    for name in names:
        if name not in spelled:
            spelled[name] = canonical_joint_name(name)
        if spelled[name] in first:
            raise DataError(f"{where}: the joints {first[spelled[name]]!r} and {name!r} are one, {spelled[name]!r}")
        first[spelled[name]] = name
    return {name: canonical for canonical, name in first.items()}


def _canonical_sample(sample: SampleRecord, source: str, spelled: dict[str, str]) -> SampleRecord:
    parts: dict[str, dict[str, Any]] = {
        "joints_2d": sample.joints_2d,
        "joints_3d": sample.joints_3d,
        "states": sample.states,
    }
    renamed = {}
    for part, named in parts.items():
        names = _canonical(named, f"{source}: {part}", spelled)
        if any(name != canonical for name, canonical in names.items()):
            renamed[part] = {names[name]: value for name, value in named.items()}
    return sample.model_copy(update=renamed) if renamed else sample


def _spelling_note(spelled: Mapping[str, str]) -> tuple[str, ...]:
    other = [f"{name} as {canonical}" for name, canonical in spelled.items() if name != canonical]
    if not other:
        return ()
    return (
        f"{len(other)} of {len(set(spelled.values()))} joint names are read by their usual spelling here: "
        f"{_few(other)}",
    )


def _unknown_note(skeleton: Skeleton) -> tuple[str, ...]:
    known = {joint for each in SKELETONS.values() for joint in each.joints}
    unknown = [joint for joint in skeleton.joints if joint not in known]
    if not unknown:
        return ()
    return (
        f"{len(unknown)} of {len(skeleton)} joints bear a name that no known skeleton has, so that no network of "
        f"another skeleton learns them: {_few(unknown)} (`prepose skeletons` prints the names; docs/custom.md)",
    )


def _few(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _check_names(
    skeleton: Skeleton,
    samples: Sequence[SampleRecord],
    sources: Sequence[str],
    description: DescriptionRecord,
    spelled: Mapping[str, str],
) -> None:
    known = set(skeleton.joints)
    for sample, source in zip(samples, sources, strict=True):
        unknown = [name for part in (sample.joints_2d, sample.joints_3d, sample.states) for name in part.keys() - known]
        if unknown:
            theirs = next(name for name, canonical in spelled.items() if canonical == unknown[0])
            raise DataError(f"{source}: {skeleton.name} has no joint {theirs!r}; it has {', '.join(skeleton.joints)}")
        if sample.camera is not None and sample.camera not in description.cameras:
            raise DataError(
                f"{source}: no camera is named {sample.camera!r}; described: {', '.join(description.cameras)}"
            )
        if sample.joints_3d and description.unit is None:
            raise DataError(f"{source}: has 3D joints without a unit; say mm, cm or m (docs/custom.md)")
        if sample.joints_3d and sample.camera is None and description.frame_3d == "world":
            raise DataError(f"{source}: has 3D joints in the world's frame, and no camera to see them from")


def _parse(model: type[Any], value: Any, where: str) -> Any:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise DataError(f"{where}: {place or 'the file'}: {first['msg']}{more}; see docs/custom.md") from error


@dataclass(frozen=True)
class _Table:
    """What a CSV file holds: samples, where each comes from, the unit that the column names carry, and so on."""

    samples: list[SampleRecord]
    sources: list[str]
    unit: Unit | None
    skeleton: str | None
    notes: tuple[str, ...]


def _read_csv(path: Path) -> _Table:
    check_file(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            delimiter = _delimiter(first)
            reader = csv.DictReader(file, strict=True, delimiter=delimiter)
            columns = [column.strip() for column in reader.fieldnames or []]
            reader.fieldnames = columns
            unit = _check_columns(path, columns)
            rows = [(reader.line_num, row) for row in reader]
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is not a CSV file in UTF-8 ({error})") from error
    if path.read_bytes()[-1:] not in (b"\n", b"\r"):
        raise DataError(
            f"{path}: ends within its last line, as a truncated file does; if it is whole, end it with a line break"
        )
    names = {row.get("skeleton") for _, row in rows} if "skeleton" in columns else {None}
    if len(names) > 1:
        raise DataError(f"{path}: names several skeletons ({', '.join(sorted(map(str, names)))}); one file has one")
    sources = [f"{path.name} line {line}" for line, _ in rows]
    for line, row in rows:
        if None in row or None in row.values():
            raise DataError(f"{path} line {line}: has another number of cells than the first line")
    notes = _read_decimal_commas(path, rows, delimiter)
    samples = [_csv_sample(row, unit, f"{path} line {line}") for line, row in rows]
    return _Table(samples, sources, unit, names.pop() if names else None, notes)


def _read_decimal_commas(path: Path, rows: list[tuple[int, dict[str, Any]]], delimiter: str) -> tuple[str, ...]:
    """Write numbers with a decimal comma, as many spreadsheets export them, with a point; returns a note of it.

    Raises:
        DataError: a comma may also be something else.
    """
    numbers = [
        (line, row, name)
        for line, row in rows
        for name, cell in row.items()
        if name not in TEXT_COLUMNS and not name.endswith(".state") and cell.strip()
    ]
    with_comma = [each for each in numbers if DECIMAL_COMMA.fullmatch(each[1][each[2]])]
    if not with_comma:
        return ()
    line, row, name = with_comma[0]
    where, advice = f"{path} line {line}: {name} is {row[name]!r}", "write all numbers with a decimal point"
    if delimiter == ",":
        raise DataError(f"{where}, and commas also separate the columns; {advice}")
    for other_line, other, column in numbers:
        cell = other[column]
        if not (DECIMAL_COMMA.fullmatch(cell) or WHOLE_NUMBER.fullmatch(cell)):
            raise DataError(f"{where}, but in line {other_line} {column} is {cell!r}; {advice}")
    # 1,234 may be a number between 1 and 2, or more than a thousand.
    if all(re.fullmatch(r"\s*[-+]?\d{1,3},\d{3}\s*", each[column]) for _, each, column in with_comma):
        raise DataError(f"{where}, which may be a decimal or a thousands separator; {advice}")
    note = f"numbers are read with a decimal comma: {name} in line {line}, {row[name].strip()!r}, is "
    for _, each, column in with_comma:
        each[column] = each[column].replace(",", ".")
    return (f"{note}{row[name].strip()}",)


def _delimiter(first_line: str) -> str:
    """What separates the columns: the sign by which the first line names the most of them."""
    return max(DELIMITERS, key=first_line.count)


def _check_columns(path: Path, columns: list[str]) -> Unit | None:
    if "image" not in columns or len(columns) > MOST_COLUMNS or len(set(columns)) < len(columns):
        raise DataError(f"{path}: the first line must name up to {MOST_COLUMNS} different columns, 'image' among them")
    units: set[Unit] = set()
    for column in columns:
        if column in TEXT_COLUMNS or column in BOX_COLUMNS:
            continue
        joint, _, what = column.rpartition(".")
        axis, _, unit = what.partition("_")
        if not joint or not (what in ("x", "y", "state") or (axis in ("x", "y", "z") and unit in MM_PER_UNIT)):
            raise DataError(
                f"{path}: a column is named {column!r}; expected {', '.join((*TEXT_COLUMNS, *BOX_COLUMNS))}, or "
                "JOINT.x, JOINT.y (px), JOINT.state, JOINT.x_mm, JOINT.y_mm, JOINT.z_mm (or _cm, _m)"
            )
        units |= {known for known in ("mm", "cm", "m") if known == unit}
    if len(units) > 1:
        raise DataError(f"{path}: its columns are in {' and '.join(sorted(units))}; use one unit")
    return next(iter(units), None)


def _csv_sample(row: dict[str, Any], unit: Unit | None, where: str) -> SampleRecord:
    record: dict[str, Any] = {name: row[name] for name in TEXT_COLUMNS if row.get(name) and name != "skeleton"}
    record |= {"joints_2d": {}, "joints_3d": {}, "states": {}}
    if any(row.get(column) for column in BOX_COLUMNS):
        record["box_xywh"] = [row.get(column) or None for column in BOX_COLUMNS]
    for joint in dict.fromkeys(column.rpartition(".")[0] for column in row if column not in BOX_COLUMNS):
        for part, axes in (("joints_2d", ("x", "y")), ("joints_3d", tuple(f"{axis}_{unit}" for axis in "xyz"))):
            cells = [row.get(f"{joint}.{axis}") or None for axis in axes]
            if any(cells):
                record[part][joint] = cells
        if row.get(f"{joint}.state"):
            record["states"][joint] = row[f"{joint}.state"]
    return _parse(SampleRecord, record, where)
