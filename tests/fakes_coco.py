"""COCO key-points."""

import json
from functools import partial
from pathlib import Path

import numpy as np

from fake_layouts import Layout, SmallFake
from fake_people import standing_people, write_picture
from prepose.body.skeletons import COCO_17

NAMES = [joint.replace("l_", "left_").replace("r_", "right_") for joint in COCO_17.joints]
SKELETON = [[16, 14], [14, 12], [17, 15], [15, 13]]
SIZE_WH = (160, 100)


def fake_coco(root: Path, generator: np.random.Generator, *, count: int = 12) -> np.ndarray:
    """COCO: two people an image, the last third validation; beside them a crowd and somebody without key-points.

    Returns:
        (count, 17, 2) true px, NaN where not labelled (every 7th joint); every 5th is occluded. Faces are seen.
    """
    people = np.round(standing_people(COCO_17, count, generator, size_wh=SIZE_WH, together=2))
    first = count * 2 // 3 // 2 * 2
    flags = flags_of(count)
    for name, rows in (("train2017", range(first)), ("val2017", range(first, count))):
        images, annotations = [], []
        for row in rows:
            if row % 2 == 0:
                write_picture(root / name / f"{row:012d}.jpg", people[row : row + 2], COCO_17, SIZE_WH)
                images.append({"id": row, "file_name": f"{row:012d}.jpg", "width": SIZE_WH[0], "height": SIZE_WH[1]})
            annotations.append(_annotation(people[row], flags[row], image=row // 2 * 2, number=row))
        nobody = _annotation(people[rows[0]], np.zeros(17, int), image=rows[0], number=1000)
        annotations += [
            nobody,
            nobody | {"id": 1001, "iscrowd": 1, "segmentation": {"counts": [1], "size": list(SIZE_WH[::-1])}},
        ]
        write_picture(root / name / "000000099999.jpg", people[0], COCO_17, SIZE_WH)  # of cats: nobody is labelled
        person = {"supercategory": "person", "id": 1, "name": "person", "keypoints": NAMES, "skeleton": SKELETON}
        content = {"info": {}, "licenses": [], "images": images, "annotations": annotations, "categories": [person]}
        (root / "annotations").mkdir(exist_ok=True)
        (root / "annotations" / f"person_keypoints_{name}.json").write_text(json.dumps(content))
    return np.where((flags > 0)[..., None], people, np.nan)


def flags_of(count: int) -> np.ndarray:
    """(count, 17): 0 not labelled, 1 occluded, 2 visible."""
    number = np.arange(count * 17).reshape(count, 17)
    flags = np.where(number % 7 == 0, 0, np.where(number % 5 == 0, 1, 2))
    flags[:, :5] = 2  # who faces the camera shows nose, eyes and ears
    return flags


def _annotation(joints: np.ndarray, flags: np.ndarray, *, image: int, number: int) -> dict:
    triples = [[int(x), int(y), int(flag)] if flag else [0, 0, 0] for (x, y), flag in zip(joints, flags, strict=True)]
    low, high = joints.min(axis=0), joints.max(axis=0)
    return {
        "id": number, "image_id": image, "category_id": 1, "iscrowd": 0, "area": 2000.5, "segmentation": [[1, 2, 3, 4]],
        "num_keypoints": int((flags > 0).sum()), "keypoints": [value for triple in triples for value in triple],
        "bbox": [*(low - 2).tolist(), *(high - low + 5).tolist()],
    }  # fmt: skip


def _coco_2014(root: Path, generator: np.random.Generator) -> None:
    fake_coco(root, generator, count=48)
    for part in ("train", "val"):
        (root / f"{part}2017").rename(root / f"{part}2014")
        labels = root / "annotations" / f"person_keypoints_{part}2017.json"
        labels.rename(labels.with_name(labels.name.replace("2017", "2014")))


FAKES = {"coco": fake_coco}
LAYOUTS = (
    Layout("coco", "JSON of 2017", partial(fake_coco, count=48), ("train", "validation")),
    Layout("coco", "JSON of 2014", _coco_2014, ("train", "validation")),
)
SMALL_FAKES = (SmallFake("coco", "", fake_coco),)
