"""MPI-INF-3DHP: people before a green screen and 14 cameras, and a test set in studio, room and garden.

Its joints come from a markerless commercial tracker, in two sets: 28 for training, 17 of them for the test set. One
skeleton serves all splits: the 17. Two splits keep all 28. Pixels are taken as the authors give them: whether theirs
count from 0 or 1 nobody has said, but 2D joints, 3D joints and intrinsics agree to a hundredth of a pixel.

Splits: `train` S1 to S7 and `validation` S8, a person that no training of `train` has seen, to choose by; `trainval`
all eight, for the last run after every choice; of each the eight cameras that the field trains on (not those in the
ceiling), every 10th frame. `test` is the valid frames of TS1 to TS6.

Source: Mehta et al., "Monocular 3D human pose estimation in the wild using improved CNN supervision", 3DV 2017.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial as bound
from pathlib import Path
from types import MappingProxyType

import numpy as np

from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import MPI_INF_3DHP_17, MPI_INF_3DHP_28
from prepose.data.entry import CatalogEntry, FoundDataset, SplitMissing, box_of_joints
from prepose.data.mpi_inf_3dhp.npz_lists import npz_lists, read_npz_views
from prepose.data.mpi_inf_3dhp.pictures import read_pictures
from prepose.data.mpi_inf_3dhp.test_set import RECORDINGS, read_test_recording, test_set_root
from prepose.data.mpi_inf_3dhp.training import CAMERAS, SEQUENCES, Wanted, read_recording, training_root
from prepose.data.mpi_inf_3dhp.views import View, inside, notes_of
from prepose.data.sample import JointState, PoseSample
from prepose.data.sides import sides_note
from prepose.errors import DataError

FIELDS_CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)
ALL_CAMERAS = tuple(range(CAMERAS))
HELD_OUT, OTHERS = 8, tuple(range(1, 8))


@dataclass(frozen=True)
class Part:
    """A split of the training recordings.

    Attributes:
        subjects: Whose recordings.
        wanted: What is taken of each.
    """

    subjects: tuple[int, ...]
    wanted: Wanted


# None: the test set.
SPLITS: Mapping[str, Part | None] = MappingProxyType(
    {
        "train": Part(OTHERS, Wanted(FIELDS_CAMERAS, 10, MPI_INF_3DHP_17)),
        "validation": Part((HELD_OUT,), Wanted(FIELDS_CAMERAS, 10, MPI_INF_3DHP_17)),
        "test": None,
        "trainval": Part((*OTHERS, HELD_OUT), Wanted(FIELDS_CAMERAS, 10, MPI_INF_3DHP_17)),
        "train-14-cameras": Part(OTHERS, Wanted(ALL_CAMERAS, 10, MPI_INF_3DHP_17)),
        "train-28-joints": Part(OTHERS, Wanted(FIELDS_CAMERAS, 10, MPI_INF_3DHP_28)),
        "validation-28-joints": Part((HELD_OUT,), Wanted(FIELDS_CAMERAS, 10, MPI_INF_3DHP_28)),
    }
)


def mpi_inf_3dhp(root: Path, split: str, *, partial: bool) -> FoundDataset:
    """MPI-INF-3DHP: a sample is what one camera saw in one frame, in the order of recordings, cameras and frames.

    Args:
        root: The folder with `S1/Seq1/` ... and `mpi_inf_3dhp_test_set/TS1/` ...; either is enough for its splits.
        split: One of `SPLITS`.
        partial: Whether labels without image, images without label, and recordings and cameras that are not there are
            left out instead of refused.

    Raises:
        DataError: files are missing, damaged, of another dataset, or do not fit each other.
    """
    if split not in SPLITS:
        raise DataError(f"mpi-inf-3dhp has no split {split!r}; it has {', '.join(SPLITS)}")
    part = SPLITS[split]
    skeleton = MPI_INF_3DHP_17 if part is None else part.wanted.skeleton
    if part is None:
        views, lacking = _test_set(root, partial=partial)
    else:
        views, lacking = _recordings(root, part, partial=partial)
    total = sum(len(view) for view in views)
    if not total:
        raise DataError(f"{root}: no frame is left of split {split}")
    videos = sum(view.place.is_file() for view in views)
    notes = (
        *([f"nothing of {', '.join(lacking)} is there"] if lacking else []),
        *([f"{videos} of {len(views)} cameras' pictures are read from video and stored as JPEG"] if videos else []),
        *notes_of(views),
        sides_note(np.concatenate([view.joints_cam for view in views]), skeleton, root),
    )
    samples = bound(_samples, views, skeleton)
    return FoundDataset(skeleton, total, samples, notes, {"split_rule": _rule(part), "cameras": len(views)})


def _recordings(root: Path, part: Part, *, partial: bool) -> tuple[list[View], list[str]]:
    base = training_root(root)
    if base is None and (lists := npz_lists(root, test=False)):
        if part.wanted.skeleton != MPI_INF_3DHP_17 or part.wanted.cameras != FIELDS_CAMERAS:
            raise DataError(f"{lists[0]}: holds 17 joints of 8 cameras; this split needs the authors' annot.mat")
        return read_npz_views(root, lists, part.subjects, part.wanted.every, partial=partial), []
    if base is None:
        raise SplitMissing(f"{root}: holds no training recordings (S1/Seq1/annot.mat and so on)")
    wanted = [f"S{subject}/{sequence}" for subject in part.subjects for sequence in SEQUENCES]
    lacking = _lacking(base, wanted, "annot.mat", partial=partial)
    there = [base / name for name in wanted if name not in lacking]
    return [view for folder in there for view in read_recording(folder, part.wanted, partial=partial)], lacking


def _test_set(root: Path, *, partial: bool) -> tuple[list[View], list[str]]:
    base = test_set_root(root)
    if base is None and (lists := npz_lists(root, test=True)):
        return read_npz_views(root, lists, (), 1, partial=partial), []
    if base is None:
        raise SplitMissing(f"{root}: holds no test set (mpi_inf_3dhp_test_set/TS1/annot_data.mat and so on)")
    lacking = _lacking(base, RECORDINGS, "annot_data.mat", partial=partial)
    return [read_test_recording(base / name, partial=partial) for name in RECORDINGS if name not in lacking], lacking


def _lacking(base: Path, names: Sequence[str], labels: str, *, partial: bool) -> list[str]:
    """Recordings whose labels are not there.

    Raises:
        DataError: there are some, and `partial` is not set or nothing else is there.
    """
    lacking = [name for name in names if not (base / name / labels).is_file()]
    if lacking and (not partial or len(lacking) == len(names)):
        kind = SplitMissing if len(lacking) == len(names) else DataError
        raise kind(
            f"{base}: this split is {', '.join(names)}, but there is no {labels} of {', '.join(lacking)}; add it"
            + ("" if len(lacking) == len(names) else ", or pass --partial to do without")
        )
    return lacking


def _rule(part: Part | None) -> str:
    if part is None:
        return "frames of TS1 to TS6 that the authors call valid"
    people, cameras = (", ".join(map(str, numbers)) for numbers in (part.subjects, part.wanted.cameras))
    return f"subjects {people}; cameras {cameras}; every {part.wanted.every}th frame"


def _samples(views: Sequence[View], skeleton: Skeleton, first: int, last: int) -> Iterator[PoseSample]:
    start = 0
    for view in views:
        rows = range(max(first - start, 0), min(last - start, len(view)))
        start += len(view)
        if not rows:
            continue
        states = np.where(inside(view), JointState.UNKNOWN, JointState.OUTSIDE).astype(np.uint8)
        details = json.dumps({"univ_scale": round(view.univ_scale, 6)} if np.isfinite(view.univ_scale) else {})
        pictures = read_pictures(view.place, view.names[rows.start : rows.stop], view.frames[rows.start : rows.stop])
        for row, image in zip(rows, pictures, strict=True):
            frame = int(view.frames[row])
            yield PoseSample(
                image=image,
                skeleton=skeleton,
                box_xywh=box_of_joints(view.joints_img[row]),
                joints_img=view.joints_img[row],
                joints_cam=view.joints_cam[row],
                states=states[row],
                camera=view.camera,
                subject=view.subject,
                action=view.actions[row],
                frame=frame,
                source=f"{view.name}, frame {frame}",
                details=details,
            )


ENTRY = CatalogEntry(
    name="mpi-inf-3dhp",
    title="MPI-INF-3DHP",
    about="1.3 million frames of 8 actors before a green screen, 14 cameras, joints by markerless tracking; a test set "
    "indoors and outdoors",
    has_3d=True,
    skeleton=MPI_INF_3DHP_17,
    licence="research only, non-commercial; may not be passed on",
    citation="Mehta et al., Monocular 3D human pose estimation in the wild using improved CNN supervision, 3DV 2017",
    home="https://vcai.mpi-inf.mpg.de/3dhp-dataset/",
    size="1.3 million frames of 14 cameras, 2048 x 2048 px; test set 2,929 valid frames",
    layouts=(
        "S1/Seq1/{annot.mat,camera.calibration} with the videos imageSequence/video_0.avi ...",
        "the same with extracted frames: imageSequence/video_0/img_000001.jpg, imageSequence/img_0_000001.jpg, or "
        "imageFrames/video_0/frame_000001.jpg",
        "mpi_inf_3dhp_test_set/TS1/annot_data.mat with imageSequence/img_000001.jpg ...",
        "annotations/mpi_inf_3dhp_train.npz, mpi_inf_3dhp_test_valid.npz and cameras_train.pkl with images/ (MMPose); "
        "mpi_inf_3dhp_train.npz of 24 joints with S1/Seq1/imageFrames/video_0/frame_000001.jpg (SPIN)",
    ),
    tree=(
        "3dhp/",
        "├── S1/Seq1/annot.mat, camera.calibration",
        "├── S1/Seq1/imageSequence/video_0.avi ...",
        "├── ... S8/Seq2/",
        "└── mpi_inf_3dhp_test_set/TS1/annot_data.mat, imageSequence/img_000001.jpg ... TS6/",
    ),
    expected=MappingProxyType({"test": 2929}),
    splits=tuple(SPLITS),
    default_splits=3,
    adapter=mpi_inf_3dhp,
    signature=(
        "S[1-8]/Seq[12]/annot.mat",
        "*/S[1-8]/Seq[12]/annot.mat",
        "TS[1-6]/annot_data.mat",
        "*/TS[1-6]/annot_data.mat",
        "*/*/TS[1-6]/annot_data.mat",
        "mpi_inf_3dhp_*.npz",
        "*/mpi_inf_3dhp_*.npz",
    ),
)

ENTRIES = (ENTRY,)
