"""The training recordings: `S1/Seq1/annot.mat`, `camera.calibration`, and frames or videos of up to 14 cameras."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import MPI_INF_3DHP_28
from prepose.data.intake import check_file, mat_shapes, read_mat, read_mat_cells
from prepose.data.mpi_inf_3dhp.calibration import Calibrated, camera_of, check_extrinsics, read_calibration
from prepose.data.mpi_inf_3dhp.pictures import Pictures, check_length, find_pictures, names_of
from prepose.data.mpi_inf_3dhp.views import View, checked
from prepose.data.mpi_labels import univ_scale_of
from prepose.errors import DataError

SEQUENCES = ("Seq1", "Seq2")
CAMERAS = 14
# The authors' frames end too early in this video, so that nobody knows which frame is which; the field leaves it out.
TOO_SHORT = frozenset([("S6", "Seq2", 2)])
NO_FRAME = "labelled frames come after the end of their video, and are left out"
OTHER_SIZE = "cameras have another image size in camera.calibration than their pictures have; the pictures' is taken"
NO_PICTURES = "cameras of a recording have no pictures, and are left out"
NO_IMAGE = "labels have no image, and are left out"
NO_LABEL = "images have no label, and are left out"
SHORT = "video is too short to know its frames (S6/Seq2 camera 2), and is left out"


@dataclass(frozen=True, eq=False)
class Annotations:
    """The labels of one recording.

    Attributes:
        frames: Which frame of the videos each row is, from 0.
        joints_cam: camera -> joints, mm.
        joints_img: camera -> joints, px.
        univ_scale: The size of `univ_annot3` in parts of the true one; NaN where it is not there.
    """

    frames: Int[np.ndarray, "N"]
    joints_cam: Mapping[int, Float[np.ndarray, "N 28 3"]]
    joints_img: Mapping[int, Float[np.ndarray, "N 28 2"]]
    univ_scale: float


@dataclass(frozen=True, eq=False)
class _Recording:
    folder: Path
    annotations: Annotations
    calibration: Mapping[int, Calibrated]


@dataclass(frozen=True)
class Wanted:
    """What a split takes of a recording.

    Attributes:
        cameras: Of which cameras.
        every: Every how many frames, beginning with the first.
        skeleton: Joints, all of which MPI-INF-3DHP's 28 have.
    """

    cameras: tuple[int, ...]
    every: int
    skeleton: Skeleton


def training_root(root: Path) -> Path | None:
    """The folder with `S1/Seq1/annot.mat` and so on: the one named, or one level below."""
    for folder in (root, *sorted(entry for entry in root.glob("*") if entry.is_dir())):
        if next(folder.glob("S[1-8]/Seq[12]/annot.mat"), None) is not None:
            return folder
    return None


def read_recording(folder: Path, wanted: Wanted, *, partial: bool) -> tuple[View, ...]:
    """The views of a recording.

    Raises:
        DataError: labels, calibration or pictures are missing, damaged, or do not fit each other.
    """
    recording = _Recording(
        folder,
        read_annotations(folder / "annot.mat", wanted.cameras),
        read_calibration(folder / "camera.calibration"),
    )
    subject, sequence = folder.parent.name, folder.name
    taken = [camera for camera in wanted.cameras if (subject, sequence, camera) not in TOO_SHORT]
    found = {camera: find_pictures(folder, camera) for camera in taken}
    lacking = [camera for camera, pictures in found.items() if pictures is None]
    if len(lacking) == len(taken) or (lacking and not partial):
        raise DataError(
            f"{folder}: there are neither frames nor video of camera {', '.join(map(str, lacking))} (such as "
            f"imageSequence/video_{lacking[0]}.avi); unzip the authors' zip files of videos there"
            + ("" if len(lacking) == len(taken) else ", or pass --partial to do without")
        )
    views = [
        _view(recording, camera, pictures, wanted, partial=partial)
        for camera, pictures in found.items()
        if pictures is not None
    ]
    first, *others = checked(views, wanted.skeleton, folder, partial=partial)
    check_extrinsics((first, *others), folder / "camera.calibration")
    left_out = Counter({SHORT: len(wanted.cameras) - len(taken), NO_PICTURES: len(lacking)})
    return (replace(first, counts=first.counts + left_out), *others)


def read_annotations(path: Path, cameras: tuple[int, ...]) -> Annotations:
    """The labels of some cameras from an `annot.mat`.

    Raises:
        DataError: the file is missing, damaged, another one, or its parts are not of one length.
    """
    check_file(path)
    cells = read_mat_cells(path, ("annot2", "annot3", "univ_annot3"))
    lacking = [name for name in ("annot2", "annot3") if name not in cells]
    if lacking:
        raise DataError(f"{path}: has no cells {' and '.join(lacking)}; is it the authors' annot.mat?")
    shapes = mat_shapes(path)
    order = _row(path, "cameras", shapes, np.arange(len(cells["annot3"]))).astype(int).tolist()
    unknown = sorted(set(cameras) - set(order))
    again = [camera for camera, count in Counter(order).items() if count > 1]
    if again:
        raise DataError(
            f"{path}: cameras names camera {again[0]} twice, so that it cannot be told whose labels are which"
        )
    if unknown or len(order) != len(cells["annot3"]) or len(order) != len(cells["annot2"]):
        raise DataError(
            f"{path}: has labels of {len(cells['annot3'])} cameras ({order}); expected {CAMERAS}, 0 to {CAMERAS - 1}"
        )
    count = len(cells["annot3"][0])
    joints = {
        (name, camera): _joints(path, name, cells[name][order.index(camera)], count)
        for name in ("annot2", "annot3")
        for camera in cameras
    }
    true = joints["annot3", cameras[0]]
    univ = cells.get("univ_annot3")
    univ_scale = float("nan")
    if univ is not None:
        where = order.index(cameras[0])
        stacked = _joints(path, "univ_annot3", univ[where] if where < len(univ) else np.zeros((0, 0)), count)
        univ_scale = univ_scale_of(true, stacked, MPI_INF_3DHP_28.root_index)
    frames = _row(path, "frames", shapes, np.arange(count)).astype(int)
    return Annotations(
        frames=_from_zero(path, frames, count),
        joints_cam={camera: joints["annot3", camera] for camera in cameras},
        joints_img={camera: joints["annot2", camera] for camera in cameras},
        univ_scale=univ_scale,
    )


def _view(recording: _Recording, camera: int, pictures: Pictures, wanted: Wanted, *, partial: bool) -> View:
    folder, annotations = recording.folder, recording.annotations
    name = f"{folder.parent.name}/{folder.name} camera {camera}"
    if camera not in recording.calibration:
        raise DataError(f"{folder / 'camera.calibration'}: has no camera {camera}")
    lens, other_size = camera_of(recording.calibration[camera], pictures.size_wh, name)
    beyond = check_length(pictures, int(annotations.frames[-1]) + 1, name, partial=partial)
    unlabelled = {NO_LABEL: max(0, pictures.count - int(annotations.frames[-1]) - 1)}
    rows = np.flatnonzero((annotations.frames % wanted.every == 0) & (annotations.frames < pictures.count))
    present, names = names_of(pictures, annotations.frames[rows], partial=partial)
    joints = [MPI_INF_3DHP_28.index(joint) for joint in wanted.skeleton.joints]
    kept = rows[present]
    return View(
        name=name,
        subject=folder.parent.name,
        place=pictures.place.resolve(),
        names=names,
        frames=annotations.frames[kept],
        joints_cam=annotations.joints_cam[camera][kept][:, joints],
        joints_img=annotations.joints_img[camera][kept][:, joints],
        actions=(folder.name,) * len(kept),
        camera=lens,
        univ_scale=annotations.univ_scale,
        counts=Counter({NO_FRAME: beyond, OTHER_SIZE: int(other_size), NO_IMAGE: len(rows) - len(kept), **unlabelled}),
    )


def _joints(path: Path, name: str, cell: np.ndarray, count: int) -> np.ndarray:
    """A cell's rows x1 y1 (z1) x2 ... as (frames, 28, 2 or 3)."""
    width = 2 if name == "annot2" else 3
    if cell.shape != (count, width * len(MPI_INF_3DHP_28)) or count == 0:
        raise DataError(
            f"{path}: a cell of {name} is {' x '.join(map(str, cell.shape))}, expected {count} frames x "
            f"{width * len(MPI_INF_3DHP_28)}"
        )
    return cell.astype(float).reshape(count, len(MPI_INF_3DHP_28), width)


def _row(path: Path, name: str, shapes: Mapping[str, tuple[int, ...]], usual: np.ndarray) -> np.ndarray:
    """A list of numbers, or the usual one where the file has none."""
    return read_mat(path, name, tuple(None for _ in shapes[name])).ravel() if name in shapes else usual


def _from_zero(path: Path, frames: Int[np.ndarray, "M"], count: int) -> Int[np.ndarray, "N"]:
    if len(frames) != count or frames[0] not in (0, 1) or (np.diff(frames) < 1).any():
        raise DataError(
            f"{path}: frames has {len(frames)} numbers from {frames[0] if len(frames) else 'none'} on for {count} "
            f"rows; expected as many, rising from 0 or 1"
        )
    return frames - frames[0]
