"""A user's own dataset: JSON with cameras and 3D joints, or CSV."""

import csv
import json
from functools import partial
from pathlib import Path

import numpy as np

from fake_layouts import Layout, SmallFake
from fake_people import SIZE_WH, FakePerson, fake_camera, fake_person, write_picture
from prepose.body.skeletons import MPII_16
from prepose.synthetic.rig import draw_proportions


def fake_custom(
    root: Path, generator: np.random.Generator, *, count: int = 6, unit: float = 1000.0, first_pixel: float = 0
) -> np.ndarray:
    """labels.json with two people an image, 2D in px and 3D in the world's frame (in units of `unit` mm).

    Returns:
        (count, 16, 2) true px; the wrist of every third person is not labelled in 2D.
    """
    people = draw(root, generator, count)
    camera = people[0].camera
    K = camera.K.copy()
    K[:2, 2] += first_pixel
    described = {"K": K.tolist(), "size_wh": list(SIZE_WH), "rotation": camera.rotation.tolist()}
    described["translation"] = (camera.translation / unit).tolist()
    truth = np.stack([person.joints_img for person in people])
    truth[::3, MPII_16.index("l_wrist")] = np.nan
    samples = []
    for row, person in enumerate(people):
        sample = {"image": image_name(row), "camera": "north", "subject": f"s{row % 2}", "frame": row}
        sample |= {"split": "train" if row < count * 2 // 3 else "test", "action": "walk"}
        places = zip(MPII_16.joints, truth[row] + first_pixel, person.joints_world / unit, strict=True)
        sample |= {"joints_2d": {}, "joints_3d": {}, "states": {"l_wrist": "occluded"}}
        for joint, place, place_3d in places:
            sample["joints_2d"][joint] = None if np.isnan(place).any() else place.tolist()
            sample["joints_3d"][joint] = place_3d.tolist()
        samples.append(sample)
    name = {1: "mm", 10: "cm", 1000: "m"}[int(unit)]
    content = {"skeleton": "mpii-16", "unit": name, "frame_3d": "world", "first_pixel": first_pixel}
    content |= {"cameras": {"north": described}, "samples": samples}
    (root / "labels.json").write_text(json.dumps(content))
    return truth


def fake_custom_csv(root: Path, generator: np.random.Generator, *, count: int = 6, unit: str = "mm") -> np.ndarray:
    """labels.csv alone: 2D in px, 3D in the camera's frame; returns (count, 16, 3) true mm."""
    people = draw(root, generator, count)
    scale = {"mm": 1, "cm": 10, "m": 1000}[unit]
    axes = [f"{joint}.{axis}" for joint in MPII_16.joints for axis in ("x", "y", *(f"{a}_{unit}" for a in "xyz"))]
    with (root / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "skeleton", "box.x", "box.y", "box.width", "box.height", "r_hip.state", *axes])
        for row, person in enumerate(people):
            places = np.concatenate([person.joints_img, person.joints_cam / scale], axis=1).ravel().tolist()
            box = [5, 6, 140, 110] if row % 2 else ["", "", "", ""]
            writer.writerow([image_name(row), "mpii-16", *box, "visible", *places])
    return np.stack([person.joints_cam for person in people])


def draw(root: Path, generator: np.random.Generator, count: int) -> list[FakePerson]:
    """People of two builds in turn before one camera, two a picture, with the pictures."""
    camera, builds = fake_camera(generator), [draw_proportions(generator) for _ in range(2)]
    people = [
        fake_person(generator, MPII_16, camera, beside=500.0 * (2 * (row % 2) - 1), build=builds[row % 2])
        for row in range(count)
    ]
    for row in range(0, count, 2):
        joints_img = np.stack([person.joints_img for person in people[row : row + 2]])
        write_picture(root / image_name(row), joints_img, MPII_16, SIZE_WH)
    return people


def image_name(row: int) -> str:
    return f"images/{row // 2:03d}.jpg"


FAKES = {"custom": fake_custom}
LAYOUTS = (
    Layout("custom", "JSON, world frame", partial(fake_custom, count=48), ("train", "test")),
    Layout("custom", "CSV, camera frame", partial(fake_custom_csv, count=24), ("train",)),
)
SMALL_FAKES = (
    SmallFake("custom", "json", fake_custom),
    SmallFake("custom", "csv", fake_custom_csv),
)
