"""Penn Action: 2,326 short videos of people doing sports, 13 joints in every frame.

`labels/0001.mat` holds `x`, `y` and `visibility` (frames x 13), `train` (1 or -1), `action` and `bbox` (two corners);
the frames are `frames/0001/000001.jpg` and so on. What the README does not say, six of the files do:

- Pixels count from 1, and joints were placed in a scaled display: what was never placed stayed in its first pixel, so
  that x and y are one and the same number up to 1 (the scale) and the joint is flagged invisible: it is not labelled.
- Other invisible joints were placed: they are occluded.
- The README calls the first joint of each pair the left one. It is the person's right (see `PENN_ACTION_13`).

Source: Zhang, Zhu and Derpanis, "From actemes to action: a strongly-supervised representation for detailed action
understanding", ICCV 2013.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial as bound
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float

from prepose.body.skeletons import PENN_ACTION_13
from prepose.data.entry import CatalogEntry, FoundDataset
from prepose.data.intake import mat_text, read_mat
from prepose.data.labelled_people import LabelledPeople, found_people, joined, people_of
from prepose.data.sample import JointState, PoseSample
from prepose.errors import DataError

SPLITS = ("train", "test")
FLAG_OF_SPLIT = MappingProxyType({"train": 1, "test": -1})
J = len(PENN_ACTION_13)


@dataclass(frozen=True, eq=False)
class _Video:
    """The labels of one video, in file order."""

    people: LabelledPeople
    in_train: bool
    unplaced: int
    occluded: int


def penn_action(root: Path, split: str, *, partial: bool) -> FoundDataset:
    """Penn Action; a sample is one frame.

    Args:
        root: The folder with `labels/` and `frames/`.
        split: `train` or `test`, as each video's label file says.
        partial: Whether labels without image are left out instead of refused.

    Raises:
        DataError: files are missing, damaged, of another dataset, or do not fit each other.
    """
    if split not in SPLITS:
        raise DataError(f"penn-action has no split {split!r}; it has {', '.join(SPLITS)}")
    paths = sorted(path for path in (root / "labels").glob("[0-9]*.mat") if path.stem.isdecimal())
    if not paths:
        raise DataError(f"{root}: holds no labels/0001.mat ...; unpack Penn_Action.tar.gz and name its folder")
    videos = [video for video in map(_video, paths) if video.in_train == (split == "train")]
    if not videos:
        raise DataError(f"{root}: none of its {len(paths)} label files is of the split {split!r}")
    people = joined([video.people for video in videos])
    unplaced, occluded = (sum(getattr(video, what) for video in videos) for what in ("unplaced", "occluded"))
    labelled = {path.stem for path in paths}
    folders = [folder.name for folder in (root / "frames").glob("*") if folder.is_dir() and folder.name not in labelled]
    unlabelled = (
        f"{len(folders)} folders of frames have no label file and are left out ({', '.join(sorted(folders)[:3])})"
    )
    notes = (
        f"{len(videos)} of {len(paths)} videos are of this split",
        *([unlabelled] if folders else []),
        f"{unplaced} of {J * len(people)} joints were never placed and are not labelled; {occluded} are occluded",
        "of each pair of joints the first is read as the person's right one, against the README",
        "pixels count from 1 and are moved",
    )
    facts = {"split_rule": "the variable train of each label file", "videos": len(videos)}
    found = found_people(people, PENN_ACTION_13, root / "frames", partial=partial, notes=notes, facts=facts)
    return replace(found, samples=bound(_with_action, found))


def _with_action(found: FoundDataset, first: int, last: int) -> Iterator[PoseSample]:
    for sample in found.samples(first, last):
        known = json.loads(sample.details)
        yield replace(sample, action=known["action"], frame=known["frame"])


def never_placed(places: Float[np.ndarray, "N J 2"], visible: Bool[np.ndarray, "N J"]) -> Bool[np.ndarray, "N J"]:
    """Joints that stayed in the first pixel of the display: invisible, x = y, and at most 1."""
    return ~visible & (np.ptp(places, axis=-1) < 1e-6) & (places[..., 0] <= 1)


def _video(path: Path) -> _Video:
    columns = [read_mat(path, name, (None, J)) for name in ("x", "y", "visibility")]
    frames = len(columns[0])
    if any(len(column) != frames for column in columns):
        raise DataError(f"{path}: x, y and visibility have {[len(one) for one in columns]} frames; expected as many")
    boxes = read_mat(path, "bbox", (None, 4)).astype(float)
    train = float(read_mat(path, "train", (1, 1))[0, 0])
    if train not in FLAG_OF_SPLIT.values():
        raise DataError(f"{path}: train is {train:g}; expected 1 (train) or -1 (test)")
    places, visible = np.stack(columns[:2], axis=-1).astype(float), columns[2].astype(bool)
    if not np.isfinite(places).all():
        raise DataError(f"{path}: x or y holds NaN or infinite values")
    unplaced, action = never_placed(places, visible), mat_text(path, "action")
    people = people_of(
        np.where(unplaced[..., None], np.nan, places - 1),
        np.where(unplaced, JointState.UNKNOWN, np.where(visible, JointState.VISIBLE, JointState.OCCLUDED)).astype(
            np.uint8
        ),
        [f"{path.stem}/{number:06d}.jpg" for number in range(1, frames + 1)],
        [f"labels/{path.name} frame {number}" for number in range(1, frames + 1)],
    )
    details = [json.dumps({"video": path.stem, "action": action, "frame": number}) for number in range(1, frames + 1)]
    people = replace(people, boxes_xywh=_boxes(boxes, frames), details=np.array(details, object))
    occluded = int((~visible & ~unplaced).sum())
    return _Video(people, train == FLAG_OF_SPLIT["train"], int(unplaced.sum()), occluded)


def _boxes(corners: Float[np.ndarray, "M 4"], frames: int) -> Float[np.ndarray, "N 4"]:
    """Boxes, px, of as many frames; NaN where a box is empty, or the file has fewer of them than frames."""
    boxes = np.full((frames, 4), np.nan)
    some = corners[:frames]
    boxes[: len(some)] = np.concatenate([some[:, :2] - 1, some[:, 2:] - some[:, :2] + 1], axis=1)
    boxes[~(boxes[:, 2:] > 1).all(axis=1)] = np.nan
    return boxes


ENTRY = CatalogEntry(
    name="penn-action",
    title="Penn Action",
    about="2,326 short videos of sports and exercises, one person each, occluded joints placed and marked",
    has_3d=False,
    skeleton=PENN_ACTION_13,
    licence="research use, with citation; videos from the internet under their authors' terms",
    citation="Zhang et al., From actemes to action, ICCV 2013",
    home="https://dreamdragon.github.io/PennAction/",
    size="163,841 frames, 3 GB",
    layouts=("labels/0001.mat ... with frames/0001/000001.jpg ...",),
    tree=("Penn_Action/", "├── labels/0001.mat ... 2326.mat", "└── frames/0001/000001.jpg ..."),
    expected=MappingProxyType({}),
    splits=SPLITS,
    default_splits=2,
    adapter=penn_action,
    signature=("labels/[0-9][0-9][0-9][0-9].mat",),
)

ENTRIES = (ENTRY,)
