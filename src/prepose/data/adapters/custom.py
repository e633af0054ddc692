"""A user's own dataset: images and a file of labels, JSON or CSV (docs/custom.md)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial as bound
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float, UInt8

from prepose.arrays import BoxXywh
from prepose.body.skeleton import Skeleton
from prepose.camera.camera import Camera
from prepose.camera.crop import is_inside
from prepose.data.custom_labels import (
    MM_PER_UNIT,
    SPLITS,
    CameraRecord,
    CustomLabels,
    SampleRecord,
    read_custom_labels,
)
from prepose.data.entry import CatalogEntry, FoundDataset, box_of_joints
from prepose.data.pairing import LabelledImages, check_images, pair_images
from prepose.data.sample import LEAST_BOX_SIDE, JointState, PoseSample, as_stored
from prepose.errors import DataError

# From shoulder to hip, mm, from a small child to a giant: a wrong unit is off by ten or more.
LEAST_TORSO, MOST_TORSO = 150.0, 900.0


@dataclass(frozen=True, eq=False)
class _People:
    """One row per person: px, and mm in the camera's frame, NaN where not labelled."""

    joints_img: Float[np.ndarray, "N J 2"]
    joints_cam: Float[np.ndarray, "N J 3"]
    states: UInt8[np.ndarray, "N J"]
    boxes_xywh: Float[np.ndarray, "N 4"]
    cameras: tuple[Camera | None, ...]
    projected: Bool[np.ndarray, "N"]
    records: tuple[SampleRecord, ...]
    sources: tuple[str, ...]


def custom(root: Path, split: str, *, partial: bool) -> FoundDataset:
    """A user's own dataset.

    Args:
        root: The label file, or a folder with `labels.json` or `labels.csv`; images are found from the file's folder.
        split: `train`, `validation` or `test`, as each sample says; those that say nothing are `train`.
        partial: Whether labels without image and images without label are left out instead of refused.

    Raises:
        DataError: the files are not what docs/custom.md asks for, or do not fit each other.
    """
    labels = read_custom_labels(root)
    folder = labels.path.parent.resolve()
    pairing = pair_images(folder, [sample.image for sample in labels.samples], partial=partial)
    there = dict(zip(pairing.present.tolist(), pairing.names, strict=True))
    chosen = [row for row in there if labels.samples[row].split == split]
    if not chosen:
        there = ", ".join(splits_of(labels))
        raise DataError(f"{labels.path}: no sample with an image belongs to the split {split!r}; it has {there}")
    cameras = labels.description.cameras
    sizes = [cameras[name].size_wh if (name := labels.samples[row].camera) is not None else None for row in chosen]
    people = _people(labels, chosen, there)
    checked = check_images(
        folder,
        [there[row] for row in chosen],
        np.where((people.states == JointState.OUTSIDE)[..., None], np.nan, people.joints_img),
        labelled_wh=[None if size is None else (size[0], size[1]) for size in sizes],
        partial=partial,
    )
    if len(checked.kept) < len(chosen):
        chosen = [chosen[row] for row in checked.kept.tolist()]
        people = _people(labels, chosen, there)
    notes = (*pairing.notes, *checked.notes, *labels.notes, *_told(labels, people))
    facts = {"labels": labels.path.name, "unit": labels.description.unit, "title": labels.description.title}
    names = tuple(there[row] for row in chosen)
    samples = bound(_samples, checked.images, names, labels.skeleton, people)
    return FoundDataset(labels.skeleton, len(chosen), samples, notes, facts)


def custom_splits(root: Path) -> tuple[str, ...]:
    """The splits that the samples of a label file belong to, of those whose image is there where any is."""
    labels = read_custom_labels(root)
    try:
        pairing = pair_images(labels.path.parent.resolve(), [one.image for one in labels.samples], partial=True)
    except DataError:
        return splits_of(labels)  # the adapter says what is wrong
    return splits_of(replace(labels, samples=[labels.samples[row] for row in pairing.present.tolist()]))


def splits_of(labels: CustomLabels) -> tuple[str, ...]:
    """The splits that the samples belong to, in the usual order."""
    present = {sample.split for sample in labels.samples}
    return tuple(split for split in SPLITS if split in present)


def _people(labels: CustomLabels, rows: list[int], images: Mapping[int, str]) -> _People:
    records = tuple(labels.samples[row] for row in rows)
    sources = tuple(labels.sources[row] for row in rows)
    joints = labels.skeleton.joints
    millimetres = MM_PER_UNIT[labels.description.unit or "mm"]
    cameras = {name: _camera(labels, name, one, millimetres) for name, one in labels.description.cameras.items()}
    seen_by = tuple(cameras[record.camera] if record.camera is not None else None for record in records)
    joints_img = _table([record.joints_2d for record in records], joints, 2) - labels.description.first_pixel
    joints_cam = _table([record.joints_3d for record in records], joints, 3) * millimetres
    if labels.description.frame_3d == "world":
        for row, camera in enumerate(seen_by):
            joints_cam[row] = camera.cam_from_world(joints_cam[row]) if camera is not None else np.nan
    _check_numbers(joints_img, joints_cam, sources)
    _check_unit(labels.skeleton, joints_cam, sources)
    states = np.array(
        [[JointState[record.states.get(joint, "unknown").upper()] for joint in joints] for record in records], np.uint8
    )
    projected = np.zeros(len(records), bool)
    for row, camera in enumerate(seen_by):
        if camera is None:
            continue
        projected[row] = np.isnan(joints_img[row]).all() and not np.isnan(joints_cam[row]).all()
        if projected[row]:
            joints_img[row], outside = _projected(camera, joints_cam[row])
        else:
            outside = _outside(joints_img[row], camera.size_wh)
        states[row, outside] = JointState.OUTSIDE
    boxes = [
        _box(record, joints_img[row], sources[row], labels.description.first_pixel)
        for row, record in enumerate(records)
    ]
    _check_nobody_twice([images[row] for row in rows], joints_img, sources)
    return _People(joints_img, joints_cam, states, np.stack(boxes), seen_by, projected, records, sources)


def _projected(
    camera: Camera, joints_cam: Float[np.ndarray, "J 3"]
) -> tuple[Float[np.ndarray, "J 2"], Bool[np.ndarray, "J"]]:
    """3D joints in the image, px, and which lie outside: those have their place in 3D alone."""
    joints_img = camera.project(joints_cam)
    unseen = ~np.isnan(joints_cam).any(axis=1) & np.isnan(joints_img).any(axis=1)  # behind the camera or its lens
    outside = unseen | _outside(joints_img, camera.size_wh)
    joints_img[outside] = np.nan
    return joints_img, outside


def _outside(joints_img: Float[np.ndarray, "J 2"], size_wh: tuple[int, int]) -> Bool[np.ndarray, "J"]:
    return ~is_inside(joints_img, size_wh) & ~np.isnan(joints_img).any(axis=1)


def _table(columns: list, joints: tuple[str, ...], width: int) -> Float[np.ndarray, "N J D"]:
    table = np.full((len(columns), len(joints), width), np.nan)
    place = {joint: index for index, joint in enumerate(joints)}
    for row, named in enumerate(columns):
        for joint, values in named.items():
            if values is not None:
                table[row, place[joint]] = [np.nan if value is None else value for value in values]
    table[np.isnan(table).any(axis=2)] = np.nan
    return table


def _camera(labels: CustomLabels, name: str, record: CameraRecord, millimetres: float) -> Camera:
    K = np.array(record.K, float)
    K[:2, 2] -= labels.description.first_pixel
    distortion = np.zeros(5)
    distortion[: len(record.distortion)] = record.distortion
    rotation, translation = np.array(record.rotation, float), np.array(record.translation, float) * millimetres
    try:
        return Camera(K, (record.size_wh[0], record.size_wh[1]), rotation, translation, distortion, name)
    except ValueError as error:
        raise DataError(f"{labels.path}: {error}") from error


def _box(record: SampleRecord, joints_img: Float[np.ndarray, "J 2"], source: str, first_pixel: float) -> BoxXywh:
    if record.box_xywh is None:
        if np.isnan(joints_img).all():
            raise DataError(f"{source}: has neither a box nor 2D joints, nor a camera that sees its 3D joints")
        return box_of_joints(joints_img)
    box = np.array(record.box_xywh, float)
    if not np.isfinite(as_stored(box)).all() or (as_stored(box[2:]) < LEAST_BOX_SIDE).any():
        raise DataError(f"{source}: a box is x, y, width, height with positive sides, found {record.box_xywh}")
    return box - np.array([first_pixel, first_pixel, 0, 0])


def _check_numbers(joints_img: np.ndarray, joints_cam: np.ndarray, sources: tuple[str, ...]) -> None:
    for what, table in (("2D", joints_img), ("3D", joints_cam)):
        infinite = np.isinf(as_stored(table)).any(axis=(1, 2))
        if infinite.any():
            raise DataError(f"{sources[int(infinite.argmax())]}: a {what} joint is infinite or too large")


def _check_unit(skeleton: Skeleton, joints_cam: Float[np.ndarray, "N J 3"], sources: tuple[str, ...]) -> None:
    """Make sure that torsos have a person's size, where the skeleton has shoulders and hips."""
    ends = [(f"{side}_shoulder", f"{side}_hip") for side in "lr"]
    pairs = [[skeleton.index(end) for end in pair] for pair in ends if all(end in skeleton.joints for end in pair)]
    if not pairs:
        return
    torso = np.linalg.norm(joints_cam[:, [one for one, _ in pairs]] - joints_cam[:, [two for _, two in pairs]], axis=2)
    known = torso[~np.isnan(torso)]
    if len(known) and not LEAST_TORSO < np.median(known) < MOST_TORSO:
        first = sources[int((~np.isnan(torso)).any(axis=1).argmax())]
        raise DataError(
            f"{first} and others: by their unit, people have {np.median(known):.3g} mm from shoulder to hip, expected "
            f"{LEAST_TORSO:.0f} to {MOST_TORSO:.0f} mm; check the unit"
        )


def _check_nobody_twice(images: Sequence[str], joints_img: np.ndarray, sources: tuple[str, ...]) -> None:
    # By the images' names on the disk: the file may spell one in several ways.
    first: dict[tuple[str, bytes], str] = {}
    for image, joints, source in zip(images, joints_img, sources, strict=True):
        key = (image, joints.tobytes())
        if key in first and not np.isnan(joints).all():
            raise DataError(f"{source}: labels the same person as {first[key]} ({image}); take one away")
        first[key] = source


def _told(labels: CustomLabels, people: _People) -> tuple[str, ...]:
    in_2d, in_3d = (np.asarray(~np.isnan(table).any(axis=2)) for table in (people.joints_img, people.joints_cam))
    labelled, projected = int(in_2d[~people.projected].sum()), int(in_2d[people.projected].sum())
    also = f", {projected} projected by the camera" if people.projected.any() else ""
    notes = [f"{labelled} of {in_2d.size} joints are labelled in 2D{also}; {int(in_3d.sum())} are labelled in 3D"]
    anywhere = np.asarray((in_2d | in_3d).any(axis=0))
    never = [joint for joint, there in zip(labels.skeleton.joints, anywhere, strict=True) if not there]
    if never:
        notes.append(
            f"{len(never)} of {len(labels.skeleton)} joints are labelled on nobody of this split: {', '.join(never)}"
        )
    for what in ("subject", "action"):
        without = sum(not getattr(record, what) for record in people.records)
        if 0 < without < len(people.records):
            notes.append(f"{without} of {len(people.records)} samples name no {what}, and count in none")
    outside = int((people.states == JointState.OUTSIDE).sum())
    if outside:
        notes.append(f"{outside} joints lie outside their image; where only the camera says so, they have no 2D place")
    rows = np.flatnonzero(~people.projected & np.array([camera is not None for camera in people.cameras])).tolist()
    pairs = [(people.joints_img[row], people.joints_cam[row], people.cameras[row]) for row in rows]
    apart = [np.linalg.norm(camera.project(cam) - img, axis=1) for img, cam, camera in pairs if camera is not None]
    if people.projected.any():
        which = "" if people.projected.all() else f" of {int(people.projected.sum())} samples"
        notes.append(f"nothing to check the cameras{which} by: they have no 2D labels (look at `prepose data show`)")
    known = np.concatenate(apart)[~np.isnan(np.concatenate(apart))] if apart else np.empty(0)
    if len(known):
        notes.append(
            f"the cameras put 3D joints {np.median(known):.2g} px from the 2D ones (median), {known.max():.2g} at most"
        )
    if labels.description.first_pixel:
        notes.append(f"pixels count from {labels.description.first_pixel:g} and are moved")
    return tuple(notes)


def _samples(
    images: LabelledImages, names: tuple[str, ...], skeleton: Skeleton, people: _People, first: int, last: int
) -> Iterator[PoseSample]:
    for row in range(first, last):
        record, joints, camera = people.records[row], people.joints_img[row], people.cameras[row]
        states = people.states[row]
        if camera is None:
            outside = _outside(joints, images.size_wh(names[row]))
            states = np.where(outside, JointState.OUTSIDE, states).astype(np.uint8)
        yield PoseSample(
            image=images.image(names[row]),
            skeleton=skeleton,
            box_xywh=people.boxes_xywh[row],
            joints_img=joints,
            joints_cam=people.joints_cam[row],
            states=states,
            camera=camera,
            projected=bool(people.projected[row]),
            subject=record.subject,
            action=record.action,
            frame=record.frame,
            source=f"{people.sources[row]}: {names[row]}",
        )


ENTRY = CatalogEntry(
    name="custom",
    title="your own dataset",
    about="images and a file of labels, with 2D or 3D joints of a known skeleton or of your own",
    has_3d=True,
    skeleton=None,
    licence="your own",
    citation="your own",
    home="docs/custom.md",
    size="your own",
    layouts=("labels.json or labels.csv beside the images (docs/custom.md, examples/custom/)",),
    tree=(
        "mine/",
        "├── labels.json (or labels.csv)",
        "└── images/..., named by the labels",
    ),
    expected=MappingProxyType({}),
    splits=SPLITS,
    default_splits=len(SPLITS),
    adapter=custom,
    signature=("labels.json", "labels.csv"),
    splits_at=custom_splits,
    root_may_be_file=True,
)

ENTRIES = (ENTRY,)
