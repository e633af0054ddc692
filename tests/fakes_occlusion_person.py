"""Occlusion-Person in its authors' layout: two pickles and pictures, in a folder or in the zip."""

import pickle
import zipfile
from functools import partial
from pathlib import Path

import numpy as np

from fake_layouts import Layout, SmallFake
from fake_people import SIZE_WH, FakePerson, fake_jpeg, fake_person
from prepose.body.skeletons import OCCLUSION_PERSON_15 as SKELETON
from prepose.synthetic.rig import draw_proportions

SUBJECTS = 3


def fake_occlusion_person(
    root: Path,
    generator: np.random.Generator,
    *,
    counts: dict[str, int] | None = None,
    mm: float = 10.0,
    images: str = "zip",
    cameras: str = "centre",
    protocol: int = 4,
) -> dict[str, list[FakePerson]]:
    """Write the dataset and return who is in it, by split.

    Args:
        root: Where `annot/`, and `images/` or `images.zip` go.
        generator: Draws people and cameras. Of each record joint 3 is occluded and joint 6 is flagged as outside.
        counts: Records of each split.
        mm: How many mm the unit of the 3D joints has.
        images: `zip`, `folder`, or `none`.
        cameras: How T is meant, `centre` or `translation`; or `none`.
        protocol: The pickle protocol.
    """
    people = {}
    builds = [draw_proportions(generator) for _ in range(SUBJECTS)]
    (root / "annot").mkdir(parents=True)
    for split, count in (counts or {"train": 24, "validation": 4}).items():
        people[split] = [fake_person(generator, SKELETON, build=builds[number % SUBJECTS]) for number in range(count)]
        records = [_record(split, number, person, mm, cameras) for number, person in enumerate(people[split])]
        (root / "annot" / f"unrealcv_{split}.pkl").write_bytes(pickle.dumps(records, protocol))
    pictures = {
        image_name(split, number): fake_jpeg(person.joints_img, SKELETON, SIZE_WH)
        for split, group in people.items()
        for number, person in enumerate(group)
    }
    if images == "zip":
        with zipfile.ZipFile(root / "images.zip", "w") as archive:
            for name, data in pictures.items():
                archive.writestr(name, data)
    elif images == "folder":
        for name, data in pictures.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
    return people


def image_name(split: str, number: int) -> str:
    """The path of a record's image as the pickle gives it."""
    return f"images/{split}_s{number % SUBJECTS}/camera{number % 8}/{number:06d}.jpg"


def _record(split: str, number: int, person: FakePerson, mm: float, cameras: str) -> dict:
    inside, seen = np.ones((15, 1)), np.ones((15, 1))
    seen[3] = seen[6] = inside[6] = 0
    low, high = person.joints_img.min(axis=0) - 5, person.joints_img.max(axis=0) + 5
    camera = person.camera
    T = camera.translation if cameras == "translation" else -camera.rotation.T @ camera.translation
    record = {
        "image": image_name(split, number),
        "joints_2d": person.joints_img,
        "joints_3d": person.joints_cam / mm,
        "joints_gt": person.joints_world / mm,
        "joints_vis": inside,
        "joints_vis_2d": seen,
        "center": (low + high) / 2,
        "scale": np.repeat((high - low).max() / 200, 2),
        "box": np.concatenate([low, high]),
        "video_id": number // 8,
        "image_id": number,
        "subject": number % SUBJECTS,
        "action": 7,
        "subaction": 1,
        "camera_id": number % 8,
        "source": "unrealcv",
    }
    if cameras != "none":
        fx, fy, cx, cy = (camera.K[0, 0], camera.K[1, 1], camera.K[0, 2], camera.K[1, 2])
        record["camera"] = {
            "R": camera.rotation, "T": T[:, None] / mm, "fx": fx, "fy": np.float64(fy), "cx": cx, "cy": cy,
            "k": np.zeros((3, 1)), "p": np.zeros((2, 1)),
        }  # fmt: skip
    return record


def occlusion_person_places(root: Path, generator: np.random.Generator, *, count: int = 24) -> np.ndarray:
    """The dataset with `count` records in train and 4 in validation; returns all joints, px."""
    people = fake_occlusion_person(root, generator, counts={"train": count, "validation": 4})
    return np.stack([person.joints_img for group in people.values() for person in group])


def _small(images: str) -> SmallFake:
    write = partial(fake_occlusion_person, counts={"train": 4, "validation": 2}, images=images)
    return SmallFake("occlusion-person", images, write)


FAKES = {"occlusion-person": occlusion_person_places}
LAYOUTS = (
    Layout(
        "occlusion-person",
        "zip",
        partial(fake_occlusion_person, counts={"train": 24, "validation": 21}),
        ("train", "validation"),
    ),
    Layout(
        "occlusion-person",
        "folder",
        partial(fake_occlusion_person, images="folder", counts={"train": 24, "validation": 21}),
        ("train", "validation"),
    ),
)
SMALL_FAKES = (
    _small("zip"),
    _small("folder"),
)
