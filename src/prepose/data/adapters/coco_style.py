"""Key-point labels in COCO's form with any skeleton: published sets, and exports of labelling tools.

The skeleton is chosen by the names of the file's category (`data.keypoint_names`), so that one reader serves all. What
the sets do otherwise than COCO is known of each:

- JHMDB counts pixels from 1, as MATLAB does (MMPose's loader of the same file subtracts 1).
- Halpe's category names no key-points; its 136 are told by their number.
- COCO-WholeBody keeps feet, face and hands beside `keypoints` and names the body's seventeen only.
- HumanArt names 21 key-points and gives the first 17 in `keypoints`, all in `keypoints_21`.
- PoseTrack has a file for each video, head boxes, and the flag 1 for all that is labelled.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from prepose.body.skeletons import COCO_17, COCO_WHOLEBODY_133
from prepose.data.coco_labels import Content, KeypointForm, read_people
from prepose.data.entry import CatalogEntry, FoundDataset
from prepose.data.intake import read_json
from prepose.data.keypoint_names import BY_COUNT, NamedKeypoints, in_order, skeleton_of_names
from prepose.data.labelled_people import LabelledPeople, found_people, joined
from prepose.data.tool_labels import find_image_folder
from prepose.errors import DataError

SPLITS = ("train", "validation", "test")
# A split's files by words in their names or folders; a file without one is of `train`.
WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"train": ("train",), "validation": ("val", "valid"), "test": ("test",)}
)
PLACES = ("*.json", "annotations/*.json", "json/*.json", "*/*.json", "annotations/*/*.json")
# COCO's own files of other labels.
OTHER_LABELS = ("captions_", "instances_", "stuff_", "panoptic_", "image_info_")
WHOLE_BODY = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
FIRST_PIXEL: Mapping[str, float] = MappingProxyType({"jhmdb-15": 1.0})
HEAD_BYTES = 2**16
COUNT = re.compile(r"\b\d+(?= (?:of|labels|labelled|people|joints|boxes|are not) ?)")


@dataclass(frozen=True)
class PublishedSet:
    """A set that is published in this form."""

    title: str
    skeleton: str
    terms: str
    home: str


SETS = (
    PublishedSet("CrowdPose", "crowdpose-14", "research use; images of COCO, MPII and AI Challenger under their terms",
                 "github.com/Jeff-sjtu/CrowdPose"),
    PublishedSet("AI Challenger", "ai-challenger-14", "research use", "github.com/AIChallenger/AI_Challenger_2017"),
    PublishedSet("JHMDB", "jhmdb-15", "research use, with citation", "jhmdb.is.tue.mpg.de"),
    PublishedSet("PoseTrack 2018, 2021", "posetrack-17", "CC BY-NC 4.0", "posetrack.net"),
    PublishedSet("Halpe", "halpe-136", "non-commercial use", "github.com/Fang-Haoshu/Halpe-FullBody"),
    PublishedSet("COCO-WholeBody", "coco-wholebody-133", "non-commercial research",
                 "github.com/jin-s13/COCO-WholeBody"),
    PublishedSet("HumanArt, OCHuman", "coco-17", "research use (OCHuman: MIT)",
                 "idea-research.github.io/HumanArt, github.com/liruilong940607/OCHumanApi"),
    PublishedSet("MHP", "mpii-16", "non-commercial research", "lv-mhp.github.io"),
)  # fmt: skip


def coco_style(root: Path, split: str, *, partial: bool) -> FoundDataset:
    """Key-point labels in COCO's form.

    Args:
        root: A label file, or a folder with one or more; images are found beside or above the file.
        split: `train`, `validation` or `test`, by the files' names; a file that says nothing is `train`.
        partial: Whether labels without image are left out instead of refused.

    Raises:
        DataError: files are missing, damaged, of several skeletons, or do not fit each other.
    """
    files = label_files(root)
    if split not in files:
        raise DataError(f"{root}: has no label file of the split {split!r}; it has {', '.join(files)}")
    parts: list[LabelledPeople] = []
    forms: list[KeypointForm] = []
    folders: list[Path] = []
    counted: list[str] = []
    for path in files[split]:
        form, people, notes = read_people(path, read_json(path), _form, partial=partial)
        folder, names = find_image_folder(path, people.images.tolist())
        forms, folders = [*forms, form], [*folders, folder]
        _check_alike(path, files[split][0], forms, folders)
        below = folder.resolve().relative_to(folders[0].resolve())
        parts.append(replace(people, images=np.array([(below / name).as_posix() for name in names], object)))
        counted += notes[len(form.notes) :]
    skeleton = forms[0].named.skeleton
    sets = [f"{one.title} ({one.terms}; {one.home})" for one in SETS if one.skeleton == skeleton.name]
    facts = {"labels": [path.name for path in files[split]], "skeleton_of": sets}
    notes = (
        f"key-points are read as {skeleton.name}; images are found in {folders[0]}",
        *dict.fromkeys(note for form in forms for note in form.notes),
        *summed(counted),
    )
    return found_people(joined(parts), skeleton, folders[0], partial=partial, notes=notes, facts=facts)


def summed(notes: Sequence[str]) -> tuple[str, ...]:
    """The notes of several files as those of one: notes that differ in counts alone are added up."""
    counts: dict[str, list[int]] = {}
    for note in notes:
        found = [int(number) for number in COUNT.findall(note)]
        pattern = COUNT.sub("{}", note.replace("{", "(").replace("}", ")"))
        so_far = counts.setdefault(pattern, [0] * len(found))
        counts[pattern] = [one + other for one, other in zip(so_far, found, strict=True)]
    return tuple(pattern.format(*numbers) for pattern, numbers in counts.items())


def _check_alike(path: Path, first: Path, forms: Sequence[KeypointForm], folders: Sequence[Path]) -> None:
    if forms[-1].named.skeleton != forms[0].named.skeleton:
        raise DataError(
            f"{path}: its key-points are {forms[-1].named.skeleton.name}, those of {first.name} "
            f"{forms[0].named.skeleton.name}; add the files one by one"
        )
    if not folders[-1].resolve().is_relative_to(folders[0].resolve()):
        raise DataError(
            f"{path}: its images lie in {folders[-1]}, those of {first.name} in {folders[0]}; add the files one by one"
        )


def coco_style_splits(root: Path) -> tuple[str, ...]:
    """The splits that the label files of a folder belong to."""
    return tuple(label_files(root))


def label_files(root: Path) -> dict[str, list[Path]]:
    """The label files of each split, in the usual order of splits.

    Raises:
        DataError: there is none.
    """
    if root.is_file():
        return {_split_of(root, root.parent): [root]}
    files = [path for path in _candidates(root) if _is_of_keypoints(path)]
    if not files:
        raise DataError(
            f"{root}: holds no key-point labels in COCO's form (*.json with images, annotations and categories, here "
            "or in annotations/); name the label file itself"
        )
    found: dict[str, list[Path]] = {}
    for path in files:
        found.setdefault(_split_of(path, root), []).append(path)
    return {split: found[split] for split in SPLITS if split in found}


def some_label_file(root: Path) -> Path | None:
    """A file that shows a folder to be in COCO's form, and not to be COCO itself."""
    return next(
        (path for path in _candidates(root) if not path.name.startswith("person_") and _is_of_keypoints(path)), None
    )


def _candidates(root: Path) -> Iterator[Path]:
    """Label files at the first place that has any, so that no person is read twice from files of several depths."""
    for pattern in PLACES:
        found = [path for path in sorted(root.glob(pattern)) if not path.name.startswith(OTHER_LABELS)]
        found = [path for path in found if _is_of_keypoints(path)]
        if found:
            yield from found
            return


def _is_of_keypoints(path: Path) -> bool:
    """Whether a file may be one of labels: an object with images and key-points, by its first and last bytes."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(max(0, path.stat().st_size - HEAD_BYTES))
        ends = head + file.read()
    return (
        head.lstrip()[:1] == b"{"
        and b'"keypoints"' in ends
        and any(key in ends for key in (b'"images"', b'"annotations"', b'"categories"'))
    )


def _split_of(path: Path, root: Path) -> str:
    """By the last word of the file's name, else of its folders below the root, that names a split."""
    for text in (path.stem, *(part for part in reversed(path.relative_to(root).parent.parts))):
        places = {split: max(text.lower().rfind(word) for word in words) for split, words in WORDS.items()}
        split = max(SPLITS, key=lambda name: places[name])
        if places[split] >= 0:
            return split
    return "train"


def _form(path: Path, content: Content) -> KeypointForm:
    """The key-points of the file's people, by the names of their category."""
    by_id = {one.get("id"): one for one in content["categories"] if isinstance(one, dict)}
    labels = [one for one in content["annotations"] if isinstance(one, dict) and one.get("keypoints")]
    used = {one.get("category_id"): len(one["keypoints"]) // 3 for one in labels if isinstance(one["keypoints"], list)}
    used = {key: count for key, count in used.items() if key in by_id}
    if len(used) > 1:
        people = {key: count for key, count in used.items() if str(by_id[key].get("name", "")).lower() == "person"}
        used = people or used
    if not used:
        raise DataError(f"{path}: no label of a category that it lists has key-points")
    forms = {key: _form_of(path, by_id[key], count, labels[0]) for key, count in used.items()}
    first = next(iter(forms.values()))
    if any(form.named.skeleton != first.named.skeleton for form in forms.values()):
        named = ", ".join(f"{by_id[key].get('name')} ({form.named.skeleton.name})" for key, form in forms.items())
        raise DataError(f"{path}: has several categories with key-points, and none is called person: {named}")
    return replace(first, categories=tuple(forms))


def _form_of(path: Path, category: Mapping[str, Any], count: int, label: Mapping[str, Any]) -> KeypointForm:
    names, edges = category.get("keypoints") or [], category.get("skeleton") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{path}: the key-points of category {category.get('name')!r} are not a list of names")
    if all(key in label for key in WHOLE_BODY):
        notes = ("feet, face and hands are read from keys of their own (COCO-WholeBody)",)
        return KeypointForm(in_order(COCO_WHOLEBODY_133), (), WHOLE_BODY, needs=(), notes=notes)
    if not names:
        return KeypointForm(_by_count(path, count), (), needs=())
    notes: tuple[str, ...] = ()
    if count < len(names) and f"keypoints_{len(names)}" in label:
        every = len(names)
        notes = (f"the category names {every} key-points; the first {count} are read, keypoints_{every} is not",)
        names = names[:count]
    named = skeleton_of_names(names, path, edges=_edges(edges), name=str(category.get("name", "own")))
    first_pixel = FIRST_PIXEL.get(named.skeleton.name, 0.0)
    if first_pixel:
        notes = (*notes, f"pixels count from {first_pixel:g} and are moved")
    return KeypointForm(named, (), first_pixel=first_pixel, needs=(), notes=(*notes, *named.notes))


def _by_count(path: Path, count: int) -> NamedKeypoints:
    if count not in BY_COUNT:
        known = ", ".join(f"{number} ({skeleton.name})" for number, skeleton in BY_COUNT.items())
        raise DataError(
            f"{path}: its category names no key-points, and {count} may be of several sets (without names are read "
            f"{known}); add their names to the category"
        )
    return in_order(BY_COUNT[count])


def _edges(edges: Any) -> list[tuple[int, int]]:
    """The category's edges, counted from 0; nothing where they are not pairs of numbers."""
    pairs = [edge for edge in edges if isinstance(edge, list) and len(edge) == 2] if isinstance(edges, list) else []
    pairs = [(edge[0], edge[1]) for edge in pairs if all(type(end) is int for end in edge)]
    first = 0 if any(0 in pair for pair in pairs) else 1
    return [(a - first, b - first) for a, b in pairs]


ENTRY = CatalogEntry(
    name="coco-style",
    title="key-points in COCO's form",
    about="published sets and exports of labelling tools; the skeleton is chosen by the names of the key-points",
    has_3d=False,
    skeleton=None,
    licence="each set's own",
    citation="the set's own paper (docs/coco_style.md)",
    home="docs/coco_style.md",
    size="each set's own",
    layouts=(
        "one or more *.json with images, annotations and categories, here or in annotations/, or such a file itself",
        *(f"{one.title} ({one.skeleton}); terms: {one.terms}; from {one.home}" for one in SETS),
        f"exports of CVAT, Label Studio, COCO Annotator and others in this form; {COCO_17.name} or any other skeleton",
    ),
    tree=(
        "mine/",
        "├── annotations/train.json, val.json, test.json (one of them is enough)",
        "└── images/..., named by the labels",
    ),
    expected=MappingProxyType({}),
    splits=SPLITS,
    default_splits=len(SPLITS),
    adapter=coco_style,
    signature=(),
    tell_tale=some_label_file,
    splits_at=coco_style_splits,
    root_may_be_file=True,
)

ENTRIES = (ENTRY,)
