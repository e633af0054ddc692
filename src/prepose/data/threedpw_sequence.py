"""A sequence file of 3DPW: its people in the frames whose camera is known, in mm and px."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from prepose.arrays import Matrix3
from prepose.body.skeletons import SMPL_24 as SKELETON
from prepose.camera.camera import Camera
from prepose.data.archive import check_name
from prepose.data.length_unit import length_unit
from prepose.data.records import check_list, check_mapping, numbers, text
from prepose.data.sample import as_stored
from prepose.data.unpickle import read_pickle
from prepose.errors import DataError

NEEDED = ("jointPositions", "cam_poses", "cam_intrinsics", "campose_valid", "img_frame_ids")
# poses2D: 18 joints of OpenPose's COCO model; those that SMPL-24 has too, by their number there.
DETECTED: Mapping[str, int] = MappingProxyType(
    {
        "r_shoulder": 2, "r_elbow": 3, "r_wrist": 4, "l_shoulder": 5, "l_elbow": 6, "l_wrist": 7,
        "r_hip": 8, "r_knee": 9, "r_ankle": 10, "l_hip": 11, "l_knee": 12, "l_ankle": 13,
    }
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Actor:
    """One person of a sequence, in the N frames where the camera is known.

    Attributes:
        sequence: The sequence's name.
        number: Which of its people.
        gender: As the file says: m or f.
        K: Intrinsics, px.
        frames: The number of the image of each frame.
        joints_cam: Joints, mm.
        joints_img: Joints projected, px; NaN behind the camera.
        rotation: cam_from_world of each frame.
        translation: cam_from_world of each frame, mm.
        detected_img: Joints as a detector found them, px, with its confidence; zeros where it found none.
    """

    sequence: str
    number: int
    gender: str
    K: Matrix3
    frames: Int[np.ndarray, "N"]
    joints_cam: Float[np.ndarray, "N 24 3"]
    joints_img: Float[np.ndarray, "N 24 2"]
    rotation: Float[np.ndarray, "N 3 3"]
    translation: Float[np.ndarray, "N 3"]
    detected_img: Float[np.ndarray, "N 24 3"]


@dataclass(frozen=True, eq=False)
class SequenceFile:
    """What a sequence file holds.

    Attributes:
        sequence: Its name.
        images: How many images it labels, those left out included.
        actors: Its people.
        invalid: Frames of people left out, as the authors say that the camera is not aligned there.
        broken: Frames of people left out, as the camera is no rigid motion there.
        without_pose: Frames of people left out, as joints are NaN or infinite there.
        resampled: People whose joints were at 60 Hz.
        unit: The unit its joints were in.
    """

    sequence: str
    images: int
    actors: tuple[Actor, ...]
    invalid: int
    broken: int
    without_pose: int
    resampled: int
    unit: str


def read_sequence(path: Path) -> SequenceFile:
    """Read a sequence file.

    Raises:
        DataError: it is missing, damaged or hostile, not a sequence file, or its parts are not of one length.
    """
    content = check_mapping(read_pickle(path), NEEDED, path)
    sequence = str(check_name(text(content.get("sequence", "")) or path.stem, path))
    K = numbers(content["cam_intrinsics"], (3, 3), f"{path}: cam_intrinsics")
    try:
        lens = Camera(K=K, size_wh=(1, 1))
    except ValueError as error:
        raise DataError(f"{path}: cam_intrinsics: {error}") from error
    poses = numbers(content["cam_poses"], (None, 4, 4), f"{path}: cam_poses")
    people = check_list(content["jointPositions"], f"{path}: jointPositions")
    joints, resampled = _joints_of(path, people, content, len(poses))
    unit = length_unit(np.concatenate(joints), SKELETON, path)
    valid = _validity(path, content["campose_valid"], len(people), len(poses))
    rigid = _rigid(poses)
    posed = [np.isfinite(as_stored(joints_world)).all(axis=(1, 2)) for joints_world in joints]
    actors = []
    for number, joints_world in enumerate(joints):
        kept = np.flatnonzero(frames_with_a_camera(valid[number], poses) & posed[number])
        rotation, translation = poses[kept, :3, :3], poses[kept, :3, 3] * unit.mm
        joints_cam = np.einsum("nij,nkj->nki", rotation, joints_world[kept] * unit.mm) + translation[:, None]
        actors.append(
            Actor(
                sequence=sequence,
                number=number,
                gender=_gender(content, number),
                K=K,
                frames=kept,
                joints_cam=joints_cam,
                joints_img=lens.project(joints_cam),
                rotation=rotation,
                translation=translation,
                detected_img=_detections(path, content, number, len(poses))[kept],
            )
        )
    invalid, broken = int((~valid).sum()), int((valid & ~rigid).sum())
    without_pose = int((valid & rigid & ~np.stack(posed)).sum())
    return SequenceFile(sequence, len(poses), tuple(actors), invalid, broken, without_pose, resampled, unit.name)


def frames_with_a_camera(valid: Bool[np.ndarray, "N"], poses: Float[np.ndarray, "N 4 4"]) -> Bool[np.ndarray, "N"]:
    """Frames whose camera the authors mark as valid (campose_valid) and whose pose is a rigid motion.

    Where it is not valid, the phone's pose was not aligned with the person, and joints land anywhere in the image.
    """
    return np.asarray(valid & _rigid(poses))


def joints_at_images(
    joints: Float[np.ndarray, "M 72"], image_rows: Float[np.ndarray, "N"], where: object
) -> tuple[Float[np.ndarray, "N 24 3"], bool]:
    """A person's joints at the images, and whether they had to be taken out of the 60 Hz recording.

    The authors keep a row an image. Some copies keep the recording's own 60 Hz rows; `img_frame_ids` then says which
    ones the images fall on.

    Raises:
        DataError: the rows are neither.
    """
    if len(joints) == len(image_rows):
        return joints.reshape(-1, 24, 3), False
    rows = image_rows.astype(int)
    if len(joints) < len(rows) or rows.min() < 0 or rows.max() >= len(joints) or (np.diff(rows) <= 0).any():
        raise DataError(f"{where}: has {len(joints)} rows for {len(image_rows)} images, and img_frame_ids do not fit")
    return joints[rows].reshape(-1, 24, 3), True


def _joints_of(
    path: Path, people: list[Any], content: Mapping[str, Any], frames: int
) -> tuple[list[Float[np.ndarray, "N 24 3"]], int]:
    image_rows = numbers(content["img_frame_ids"], (None,), f"{path}: img_frame_ids")
    if len(image_rows) != frames or frames == 0:
        raise DataError(f"{path}: has {frames} cam_poses but {len(image_rows)} img_frame_ids, expected as many")
    joints, resampled = [], 0
    for number, person in enumerate(people):
        where = f"{path}: jointPositions of person {number}"
        at_images, taken_out = joints_at_images(numbers(person, (None, 72), where), image_rows, where)
        joints.append(at_images)
        resampled += taken_out
    return joints, resampled


def _validity(path: Path, value: Any, people: int, frames: int) -> Bool[np.ndarray, "A N"]:
    """A row a person, whether the authors keep one for each or one for all."""
    rows = list(value) if isinstance(value, (list, tuple)) or getattr(value, "ndim", 0) == 2 else [value] * people
    if len(rows) != people:
        raise DataError(f"{path}: has {people} people but {len(rows)} rows of campose_valid")
    return np.stack([numbers(row, (frames,), f"{path}: campose_valid") for row in rows]) > 0


def _rigid(poses: Float[np.ndarray, "N 4 4"]) -> Bool[np.ndarray, "N"]:
    rotation = np.where(np.isfinite(poses[:, :3, :3]), poses[:, :3, :3], 0)
    square = np.einsum("nij,nkj->nik", rotation, rotation)
    orthogonal = np.isclose(square, np.eye(3), atol=1e-4).all(axis=(1, 2))
    return orthogonal & (np.linalg.det(rotation) > 0) & np.isfinite(poses).all(axis=(1, 2))


def _detections(path: Path, content: Mapping[str, Any], number: int, frames: int) -> Float[np.ndarray, "N 24 3"]:
    """Detected joints in the skeleton's order; the file keeps (N, 3, 18), a detector's 18 joints a frame."""
    found = np.zeros((frames, len(SKELETON), 3))
    people = content.get("poses2d", content.get("poses2D"))
    if not isinstance(people, (list, tuple)) or number >= len(people):
        return found
    given = numbers(people[number], (frames, None, None), f"{path}: poses2d of person {number}")
    given = given.transpose(0, 2, 1) if given.shape[1:] == (3, 18) else given
    if given.shape[1:] != (18, 3):
        raise DataError(f"{path}: poses2d of person {number} is {given.shape}, expected {frames} x 3 x 18")
    found[:, [SKELETON.index(joint) for joint in DETECTED]] = given[:, list(DETECTED.values())]
    return np.nan_to_num(found)


def _gender(content: Mapping[str, Any], number: int) -> str:
    genders = content.get("genders", ())
    return text(genders[number]) if isinstance(genders, (list, tuple)) and number < len(genders) else ""
