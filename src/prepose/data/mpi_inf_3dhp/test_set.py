"""The test set: `TS1/annot_data.mat` (HDF5), one camera a recording, of which only some frames are valid."""

from collections import Counter
from pathlib import Path

import numpy as np
from jaxtyping import Float

from prepose.body.skeletons import MPI_INF_3DHP_17 as SKELETON
from prepose.data.intake import hdf5_shapes, read_hdf5
from prepose.data.mpi_inf_3dhp.pictures import FRAME, names_of, pictures_in
from prepose.data.mpi_inf_3dhp.views import View, checked
from prepose.data.mpi_labels import fit_pinhole, univ_scale_of
from prepose.errors import DataError

RECORDINGS = ("TS1", "TS2", "TS3", "TS4", "TS5", "TS6")
# By `activity_annotation`, counted from 1. Source: the dataset's paper, the test set's seven activities.
ACTIVITIES = ("standing/walking", "exercising", "sitting", "reaching/crouching", "on the floor", "sports", "other")
INVALID = "frames are not valid by the authors' valid_frame, and are left out"
NO_IMAGE = "labels have no image, and are left out"
NO_LABEL = "images have no label, and are left out"


def test_set_root(root: Path) -> Path | None:
    """The folder with `TS1/annot_data.mat` and so on: the one named, or up to two levels below."""
    labels = next(
        (path for depth in ("", "*/", "*/*/") for path in sorted(root.glob(f"{depth}TS[1-6]/annot_data.mat"))), None
    )
    return None if labels is None else labels.parent.parent


def read_test_recording(folder: Path, *, partial: bool) -> View:
    """The valid frames of a recording; its camera is fitted, as the authors give none beside the labels.

    Raises:
        DataError: labels or pictures are missing, damaged, or do not fit each other.
    """
    path = folder / "annot_data.mat"
    shapes = hdf5_shapes(path)
    joints_cam, joints_img = _joints(path, "annot3", 3), _joints(path, "annot2", 2)
    valid = _flat(path, "valid_frame", len(joints_cam)) > 0
    if len(joints_img) != len(joints_cam):
        raise DataError(
            f"{path}: has {len(joints_img)} rows of annot2 but {len(joints_cam)} of annot3; expected as many"
        )
    pictures = pictures_in(folder / "imageSequence", FRAME)
    if pictures is None:
        raise DataError(f"{folder}: imageSequence holds no img_000001.jpg and so on; unpack the pictures there")
    if pictures.count > len(valid) and not partial:
        raise DataError(
            f"{pictures.place}: {pictures.count - len(valid)} of {pictures.count} images have no label; take the "
            f"authors' files, or pass --partial to leave those images out"
        )
    frames = np.flatnonzero(valid)
    if not len(frames):
        raise DataError(f"{path}: marks none of its {len(valid)} frames as valid")
    present, names = names_of(pictures, frames, partial=partial)
    activities = _activities(path, shapes, len(valid))
    scale = float("nan")
    if "univ_annot3" in shapes:
        scale = univ_scale_of(joints_cam[frames], _joints(path, "univ_annot3", 3)[frames], SKELETON.root_index)
    kept = frames[present]
    view = View(
        name=folder.name,
        subject=folder.name,
        place=pictures.place.resolve(),
        names=names,
        frames=kept,
        joints_cam=joints_cam[kept],
        joints_img=joints_img[kept],
        actions=tuple(activities[frame] for frame in kept),
        camera=fit_pinhole(joints_cam[frames], joints_img[frames], pictures.size_wh, folder.name),
        univ_scale=scale,
        counts=Counter(
            {
                INVALID: int((~valid).sum()),
                NO_IMAGE: len(frames) - len(kept),
                NO_LABEL: max(0, pictures.count - len(valid)),
            }
        ),
    )
    return checked((view,), SKELETON, folder, partial=partial)[0]


def _joints(path: Path, name: str, width: int) -> Float[np.ndarray, "N 17 D"]:
    """Joints by frame; the file keeps (frames, 1 person, 17, 2 or 3)."""
    return read_hdf5(path, name, (None, 1, len(SKELETON), width))[:, 0].astype(float)


def _flat(path: Path, name: str, count: int) -> Float[np.ndarray, "N"]:
    values = read_hdf5(path, name, (None, None)).astype(float).ravel()
    if len(values) != count:
        raise DataError(f"{path}: has {len(values)} numbers of {name} for {count} frames")
    return values


def _activities(path: Path, shapes: dict[str, tuple[int, ...]], count: int) -> tuple[str, ...]:
    if "activity_annotation" not in shapes:
        return ("",) * count
    numbers = _flat(path, "activity_annotation", count)
    known = np.isin(numbers, np.arange(1, len(ACTIVITIES) + 1))
    return tuple(ACTIVITIES[int(n) - 1] if ok else "" for n, ok in zip(numbers, known, strict=True))
