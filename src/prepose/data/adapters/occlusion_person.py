"""Occlusion-Person: rendered people whose joints are marked as seen or hidden, in 3D; images may stay in their zip.

Files: `unrealcv_train.pkl` and `unrealcv_validation.pkl` (in the root or its `annot/`), a list of records each, and
`images.zip` or what was unpacked from it. The authors do not say in which unit the 3D joints are, nor which way the
camera's translation is meant; both are told from the numbers, and the camera is only taken if it agrees with them.

Source: Zhang et al., "AdaFuse: adaptive multiview fusion for accurate human pose estimation in the wild", IJCV 2021.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial as bound
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from prepose.arrays import BoxXywh
from prepose.body.skeletons import OCCLUSION_PERSON_15 as SKELETON
from prepose.camera.camera import Camera
from prepose.data.entry import CatalogEntry, FoundDataset, SplitMissing, box_of_joints
from prepose.data.image_source import ImageSource, find_images, image_reader, pair_source, size_of, unlabelled_images
from prepose.data.length_unit import LengthUnit, length_unit
from prepose.data.pairing import check_labelled_once
from prepose.data.record_camera import NO_CAMERA, RecordCamera, camera_of, extrinsics_of, reprojection_px
from prepose.data.records import check_list, check_mapping, numbers, text
from prepose.data.sample import LEAST_BOX_SIDE, JointState, PoseSample, as_stored
from prepose.data.sides import sides_note
from prepose.data.unpickle import read_pickle
from prepose.errors import DataError

SPLITS = ("train", "validation")
NEEDED = ("image", "joints_2d", "joints_3d", "joints_vis", "joints_vis_2d")
# Rendered joints are exact but for rounding: a camera that misses them by more of a person's height is another one.
MOST_REPROJECTION = 0.02


@dataclass(frozen=True, eq=False)
class _Labels:
    """Columns, one row a record."""

    names: np.ndarray
    joints_img: Float[np.ndarray, "N 15 2"]
    joints_cam: Float[np.ndarray, "N 15 3"]
    states: UInt8[np.ndarray, "N 15"]
    boxes_xywh: Float[np.ndarray, "N 4"]
    K: Float[np.ndarray, "N 3 3"]
    distortion: Float[np.ndarray, "N 5"]
    rotation: Float[np.ndarray, "N 3 3"]
    translation: Float[np.ndarray, "N 3"]
    frames: Int[np.ndarray, "N"]
    texts: np.ndarray  # subject, action, camera

    def take(self, rows: np.ndarray) -> "_Labels":
        return _Labels(*(getattr(self, column.name)[rows] for column in fields(self)))


def occlusion_person(root: Path, split: str, *, partial: bool) -> FoundDataset:
    """Occlusion-Person with images in a folder or still inside `images.zip`.

    Args:
        root: The folder with the two pickles (or `annot/` with them) and `images.zip` or `images/`.
        split: `train` or `validation`.
        partial: Whether labels without image are left out instead of refused.

    Raises:
        DataError: files are missing, damaged or hostile, of another dataset, or do not fit each other.
    """
    if split not in SPLITS:
        raise DataError(f"occlusion-person has no split {split!r}; it has {', '.join(SPLITS)}")
    name = f"unrealcv_{split}.pkl"
    usual = root / "annot" if (root / "annot").is_dir() else root
    path = next((place / name for place in (root / "annot", root) if (place / name).exists()), usual / name)
    if not path.exists():
        raise SplitMissing(f"{path}: there is no such file")
    records = check_list(read_pickle(path), path)
    labels, notes, unit = _labels(path, records)
    source = find_images((root / "images", root, root / "images.zip"), labels.names.tolist(), path)
    check_labelled_once(labels.names.tolist(), path)
    pairing = pair_source(source, partial=partial)
    beside = len(unlabelled_images(source))
    kept = labels.take(pairing.present)
    there = ImageSource(source.place, pairing.names)
    unlabelled = (f"{beside} images beside the labelled ones are not of this split",) if beside else ()
    notes = (*pairing.notes, *unlabelled, *notes, sides_note(kept.joints_cam, SKELETON, path))
    facts = {"labels": name, "unit_of_3d": unit.name, "images_in_zip": source.zipped}
    return FoundDataset(SKELETON, len(kept.names), bound(_samples, there, kept, name), notes, facts)


def joint_states(
    inside: Bool[np.ndarray, "N J"], seen: Bool[np.ndarray, "N J"]
) -> tuple[UInt8[np.ndarray, "N J"], int]:
    """States from the authors' two flags, and how many joints are flagged as seen but not as inside the image.

    `joints_vis` says inside the image, `joints_vis_2d` inside and not occluded. Seen yet outside is a contradiction;
    such joints count as outside. 20.3 % of the joints are occluded, the authors say.
    """
    states = np.where(inside, np.where(seen, JointState.VISIBLE, JointState.OCCLUDED), JointState.OUTSIDE)
    return states.astype(np.uint8), int((seen & ~inside).sum())


def _labels(path: Path, records: list[Any]) -> tuple[_Labels, tuple[str, ...], LengthUnit]:
    rows = [check_mapping(record, NEEDED, f"{path}: record {i}") for i, record in enumerate(records)]
    joints_img = _column(path, rows, "joints_2d", (15, 2))
    joints = _column(path, rows, "joints_3d", (15, 3))
    unit = length_unit(joints, SKELETON, path)
    inside, seen = (_flags(path, rows, key) for key in ("joints_vis", "joints_vis_2d"))
    states, contradictions = joint_states(inside, seen)
    cameras = [camera_of(row.get("camera"), f"{path}: record {i}: camera") for i, row in enumerate(rows)]
    cameras, notes = _agreeing(cameras, joints * unit.mm, joints_img, inside)
    world = [_world(row) for row in rows]
    placed = extrinsics_of(cameras, np.stack(world) * unit.mm, joints * unit.mm, unit.mm)
    labels = _Labels(
        names=np.array([_image_name(path, i, row) for i, row in enumerate(rows)]),
        joints_img=joints_img,
        joints_cam=joints * unit.mm,
        states=states,
        boxes_xywh=np.stack([_box(row, joints_img[i]) for i, row in enumerate(rows)]),
        K=np.stack([camera.K for camera in cameras]),
        distortion=np.stack([camera.distortion for camera in cameras]),
        rotation=placed.rotation,
        translation=placed.translation,
        frames=np.array([_whole(row.get("image_id")) for row in rows]),
        texts=np.array([[text(row.get(key)) for key in ("subject", "action", "camera_id")] for row in rows]),
    )
    counts = {state: int((states == state).sum()) for state in (JointState.OCCLUDED, JointState.OUTSIDE)}
    told = [
        str(unit),
        f"{counts[JointState.OCCLUDED]} of {states.size} joints are occluded, {counts[JointState.OUTSIDE]} outside",
    ]
    if contradictions:
        told.append(f"{contradictions} joints are marked as seen though outside of the image; they count as outside")
    return labels, (*told, *notes, placed.note), unit


def _agreeing(
    cameras: list[RecordCamera], joints_cam: np.ndarray, joints_img: np.ndarray, inside: np.ndarray
) -> tuple[list[RecordCamera], tuple[str, ...]]:
    """The cameras, if 3D joints project onto 2D joints; else none of them."""
    known = np.array([np.isfinite(camera.K).all() for camera in cameras])
    if not known.any():
        return cameras, (f"none of {len(cameras)} records gives a camera: poses have no scale in the image but a fit",)
    notes = () if known.all() else (f"{(~known).sum()} of {len(known)} records give no camera",)
    residual = reprojection_px(cameras, joints_cam, np.where(inside[..., None], joints_img, np.nan))
    told = f"3D joints project onto 2D joints to a median of {residual:.2f} px"
    extent = float(np.nanmedian(np.ptp(joints_img, axis=1).max(axis=1)))
    # Negated, so that a residual of NaN (every joint behind its camera) is no agreement.
    if not residual <= MOST_REPROJECTION * extent:
        return [NO_CAMERA] * len(cameras), (*notes, f"{told}: the cameras are not of these labels and are left out")
    return cameras, (*notes, told)


def _column(path: Path, rows: list[Mapping[str, Any]], key: str, shape: tuple[int | None, ...]) -> np.ndarray:
    column = np.stack([numbers(row[key], shape, f"{path}: record {i}: {key}") for i, row in enumerate(rows)])
    infinite = np.isinf(as_stored(column)).reshape(len(rows), -1).any(axis=1)
    if infinite.any():
        first = int(infinite.argmax())
        raise DataError(f"{path}: record {first}: {key} is infinite or too large ({infinite.sum()} such records)")
    return column


def _flags(path: Path, rows: list[Mapping[str, Any]], key: str) -> np.ndarray:
    columns = [numbers(row[key], (15, None), f"{path}: record {i}: {key}")[:, :1] for i, row in enumerate(rows)]
    return np.stack(columns)[..., 0] > 0


def _image_name(path: Path, index: int, row: Mapping[str, Any]) -> str:
    name = row["image"]
    if not isinstance(name, str) or not name:
        raise DataError(f"{path}: record {index}: image is a {type(name).__name__}, expected a path")
    return name


def _world(row: Mapping[str, Any]) -> np.ndarray:
    found = row.get("joints_gt")
    if isinstance(found, np.ndarray) and found.shape == (15, 3) and found.dtype.kind in "biuf":
        return found.astype(float)
    return np.full((15, 3), np.nan)


def _box(row: Mapping[str, Any], joints_img: np.ndarray) -> BoxXywh:
    """The authors' box (x1, y1, x2, y2), or one about the joints where it is none."""
    found = row.get("box")
    if isinstance(found, (list, tuple, np.ndarray)) and len(found) == 4:
        x1, y1, x2, y2 = numbers(found, (4,), "box")
        box = np.array([x1, y1, x2 - x1, y2 - y1])
        if np.isfinite(as_stored(box)).all() and (as_stored(box[2:]) >= LEAST_BOX_SIDE).all():
            return box
    return box_of_joints(joints_img)


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, (int, np.integer)) else -1


def _samples(source: ImageSource, labels: _Labels, file: str, first: int, last: int) -> Iterator[PoseSample]:
    with image_reader(source) as image_of:
        for index in range(first, last):
            image = image_of(source.names[index])
            subject, action, camera_id = labels.texts[index].tolist()
            yield PoseSample(
                image=image,
                skeleton=SKELETON,
                box_xywh=labels.boxes_xywh[index],
                joints_img=labels.joints_img[index],
                joints_cam=labels.joints_cam[index],
                states=labels.states[index],
                camera=_camera(labels, index, size_of(image, source.names[index]), camera_id),
                subject=subject,
                action=action,
                frame=int(labels.frames[index]),
                source=f"{file}: {source.names[index]}",
            )


def _camera(labels: _Labels, index: int, size_wh: tuple[int, int], camera_id: str) -> Camera | None:
    if not np.isfinite(labels.K[index]).all():
        return None
    return Camera(
        K=labels.K[index],
        size_wh=size_wh,
        rotation=labels.rotation[index],
        translation=labels.translation[index],
        distortion=labels.distortion[index],
        name=f"camera {camera_id}",
    )


ENTRY = CatalogEntry(
    name="occlusion-person",
    title="Occlusion-Person",
    about="73,000 rendered pictures of 13 people in 9 rooms, 8 views each, every joint marked as seen or hidden",
    has_3d=True,
    skeleton=SKELETON,
    licence="the authors state none; ask them before anything but research",
    citation="Zhang et al., AdaFuse: adaptive multiview fusion for accurate human pose estimation, IJCV 2021",
    home="https://github.com/zhezh/occlusion_person",
    size="73,000 images, 53 parts of about 1 GB each to fetch",
    layouts=("[annot/]unrealcv_train.pkl and unrealcv_validation.pkl with images.zip or images/ as unpacked",),
    tree=(
        "occlusion-person/",
        "├── annot/unrealcv_train.pkl, unrealcv_validation.pkl",
        "└── images.zip (or images/, unpacked)",
    ),
    expected=MappingProxyType({}),
    splits=SPLITS,
    default_splits=2,
    adapter=occlusion_person,
    signature=("unrealcv_*.pkl", "annot/unrealcv_*.pkl"),
)

ENTRIES = (ENTRY,)
