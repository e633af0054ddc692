"""Layouts b and c: a folder for each recording, with its frames and one label file."""

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float

from prepose.data.h36m.cameras import CAMERA_IDS
from prepose.data.h36m.frames import Frames, Part, action_index, h36m_17, paired, stack
from prepose.data.intake import hdf5_shapes, mat_shapes, read_hdf5, read_mat
from prepose.errors import DataError

RECORDING = re.compile(r"s_(\d+)_act_(\d+)_subact_(\d+)_ca_(\d+)")
FETCHED = re.compile(r"([A-Za-z]+)(?:[- _](\d))?")
META = "matlab_meta.mat"


def recordings_root(root: Path) -> Path | None:
    """The folder with `s_01_act_02_subact_01_ca_01` and so on, of which at least one has its label file."""
    for folder in (root, *sorted(entry for entry in root.glob("*") if entry.is_dir())):
        if any((entry / META).is_file() for entry in folder.glob("s_*_act_*_subact_*_ca_*")):
            return folder
    return None


def read_recordings(root: Path, part: Part, *, partial: bool) -> Frames:
    """Layout b: `s_01_act_02_subact_01_ca_01/matlab_meta.mat` beside `s_01_..._000001.jpg`.

    Raises:
        DataError: recordings are half there, damaged, or their images and labels do not fit each other.
    """
    base = recordings_root(root) or root
    tables, bare = [], []
    for folder in sorted(base.glob("s_*_act_*_subact_*_ca_*")):
        numbers = RECORDING.fullmatch(folder.name)
        if numbers is None or int(numbers[1]) not in part.subjects:
            continue
        if (folder / META).is_file():
            tables.append(_recording(base, folder, [int(number) for number in numbers.groups()]))
        else:
            bare.append(folder.name)
    if bare and not partial:
        raise DataError(f"{base}: {len(bare)} recordings have no {META} ({bare[0]}, ...); add it, or pass --partial")
    frames = stack(tables, nothing=_nothing(base, part))
    note = (f"{len(bare)} recordings have no {META} and are left out ({bare[0]}, ...)",) if bare else ()
    return paired(frames, partial=partial).told(*note)


def _recording(base: Path, folder: Path, numbers: list[int]) -> Frames:
    path = folder / META
    shapes = mat_shapes(path)
    missing = [name for name in ("Y2d", "Y3d_mono") if name not in shapes]
    if missing:
        raise DataError(f"{path}: has no {missing[0]}; it has {', '.join(shapes) or 'nothing'}")
    joints_img, joints_cam = _by_frame(path, "Y2d", shapes, 2), _by_frame(path, "Y3d_mono", shapes, 3)
    count = len(joints_cam)
    announced = int(read_mat(path, "num_images", (None, None)).item()) if "num_images" in shapes else count
    if not len(joints_img) == count == announced:
        raise DataError(
            f"{path}: has {len(joints_img)} 2D poses, {count} 3D poses and announces {announced} images; "
            "expected as many of each"
        )
    boxes = _boxes(path, shapes, count)
    subject, action, subaction, camera = numbers
    frame = np.arange(1, count + 1)
    return Frames(
        folder=base,
        images=tuple(f"{folder.name}/{folder.name}_{number:06d}.jpg" for number in frame),
        joints_cam=h36m_17(joints_cam, path),
        joints_img=h36m_17(joints_img, path),
        where=np.stack([*(np.full(count, n) for n in (subject, action, subaction, camera - 1)), frame], axis=1),
        given=boxes,
    )


def _by_frame(path: Path, name: str, shapes: dict[str, tuple[int, ...]], width: int) -> np.ndarray:
    """A label matrix as (frames, joints, 2 or 3), whichever of its axes runs over the frames."""
    shape = shapes[name]
    values = read_mat(path, name, tuple(None for _ in shape)).astype(float)
    rows = {joints * width for joints in (17, 32)}
    if len(shape) == 3 and shape[0] in (17, 32) and shape[1] == width:
        return values.transpose(2, 0, 1)
    if len(shape) == 2 and shape[0] in rows:
        return values.T.reshape(shape[1], -1, width)
    if len(shape) == 2 and shape[1] in rows:
        return values.reshape(shape[0], -1, width)
    raise DataError(f"{path}: {name} is {' x '.join(map(str, shape))}; expected 17 or 32 joints x {width} x frames")


def _boxes(path: Path, shapes: dict[str, tuple[int, ...]], count: int) -> Float[np.ndarray, "N 4"]:
    """The authors' boxes (x1, y1, x2, y2) as x, y, w, h; NaN where the file has none for each frame."""
    if sorted(shapes.get("bbox", ())) != sorted((4, count)):
        return np.full((count, 4), np.nan)
    corners = read_mat(path, "bbox", (None, None)).astype(float)
    corners = corners.T if corners.shape[0] == 4 and count != 4 else corners
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)


def fetched_root(root: Path) -> Path | None:
    """The folder with `S1/Directions-1/annot.h5` and so on."""
    for folder in (root, *sorted(entry for entry in root.glob("*") if entry.is_dir())):
        # MPI-INF-3DHP's S1/Seq1 look alike, but hold annot.mat.
        if next(folder.glob("S*/*/annot.h5"), None) is not None:
            return folder
    return None


def read_fetched(root: Path, part: Part, *, partial: bool) -> Frames:
    """Layout c, as the public h36m-fetch writes it: `S1/Directions-1/annot.h5` with `imageSequence/CAMERA/`.

    `pose/3d-univ` holds the pose of a person of standard size, not of the one in the image; it is read only to be told
    apart: a file without `pose/3d` is refused. The lenses under `intrinsics` were fitted without distortion; better
    ones are fitted anew (`cameras.fit_lens`).

    Raises:
        DataError: recordings are half there, damaged, or their images and labels do not fit each other.
    """
    base = fetched_root(root) or root
    tables = [
        _fetched(base, path) for subject in part.subjects for path in sorted((base / f"S{subject}").glob("*/annot.h5"))
    ]
    return paired(stack(tables, nothing=_nothing(base, part)), partial=partial)


def _fetched(base: Path, path: Path) -> Frames:
    shapes = hdf5_shapes(path)
    if "pose/3d" not in shapes and "pose/3d-univ" in shapes:
        raise DataError(
            f"{path}: has pose/3d-univ alone, the poses of a person of standard size, which are not those in the "
            f"images; make it again with a version of h36m-fetch that writes pose/3d"
        )
    joints_cam = h36m_17(read_hdf5(path, "pose/3d", (None, None, 3)), path)
    joints_img = h36m_17(read_hdf5(path, "pose/2d", (len(joints_cam), None, 2)), path)
    serial, frame, subject = (read_hdf5(path, name, (len(joints_cam),)) for name in ("camera", "frame", "subject"))
    names = np.array([str(int(number)) for number in serial])
    unknown = sorted(set(names) - set(CAMERA_IDS))
    if unknown:
        raise DataError(f"{path}: camera {unknown[0]} is none of Human3.6M's {', '.join(CAMERA_IDS)}")
    camera = np.array([CAMERA_IDS.index(name) for name in names])
    folder = path.parent
    named = FETCHED.fullmatch(folder.name)
    action = action_index(named[1]) if named else 0
    if not action:
        raise DataError(f"{folder}: is not named after one of Human3.6M's actions, such as Directions-1")
    if set(subject.astype(int).tolist()) != {int(folder.parent.name[1:])}:
        raise DataError(f"{path}: its subject is {sorted(set(subject.tolist()))}, but it lies in {folder.parent.name}")
    subaction = int(named[2]) if named and named[2] else -1
    count = len(frame)
    return Frames(
        folder=base,
        images=tuple(
            f"{folder.parent.name}/{folder.name}/imageSequence/{name}/img_{int(number):06d}.jpg"
            for name, number in zip(names, frame, strict=True)
        ),
        joints_cam=joints_cam,
        joints_img=joints_img,
        where=np.stack([subject, np.full(count, action), np.full(count, subaction), camera, frame], axis=1).astype(int),
        given=np.full((count, 4), np.nan),
    )


def _nothing(base: Path, part: Part) -> str:
    wanted = ", ".join(f"S{subject}" for subject in part.subjects)
    return f"{base}: holds no recordings of {wanted}, which this split is made of"
