"""MPII Human Pose: people in everyday photographs. `data/mpii_labels.py` tells how its three layouts differ.

Source: Andriluka et al., "2D human pose estimation: new benchmark and state of the art analysis", CVPR 2014; the
validation part is that of Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.
"""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from prepose.body.skeletons import MPII_16
from prepose.camera.crop import box_about, corners_of_box
from prepose.data.entry import CatalogEntry, FoundDataset, SplitMissing, box_of_joints, hdf5_people_of
from prepose.data.labelled_people import LabelledPeople, found_people, grow_box, joined, people_of
from prepose.data.mpii_labels import (
    FILE_OF_SPLIT,
    LOADERS_MARGIN,
    LOADERS_SHIFT,
    MpiiLabels,
    find_labels,
    read_hdf5_labels,
    read_json_labels,
    read_official_labels,
    with_head_boxes,
)
from prepose.errors import DataError

MPII_SPLITS = ("train", "validation", "all")
PERSON_PX = 200.0
# With fewer joints than this the joints' own box is too often a fraction of the visible person.
FEW_JOINTS = 8
# One record of the JSON form and more.
RECORD_BYTES = 4096


def mpii(root: Path, split: str, *, partial: bool) -> FoundDataset:
    """MPII: people in everyday photographs, several an image.

    Args:
        root: The folder with `images/` and the labels, these in `annot/` or beside it.
        split: `train` or `validation` (of the re-packed layouts), or `all`.
        partial: Whether labels without image are left out instead of refused.

    Raises:
        DataError: files are missing, damaged, of another dataset, or do not fit each other.
    """
    if split not in MPII_SPLITS:
        raise DataError(f"mpii has no split {split!r}; it has {', '.join(MPII_SPLITS)}")
    layout, path = find_labels(root)
    if layout == "mat":
        if split != "all":
            raise DataError(
                f"{path}: the authors give no {split} split; put the re-packed train.json and valid.json into annot/, "
                "or add --split all"
            )
        parts = [read_official_labels(path)]
    else:
        read = {"json": read_json_labels, "h5": read_hdf5_labels}[layout]
        wanted = tuple(FILE_OF_SPLIT) if split == "all" else (split,)
        files = [path / f"{FILE_OF_SPLIT[part]}.{layout}" for part in wanted]
        missing = next((file for file in files if not file.exists()), None)
        if missing is not None:
            raise SplitMissing(f"{missing}: there is no such file")
        parts = [with_head_boxes(root, file, read(file)) for file in files]
    people, notes = joined([_people(part) for part in parts]), tuple(note for part in parts for note in _told(part))
    folder = root / "images" if (root / "images").is_dir() else root
    return found_people(people, MPII_16, folder, partial=partial, notes=notes, facts={"layout": layout})


def mpii_splits(root: Path) -> tuple[str, ...]:
    """The splits that are added unless others are asked for: the authors' own file knows no validation part."""
    return ("all",) if find_labels(root)[0] == "mat" else MPII_SPLITS[:2]


def mpii_tell_tale(root: Path) -> Path | None:
    """A re-packed label file: by its number of joints, or by how its first record begins."""
    names = [f"{folder}{name}" for folder in ("annot/", "") for name in FILE_OF_SPLIT.values()]
    for path in (root / f"{name}.json" for name in names):
        if path.is_file():
            with path.open("rb") as file:
                if b'"joints_vis"' in file.read(RECORD_BYTES):
                    return path
    return hdf5_people_of(root, [f"{name}.h5" for name in names], len(MPII_16))


def matlab_pixels(xy: Float[np.ndarray, "*N 2"]) -> Float[np.ndarray, "*N 2"]:
    """MATLAB's places, from 1, as px from the centre of the first pixel. Touches every label of every layout."""
    return xy - 1.0


def scale_boxes(center: Float[np.ndarray, "N 2"], scale: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N 4"]:
    """The square that loaders cut out, px from 1: 15 scale below the centre, 1.25 times the 200 px a scale stands for.

    It misses a labelled joint of 3 % of the people of the validation part.
    """
    side = LOADERS_MARGIN * PERSON_PX * scale
    middle = center + np.array([0.0, LOADERS_SHIFT]) * scale[:, None]
    return box_about(middle, np.stack([side, side], axis=1))


def _people(labels: MpiiLabels) -> LabelledPeople:
    people = people_of(matlab_pixels(labels.joints), labels.states, labels.images, labels.sources)
    boxes = np.full((len(people), 4), np.nan)
    for row in np.flatnonzero(_few(labels)).tolist():
        joints = people.joints_img[row]
        box = scale_boxes(labels.center[row : row + 1] - 1, labels.scale[row : row + 1])[0]
        own = box_of_joints(joints)
        boxes[row] = grow_box(box, np.stack(corners_of_box(own)))
    low, high = matlab_pixels(labels.head_xyxy[:, :2]), matlab_pixels(labels.head_xyxy[:, 2:])
    # The size is the difference of the corners, as the authors' PCKh takes it.
    return replace(people, boxes_xywh=boxes, head_boxes_xywh=np.concatenate([low, high - low], axis=1))


def _few(labels: MpiiLabels) -> np.ndarray:
    joints = (~np.isnan(labels.joints).any(axis=2)).sum(axis=1)
    return (joints > 0) & (joints < FEW_JOINTS) & np.isfinite(labels.scale) & np.isfinite(labels.center).all(axis=1)


def _told(labels: MpiiLabels) -> tuple[str, ...]:
    name = Path(labels.sources[0].split("[")[0]).name if labels.sources else "the labels"
    labelled = ~np.isnan(labels.joints).any(axis=2)
    notes = [
        f"{name}: {int(labelled.sum())} places count pixels from 1 and are moved by 1; "
        f"{int((~labelled).sum())} of {labelled.size} joints are not labelled"
    ]
    few, heads = int(_few(labels).sum()), int(np.isfinite(labels.head_xyxy).all(axis=1).sum())
    if few:
        notes.append(f"{name}: {few} people with fewer than {FEW_JOINTS} joints keep the box of their centre and scale")
    notes.append(f"{name}: {heads} of {len(labels.joints)} people have a head box, which PCKh needs")
    return (*notes, *labels.notes)


ENTRY = CatalogEntry(
    name="mpii",
    title="MPII Human Pose",
    about="40,000 people in everyday photographs, several an image, occluded joints marked too",
    has_3d=False,
    skeleton=MPII_16,
    licence="annotations: simplified BSD; the authors' page allows research on the images and no commercial use",
    citation="Andriluka et al., 2D human pose estimation: new benchmark and state of the art analysis, CVPR 2014",
    home="https://www.mpi-inf.mpg.de/departments/computer-vision-and-machine-learning/software-and-datasets/mpii-human-pose-dataset",
    size="about 25,000 images with more than 40,000 people, 12.9 GB",
    layouts=(
        "annot/train.json and valid.json (re-packed, usual validation part) with images/; head boxes: gt_valid.mat",
        "annot/train.h5 and valid.h5 (re-packed, with visibility) with images/",
        "mpii_human_pose_v1_u12_1.mat (the authors', split all) with images/",
    ),
    tree=(
        "mpii/",
        "├── annot/train.json, valid.json (or train.h5, valid.h5)",
        "├── annot/gt_valid.mat (head boxes, for PCKh)",
        "├── mpii_human_pose_v1_u12_1.mat (instead of annot/, or for its head boxes)",
        "└── images/000001163.jpg ...",
    ),
    expected=MappingProxyType({"train": 22246, "validation": 2958}),
    splits=MPII_SPLITS,
    default_splits=2,
    adapter=mpii,
    signature=(
        "mpii_human_pose_v1*.mat",
        "annot/mpii_human_pose_v1*.mat",
        "mpii_human_pose_v1*/mpii_human_pose_v1*.mat",
        "annot/gt_valid.mat",
    ),
    tell_tale=mpii_tell_tale,
    splits_at=mpii_splits,
)

ENTRIES = (ENTRY,)
