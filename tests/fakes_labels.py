"""2D labels in the forms of published sets in COCO's manner, of Penn Action, and of labelling tools."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import scipy.io

from fake_layouts import Layout, SmallFake
from fake_people import standing_people, write_picture
from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import (
    AI_CHALLENGER_14,
    COCO_17,
    COCO_WHOLEBODY_133,
    CROWDPOSE_14,
    HALPE_136,
    JHMDB_15,
    PENN_ACTION_13,
    POSETRACK_17,
)

SIZE_WH = (160, 100)


def written_out(joint: str) -> str:
    """`l_knee` as `left_knee`."""
    side = {"l_": "left_", "r_": "right_"}.get(joint[:2], "")
    return side + joint[2:] if side else joint


def flags_of(count: int, skeleton: Skeleton, *, occluded: bool = True) -> np.ndarray:
    """(count, J): every 7th joint is not labelled (0), every 5th occluded (1), the others and faces visible (2)."""
    number = 3 * np.arange(count)[:, None] + np.arange(len(skeleton))
    flags = np.where(number % 7 == 0, 0, np.where((number % 5 == 0) & occluded, 1, 2))
    # Who faces the camera shows nose, eyes and ears.
    flags[:, [joint.endswith(("nose", "eye", "ear")) for joint in skeleton.joints]] = 2
    return flags


def annotation(joints: np.ndarray, flags: np.ndarray, *, image: int, number: int) -> dict:
    """An annotation of COCO's form; of an unlabelled joint it has zeros."""
    triples = [
        [float(x), float(y), int(flag)] if flag else [0, 0, 0] for (x, y), flag in zip(joints, flags, strict=True)
    ]
    low, high = joints.min(axis=0), joints.max(axis=0)
    return {
        "id": number, "image_id": image, "category_id": 1, "iscrowd": 0, "area": 2000.5,
        "num_keypoints": int((flags > 0).sum()), "keypoints": [value for triple in triples for value in triple],
        "bbox": [*(low - 2).tolist(), *(high - low + 5).tolist()],
    }  # fmt: skip


def fake_coco_style(
    root: Path,
    generator: np.random.Generator,
    *,
    count: int = 12,
    skeleton: Skeleton = CROWDPOSE_14,
    names: tuple[str, ...] | None = None,
    first_pixel: float = 0.0,
) -> np.ndarray:
    """A set in COCO's form, two people an image, the last third `val`; the names as a set writes them.

    Returns:
        (count, J, 2) true px, NaN where not labelled.
    """
    people = standing_people(skeleton, count, generator, size_wh=SIZE_WH, together=2)
    flags, first = flags_of(count, skeleton), count * 2 // 3 // 2 * 2
    names = tuple(map(written_out, skeleton.joints)) if names is None else names
    for name, rows in (("train", range(first)), ("val", range(first, count))):
        content: dict = {"images": [], "annotations": []}
        for row in rows:
            image = row // 2 * 2
            if row % 2 == 0:
                write_picture(root / "images" / f"{row:06d}.jpg", people[row : row + 2], skeleton, SIZE_WH)
                content["images"].append({"id": row, "file_name": f"{row:06d}.jpg", "width": 160, "height": 100})
            content["annotations"].append(annotation(people[row] + first_pixel, flags[row], image=image, number=row))
        content["categories"] = [{"id": 1, "name": "person", "keypoints": list(names), "skeleton": [[1, 2]]}]
        (root / "annotations").mkdir(exist_ok=True)
        (root / "annotations" / f"labels_{name}.json").write_text(json.dumps(content))
    return np.where((flags > 0)[..., None], people, np.nan)


CROWDPOSE_NAMES = tuple(map(written_out, CROWDPOSE_14.joints))
AI_CHALLENGER_NAMES = tuple(
    written_out(joint).replace("_", " ").title().replace("Top", "top") for joint in AI_CHALLENGER_14.joints
)


def fake_whole_body(root: Path, generator: np.random.Generator, *, count: int = 12) -> np.ndarray:
    """COCO-WholeBody: the category names COCO's seventeen; feet, face and hands have keys of their own."""
    true_img = fake_coco_style(
        root, generator, count=count, skeleton=COCO_WHOLEBODY_133, names=tuple(map(written_out, COCO_17.joints))
    )
    ends = {"keypoints": 17, "foot_kpts": 23, "face_kpts": 91, "lefthand_kpts": 112, "righthand_kpts": 133}
    for path in (root / "annotations").glob("*.json"):
        content = json.loads(path.read_text())
        for one in content["annotations"]:
            every, begin = one["keypoints"], 0
            for key, end in ends.items():
                one[key], begin = every[3 * begin : 3 * end], end
        path.write_text(json.dumps(content))
    return true_img


def fake_halpe(root: Path, generator: np.random.Generator, *, count: int = 12) -> np.ndarray:
    """Halpe: 136 key-points that its category does not name."""
    return fake_coco_style(root, generator, count=count, skeleton=HALPE_136, names=())


def fake_jhmdb(root: Path, generator: np.random.Generator, *, count: int = 12) -> np.ndarray:
    """JHMDB as MMPose exports it: pixels from 1."""
    return fake_coco_style(root, generator, count=count, skeleton=JHMDB_15, first_pixel=1.0)


def fake_posetrack(root: Path, generator: np.random.Generator, *, count: int = 12) -> np.ndarray:
    """PoseTrack 2018: a file for each video (of two frames), the flag 1 for all labels, head boxes, no ears.

    Returns:
        (count, 17, 2) true px in the order of the files, NaN where not labelled.
    """
    people = standing_people(POSETRACK_17, count, generator, size_wh=SIZE_WH, together=1)
    flags = np.minimum(flags_of(count, POSETRACK_17, occluded=False), 1)
    flags[:, [3, 4]] = 0
    first = count * 2 // 3 // 2 * 2
    category = {"id": 1, "name": "person", "keypoints": list(map(written_out, POSETRACK_17.joints)), "skeleton": []}
    for video in range(0, count, 2):
        split = "train" if video < first else "val"
        content: dict = {"images": [], "annotations": [], "categories": [category]}
        for row in range(video, min(video + 2, count)):
            name = f"images/{split}/{video:06d}_mpii/{row:06d}.jpg"
            write_picture(root / name, people[row], POSETRACK_17, SIZE_WH)
            content["images"].append({"id": 10000 + row, "file_name": name})
            head = people[row, [0, 1, 2]]
            one = annotation(people[row], flags[row], image=10000 + row, number=row)
            one |= {"bbox_head": [*head.min(axis=0).tolist(), *(np.ptp(head, axis=0) + 4).tolist()], "iscrowd": False}
            content["annotations"].append(one)
        folder = root / "annotations" / split
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{video:06d}_mpii.json").write_text(json.dumps(content))
    return np.where((flags > 0)[..., None], people, np.nan)


def fake_penn_action(root: Path, generator: np.random.Generator, *, count: int = 12) -> np.ndarray:
    """Penn Action: videos of three frames, every third of them `test`; joints at (s, s) and invisible are unplaced.

    Returns:
        (count, 13, 2) true px, train before test, NaN where not labelled.
    """
    people = standing_people(PENN_ACTION_13, count, generator, size_wh=SIZE_WH)
    flags = flags_of(count, PENN_ACTION_13)
    (root / "labels").mkdir(parents=True, exist_ok=True)
    videos = [range(start, min(start + 3, count)) for start in range(0, count, 3)]
    for number, rows in enumerate(videos, start=1):
        mine, seen = people[rows.start : rows.stop] + 1, flags[rows.start : rows.stop]
        places = np.where((seen == 0)[..., None], 0.75, mine)
        corners = np.concatenate([mine.min(axis=1) - 2, mine.max(axis=1) + 2], axis=1)
        content = {
            "action": "golf_swing", "pose": "front", "x": places[..., 0], "y": places[..., 1], "visibility": seen == 2,
            "train": -1 if number % 3 == 0 else 1, "bbox": corners, "dimensions": [100.0, 160.0, len(rows)],
            "nframes": float(len(rows)),
        }  # fmt: skip
        scipy.io.savemat(root / "labels" / f"{number:04d}.mat", content)
        for frame, row in enumerate(rows, start=1):
            write_picture(root / "frames" / f"{number:04d}" / f"{frame:06d}.jpg", people[row], PENN_ACTION_13, SIZE_WH)
    order = [row for test in (False, True) for n, rows in enumerate(videos, 1) if (n % 3 == 0) == test for row in rows]
    return np.where((flags > 0)[..., None], people, np.nan)[order]


def fake_yolo_pose(root: Path, generator: np.random.Generator, *, count: int = 12, names: bool = False) -> np.ndarray:
    """A YOLO-pose folder, two people an image, the last third `val`; COCO's joints by `flip_idx`, or by their names."""
    people = standing_people(COCO_17, count, generator, size_wh=SIZE_WH, together=2)
    flags, first = flags_of(count, COCO_17), count * 2 // 3 // 2 * 2
    told = f"kpt_names: {{0: {json.dumps(list(map(written_out, COCO_17.joints)))}}}" if names else ""
    told = told or f"flip_idx: {COCO_17.mirror.tolist()}"
    root.mkdir(parents=True, exist_ok=True)
    (root / "data.yaml").write_text(
        "path: ../somewhere\ntrain: ../images/train\nval: images/val\nkpt_shape: [17, 3]\n"
        f"{told}\nnames:\n  0: person\n"
    )
    for row in range(count):
        split = "train" if row < first else "val"
        labels = root / "labels" / split / f"{row // 2 * 2:06d}.txt"
        labels.parent.mkdir(parents=True, exist_ok=True)
        if row % 2 == 0:
            write_picture(root / "images" / split / f"{row:06d}.jpg", people[row : row + 2], COCO_17, SIZE_WH)
        low, high = people[row].min(axis=0) - 2, people[row].max(axis=0) + 3
        box = np.concatenate([(low + high) / 2 / SIZE_WH, (high - low) / SIZE_WH])
        points = np.where((flags[row] > 0)[:, None], people[row] / SIZE_WH, 0)
        numbers = np.concatenate([[0], box, np.concatenate([points, flags[row][:, None]], axis=1).ravel()])
        with labels.open("a") as file:
            file.write(" ".join(f"{number:.9g}" for number in numbers) + "\n")
    return np.where((flags > 0)[..., None], people, np.nan)


def fake_cvat(root: Path, generator: np.random.Generator, *, count: int = 12, grouped: bool = False) -> np.ndarray:
    """CVAT for images 1.1, two people an image, as skeletons or as points in groups; the last third is `Validation`."""
    people = standing_people(COCO_17, count, generator, size_wh=SIZE_WH, together=2)
    flags, first = flags_of(count, COCO_17), count * 2 // 3 // 2 * 2
    names = list(map(written_out, COCO_17.joints))
    labels = "".join(f"<label><name>{name}</name><parent>person</parent></label>" for name in names)
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "<version>1.1</version>"]
    lines += [f"<meta><job><labels><label><name>person</name></label>{labels}</labels></job></meta>"]
    for row in range(count):
        if row % 2 == 0:
            write_picture(root / "images" / f"{row:06d}.jpg", people[row : row + 2], COCO_17, SIZE_WH)
            subset = "Train" if row < first else "Validation"
            lines.append(f'<image id="{row}" name="{row:06d}.jpg" subset="{subset}" width="160" height="100">')
        group = f' group_id="{row + 1}"' if grouped else ""
        points = [
            f'<points label="{name}"{group} occluded="{int(flag == 1)}" outside="{int(flag == 0)}" '
            f'points="{x + 0.5:.2f},{y + 0.5:.2f}"/>'
            for name, flag, (x, y) in zip(names, flags[row], people[row], strict=True)
        ]
        lines += points if grouped else ['<skeleton label="person" z_order="0">', *points, "</skeleton>"]
        if row % 2 == 1 or row == count - 1:
            lines.append("</image>")
    (root / "annotations.xml").write_text("\n".join([*lines, "</annotations>"]))
    return np.where((flags > 0)[..., None], people, np.nan)


def fake_label_studio(root: Path, generator: np.random.Generator, *, count: int = 12) -> np.ndarray:
    """An export of Label Studio: two people an image, each with a rectangle, key-points in percent."""
    people = standing_people(COCO_17, count, generator, size_wh=SIZE_WH, together=2)
    flags, tasks = flags_of(count, COCO_17), []
    size = {"original_width": SIZE_WH[0], "original_height": SIZE_WH[1], "image_rotation": 0}
    for row in range(count):
        if row % 2 == 0:
            write_picture(root / "images" / f"{row:06d}.jpg", people[row : row + 2], COCO_17, SIZE_WH)
            image = f"/data/upload/1/0a1b2c3d-{row:06d}.jpg"
            tasks.append({"id": row, "data": {"img": image}, "annotations": [{"result": [], "was_cancelled": False}]})
        low, high = (people[row].min(axis=0) - 2) / SIZE_WH * 100, (people[row].max(axis=0) + 3) / SIZE_WH * 100
        low, high = np.clip(low, 0, 100), np.clip(high, 0, 100)
        rectangle = {"x": low[0], "y": low[1], "width": high[0] - low[0], "height": high[1] - low[1]}
        result = [{"id": f"p{row}", "type": "rectanglelabels", **size,
                   "value": {**rectangle, "rotation": 0, "rectanglelabels": ["person"]}}]  # fmt: skip
        for joint, flag, (x, y) in zip(COCO_17.joints, flags[row], (people[row] + 0.5) / SIZE_WH * 100, strict=True):
            value = {"x": x, "y": y, "width": 0.5, "keypointlabels": [written_out(joint)]}
            if flag:
                result.append(
                    {"id": f"k{row}{joint}", "type": "keypointlabels", "parentID": f"p{row}", **size, "value": value}
                )
        tasks[-1]["annotations"][0]["result"] += result
    (root / "project-1.json").write_text(json.dumps(tasks))
    return np.where((flags > 0)[..., None], people, np.nan)


FAKES = {
    "coco-style": fake_coco_style,
    "penn-action": fake_penn_action,
    "yolo-pose": fake_yolo_pose,
    "cvat": fake_cvat,
    "label-studio": fake_label_studio,
}
LAYOUTS = (
    Layout("coco-style", "CrowdPose", partial(fake_coco_style, count=48), ("train", "validation")),
    Layout("coco-style", "COCO-WholeBody", partial(fake_whole_body, count=48), ("train", "validation")),
    Layout("coco-style", "JHMDB", partial(fake_jhmdb, count=48), ("train", "validation")),
    Layout("penn-action", "labels", partial(fake_penn_action, count=48), ("train", "test")),
    Layout("yolo-pose", "data.yaml", partial(fake_yolo_pose, count=48), ("train", "validation")),
    Layout("cvat", "annotations.xml", partial(fake_cvat, count=48), ("train", "validation")),
    Layout("label-studio", "JSON", partial(fake_label_studio, count=40), ("train",)),
)
SMALL_FAKES = (
    SmallFake("coco-style", "", partial(fake_coco_style, count=6)),
    SmallFake("penn-action", "", fake_penn_action),
    SmallFake("yolo-pose", "", partial(fake_yolo_pose, count=6)),
    SmallFake("cvat", "", partial(fake_cvat, count=6)),
    SmallFake("label-studio", "", partial(fake_label_studio, count=6)),
)
