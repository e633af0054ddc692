"""MuPoTS-3D: 20 videos of two or three people, five in a room and fifteen outdoors; a test set and nothing else.

`TS1/annot.mat` holds the cells `annotations` (frames x people), each a struct of `annot2` (2 x 17, px), `annot3`
(3 x 17, camera's frame, mm), `univ_annot3` and `isValidFrame`; `TS1/occlusion.mat` the cells `occlusion_labels`
(1 x 17, 1 where a joint is occluded). Row i, from 0, is of `img_00000i.jpg`. Joints are the 17 of MPI-INF-3DHP's test
set. What the files of TS1 and TS10 show:

- No camera is given, but 2D joints are the 3D joints as one pinhole of each sequence sees them, to hundredths of a
  pixel. Some are not: the spine of one person of TS1 lies 190 px beside (of 2048) in every frame, hips up to 5 px.
- `univ_annot3` is `annot3` scaled about the pelvis by one factor for each person.

Source: Mehta et al., "Single-shot multi-person 3D pose estimation from monocular RGB", 3DV 2018.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial as bound
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float, Int

from prepose.body.skeletons import MPI_INF_3DHP_17 as SKELETON
from prepose.camera.camera import Camera
from prepose.camera.crop import is_inside
from prepose.data.entry import CatalogEntry, FoundDataset, SplitMissing, box_of_joints
from prepose.data.intake import read_mat_cell_structs, read_mat_cells
from prepose.data.length_unit import length_unit
from prepose.data.mpi_labels import fit_pinhole, univ_scale_of
from prepose.data.pairing import LabelledImages, check_images, pair_images
from prepose.data.records import numbers
from prepose.data.sample import JointState, PoseSample, as_stored
from prepose.data.sides import sides_note
from prepose.errors import DataError

SPLITS = ("test",)
SEQUENCES = tuple(f"TS{number}" for number in range(1, 21))
J = len(SKELETON)
FIELDS = MappingProxyType({"annot2": (2, J), "annot3": (3, J), "univ_annot3": (3, J), "isValidFrame": (1, 1)})
# In parts of the image's longer side: 2D joints are projected 3D joints, and what lies farther beside is misplaced.
MOST_APART = 0.005
# The optical axis passes near the middle of an image that was neither resized nor cropped.
MOST_OFF_CENTRE = 0.25


@dataclass(frozen=True, eq=False)
class _People:
    """The labels of one sequence: a row for each frame and person, frame by frame.

    Attributes:
        name: The sequence.
        frames: Which frame, from 0.
        columns: Which person of the sequence, from 0.
        joints_img: Joints, px; NaN where misplaced.
        joints_cam: Joints, mm.
        occluded: Which joints are occluded.
        valid: Which people of which frames count by `isValidFrame`.
        univ_scale: The size of the person's `univ_annot3` poses in parts of the true one.
    """

    name: str
    frames: Int[np.ndarray, "N"]
    columns: Int[np.ndarray, "N"]
    joints_img: Float[np.ndarray, "N J 2"]
    joints_cam: Float[np.ndarray, "N J 3"]
    occluded: Bool[np.ndarray, "N J"]
    valid: Bool[np.ndarray, "N"]
    univ_scale: Float[np.ndarray, "N"]

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, kept: Bool[np.ndarray, "N"]) -> "_People":
        columns = {name: value[kept] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return replace(self, **columns)


@dataclass(frozen=True, eq=False)
class _Sequence:
    """A sequence's people and their camera.

    Attributes:
        people: The people.
        images: How to read their images.
        names: The image of each.
        camera: The camera.
        counts: What was left out, and further notes -> how often.
        misfit_px: How far projected 3D joints lie from 2D joints (median).
    """

    people: _People
    images: LabelledImages
    names: tuple[str, ...]
    camera: Camera
    counts: Counter[str]
    misfit_px: float


def mupots_3d(root: Path, split: str, *, partial: bool) -> FoundDataset:
    """MuPoTS-3D: a sample is one person in one frame, in the order of sequences and frames.

    Args:
        root: The folder with `TS1/annot.mat` ..., or one up to two levels above.
        split: `test`.
        partial: Whether sequences that are not there, labels without image, images without label and people with NaN
            joints are left out instead of refused.

    Raises:
        DataError: files are missing, damaged, of another dataset, or do not fit each other.
    """
    if split not in SPLITS:
        raise DataError(f"mupots-3d has no split {split!r}; it is a test set and has {', '.join(SPLITS)}")
    first = next((path for depth in ("", "*/", "*/*/") for path in root.glob(f"{depth}TS[0-9]*/annot.mat")), None)
    if first is None:
        raise SplitMissing(f"{root}: holds no TS1/annot.mat ...; unpack MultiPersonTestSet there")
    base = first.parent.parent
    lacking = [name for name in SEQUENCES if not (base / name / "annot.mat").is_file()]
    if lacking and not partial:
        raise DataError(
            f"{base}: this split is {SEQUENCES[0]} to {SEQUENCES[-1]}, but there is no annot.mat of "
            f"{', '.join(lacking)}; add it, or pass --partial to do without"
        )
    sequences = [_sequence(base / name, partial=partial) for name in SEQUENCES if name not in lacking]
    everyone = np.concatenate([sequence.people.joints_cam for sequence in sequences])
    notes = (
        *([f"nothing of {', '.join(lacking)} is there"] if lacking else []),
        *_notes(sequences),
        sides_note(everyone, SKELETON, base),
    )
    facts = {"split_rule": "people of TS1 to TS20 whom isValidFrame marks", "sequences": len(sequences)}
    return FoundDataset(SKELETON, len(everyone), bound(_samples, sequences), notes, facts)


def forget_misplaced(
    joints_img: Float[np.ndarray, "N J 2"], joints_cam: Float[np.ndarray, "N J 3"], camera: Camera
) -> Float[np.ndarray, "N J 2"]:
    """2D joints, px, with NaN where they lie beside their projected 3D joint by over 0.5 % of the image's longer side.

    Touches the spine of one person of TS1 in all 201 frames, 175 to 240 px beside.
    """
    apart = np.linalg.norm(camera.project(joints_cam) - joints_img, axis=-1)
    return np.where((apart > MOST_APART * max(camera.size_wh))[..., None], np.nan, joints_img)


def _sequence(folder: Path, *, partial: bool) -> _Sequence:
    people, frames = _labels(folder)
    counts = Counter({"people": len(people), "not valid": int((~people.valid).sum())})
    people = people.take(people.valid)
    joints = as_stored(np.concatenate([people.joints_img, people.joints_cam], axis=2))
    infinite = np.asarray(~np.isfinite(joints).all(axis=(1, 2)))
    if infinite.any() and not partial:
        frame, person = int(people.frames[infinite][0]), int(people.columns[infinite][0])
        raise DataError(
            f"{folder / 'annot.mat'}: {int(infinite.sum())} of {len(people)} valid people hold NaN or infinite joints "
            f"(frame {frame}, person {person}, counted from 0, ...); pass --partial to leave them out"
        )
    people = people.take(~infinite)
    counts["NaN or infinite"] = int(infinite.sum())
    # Frames in which nobody is valid have an image, too.
    pairing = pair_images(folder, [f"img_{frame:06d}.jpg" for frame in range(frames)], partial=partial)
    name_of = dict(zip(pairing.present.tolist(), pairing.names, strict=True))
    people = people.take(np.isin(people.frames, pairing.present))
    if not len(people):
        raise DataError(f"{folder / 'annot.mat'}: isValidFrame marks nobody whose image is there")
    unit = length_unit(people.joints_cam, SKELETON, folder / "annot.mat")
    if unit.name != "mm":
        raise DataError(f"{folder / 'annot.mat'}: {unit}, and annot3 should be in mm; take the original files")
    names = tuple(name_of[frame] for frame in people.frames.tolist())
    checked = check_images(folder, names, people.joints_img)
    camera = fit_pinhole(people.joints_cam, people.joints_img, _one_size(checked.images, names), folder.name)
    counts.update(dict.fromkeys((*pairing.notes, *checked.notes), 1))
    placed = replace(people, joints_img=forget_misplaced(people.joints_img, people.joints_cam, camera))
    misfit = _check_camera(camera, people, folder)
    return _Sequence(placed, checked.images, names, camera, counts, misfit)


def _labels(folder: Path) -> tuple[_People, int]:
    """Everyone whom the two label files know, and of how many frames they are."""
    path, other = folder / "annot.mat", folder / "occlusion.mat"
    rows = read_mat_cell_structs(path, "annotations")
    cells = read_mat_cells(other, ["occlusion_labels"]).get("occlusion_labels")
    width = len(rows[0]) if rows else 0
    if cells is None or len(cells) != len(rows) * width:
        raise DataError(
            f"{other}: has {'no' if cells is None else len(cells)} occlusion_labels for {len(rows)} frames of {width} "
            f"people in annot.mat; expected {len(rows) * width}"
        )
    if not cells:
        raise DataError(f"{path}: labels nobody; put an undamaged copy in its place")
    found: dict[str, np.ndarray] = {}
    for name, shape in FIELDS.items():
        found[name] = np.stack(
            [
                numbers(person.get(name), shape, f"{path}: {name} of frame {frame}, person {column}, counted from 0")
                for frame, row in enumerate(rows)
                for column, person in enumerate(row)
            ]
        )
    occluded = np.stack([numbers(cell, (1, J), f"{other}: entry {index}")[0] for index, cell in enumerate(cells)])
    joints = {name: found[name].transpose(0, 2, 1) for name in ("annot2", "annot3", "univ_annot3")}
    frames, columns = np.divmod(np.arange(len(cells)), width)
    valid = found["isValidFrame"].ravel() > 0
    scales = np.full(len(cells), np.nan)
    for column in range(width):
        mine = valid & (columns == column)
        scales[mine] = univ_scale_of(joints["annot3"][mine], joints["univ_annot3"][mine], SKELETON.root_index)
    people = _People(folder.name, frames, columns, joints["annot2"], joints["annot3"], occluded > 0, valid, scales)
    return people, len(rows)


def _one_size(images: LabelledImages, names: Sequence[str]) -> tuple[int, int]:
    """Width and height of a sequence's images, px."""
    sizes = {images.size_wh(name): name for name in dict.fromkeys(names)}
    if len(sizes) > 1:
        (one, first), (two, second) = list(sizes.items())[:2]
        raise DataError(
            f"{images.folder}: {first} is {one[0]} x {one[1]} px and {second} {two[0]} x {two[1]}; a sequence has one "
            "camera: take the original images"
        )
    return next(iter(sizes))


def _check_camera(camera: Camera, people: _People, folder: Path) -> float:
    """How far the projected 3D joints lie from the 2D joints, px (median).

    Raises:
        DataError: so far that they are not of one another, or the camera is not that of whole images.
    """
    off = np.abs(camera.K[:2, 2] / np.array(camera.size_wh) - 0.5)
    if (off > MOST_OFF_CENTRE).any():
        width, height = camera.size_wh
        raise DataError(
            f"{folder}: its images are {width} x {height} px, but the camera of its labels has its optical axis at "
            f"{camera.K[0, 2]:.0f}, {camera.K[1, 2]:.0f}; they were resized or cropped: take the original images"
        )
    misfit = float(np.median(np.linalg.norm(camera.project(people.joints_cam) - people.joints_img, axis=-1)))
    # Negated, so that NaN (most joints behind the camera) is no agreement.
    if not misfit <= MOST_APART * max(camera.size_wh):
        raise DataError(
            f"{folder / 'annot.mat'}: no camera sees annot3 at annot2, the best one misses by {misfit:.1f} px "
            "(median); take the original files"
        )
    return misfit


def _notes(sequences: Sequence[_Sequence]) -> Iterator[str]:
    counts = sum((sequence.counts for sequence in sequences), Counter[str]())
    everyone, invalid, infinite = (counts.pop(name, 0) for name in ("people", "not valid", "NaN or infinite"))
    if invalid:
        yield f"{invalid:,} of {everyone:,} labels of people are not valid by isValidFrame and are left out"
    if infinite:
        yield f"{infinite:,} valid people have NaN or infinite joints and are left out"
    yield from counts
    worst = max(sequences, key=lambda sequence: sequence.misfit_px)
    least = min(sequence.misfit_px for sequence in sequences)
    yield (
        "cameras are pinholes fitted to the labels of each sequence, which give none; projected 3D joints meet the 2D "
        f"joints to {least:.2f} to {worst.misfit_px:.2f} px (medians of the sequences; worst {worst.people.name})"
    )
    yield from _misplaced_note(sequences)
    hidden = sum(int(sequence.people.occluded.sum()) for sequence in sequences)
    total = sum(sequence.people.occluded.size for sequence in sequences)
    yield f"{hidden:,} of {total:,} joints are marked as occluded by occlusion.mat (placed all the same)"
    scales = np.concatenate([sequence.people.univ_scale for sequence in sequences])
    yield (
        f"3D joints are annot3, true to the camera in mm; univ_annot3, the same poses at {np.nanmin(scales):.2f} to "
        f"{np.nanmax(scales):.2f} times their size, is not used (univ_scale in details)"
    )


def _misplaced_note(sequences: Sequence[_Sequence]) -> Iterator[str]:
    lost = {sequence.people.name: np.isnan(sequence.people.joints_img).any(axis=2) for sequence in sequences}
    count = sum(int(mask.sum()) for mask in lost.values())
    if count:
        parts = [
            f"{name} {joint} {number:,}"
            for name, mask in lost.items()
            for joint, number in zip(SKELETON.joints, mask.sum(axis=0).tolist(), strict=True)
            if number
        ]
        more = ", ..." if len(parts) > 8 else ""
        yield (
            f"{count:,} 2D joints lie beside their projected 3D joint by more than {MOST_APART:.1%} of the image and "
            f"are not labelled in 2D ({', '.join(parts[:8])}{more})"
        )


def _samples(sequences: Sequence[_Sequence], first: int, last: int) -> Iterator[PoseSample]:
    start = 0
    for sequence in sequences:
        people = sequence.people
        for row in range(max(first - start, 0), min(last - start, len(people))):
            joints_img, frame, column = people.joints_img[row], int(people.frames[row]), int(people.columns[row])
            seen = sequence.camera.project(people.joints_cam[row])
            states = np.where(people.occluded[row], JointState.OCCLUDED, JointState.VISIBLE)
            states = np.where(is_inside(seen, sequence.camera.size_wh), states, JointState.OUTSIDE)
            scale = people.univ_scale[row]
            yield PoseSample(
                image=sequence.images.image(sequence.names[row]),
                skeleton=SKELETON,
                box_xywh=box_of_joints(joints_img),
                joints_img=joints_img,
                joints_cam=people.joints_cam[row],
                states=states.astype(np.uint8),
                camera=sequence.camera,
                subject=f"{people.name}-person{column}",
                action=people.name,
                frame=frame,
                source=f"{people.name}/{sequence.names[row]}, person {column}",
                details=json.dumps({"univ_scale": round(float(scale), 6)} if np.isfinite(scale) else {}),
            )
        start += len(people)


ENTRY = CatalogEntry(
    name="mupots-3d",
    title="MuPoTS-3D",
    about="a test set: 20 videos of two or three people each, indoors and outdoors, joints by markerless tracking, "
    "occluded joints marked",
    has_3d=True,
    skeleton=SKELETON,
    licence="research only, non-commercial",
    citation="Mehta et al., Single-shot multi-person 3D pose estimation from monocular RGB, 3DV 2018",
    home="https://vcai.mpi-inf.mpg.de/projects/SingleShotMultiPerson/",
    size="20 sequences, more than 8,000 frames of 2048 x 2048 and 1920 x 1080 px, 5 GB",
    layouts=("MultiPersonTestSet/TS1/{annot.mat,occlusion.mat,img_000000.jpg ...} ... TS20/",),
    tree=(
        "MultiPersonTestSet/",
        "├── TS1/annot.mat, occlusion.mat, img_000000.jpg ...",
        "└── ... TS20/",
    ),
    expected=MappingProxyType({}),
    splits=SPLITS,
    default_splits=1,
    adapter=mupots_3d,
    signature=("TS[0-9]*/annot.mat", "*/TS[0-9]*/annot.mat", "*/*/TS[0-9]*/annot.mat"),
)

ENTRIES = (ENTRY,)
