"""Human3.6M in any of its five public layouts, which are told apart by their files.

The authors give videos and MATLAB or CDF files to registered researchers; what people have on disk is one of five
re-packed forms. They differ in unit, frame, joint order and in what is left of the cameras, so nothing of that is
trusted: unit, sides, order of the 2D joints and camera poses are found out from the numbers (`data.h36m`), and what was
found is told. Whether the authors' pixels start at 0 or 1 nobody has said; they are taken as they are.

Splits: `train` S1, S5, S6, S7 and `validation` S8, a person that no training of `train` has seen, to choose by;
`trainval` the field's five training subjects, for the last run after every choice; `test` S9, S11, every 64th frame.
The challenge layout names no subjects: its Val folder is `test`, and the last tenth of its Train folder `validation`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial as bound
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
from jaxtyping import Float

from prepose.body.skeletons import H36M_17
from prepose.camera.camera import Camera
from prepose.data.entry import CatalogEntry, FoundDataset, box_of_joints
from prepose.data.h36m.agreement import in_mm, with_2d_in_order, with_true_sides
from prepose.data.h36m.cameras import Key
from prepose.data.h36m.challenge import challenge_root, read_challenge
from prepose.data.h36m.frames import (
    ACTIONS,
    SPLITS,
    Frames,
    Part,
    at_least_apart,
    keep_or_drop_misplaced,
    recordings_note,
)
from prepose.data.h36m.lists import foreign_npz, json_root, npz_files, read_lists, read_npz
from prepose.data.h36m.projection import with_cameras
from prepose.data.h36m.sequences import fetched_root, read_fetched, read_recordings, recordings_root
from prepose.data.pairing import check_labelled_once
from prepose.data.sample import JointState, PoseSample, as_stored
from prepose.errors import DataError


class _Reader(Protocol):
    def __call__(self, root: Path, part: Part, *, partial: bool) -> Frames: ...


LAYOUTS: Mapping[str, _Reader] = MappingProxyType(
    {
        "ECCV 2018 challenge": read_challenge,
        "extracted frames": read_recordings,
        "h36m-fetch": read_fetched,
        "COCO-like JSON": read_lists,
        "npz": read_npz,
    }
)

# Labels that images of these names belong to.
LABELS_OF_IMAGES: Mapping[str, str] = MappingProxyType(
    {
        "matlab_meta.mat, or Human36M_subject*.json in annotations": "**/s_*_act_*_subact_*_ca_*",
        "annot.h5": "S*/*/imageSequence/[56]*",
        "npz with imgname, part and S": "**/S*_*.[56]*_0*.jpg",
    }
)


def h36m(root: Path, split: str, *, partial: bool) -> FoundDataset:
    """Human3.6M.

    Args:
        root: The folder with one of the five layouts; beside it or one level below, `metadata.xml` or
            `camera-parameters.json` is used where it is there.
        split: `train`, `validation`, `test`, `trainval`, `test-every-5th` or `test-clean` (S9's misplaced recordings
            left out).
        partial: Whether labels without image, images without label and half recordings are left out instead of refused.

    Raises:
        DataError: files are missing, damaged, of another dataset, in two layouts at once, or contradict each other.
    """
    if split not in SPLITS:
        raise DataError(f"h36m has no split {split!r}; it has {', '.join(SPLITS)}")
    part, layout = SPLITS[split], find_layout(root)
    frames = LAYOUTS[layout](root, part, partial=partial)
    check_labelled_once(frames.images, root)
    _check_each_frame_once(frames, root)
    frames = _whole(_peopled(frames, root, part, partial=partial), str(root), partial=partial)
    frames = frames if frames.rooted else frames.told(*recordings_note(frames, part))
    # All that is found out, is found out on whole recordings, so that splits of one release cannot be read in two ways.
    frames = with_true_sides(in_mm(frames, str(root)), str(root))
    if frames.joints_world is None:
        frames = with_2d_in_order(frames, str(root))
    seen = with_cameras(frames, root)
    frames = seen.frames.take(at_least_apart(seen.frames, part.every)) if not seen.frames.rooted else seen.frames
    frames = keep_or_drop_misplaced(frames, part)
    if not len(frames):
        raise DataError(f"{root}: no frame is left of split {split}")
    facts = {"layout": layout, "split_rule": _rule(part, rooted=frames.rooted)}
    samples = bound(_samples, _Shown(frames.folder.resolve(), frames, seen.cameras))
    return FoundDataset(H36M_17, len(frames), samples, (f"layout: {layout}", *frames.notes), facts)


def find_layout(root: Path) -> str:
    """Which of `LAYOUTS` lies in a folder.

    Raises:
        DataError: none, several, or half of one.
    """
    found = {
        "ECCV 2018 challenge": challenge_root(root),
        "extracted frames": recordings_root(root),
        "h36m-fetch": fetched_root(root),
        "COCO-like JSON": json_root(root),
        "npz": npz_files(root),
    }
    names = [name for name, place in found.items() if place]
    if len(names) == 1:
        return names[0]
    if names:
        raise DataError(
            f"{root}: holds several layouts of Human3.6M ({', '.join(names)}); name the folder of one of them"
        )
    for lacking, pattern in LABELS_OF_IMAGES.items():
        if next(root.glob(pattern), None) is not None:
            raise DataError(
                f"{root}: has images of Human3.6M, but their labels are not found ({lacking}); add them there"
            )
    foreign = foreign_npz(root)
    what = f"; {foreign}" if foreign else ""
    raise DataError(f"{root}: holds no layout of Human3.6M{what}; expected {'; or '.join(ENTRY.layouts)}")


def _peopled(frames: Frames, root: Path, part: Part, *, partial: bool) -> Frames:
    """The frames, after a look whether everybody of the split is there."""
    lacking = [] if frames.rooted else [f"S{who}" for who in part.subjects if who not in frames.where[:, 0]]
    if lacking and not partial:
        raise DataError(
            f"{root}: this split is {_people(part)}, but nothing of {', '.join(lacking)} is there; add it, or pass "
            f"--partial to do without"
        )
    return frames.told(f"nothing of {', '.join(lacking)} is there") if lacking else frames


def _check_each_frame_once(frames: Frames, root: Path) -> None:
    """Make sure that no two images are the same frame of a recording: one of them would be dropped as too near.

    Raises:
        DataError: some are.
    """
    _, first, again = np.unique(frames.where, axis=0, return_index=True, return_counts=True)
    if frames.rooted or (again == 1).all():
        return
    shared = int(again.argmax())
    names = [
        name
        for name, one in zip(frames.images, frames.where, strict=True)
        if (one == frames.where[first[shared]]).all()
    ]
    raise DataError(
        f"{root}: {int((again > 1).sum())} frames of recordings have several images ({', '.join(names[:2])}); keep one "
        "copy of each recording"
    )


def _people(part: Part) -> str:
    return ", ".join(f"S{subject}" for subject in part.subjects)


def _whole(frames: Frames, where: str, *, partial: bool) -> Frames:
    """The frames whose pose is there; some releases have frames with NaN."""
    joints = frames.joints_cam if frames.joints_world is None else frames.joints_world
    good = np.asarray(np.isfinite(as_stored(joints)).all(axis=(1, 2)))
    # A joint may lack a place in the image (NaN), but none lies at infinity.
    good &= ~np.isinf(as_stored(frames.joints_img)).any(axis=(1, 2))
    if good.all():
        return frames
    first = frames.images[int(np.flatnonzero(~good)[0])]
    if not partial or not good.any():
        raise DataError(
            f"{where}: {int((~good).sum())} of {len(frames)} poses hold NaN or infinite joints ({first}, ...); "
            f"pass --partial to leave those out"
        )
    return frames.take(good).told(f"{int((~good).sum())} poses with NaN or infinite joints are left out ({first}, ...)")


def _rule(part: Part, *, rooted: bool) -> str:
    if rooted:
        return f"tenths {part.tenths[0] + 1} to {part.tenths[1]} of the challenge's {part.folder} images"
    people = ", ".join(f"S{subject}" for subject in part.subjects)
    return (
        f"{people}; frames at least {part.every} apart at 50 Hz; misplaced recordings {'out' if part.clean else 'in'}"
    )


@dataclass(frozen=True, eq=False)
class _Shown:
    """What samples are made of."""

    folder: Path
    frames: Frames
    cameras: Mapping[Key, Camera]


def _samples(shown: _Shown, first: int, last: int) -> Iterator[PoseSample]:
    frames = shown.frames
    for index in range(first, last):
        subject, action, _, camera, frame = (int(number) for number in frames.where[index])
        joints_img = frames.joints_img[index]
        yield PoseSample(
            image=shown.folder / frames.images[index],
            skeleton=H36M_17,
            box_xywh=_box(joints_img, frames.given[index]),
            joints_img=joints_img,
            joints_cam=frames.joints_cam[index],
            states=np.full(len(H36M_17), JointState.UNKNOWN, np.uint8),
            camera=shown.cameras.get((subject, camera)),
            subject=f"S{subject}" if subject else "",
            action=ACTIONS[action],
            frame=frame,
            source=frames.images[index],
            projected=frames.projected,
        )


def _box(joints_img: Float[np.ndarray, "J 2"], given: Float[np.ndarray, "4"]) -> Float[np.ndarray, "4"]:
    """A box about the joints, the same in every layout; where no joint is placed, the layout's own."""
    return box_of_joints(joints_img) if np.isfinite(joints_img).any() else given


ENTRY = CatalogEntry(
    name="h36m",
    title="Human3.6M",
    about="3.6 million frames of 11 actors in a lab, four cameras, joints by marker-based motion capture",
    has_3d=True,
    skeleton=H36M_17,
    licence="academic use, after registration with the authors; may not be passed on",
    citation="Ionescu et al., Human3.6M: Large scale datasets and predictive methods for 3D human sensing in natural "
    "environments, PAMI 2014",
    home="https://vision.imar.ro/human3.6m",
    size="3.6 million frames of video; of the ECCV 2018 challenge 35,832 and 19,312 images",
    layouts=(
        "ECCV 2018 challenge: Train/IMG/00001.jpg, Train/POSE/00001.csv, Val/ likewise; or the cache pickle for POSE",
        "extracted frames: s_01_act_02_subact_01_ca_01/ with its jpg files and matlab_meta.mat",
        "h36m-fetch: S1/Directions-1/annot.h5 with imageSequence/54138969/img_000001.jpg",
        "COCO-like JSON: annotations/Human36M_subject1_{data,camera,joint_3d}.json with images/",
        "npz with imgname, part (N x 17 x 3) and S (N x 17 x 4), and its images",
    ),
    tree=(
        "h36m/",
        "├── s_01_act_02_subact_01_ca_01/matlab_meta.mat",
        "├── s_01_act_02_subact_01_ca_01/s_01_act_02_subact_01_ca_01_000001.jpg ...",
        "├── ... s_11_act_16_subact_02_ca_04/",
        "└── metadata.xml (the authors', where you have it)",
    ),
    expected=MappingProxyType({}),
    splits=tuple(SPLITS),
    default_splits=3,
    adapter=h36m,
    signature=(
        "Train/POSE/*.csv", "Val/POSE/*.csv", "*/Train/POSE/*.csv", "*/Val/POSE/*.csv", "HM36_eccv_challenge*",
        "s_*_act_*_subact_*_ca_*", "*/s_*_act_*_subact_*_ca_*", "S*/*/annot.h5", "*/S*/*/annot.h5",
        "Human36M_subject*.json", "annotations/Human36M_subject*.json", "*/Human36M_subject*.json",
    ),
    tell_tale=lambda root: next((path for path in npz_files(root) if path.parent == root), None),
)  # fmt: skip

ENTRIES = (ENTRY,)
