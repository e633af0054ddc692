"""MPI-INF-3DHP as npz lists, as MMPose and SPIN write them: names of images, 2D joints in px, 3D joints in metres.

`mpi_inf_3dhp_train.npz` and `mpi_inf_3dhp_test_valid.npz` hold `imgname`, `part` (N, J, 3: px and confidence) and `S`
(N, J, 4: camera frame and confidence) of 17 joints in the test set's order (MMPose) or of SPIN's 24. MMPose's
`cameras_train.pkl` is beside them; of SPIN's files, and of the test set, the cameras are fitted to the labels.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from prepose.body.skeletons import MPI_INF_3DHP_17, SPIN_24
from prepose.camera.camera import Camera
from prepose.data.archive import read_npz
from prepose.data.image_source import size_of
from prepose.data.mpi_inf_3dhp.test_set import NO_IMAGE, NO_LABEL
from prepose.data.mpi_inf_3dhp.views import View, checked
from prepose.data.mpi_labels import fit_pinhole
from prepose.data.pairing import PICTURE_SUFFIXES
from prepose.data.spin_joints import of_spin
from prepose.data.unpickle import read_pickle
from prepose.errors import DataError

KEYS = ("imgname", "part", "S")
MM = 1000.0
# The images' names of MMPose (`S1_Seq1_Cam0_000001.jpg`) and of SPIN (`S1/Seq1/imageFrames/video_0/frame_000001.jpg`).
TRAINING = re.compile(r"S(\d)[/_]Seq(\d)[/_](?:\w+/)?(?:Cam|video_)(\d+)[/_](?:frame_)?(\d+)\.\w+")
TEST = re.compile(r"(?:.*/)?(TS\d)[/_](?:imageSequence/img_)?(\d+)\.\w+")


def npz_lists(root: Path, *, test: bool) -> list[Path]:
    """The npz files of the training or of the test set at the root or up to two levels below."""
    found = sorted({path for depth in ("", "*/", "*/*/") for path in root.glob(f"{depth}mpi_inf_3dhp*.npz")})
    return [path for path in found if ("test" in path.name or "valid" in path.name) == test]


def read_npz_views(root: Path, paths: list[Path], wanted: tuple[int, ...], every: int, *, partial: bool) -> list[View]:
    """The views of some npz lists.

    Args:
        root: The folder below which images and `cameras_train.pkl` are looked for.
        paths: The lists.
        wanted: Subjects of the training set; none for the test set.
        every: Every how many frames of a training recording are taken.
        partial: Whether labels without image are left out instead of refused.

    Raises:
        DataError: files are missing or damaged, or do not fit each other.
    """
    views: list[View] = []
    for path in paths:
        names, places, joints = _arrays(path)
        groups: dict[tuple[str, str], list[int]] = {}
        frames = np.zeros(len(names), int)
        for row, name in enumerate(names):
            subject, recording, frames[row] = _where(name, path, test=not wanted)
            if not wanted or int(subject[1:]) in wanted:
                groups.setdefault((subject, recording), []).append(row)
        folder, cameras = _image_folder(root, path, names), _cameras(root, path)
        for (subject, recording), rows in groups.items():
            rows = _thinned(sorted(rows, key=lambda row: int(frames[row])), frames, every)
            view = _view(folder, (subject, recording), tuple(names[row] for row in rows), frames[rows] - 1,
                         (joints[rows], places[rows]), cameras)  # fmt: skip
            if not partial and view.counts[NO_IMAGE]:
                raise DataError(
                    f"{folder}: {view.counts[NO_IMAGE]} of {len(rows)} labels of {recording} have no image; add the "
                    "images, or pass --partial to do without"
                )
            views += checked((view,), MPI_INF_3DHP_17, path, partial=partial)
    if views:
        views[0].counts[NO_LABEL] += _unlabelled(root, {(view.place, name) for view in views for name in view.names})
    return views


def _unlabelled(root: Path, images: set[tuple[Path, str]]) -> int:
    """Images beside the labelled ones that no list names."""
    lists = [*npz_lists(root, test=True), *npz_lists(root, test=False)]
    names = [str(name) for path in lists for name in read_npz(path, KEYS[:1])[KEYS[0]]]
    named = {place / name for place in {place for place, _ in images} for name in names}
    folders = {(place / name).parent for place, name in images}
    files = (entry for folder in folders for entry in folder.iterdir() if entry.suffix.lower() in PICTURE_SUFFIXES)
    return sum(entry not in named for entry in files)


def _thinned(rows: list[int], frames: np.ndarray, every: int) -> list[int]:
    """The first of some rows in time, and those that follow the one before by so many frames: lists may be thinned."""
    kept = rows[:1]
    for row in rows[1:]:
        if frames[row] - frames[kept[-1]] >= every:
            kept.append(row)
    return kept


def _arrays(path: Path) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    arrays = read_npz(path, KEYS)
    names, places, joints = (arrays[key] for key in KEYS)
    count = len(names)
    if places.shape == (count, len(SPIN_24), 3) and joints.shape == (count, len(SPIN_24), 4):
        places, joints = of_spin(places, MPI_INF_3DHP_17), of_spin(joints, MPI_INF_3DHP_17)
    if places.shape != (count, 17, 3) or joints.shape != (count, 17, 4):
        raise DataError(
            f"{path}: part is {places.shape} and S {joints.shape}; expected ({count}, 17, 3) and ({count}, 17, 4) in "
            "the test set's order, or 24 joints in SPIN's"
        )
    # The confidence says whether a joint lies inside the image; its place is known all the same.
    return tuple(map(str, names)), places[..., :2].astype(float), joints[..., :3].astype(float) * MM


def _where(name: str, path: Path, *, test: bool) -> tuple[str, str, int]:
    """Subject, recording (with the camera), frame from 1."""
    plain = name.replace("\\", "/")
    if test and (found := TEST.search(plain)):
        return found[1], found[1], int(found[2])
    if not test and (found := TRAINING.search(plain)):
        return f"S{found[1]}", f"S{found[1]}_Seq{found[2]}_Cam{found[3]}", int(found[4])
    kind = "TS1_000001.jpg" if test else "S1_Seq1_Cam0_000001.jpg or S1/Seq1/imageFrames/video_0/frame_000001.jpg"
    raise DataError(f"{path}: names an image {name[:80]!r}; expected names such as {kind}")


def _image_folder(root: Path, path: Path, names: tuple[str, ...]) -> Path:
    sample = [names[int(row)] for row in np.linspace(0, len(names) - 1, min(50, len(names)))]
    places = (root, path.parent, path.parent.parent)
    folders = [folder for place in dict.fromkeys(places) for folder in (place, place / "images")]
    for folder in folders:
        if any((folder / name).is_file() for name in sample):
            return folder.resolve()
    raise DataError(f"{folders[1] / names[0]}: there is no such image, nor in {path.parent}; unpack the images there")


def _cameras(root: Path, path: Path) -> dict[Any, Any]:
    for place in (path.parent, root):
        file = place / "cameras_train.pkl"
        if file.is_file():
            content = read_pickle(file)
            if not isinstance(content, dict):
                raise DataError(f"{file}: is not a table of cameras; expected MMPose's cameras_train.pkl")
            return content
    return {}


def _view(
    folder: Path,
    whose: tuple[str, str],
    names: tuple[str, ...],
    frames: np.ndarray,
    joints: tuple[np.ndarray, np.ndarray],
    cameras: dict[Any, Any],
) -> View:
    subject, recording = whose
    there = np.array([(folder / name).is_file() for name in names])
    if not there.any():
        raise DataError(f"{folder / names[0]}: there is no image of {recording}; unpack them there")
    size_wh = size_of(folder / names[int(there.argmax())], recording)
    cam, img = joints
    if recording in cameras:
        camera = _camera(cameras[recording], size_wh, recording)
    else:
        camera = fit_pinhole(cam, img, size_wh, recording)
    view = View(
        name=recording,
        subject=subject,
        place=folder,
        names=names,
        frames=frames,
        joints_cam=cam,
        joints_img=img,
        actions=("",) * len(names),
        camera=camera,
        univ_scale=float("nan"),
        counts=Counter(),
    )
    return view if there.all() else view.take(there, NO_IMAGE)


def _camera(numbers: Any, size_wh: tuple[int, int], name: str) -> Camera:
    try:
        (fx, fy), (cx, cy) = (np.ravel(np.asarray(numbers[key], float)) for key in ("f", "c"))
        rotation = np.asarray(numbers["R"], float).reshape(3, 3)
        translation = np.ravel(np.asarray(numbers["T"], float)) * MM
        K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
        return Camera(K, size_wh, rotation, translation, name=name)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"cameras_train.pkl: the camera {name} is damaged ({type(error).__name__} {error})") from error
