"""FLIC and FLIC-Full: frames of Hollywood films with the upper body labelled.

FLIC comes re-packed as `annot/train.h5` and `valid.h5` (11 joints), in two flavours: the plain files call left what a
viewer would if the person faced them (observer-centric); `train_personcentric.h5` and `valid_personcentric.h5` mean the
person's own left. In the plain files whoever is seen from behind is mirrored; people whose sides are in doubt are
marked, and left out of training. FLIC-Full is the authors' `examples.mat`: 29 places, most of the legs NaN.

Source: Sapp and Taskar, "MODEC: multimodal decomposable models for human pose estimation", CVPR 2013.
"""

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import FLIC_11, FLIC_29
from prepose.data.entry import CatalogEntry, FoundDataset, SplitMissing, box_of_joints, hdf5_people_of
from prepose.data.intake import hdf5_shapes, number_of, read_hdf5, read_image_names, read_mat_struct, records_of
from prepose.data.labelled_people import LabelledPeople, found_people, labelled_joints, people_of
from prepose.errors import DataError

FLIC_SPLITS = ("train", "test", "train-all", "test-clean")
FLIC_FULL_SPLITS = ("train", "test", "all", "test-clean")
FILE_OF_SPLIT = MappingProxyType({"train": "train", "test": "valid"})
# Only eyes, shoulders and hips are always labelled: the top of the head lies a fifth of the box beyond the eyes.
FLIC_MARGIN = 0.2
# FLIC-plus leaves out the training frames of the scenes that test frames come from; a scene lasts about ten seconds.
SCENE_FRAMES = 240


def flic(root: Path, split: str, *, partial: bool) -> FoundDataset:
    """FLIC: 11 joints; the person-centric files where they are there.

    Args:
        root: The folder with `annot/` and `images/`.
        split: `train` or `test` (called valid by the files); `train-all` with the people whose sides are in doubt, or
            `test-clean` without them.
        partial: Whether labels without image are left out instead of refused.

    Raises:
        DataError: files are missing, damaged, of another dataset, or do not fit each other.
    """
    if split not in FLIC_SPLITS:
        raise DataError(f"flic has no split {split!r}; it has {', '.join(FLIC_SPLITS)}")
    plain, own = _annotation_files(root, FILE_OF_SPLIT[split.partition("-")[0]])
    path = own if own.is_file() else plain
    _check_one_flavour(path.parent)
    people = _read_hdf5_people(path)
    sides = "the person's" if path == own else "the viewer's"
    notes = [f"{path.name}: sides are {sides} by the file's name"]
    if path == own and plain.is_file():
        other = _read_hdf5_people(plain)
        notes.append(_differing(people, other, path, plain))
    people, marked = keep_or_drop_doubtful_sides(*mark_sides(people, FLIC_11), split)
    return _found(root, people, FLIC_11, partial=partial, notes=(*notes, *marked), facts={"labels": path.name})


def flic_full(root: Path, split: str, *, partial: bool) -> FoundDataset:
    """FLIC-Full: 29 places, few of the legs labelled; also reads the `examples.mat` of FLIC itself.

    Args:
        root: The folder with `examples.mat` and `images/`.
        split: `test` (istest), `train` (neither istest nor isbad, and no sides in doubt), `all`, or `test-clean`
            without the people whose sides are in doubt.
        partial: Whether labels without image are left out instead of refused.

    Raises:
        DataError: files are missing, damaged, of another dataset, or do not fit each other.
    """
    if split not in FLIC_FULL_SPLITS:
        raise DataError(f"flic-full has no split {split!r}; it has {', '.join(FLIC_FULL_SPLITS)}")
    path = root / "examples.mat"
    examples = records_of(read_mat_struct(path, "examples"))
    if not examples:
        raise DataError(f"{path}: holds no examples")
    flags = {name: _flags(examples, name) for name in ("istest", "isbad", "isunchecked")}
    chosen = {
        "train": ~flags["istest"] & ~flags["isbad"],
        "test": flags["istest"],
        "test-clean": flags["istest"],
        "all": np.ones(len(examples), bool),
    }[split]
    if not chosen.any():
        raise DataError(f"{path}: none of its {len(examples)} examples belongs to the split {split}")
    people, marked = mark_sides(_read_examples(path, examples).take(chosen), FLIC_29)
    people, marked = keep_or_drop_doubtful_sides(people, marked, split)
    bad, unchecked = int((flags["isbad"] & ~flags["istest"]).sum()), int((flags["isunchecked"] & chosen).sum())
    notes = [f"{unchecked} of {int(chosen.sum())} examples were not checked by the authors (isunchecked)"]
    if split == "train":
        near = near_test_frames(examples, flags["istest"]) & chosen
        notes.append(f"{bad} examples that the authors call bad are left out (isbad); the split all has them")
        notes.append(
            f"{int(near.sum())} training frames lie within {SCENE_FRAMES} frames of a test frame of their film"
        )
    return _found(root, people, FLIC_29, partial=partial, notes=(*notes, *marked), facts={"labels": path.name})


def flic_tell_tale(root: Path) -> Path | None:
    """A label file of FLIC, told from MPII's of the same name by its number of joints."""
    names = [f"{folder}{name}.h5" for folder in ("annot/", "") for name in FILE_OF_SPLIT.values()]
    return hdf5_people_of(root, names, len(FLIC_11))


def matlab_pixels(xy: Float[np.ndarray, "N J 2"]) -> Float[np.ndarray, "N J 2"]:
    """Both files' places, from 1 as in MATLAB, as px from the centre of the first pixel. Touches every label."""
    return xy - 1.0


def near_test_frames(examples: list[dict[str, Any]], is_test: Bool[np.ndarray, "N"]) -> Bool[np.ndarray, "N"]:
    """Which examples lie within a scene's length of a test frame of the same film."""
    films = np.array([str(example.get("moviename", "")) for example in examples], object)
    frames = np.array([number_of(example.get("currframe")) for example in examples])
    near = np.zeros(len(examples), bool)
    for film in set(films[is_test]):
        tested = np.sort(frames[is_test & (films == film)])
        rows = np.flatnonzero(films == film)
        place = np.searchsorted(tested, frames[rows])
        before, after = tested[np.maximum(place - 1, 0)], tested[np.minimum(place, len(tested) - 1)]
        near[rows] = np.minimum(np.abs(frames[rows] - before), np.abs(frames[rows] - after)) <= SCENE_FRAMES
    return near & ~is_test


def _annotation_files(root: Path, name: str) -> tuple[Path, Path]:
    folder = root / "annot" if (root / "annot").is_dir() else root
    plain, own = folder / f"{name}.h5", folder / f"{name}_personcentric.h5"
    if not plain.is_file() and not own.is_file():
        hint = "; it holds examples.mat: add it as flic-full" if (root / "examples.mat").is_file() else ""
        raise SplitMissing(f"{folder}: holds neither {own.name} nor {plain.name}{hint}")
    return plain, own


def _check_one_flavour(folder: Path) -> None:
    own = {name: (folder / f"{name}_personcentric.h5").is_file() for name in FILE_OF_SPLIT.values()}
    plain = [name for name, there in own.items() if not there and (folder / f"{name}.h5").is_file()]
    if any(own.values()) and plain:
        raise DataError(
            f"{folder}: has {plain[0]}.h5 with the viewer's sides alone, and the other split with the person's; add "
            f"{plain[0]}_personcentric.h5, or take the other _personcentric.h5 away"
        )


def _read_hdf5_people(path: Path) -> LabelledPeople:
    if hdf5_shapes(path).get("part", ())[1:] == (16, 2):
        raise DataError(f"{path}: its people have 16 joints, which looks like mpii, not flic; add it as that")
    joints = read_hdf5(path, "part", (None, len(FLIC_11), 2)).astype(float)
    # A place at or before (0, 0), counted from 1, is a placeholder.
    labelled = labelled_joints(joints) & ~(joints <= 0).all(axis=2)
    places = matlab_pixels(np.where(labelled[..., None], joints, np.nan))
    sources = [f"{path.name}[{row}]" for row in range(len(joints))]
    listed = path.with_name(f"{path.stem.removesuffix('_personcentric')}_images.txt")
    names = read_image_names(path, len(joints), listed)
    return people_of(places, np.zeros(labelled.shape, np.uint8), names, sources)


def _differing(people: LabelledPeople, other: LabelledPeople, path: Path, plain: Path) -> str:
    if len(people) != len(other):
        raise DataError(
            f"{path}: holds {len(people)} people, and {plain.name} beside it {len(other)}; expected the same"
        )
    apart = np.abs(people.joints_img - other.joints_img) > 1
    return f"{path.name}: the sides of {int(apart.any(axis=(1, 2)).sum())} people differ from those of {plain.name}"


def _read_examples(path: Path, examples: list[dict[str, Any]]) -> LabelledPeople:
    places, names = np.full((len(examples), len(FLIC_29), 2), np.nan), []
    for row, example in enumerate(examples):
        try:
            coords = np.asarray(example.get("coords"), float)
        except (TypeError, ValueError):
            coords = np.empty(0)
        if coords.shape != (2, len(FLIC_29)) or not example.get("filepath"):
            raise DataError(
                f"{path}: example {row + 1} lacks a filepath or coords of 2 x 29; it has {', '.join(example)}"
            )
        places[row] = coords.T
        names.append(str(example["filepath"]))
    places[~labelled_joints(places)] = np.nan
    sources = [f"{path.name}: examples({row + 1})" for row in range(len(examples))]
    return people_of(matlab_pixels(places), np.zeros(places.shape[:2], np.uint8), names, sources)


def _flags(examples: list[dict[str, Any]], name: str) -> Bool[np.ndarray, "N"]:
    return np.array([number_of(example.get(name)) == 1 for example in examples])


def _found(
    root: Path,
    people: LabelledPeople,
    skeleton: Skeleton,
    *,
    partial: bool,
    notes: tuple[str, ...],
    facts: dict[str, Any],
) -> FoundDataset:
    joints = people.joints_img
    boxes = [box_of_joints(one, FLIC_MARGIN) if np.isfinite(one).any() else np.full(4, np.nan) for one in joints]
    boxed = replace(people, boxes_xywh=np.reshape(boxes, (-1, 4)))
    folder = root / "images" if (root / "images").is_dir() else root
    labelled = int(labelled_joints(joints).sum())
    told = f"{labelled} places count pixels from 1 and are moved by 1"
    return found_people(boxed, skeleton, folder, partial=partial, notes=(told, *notes), facts=facts)


_CITATION = "Sapp and Taskar, MODEC: multimodal decomposable models for human pose estimation, CVPR 2013"
_LICENCE = "research use, with citation; frames of films under their owners' terms"
_HOME = "https://bensapp.github.io/flic-dataset.html"

FLIC_ENTRY = CatalogEntry(
    name="flic",
    title="FLIC",
    about="upper bodies in frames of films, mostly facing the viewer",
    has_3d=False,
    skeleton=FLIC_11,
    licence=_LICENCE,
    citation=_CITATION,
    home=_HOME,
    size="5,003 people",
    layouts=("annot/train.h5 and valid.h5, or train_personcentric.h5 and valid_personcentric.h5, with images/",),
    tree=(
        "flic/",
        "├── annot/train_personcentric.h5, valid_personcentric.h5 (or train.h5, valid.h5)",
        "├── annot/train_images.txt, valid_images.txt (where the h5 files name no images)",
        "└── images/FILM-00003571.jpg ...",
    ),
    expected=MappingProxyType({"test": 1016, "train-all": 3987}),
    splits=FLIC_SPLITS,
    default_splits=2,
    adapter=flic,
    signature=("annot/*_personcentric.h5", "*_personcentric.h5"),
    tell_tale=flic_tell_tale,
)

FLIC_FULL_ENTRY = CatalogEntry(
    name="flic-full",
    title="FLIC-Full",
    about="upper bodies in frames of films, with occluded and badly labelled ones",
    has_3d=False,
    skeleton=FLIC_29,
    licence=_LICENCE,
    citation=_CITATION,
    home=_HOME,
    size="20,928 people",
    layouts=("examples.mat (struct examples, 29 places) with images/; FLIC's own examples.mat likewise",),
    tree=("flic-full/", "├── examples.mat", "└── images/FILM-00003571.jpg ..."),
    expected=MappingProxyType({"test": 1016, "all": 20928}),
    splits=FLIC_FULL_SPLITS,
    default_splits=2,
    adapter=flic_full,
    signature=("examples.mat",),
)

ENTRIES = (FLIC_ENTRY, FLIC_FULL_ENTRY)


# Nobody shall learn from exchanged sides; figures on the test split are published with whoever has them.
WITHOUT_DOUBTFUL_SIDES = frozenset(["train", "test-clean"])
# A pair of joints tells its order where it is farther apart than this share of the torso's length.
CLEAR_SHARE = MappingProxyType({"eye": 0.04, "shoulder": 0.15, "hip": 0.1})
LEAST_CLEAR = 20
# Of the people in train.h5 so many are seen from behind: those whose order train_personcentric.h5 has the other way.
BEHIND, OF_PEOPLE = 184, 3971


def side_orders(joints_img: Float[np.ndarray, "N J 2"], skeleton: Skeleton) -> Int[np.ndarray, "N 3"]:
    """For eyes, shoulders and hips: 1 where left is clearly on the picture's right, -1 where on its left, else 0."""
    pairs = {part: [joints_img[:, skeleton.index(f"{side}_{part}")] for side in "lr"] for part in CLEAR_SHARE}
    middle = [np.mean(pairs[part], axis=0) for part in ("shoulder", "hip")]
    torso = np.linalg.norm(middle[0] - middle[1], axis=1)
    orders = np.zeros((len(joints_img), len(CLEAR_SHARE)), int)
    for column, (part, share) in enumerate(CLEAR_SHARE.items()):
        left, right = pairs[part]
        apart = left[:, 0] - right[:, 0]
        orders[:, column] = np.where(np.abs(apart) > share * torso, np.sign(np.nan_to_num(apart)), 0)
    return orders


def mark_sides(people: LabelledPeople, skeleton: Skeleton) -> tuple[LabelledPeople, tuple[str, ...]]:
    """The people with `sides` in their details where left and right are in doubt, and notes that count them.

    `contradictory`: eyes, shoulders and hips are clearly not in one order, which no untwisted body is. `from behind?`:
    the face is not labelled, and the order is that of somebody facing the viewer, in a file that knows no other order.
    A file is observer-centric where (nearly) everybody has left on the picture's right. A swap cannot be proved from
    the labels alone, so nobody is swapped; and where faces are labelled even on the backs of heads, as in the public
    11-joint files, nothing in the labels tells who is mirrored, and the note says how many are.
    """
    orders = side_orders(people.joints_img, skeleton)
    contradictory = np.asarray((orders == 1).any(axis=1) & (orders == -1).any(axis=1))
    body = np.where(orders[:, 1] != 0, orders[:, 1], orders[:, 2])
    clear, facing = int((body != 0).sum()), int((body == 1).sum())
    observers = clear >= LEAST_CLEAR and facing >= 0.995 * clear
    face = labelled_joints(people.joints_img[:, [skeleton.index(name) for name in ("l_eye", "r_eye", "nose")]])
    behind = ~face.any(axis=1) & (body == 1) & observers
    details = people.details.copy()
    details[behind] = json.dumps({"sides": "from behind?"})
    details[contradictory] = json.dumps({"sides": "contradictory"})
    notes = [f"{facing} of {clear} people whose order is clear have left on the picture's right"]
    if observers:
        share = BEHIND / OF_PEOPLE
        notes.append(
            f"the sides are the viewer's: whoever is seen from behind is mirrored, about {share:.1%} of FLIC's people "
            f"(some {share * len(people):.0f} of these {len(people)}); the labels tell {int(behind.sum())} of them, "
            "without a labelled face (marked in details), and only the _personcentric.h5 files of flic tell the others"
        )
    if contradictory.any():
        notes.append(f"{int(contradictory.sum())} people have contradictory sides (marked in details)")
    return replace(people, details=details), tuple(notes)


def keep_or_drop_doubtful_sides(
    people: LabelledPeople, notes: tuple[str, ...], split: str
) -> tuple[LabelledPeople, tuple[str, ...]]:
    """People whose sides are in doubt left out of what is trained on, and kept where published figures have them."""
    doubtful = np.array([detail != "{}" for detail in people.details], bool)
    if not doubtful.any():
        return people, notes
    who = f"{int(doubtful.sum())} of {len(people)} people have sides in doubt"
    if split in WITHOUT_DOUBTFUL_SIDES:
        return people.take(~doubtful), (*notes, f"{who}, and are left out; --split train-all, test or all has them")
    return people, (*notes, f"{who}, and are kept, as published figures do; --split train or test-clean has none")
