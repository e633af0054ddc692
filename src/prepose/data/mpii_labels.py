"""MPII's labels in their three public layouts, each read into the same columns.

| | `annot/train.json`, `valid.json` | `annot/train.h5`, `valid.h5` | `mpii_human_pose_v1_u12_1.mat` |
|---|---|---|---|
| who | re-packed with the usual validation part | re-packed, likewise | the authors |
| flag of a joint | labelled | labelled *and* visible | visible, where it is given at all |
| missing joint | (-1, -1) | (0, 0) or (-1, -1) | left out |
| centre and scale | as the authors give them | shifted by 15 scale, enlarged by 1.25 | the authors' |
| places | as clicked | cut down to whole pixels | as clicked |
| head boxes | in `gt_valid.mat` beside it, or in the .mat | likewise | inside |

All count pixels from 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8

from prepose.body.skeletons import MPII_16
from prepose.data.intake import (
    hdf5_shapes,
    number_of,
    read_hdf5,
    read_image_names,
    read_json,
    read_mat,
    read_mat_struct,
    records_of,
)
from prepose.data.sample import JointState, as_stored
from prepose.errors import DataError

FILE_OF_SPLIT: Mapping[str, str] = MappingProxyType({"train": "train", "validation": "valid"})
STATE_OF_VISIBLE: Mapping[float, JointState] = MappingProxyType({1.0: JointState.VISIBLE, 0.0: JointState.OCCLUDED})
OFFICIAL = "mpii_human_pose_v1_u12_1.mat"
J = len(MPII_16)
LOADERS_SHIFT, LOADERS_MARGIN = 15.0, 1.25
SAME_LABEL_PX = 2.0


@dataclass(frozen=True, eq=False)
class MpiiLabels:
    """A file's records with its places (px from 1, NaN where missing), centre (px from 1) and scale (NaN: none)."""

    joints: Float[np.ndarray, "N J 2"]
    states: UInt8[np.ndarray, "N J"]
    center: Float[np.ndarray, "N 2"]
    scale: Float[np.ndarray, "N"]
    head_xyxy: Float[np.ndarray, "N 4"]
    images: Sequence[str]
    sources: Sequence[str]
    notes: tuple[str, ...]


def find_labels(root: Path) -> tuple[str, Path]:
    """Which layout there is, and the folder of its labels (or the authors' file)."""
    folders = (root / "annot", root)
    for kind in ("json", "h5"):
        for folder in folders:
            if any((folder / f"{name}.{kind}").is_file() for name in FILE_OF_SPLIT.values()):
                return kind, folder
    official = official_file(root)
    if official is None:
        raise DataError(f"{root}: holds no labels of MPII; expected annot/valid.json, annot/valid.h5 or {OFFICIAL}")
    return "mat", official


def official_file(root: Path) -> Path | None:
    """The authors' own label file, where it is there."""
    folders = (root, root / "annot", root / "mpii_human_pose_v1_u12_2", root / "mpii_human_pose_v1_u12_1")
    return next((folder / OFFICIAL for folder in folders if (folder / OFFICIAL).is_file()), None)


def read_json_labels(path: Path) -> MpiiLabels:
    """The re-packed JSON form: a list of records.

    Raises:
        DataError: the file is truncated, foreign, or a record is not what it should be.
    """
    records = read_json(path)
    if not isinstance(records, list) or not records or not all(isinstance(record, dict) for record in records):
        raise DataError(f"{path}: expected a list of records, each with image, joints, joints_vis, center and scale")
    joints, flag = (_column(path, records, name, shape) for name, shape in (("joints", (J, 2)), ("joints_vis", (J,))))
    labelled = (flag > 0) & ~(joints == -1).all(axis=2)
    broken = (labelled & ~np.isfinite(as_stored(joints)).all(axis=2)).any(axis=1)
    if broken.any():
        raise DataError(f"{path}: {broken.sum()} records hold NaN or infinite joints, the first is {broken.argmax()}")
    images = [record.get("image") for record in records]
    if not all(isinstance(image, str) for image in images):
        raise DataError(f"{path}: record {[isinstance(image, str) for image in images].index(False)} names no image")
    return MpiiLabels(
        forget_missing(joints, labelled),
        np.zeros((len(records), J), np.uint8),  # the flag says labelled, and nothing about what hides a joint
        _column(path, records, "center", (2,)),
        _column(path, records, "scale", ()),
        np.full((len(records), 4), np.nan),
        images,
        [f"{path.name}[{row}]" for row in range(len(records))],
        (
            f"{path.name}: joints_vis of {len(records)} people says labelled, not visible: what hides a joint is "
            "unknown",
        ),
    )


def _column(path: Path, records: list[dict[str, Any]], name: str, shape: tuple[int, ...]) -> np.ndarray:
    column = np.empty((len(records), *shape))
    for row, record in enumerate(records):
        try:
            value = np.asarray(record[name], float)
        except (KeyError, TypeError, ValueError):
            value = None
        if value is None or value.shape != shape:
            wanted = " x ".join(map(str, shape)) or "one"
            raise DataError(f"{path}: record {row} has no {name} of {wanted} numbers; it has {', '.join(record)}")
        column[row] = value
    return column


def read_hdf5_labels(path: Path) -> MpiiLabels:
    """The re-packed HDF5 form: part, visible, center, scale, imgname.

    Raises:
        DataError: the file is truncated, foreign, or a record is not what it should be.
    """
    found = hdf5_shapes(path).get("part", ())
    if found[1:] == (11, 2):
        raise DataError(f"{path}: its people have 11 joints, which looks like flic, not mpii; add it as that")
    joints = read_hdf5(path, "part", (None, J, 2)).astype(float)
    count = len(joints)
    flag, scale = read_hdf5(path, "visible", (count, J)), read_hdf5(path, "scale", (count,)).astype(float)
    labelled = ~np.isnan(joints).any(axis=2) & ~((joints == 0) | (joints == -1)).all(axis=2)
    states = np.where(flag > 0, JointState.VISIBLE, JointState.OCCLUDED)
    center, scale = undo_loaders_shift(read_hdf5(path, "center", (count, 2)).astype(float), scale)
    hidden = int((labelled & (flag <= 0)).sum())
    notes = (
        f"{path.name}: {hidden} of {int(labelled.sum())} labelled joints are occluded (its visible flag)",
        f"{path.name}: {count} centres and scales come with the loaders' shift and margin, which are taken back",
    )
    return MpiiLabels(
        forget_missing(joints, labelled),
        np.where(labelled, states, JointState.UNKNOWN).astype(np.uint8),
        center,
        scale,
        np.full((count, 4), np.nan),
        read_image_names(path, count, path.with_name(f"{path.stem}_images.txt")),
        [f"{path.name}[{row}]" for row in range(count)],
        notes,
    )


def read_official_labels(path: Path) -> MpiiLabels:
    """The authors' form: the struct RELEASE, of whose images those with img_train 1 are labelled.

    Raises:
        DataError: the file is truncated, foreign, or a record is not what it should be.
    """
    release = read_mat_struct(path, "RELEASE")
    images, training = records_of(release.get("annolist")), np.atleast_1d(release.get("img_train", []))
    if not images or len(training) != len(images):
        raise DataError(
            f"{path}: RELEASE holds {len(images)} images and {len(training)} training flags; expected one flag an image"
        )
    rows = [
        (str(records_of(image.get("image"))[0].get("name", "")), index, person)
        for index, image in enumerate(images)
        if training[index] and records_of(image.get("image"))
        for person in records_of(image.get("annorect"))
    ]
    labelled = [row for row in rows if _points(row[2])]
    if not labelled:
        raise DataError(f"{path}: no person of RELEASE has annopoints")
    joints = np.full((len(labelled), J, 2), np.nan)
    states = np.zeros((len(labelled), J), np.uint8)
    for row, (_, index, person) in enumerate(labelled):
        for point in _points(person):
            joint = number_of(point.get("id"))
            if not 0 <= joint < J:
                raise DataError(f"{path}: annolist({index + 1}) has a joint {point.get('id')!r}, expected 0 to {J - 1}")
            joints[row, int(joint)] = number_of(point.get("x")), number_of(point.get("y"))
            states[row, int(joint)] = STATE_OF_VISIBLE.get(number_of(point.get("is_visible")), JointState.UNKNOWN)
    people = [person for _, _, person in labelled]
    centers = [records_of(person.get("objpos")) or [{}] for person in people]
    without = len(rows) - len(labelled)
    return MpiiLabels(
        joints,
        states,
        np.array([[number_of(center[0].get(axis)) for axis in "xy"] for center in centers]),
        np.array([number_of(person.get("scale")) for person in people]),
        np.array([[number_of(person.get(corner)) for corner in ("x1", "y1", "x2", "y2")] for person in people]),
        [name for name, _, _ in labelled],
        [f"{path.name}: annolist({index + 1})" for _, index, _ in labelled],
        (f"{path.name}: {without} of {len(rows)} people of training images have no joints and are left out",),
    )


def _points(person: dict[str, Any]) -> list[dict[str, Any]]:
    return [point for part in records_of(person.get("annopoints")) for point in records_of(part.get("point"))]


def with_head_boxes(root: Path, path: Path, labels: MpiiLabels) -> MpiiLabels:
    """Labels with the head boxes of `gt_valid.mat` (same order), else of the authors' file (same image and centre)."""
    truth, official = path.with_name("gt_valid.mat"), official_file(root)
    if path.stem == "valid" and truth.is_file():
        return replace(labels, head_xyxy=_truth_head_boxes(truth, labels))
    if official is None:
        return labels
    boxes, unclear = head_boxes_by_place(read_official_labels(official))
    nothing = np.full(4, np.nan)
    heads = [nothing if place is None else boxes.get(place, nothing) for place in _places(labels)]
    several = sum(place in unclear for place in _places(labels))
    note = (
        (
            f"{path.name}: {several} people get no head box, as {official.name} has several people with other head "
            "boxes in their image and at their centre",
        )
        if several
        else ()
    )
    return replace(labels, head_xyxy=np.array(heads), notes=(*labels.notes, *note))


Place = tuple[str, float, float]


def head_boxes_by_place(official: MpiiLabels) -> tuple[dict[Place, np.ndarray], frozenset[Place]]:
    """Head boxes by image and centre, and the places where people with different head boxes stand."""
    boxes: dict[Place, np.ndarray] = {}
    unclear = set()
    for place, box in zip(_places(official), official.head_xyxy, strict=True):
        if place is not None and not np.array_equal(boxes.setdefault(place, box), box, equal_nan=True):
            unclear.add(place)
    return {place: box for place, box in boxes.items() if place not in unclear}, frozenset(unclear)


def _places(labels: MpiiLabels) -> list[Place | None]:
    """Image and centre of each person, the latter to whole px; None where there is no centre."""
    known = np.asarray(np.isfinite(labels.center).all(axis=1))
    rounded = np.where(known[:, None], labels.center, 0).round()
    places = zip(labels.images, known, rounded, strict=True)
    return [(name, float(x), float(y)) if there else None for name, there, (x, y) in places]


def _truth_head_boxes(path: Path, labels: MpiiLabels) -> np.ndarray:
    count = len(labels.joints)
    corners = read_mat(path, "headboxes_src", (2, 2, None)).transpose(2, 0, 1).reshape(-1, 4)
    joints = read_mat(path, "pos_gt_src", (J, 2, None)).transpose(2, 0, 1)
    apart = np.full((1, J), np.inf) if len(joints) != count else np.linalg.norm(joints - labels.joints, axis=2)
    if len(corners) != count or not np.nanmedian(apart) < SAME_LABEL_PX:
        raise DataError(
            f"{path}: holds {len(corners)} head boxes, not those of the {count} people of the labels beside it; "
            "both must be of one release"
        )
    return corners.astype(float)


def forget_missing(joints: Float[np.ndarray, "N J 2"], labelled: Bool[np.ndarray, "N J"]) -> Float[np.ndarray, "N J 2"]:
    """Places with NaN where a joint is not labelled, whatever placeholder stands there: 7 % of the validation part."""
    return np.where(labelled[..., None], joints, np.nan)


def undo_loaders_shift(
    center: Float[np.ndarray, "N 2"], scale: Float[np.ndarray, "N"]
) -> tuple[Float[np.ndarray, "N 2"], Float[np.ndarray, "N"]]:
    """The authors' centre and scale from those of the HDF5 layout, which has shift and margin applied to all."""
    own = scale / LOADERS_MARGIN
    return center - np.array([0.0, LOADERS_SHIFT]) * own[:, None], own
