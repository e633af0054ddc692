"""Layouts d and e: lists of images with labels, as JSON in COCO's manner or as npz."""

import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prepose.body.skeletons import H36M_17, SPIN_24
from prepose.data.archive import read_npz as read_npz_arrays
from prepose.data.h36m.cameras import CAMERA_IDS, RawCamera
from prepose.data.h36m.frames import Frames, Part, action_index, h36m_17, paired, relocated, stack
from prepose.data.intake import read_json
from prepose.data.spin_joints import of_spin
from prepose.errors import DataError
from prepose.pickles.names import printable

KINDS = ("data", "camera", "joint_3d")
NAMED = re.compile(r"S(\d+)_([A-Za-z]+)(?:[ _](\d))?\.(\d{8})_(\d+)\.\w+")
NUMBERED = re.compile(r"s_(\d+)_act_(\d+)_subact_(\d+)_ca_(\d+)_(\d+)\.\w+")
NPZ_KEYS = ("imgname", "part", "S")


def json_root(root: Path) -> Path | None:
    """The folder with `Human36M_subject1_data.json` and so on."""
    for folder in (root, *sorted(entry for entry in root.glob("*") if entry.is_dir())):
        if next(folder.glob("Human36M_subject*_*.json"), None) is not None:
            return folder
    return None


def read_lists(root: Path, part: Part, *, partial: bool) -> Frames:
    """Layout d: for each subject a JSON of images and boxes, one of cameras and one of joints in the world, mm.

    Raises:
        DataError: files are missing, damaged or do not fit each other.
    """
    base = json_root(root) or root
    tables = []
    for subject in part.subjects:
        paths = {kind: base / f"Human36M_subject{subject}_{kind}.json" for kind in KINDS}
        there = [kind for kind, path in paths.items() if path.is_file()]
        if len(there) == len(KINDS):
            tables.append(_subject(subject, {kind: read_json(path) for kind, path in paths.items()}, paths))
        elif there and not partial:
            lacking = next(path for path in paths.values() if not path.is_file())
            raise DataError(f"{lacking}: is missing beside the other files of S{subject}; add it, or pass --partial")
    frames = stack(tables, nothing=f"{base}: holds no complete files of {_named(part)}, which this split is made of")
    frames = relocated(frames, (base.parent / "images", base / "images", base, base.parent))
    return paired(frames, partial=partial, unlabelled_expected=True)


def _subject(subject: int, files: Mapping[str, Any], paths: Mapping[str, Path]) -> Frames:
    data = files["data"]
    try:
        _check_unique([record["id"] for record in data["images"]], "image id", paths["data"])
        boxed = [record for record in data["annotations"] if "bbox" in record]
        # One person an image: with two boxes nobody could say whose joints these are.
        _check_unique([record["image_id"] for record in boxed], "image_id of an annotation", paths["data"])
        boxes = {record["image_id"]: record["bbox"] for record in boxed}
        rows = [
            (record["file_name"], boxes.get(record["id"], [np.nan] * 4), record["action_idx"], record["subaction_idx"],
             record["cam_idx"], record["frame_idx"])
            for record in data["images"] if int(record["subject"]) == subject
        ]  # fmt: skip
        joints = files["joint_3d"]
        poses = np.array([joints[str(a)][str(b)][str(frame)] for _, _, a, b, _, frame in rows], float)
        where = np.array([(subject, a, b, camera - 1, frame) for _, _, a, b, camera, frame in rows], int)
        _check_unique([int(name) for name in files["camera"]], "camera", paths["camera"])
        cameras = {(subject, int(name) - 1): _camera(numbers) for name, numbers in files["camera"].items()}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{paths['data'].parent}: the files of S{subject} lack a field or do not fit each other "
            f"({type(error).__name__} {error})"
        ) from error
    world = h36m_17(poses.reshape(len(rows), -1, 3) if rows else np.zeros((0, 17, 3)), paths["joint_3d"])
    return Frames(
        folder=paths["data"].parent,
        images=tuple(name for name, *_ in rows),
        joints_cam=np.full(world.shape, np.nan),
        joints_img=np.full((len(rows), 17, 2), np.nan),
        where=where.reshape(-1, 5),
        given=np.array([box for _, box, *_ in rows], float).reshape(-1, 4),
        joints_world=world,
        cameras=cameras,
    )


def _check_unique(keys: Sequence[int], what: str, path: Path) -> None:
    again = [key for key, count in Counter(keys).items() if count > 1]
    if again:
        more = f" (and {len(again) - 1} more)" if len(again) > 1 else ""
        raise DataError(f"{path}: the {what} {again[0]}{more} occurs twice; it must be unique")


def _camera(numbers: Mapping[str, Any]) -> RawCamera:
    (fx, fy), (cx, cy) = (np.ravel(np.array(numbers[key], float)) for key in ("f", "c"))
    rotation, shift = np.array(numbers["R"], float).reshape(3, 3), np.array(numbers["t"], float).reshape(3)
    camera = RawCamera(np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), np.zeros(5), rotation, shift)
    camera.lens()
    return camera


def npz_files(root: Path) -> list[Path]:
    """The npz files at the root or one level below it that hold lists of this layout, by their members and image names.

    Lists of other datasets have the same members (those of MPI-INF-3DHP as MMPose keeps them).
    """
    return [path for path in npz_lists(root) if _first_image(path) in (None, "") or _where(_first_image(path) or "")]


def foreign_npz(root: Path) -> str:
    """What to say of an npz list of another dataset's images; nothing where there is none."""
    for path in npz_lists(root):
        name = _first_image(path)
        if name and _where(name) is None:
            return f"{path.name} lists images of another dataset ({printable(name, 60)})"
    return ""


def _first_image(path: Path) -> str | None:
    """The first image that an npz list names; None where it cannot be read, which is told when it is."""
    try:
        names = read_npz_arrays(path, NPZ_KEYS[:1])[NPZ_KEYS[0]]
    except DataError:
        return None
    return str(names[0]) if names.ndim == 1 and len(names) else ""


def npz_lists(root: Path) -> list[Path]:
    """The npz files at the root or up to two levels below it with the members of this layout, whatever they list."""
    found = []
    for path in _npz_paths(root):
        try:
            with zipfile.ZipFile(path) as archive:
                members = {member.removesuffix(".npy") for member in archive.namelist()}
        # It may be anybody's file; one of this layout is read with care later.
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
            continue
        if set(NPZ_KEYS) <= members:
            found.append(path)
    return found


def _npz_paths(root: Path) -> list[Path]:
    return sorted({*root.glob("*.npz"), *root.glob("*/*.npz"), *root.glob("*/*/*.npz")})


def read_npz(root: Path, part: Part, *, partial: bool) -> Frames:
    """Layout e: `imgname`, `part` (N, 17, 3: px and confidence), `S` (N, 17, 4: camera frame and confidence).

    Raises:
        DataError: files are damaged or do not fit each other.
    """
    tables = [_npz(path) for path in npz_files(root)]
    tables = [table.take(np.isin(table.where[:, 0], part.subjects)) for table in tables]
    damaged = [path for path in _npz_paths(root) if not zipfile.is_zipfile(path)]
    if damaged and not any(map(len, tables)):
        raise DataError(f"{damaged[0]}: is truncated, damaged or not an npz file, and no other holds {_named(part)}")
    frames = stack(
        tables, nothing=f"{root}: its npz files hold no images of {_named(part)}, which this split is made of"
    )
    frames = relocated(frames, (root, root / "images", *(path.parent for path in npz_files(root))))
    return paired(frames, partial=partial, unlabelled_expected=True)


def _npz(path: Path) -> Frames:
    arrays = read_npz_arrays(path, NPZ_KEYS)
    names, places, joints = (arrays[key] for key in NPZ_KEYS)
    count = len(names)
    if places.shape == (count, len(SPIN_24), 3) and joints.shape == (count, len(SPIN_24), 4):
        places, joints = of_spin(places, H36M_17), of_spin(joints, H36M_17)
    if places.shape != (count, 17, 3) or joints.shape != (count, 17, 4):
        raise DataError(
            f"{path}: part is {places.shape} and S {joints.shape}; expected ({count}, 17, 3) and ({count}, 17, 4) in "
            f"Human3.6M's order, or 24 joints in SPIN's"
        )
    images = tuple(str(name) for name in names)
    places, joints = places.astype(float), joints.astype(float)
    return Frames(
        folder=path.parent,
        images=images,
        joints_cam=np.where(joints[..., 3:] > 0, joints[..., :3], np.nan),
        joints_img=np.where(places[..., 2:] > 0, places[..., :2], np.nan),
        where=np.array([where_of(name, path) for name in images]).reshape(-1, 5),
        given=np.full((count, 4), np.nan),
    )


def where_of(name: str, path: Path) -> tuple[int, int, int, int, int]:
    """(subject, action index, subaction, camera 0..3, frame) by an image's name in either public manner.

    The names of the authors' videos (`S9_Waiting_1.60457274_000001.jpg`) number an action's two recordings in their own
    way, which differs from the subactions': -1 stands for the one without a number and -2 for number 1.

    Raises:
        DataError: the name is of another kind.
    """
    where = _where(name)
    if where is None:
        raise DataError(
            f"{path}: the image name {name!r} says no subject, action and camera; expected such as "
            f"S1_Directions_1.54138969_000001.jpg"
        )
    return where


def _where(name: str) -> tuple[int, int, int, int, int] | None:
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    numbered = NUMBERED.fullmatch(last)
    if numbered:
        subject, action, subaction, camera, frame = (int(number) for number in numbered.groups())
        return subject, action, subaction, camera - 1, frame
    named = NAMED.fullmatch(last)
    if named is None or not action_index(named[2]) or named[4] not in CAMERA_IDS:
        return None
    subaction = -1 - int(named[3] or 0)
    return int(named[1]), action_index(named[2]), subaction, CAMERA_IDS.index(named[4]), int(named[5])


def _named(part: Part) -> str:
    return ", ".join(f"S{subject}" for subject in part.subjects)
