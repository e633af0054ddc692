"""Human3.6M as a table of frames, whatever layout they came in; names, splits and known faults of the recordings.

Source: Ionescu et al., "Human3.6M: Large Scale Datasets and Predictive Methods for 3D Human Sensing in Natural
Environments", PAMI 2014.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float, Int

from prepose.data.entry import SplitMissing
from prepose.data.h36m.cameras import Key, RawCamera
from prepose.data.pairing import pair_images, turned_note
from prepose.errors import DataError

# By the authors' action index; index 1 is a calibration sequence.
ACTIONS = (
    "", "", "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Posing", "Purchases", "Sitting",
    "SittingDown", "Smoking", "TakingPhoto", "Waiting", "Walking", "WalkingDog", "WalkTogether",
)  # fmt: skip
ACTION_SPELLINGS: Mapping[str, str] = MappingProxyType(
    {"photo": "takingphoto", "walkdog": "walkingdog", "walktogether": "walktogether", "purchase": "purchases"}
)

# The 17 joints that the field uses among the 32 of the original files (which hold some joints twice).
OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
TRAINING_SUBJECTS, TEST_SUBJECTS = (1, 5, 6, 7, 8), (9, 11)
HELD_OUT_SUBJECT = 8
# Of each subject 15 actions, recorded twice, by four cameras. Source of the exception: the public h36m-fetch, which
# lists one video of S11 (Directions, camera 54138969) as corrupt, so that releases go without it.
RECORDINGS, WITHOUT = 120, MappingProxyType({11: 1})
# Recordings whose labels lie beside the person by some 200 mm, (subject, action, subaction). Source: Iskakov et al.,
# "Learnable Triangulation of Human Pose", ICCV 2019, supplementary material.
MISPLACED = ((9, "Greeting", 2), (9, "SittingDown", 2), (9, "Waiting", 1))


@dataclass(frozen=True)
class Part:
    """What a split takes.

    Attributes:
        subjects: Whose recordings.
        every: Frames of a recording are at least so many of its 50 Hz frames apart.
        folder: The ECCV 2018 challenge's folder, which knows neither subjects nor frames.
        tenths: Which tenths of that folder's images (first, last), by number.
        clean: Whether the misplaced recordings of S9 are left out.
    """

    subjects: tuple[int, ...]
    every: int
    folder: str | None
    tenths: tuple[int, int] = (0, 10)
    clean: bool = False


SPLITS: Mapping[str, Part] = MappingProxyType(
    {
        "train": Part((1, 5, 6, 7), 5, "Train", (0, 9)),
        "validation": Part((HELD_OUT_SUBJECT,), 64, "Train", (9, 10)),
        "test": Part(TEST_SUBJECTS, 64, "Val"),
        "trainval": Part(TRAINING_SUBJECTS, 5, "Train"),
        "test-every-5th": Part(TEST_SUBJECTS, 5, None),
        "test-clean": Part(TEST_SUBJECTS, 64, None, clean=True),
    }
)


@dataclass(frozen=True, eq=False)
class Frames:
    """One person in each of N images.

    Attributes:
        folder: What the images' names are relative to.
        images: Name of each image.
        joints_cam: h36m-17 joints in the camera's frame, in the layout's unit; relative to the pelvis where `rooted`.
        joints_img: The same in the image, px; NaN where the layout has none.
        where: (subject, action index, subaction, camera 0..3, frame) of each; 0, 0, 0, -1, -1 where unknown. A
            negative subaction is one of two recordings of which it is not known which is which.
        given: The layout's own box of each person (x, y, w, h px); NaN where it has none.
        rooted: Whether depth and place in the camera's frame are unknown.
        joints_world: The same joints in the world's frame, where the layout gives them so.
        cameras: (subject, camera 0..3) -> the layout's own camera; subject 0 for a lens that serves all of them.
        projected: Whether `joints_img` are the 3D joints projected by the camera, and not labels.
        notes: What a user should be told.
    """

    folder: Path
    images: tuple[str, ...]
    joints_cam: Float[np.ndarray, "N 17 3"]
    joints_img: Float[np.ndarray, "N 17 2"]
    where: Int[np.ndarray, "N 5"]
    given: Float[np.ndarray, "N 4"]
    rooted: bool = False
    joints_world: Float[np.ndarray, "N 17 3"] | None = None
    cameras: Mapping[Key, RawCamera] = field(default_factory=dict)
    projected: bool = False
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Int[np.ndarray, "M"] | Bool[np.ndarray, "N"]) -> "Frames":
        """Some of the frames."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        world = None if self.joints_world is None else self.joints_world[rows]
        return replace(
            self,
            images=tuple(self.images[row] for row in rows),
            joints_cam=self.joints_cam[rows],
            joints_img=self.joints_img[rows],
            where=self.where[rows],
            given=self.given[rows],
            joints_world=world,
        )

    def told(self, *notes: str) -> "Frames":
        """The same frames with more notes."""
        return replace(self, notes=(*self.notes, *notes))


def stack(parts: Sequence[Frames], *, nothing: str) -> Frames:
    """Tables of one layout, one after the other; equal notes are kept once.

    Args:
        parts: The tables.
        nothing: What to say when there are none.

    Raises:
        SplitMissing: there are none.
    """
    parts = [part for part in parts if len(part)]
    if not parts:
        raise SplitMissing(nothing)
    worlds = [part.joints_world for part in parts if part.joints_world is not None]
    return replace(
        parts[0],
        images=tuple(name for part in parts for name in part.images),
        joints_cam=np.concatenate([part.joints_cam for part in parts]),
        joints_img=np.concatenate([part.joints_img for part in parts]),
        where=np.concatenate([part.where for part in parts]),
        given=np.concatenate([part.given for part in parts]),
        joints_world=np.concatenate(worlds) if worlds else None,
        cameras={key: camera for part in parts for key, camera in part.cameras.items()},
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def paired(frames: Frames, *, partial: bool, unlabelled_expected: bool = False) -> Frames:
    """The frames whose image is there; see `pairing.pair_images`.

    Raises:
        DataError: no image is there; some are missing or unlabelled and `partial` is not set; a name leads elsewhere.
    """
    pairing = pair_images(frames.folder, frames.images, partial=partial, unlabelled_expected=unlabelled_expected)
    there = replace(frames.take(pairing.present), images=pairing.names)
    return there.told(*pairing.notes, *turned_note(frames.folder, pairing.names))


def relocated(frames: Frames, folders: tuple[Path, ...]) -> Frames:
    """The frames with the first of the folders that holds some of their images.

    Raises:
        DataError: none of them does.
    """
    rows = np.unique(np.linspace(0, len(frames) - 1, 50).astype(int))
    for folder in folders:
        if any((folder / frames.images[row]).is_file() for row in rows):
            return replace(frames, folder=folder)
    tried = " or ".join(str(folder / frames.images[0]) for folder in folders)
    raise DataError(f"{tried}: there is no such image; unpack the images there")


def h36m_17(joints: Float[np.ndarray, "N K D"], path: Path) -> Float[np.ndarray, "N 17 D"]:
    """The 17 joints of the authors' 32, of 17, or of 18 (17 and the shoulders' middle).

    Raises:
        DataError: there are other numbers of joints.
    """
    count = joints.shape[1]
    if count == 32:
        return joints[:, OF_32].astype(float)
    if count in (17, 18):
        return joints[:, :17].astype(float)
    raise DataError(f"{path}: has {count} joints; expected Human3.6M's 17 (or 32 of the original files)")


def action_index(name: str) -> int:
    """The authors' index of an action by any of its public spellings, 0 where it is none."""
    plain = name.lower().replace("_", "").replace(" ", "")
    plain = ACTION_SPELLINGS.get(plain, plain)
    names = [action.lower() for action in ACTIONS]
    return names.index(plain) if plain and plain in names else 0


def at_least_apart(frames: Frames, every: int) -> Bool[np.ndarray, "N"]:
    """Which frames of each recording are `every` or more frames after the last one taken, beginning with the first.

    Of recordings at 50 Hz these are frames 1, 1 + every, ...; of such that were thinned out already, the nearest to it.
    """
    kept = np.zeros(len(frames), bool)
    order = np.lexsort(frames.where.T[::-1])
    before, last = None, 0
    for row in order:
        recording, frame = tuple(frames.where[row, :4]), int(frames.where[row, 4])
        if recording != before or frame >= last + every:
            kept[row], before, last = True, recording, frame
    return kept


def recordings_note(frames: Frames, part: Part) -> tuple[str, ...]:
    """A note on subjects of whom recordings are missing, counted by camera."""
    there = {tuple(recording) for recording in frames.where[:, :4].tolist()}
    counts = {subject: sum(one[0] == subject for one in there) for subject in part.subjects}
    lacking = [f"S{who} {count}" for who, count in counts.items() if 0 < count < RECORDINGS - WITHOUT.get(who, 0)]
    return (
        (f"of {RECORDINGS} recordings of each subject (by camera) there are: {', '.join(lacking)}",) if lacking else ()
    )


def misplaced(frames: Frames) -> Bool[np.ndarray, "N"]:
    """Which frames belong to S9's misplaced recordings; to both of an action where they cannot be told apart."""
    marked = np.zeros(len(frames), bool)
    for subject, action, subaction in MISPLACED:
        same = (frames.where[:, :2] == (subject, action_index(action))).all(axis=1)
        marked |= same & ((frames.where[:, 2] == subaction) | (frames.where[:, 2] < 0))
    return marked


def keep_or_drop_misplaced(frames: Frames, part: Part) -> Frames:
    """S9's misplaced recordings left out where the split is a clean one, else kept as published figures have them."""
    marked = misplaced(frames)
    if not marked.any():
        return frames
    names = (
        "misplaced recordings (" + ", ".join(f"S{person} {name} {number}" for person, name, number in MISPLACED) + ")"
    )
    if not part.clean:
        return frames.told(
            f"{marked.sum()} samples of {names} are kept, as published figures do; --split test-clean leaves them out"
        )
    return frames.take(~marked).told(f"{marked.sum()} samples of {names} are left out")
