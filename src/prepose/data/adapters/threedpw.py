"""3DPW: people outdoors before a moving phone, poses from inertial sensors; no body model is needed.

Files: `sequenceFiles/<split>/<sequence>.pkl` (pickles of Python 2) and `imageFiles/<sequence>/image_00000.jpg`. Row i
of a sequence belongs to image i: `img_frame_ids` are not image numbers but rows of the 60 Hz recording.

Source: von Marcard et al., "Recovering accurate 3D human pose in the wild using IMUs and a moving camera", ECCV 2018.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial as bound
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from prepose.body.skeletons import SMPL_24 as SKELETON
from prepose.camera.camera import Camera
from prepose.camera.crop import is_inside
from prepose.data.entry import CatalogEntry, FoundDataset, SplitMissing, box_of_joints
from prepose.data.image_source import ImageSource, find_images, image_reader, pair_source, size_of, unlabelled_images
from prepose.data.sample import JointState, PoseSample
from prepose.data.sides import sides_note
from prepose.data.threedpw_sequence import Actor, SequenceFile, read_sequence
from prepose.errors import DataError

SPLITS = ("train", "validation", "test")
SURE = 0.3  # a detector's confidence from which its joint was clearly seen


@dataclass(frozen=True, eq=False)
class _People:
    """One row a person in an image: who, in which of their frames, and what can be seen of them."""

    actors: tuple[Actor, ...]
    rows: Int[np.ndarray, "N 2"]
    sizes_wh: Int[np.ndarray, "N 2"]
    joints_img: Float[np.ndarray, "N 24 2"]
    states: UInt8[np.ndarray, "N 24"]


def threedpw(root: Path, split: str, *, partial: bool) -> FoundDataset:
    """3DPW: a sample is one person in one image, in the order of sequences, people and images.

    Args:
        root: The folder with `sequenceFiles/` and `imageFiles/`.
        split: `train`, `validation` or `test`.
        partial: Whether labels without image are left out instead of refused.

    Raises:
        DataError: files are missing, damaged or hostile, of another dataset, or do not fit each other.
    """
    if split not in SPLITS:
        raise DataError(f"3dpw has no split {split!r}; it has {', '.join(SPLITS)}")
    folder = root / "sequenceFiles" / split
    paths = sorted(folder.glob("*.pkl"))
    if not paths:
        raise SplitMissing(f"{folder}: holds no sequence (*.pkl); unpack sequenceFiles.zip into {root}")
    files = [read_sequence(path) for path in paths]
    _check_sequences(folder, paths, files)
    actors = tuple(actor for file in files for actor in file.actors)
    rows = np.array([(number, row) for number, actor in enumerate(actors) for row in range(len(actor.frames))], int)
    if not len(rows):
        raise DataError(f"{folder}: no frame of its {len(paths)} sequences has a valid camera")
    names = [f"{actors[number].sequence}/image_{actors[number].frames[row]:05d}.jpg" for number, row in rows]
    source = find_images((root / "imageFiles",), names, folder)
    pairing = pair_source(source, partial=partial)
    beside = _unlabelled(source, files, partial=partial)
    rows, names = rows[pairing.present], pairing.names
    sizes_wh = _sizes(source, [actors[number].sequence for number, _ in rows], names)
    joints_img, far = forget_far_joints(np.stack([actors[number].joints_img[row] for number, row in rows]), sizes_wh)
    states, seen = joint_states(joints_img, _detections(actors, rows), sizes_wh)
    people = _People(actors, rows[seen], sizes_wh[seen], joints_img[seen], states[seen])
    there = ImageSource(source.place, tuple(name for name, kept in zip(names, seen, strict=True) if kept))
    if not there.names:
        raise DataError(f"{folder}: in no image there is any joint of a person; labels and images do not fit")
    notes = (*pairing.notes, *beside, *_notes(files, seen, far), *_agreement(people, folder))
    facts = {"sequences": len(paths), "unit_of_3d": ", ".join(sorted({file.unit for file in files}))}
    return FoundDataset(SKELETON, len(there.names), bound(_samples, there, people, split), notes, facts)


def forget_far_joints(
    joints_img: Float[np.ndarray, "N 24 2"], sizes_wh: Int[np.ndarray, "N 2"]
) -> tuple[Float[np.ndarray, "N 24 2"], int]:
    """Joints further outside of the image than it is large become NaN in it, and how many did.

    Someone who walks past the camera has joints beside and behind it, which project to anywhere, and boxes that follow.
    """
    sizes = sizes_wh[:, None]
    with np.errstate(invalid="ignore"):
        far = np.asarray(((joints_img < -sizes) | (joints_img > 2 * sizes)).any(axis=-1))
    return np.where(far[..., None], np.nan, joints_img), int(far.sum())


def joint_states(
    joints_img: Float[np.ndarray, "N 24 2"], detected_img: Float[np.ndarray, "N 24 3"], sizes_wh: Int[np.ndarray, "N 2"]
) -> tuple[UInt8[np.ndarray, "N 24"], Bool[np.ndarray, "N"]]:
    """What is known of each joint, and whether any of a person's joints is inside the image.

    OUTSIDE follows from the camera (behind it counts too). VISIBLE is a hint of the detector that the authors ran: it
    was sure of the joint. What it did not find may be hidden or just missed, and stays UNKNOWN.
    """
    inside = is_inside(joints_img, sizes_wh[:, None])
    found = np.where(detected_img[..., 2] > SURE, JointState.VISIBLE, JointState.UNKNOWN)
    return np.where(inside, found, JointState.OUTSIDE).astype(np.uint8), np.asarray(inside.any(axis=-1))


def _check_sequences(folder: Path, paths: Sequence[Path], files: Sequence[SequenceFile]) -> None:
    first: dict[str, Path] = {}
    for path, file in zip(paths, files, strict=True):
        if file.sequence in first:
            raise DataError(
                f"{folder}: {first[file.sequence].name} and {path.name} both label the sequence {file.sequence}, "
                f"and one is expected; take one of them away"
            )
        first[file.sequence] = path


def _unlabelled(source: ImageSource, files: Sequence[SequenceFile], *, partial: bool) -> tuple[str, ...]:
    """A note on images after the last labelled one of their sequence.

    Raises:
        DataError: there are some, and `partial` is not set: as row i belongs to image i, they may be another's.
    """
    images = {file.sequence: file.images for file in files}
    folders = {PurePosixPath(name).parent for name in source.names}
    known = [f"{place}/image_{image:05d}.jpg" for place in folders for image in range(images.get(place.name, 0))]
    beside = unlabelled_images(source, known)
    if beside and not partial:
        raise DataError(
            f"{source.place}: {len(beside)} images have no label ({beside[0]}, ...); take the original files, or pass "
            f"--partial to leave those images out"
        )
    return (f"{len(beside)} images have no label and are left out ({beside[0]}, ...)",) if beside else ()


def _sizes(source: ImageSource, sequences: Sequence[str], names: Sequence[str]) -> Int[np.ndarray, "N 2"]:
    """The image size of each row: a phone was held one way for a whole sequence, so its first image tells."""
    known: dict[str, tuple[int, int]] = {}
    with image_reader(source) as image_of:
        for sequence, name in zip(sequences, names, strict=True):
            if sequence not in known:
                known[sequence] = size_of(image_of(name), name)
    return np.array([known[sequence] for sequence in sequences])


def _detections(actors: Sequence[Actor], rows: Int[np.ndarray, "N 2"]) -> Float[np.ndarray, "N 24 3"]:
    return np.stack([actors[number].detected_img[row] for number, row in rows])


def _notes(files: Sequence[SequenceFile], seen: Bool[np.ndarray, "N"], far: int) -> tuple[str, ...]:
    counts = {
        "frames of people have a camera that the authors mark as invalid, and are left out": sum(
            f.invalid for f in files
        ),
        "frames of people have a camera that is no rigid motion, and are left out": sum(f.broken for f in files),
        "frames of people hold NaN or infinite joints, and are left out": sum(f.without_pose for f in files),
        "people had their joints at 60 Hz; those at the images were taken": sum(f.resampled for f in files),
        "frames of people have no joint inside the image, and are left out": int((~seen).sum()),
        "joints lie further outside of their image than it is large, and have no place in it": far,
    }
    units = ", ".join(sorted({file.unit for file in files}))
    return (
        f"3D joints are in {units}, told from the length of legs",
        *(f"{n:,} {what}" for what, n in counts.items() if n),
        "2D joints are not labelled: they are the 3D joints, projected by the camera",
    )


def _agreement(people: _People, folder: Path) -> tuple[str, ...]:
    """How far the projected joints are from where a detector found them, as named and with the sides exchanged."""
    number, row = people.rows.T
    joints_cam = np.stack([people.actors[a].joints_cam[r] for a, r in zip(number, row, strict=True)])
    projected = people.joints_img
    detected = _detections(people.actors, people.rows)
    sure = detected[..., 2] > SURE
    notes = (sides_note(joints_cam, SKELETON, folder),)
    if not sure.any():
        return notes
    as_named = np.linalg.norm(projected - detected[..., :2], axis=-1)[sure]
    exchanged = np.linalg.norm(projected[:, SKELETON.mirror] - detected[..., :2], axis=-1)[sure]
    return (
        *notes,
        f"projected joints lie {np.nanmedian(as_named):.1f} px (median) from {sure.sum():,} detected ones, "
        f"{np.nanmedian(exchanged):.1f} px if left and right are exchanged",
    )


def _samples(source: ImageSource, people: _People, split: str, first: int, last: int) -> Iterator[PoseSample]:
    with image_reader(source) as image_of:
        for index in range(first, last):
            number, row = map(int, people.rows[index])
            actor = people.actors[number]
            frame = int(actor.frames[row])
            width, height = map(int, people.sizes_wh[index])
            yield PoseSample(
                image=image_of(source.names[index]),
                skeleton=SKELETON,
                box_xywh=box_of_joints(people.joints_img[index]),
                joints_img=people.joints_img[index],
                joints_cam=actor.joints_cam[row],
                states=people.states[index],
                camera=Camera(
                    K=actor.K,
                    size_wh=(width, height),
                    rotation=actor.rotation[row],
                    translation=actor.translation[row],
                    name=actor.sequence,
                ),
                subject=f"{actor.sequence} person {actor.number}",
                action=re.sub(r"_\d+$", "", actor.sequence),
                frame=frame,
                source=f"{split}/{actor.sequence}, person {actor.number}, image {frame}",
                details=json.dumps({"gender": actor.gender}),
                projected=True,
            )


ENTRY = CatalogEntry(
    name="3dpw",
    title="3D Poses in the Wild (3DPW)",
    about="51,000 frames of 60 outdoor clips by a moving phone, one or two people, poses from inertial sensors",
    has_3d=True,
    skeleton=SKELETON,
    licence="research only, non-commercial, after agreeing to the authors' terms",
    citation="von Marcard et al., Recovering accurate 3D human pose in the wild, ECCV 2018",
    home="https://virtualhumans.mpi-inf.mpg.de/3DPW",
    size="60 clips, more than 51,000 frames",
    layouts=("sequenceFiles/{train,validation,test}/*.pkl with imageFiles/<sequence>/image_00000.jpg ...",),
    tree=(
        "3dpw/",
        "├── sequenceFiles/train/courtyard_arguing_00.pkl ..., validation/, test/",
        "└── imageFiles/courtyard_arguing_00/image_00000.jpg ...",
    ),
    expected=MappingProxyType({}),
    splits=SPLITS,
    default_splits=3,
    adapter=threedpw,
    signature=("sequenceFiles/*/*.pkl", "imageFiles/*/image_00000.jpg"),
)

ENTRIES = (ENTRY,)
