"""Poses as tables: key-point results in COCO's form, and joint angles as CSV."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prepose.body.joint_angles import joint_angles
from prepose.body.skeleton import joint_map
from prepose.body.skeletons import COCO_17
from prepose.errors import SkeletonMismatch
from prepose.files import write_whole
from prepose.predict.pose_sequence import PoseSequence

ANGLE_COLUMNS = ("image", "person", "frame", "time_s", "angle", "side", "degrees")
_PERSON = 1  # COCO's category


def write_coco(sequences: Sequence[PoseSequence], path: Path | str) -> list[str]:
    """Write the key points of everybody as COCO results: px, (0, 0) is the centre of the top-left pixel.

    A key point is x, y and its confidence; 0, 0, 0 where it is missing. A person's score is the mean confidence of
    the key points that are there. `file_name` and `frame` say which image an `image_id` is: the number that is the
    image's name where all are named so, as COCO's are, else numbers from 1.

    Args:
        sequences: The people.
        path: The file, replaced where it exists.

    Returns:
        What of the poses was changed to fit the format, in a line each.

    Raises:
        SkeletonMismatch: no joint of COCO follows from a skeleton.
        OSError: the file cannot be written.
    """
    numbers = _image_ids(sequences)
    rows = [row for sequence in sequences for row in _results(sequence, numbers)]
    write_whole(Path(path), json.dumps(rows, allow_nan=False) + "\n")
    notes = {}
    for sequence in sequences:
        kinds = joint_map(sequence.skeleton, COCO_17)
        unsure = [name for name, sure in zip(COCO_17.joints, kinds.truly_labelled, strict=True) if not sure]
        if unsure:
            names = ", ".join(unsure)
            notes[f"{sequence.skeleton.name} to coco-17: missing or only approximate: {names}"] = None
    return list(notes)


def _image_ids(sequences: Sequence[PoseSequence]) -> dict[tuple[str, int], int]:
    images = sorted({(each.source, int(frame)) for each in sequences for frame in each.frames})
    stems = [Path(source).stem for source, _ in images]
    own = [int(stem) if stem.isascii() and stem.isdigit() else -1 for stem in stems]
    if -1 in own or len(set(own)) < len(own):
        own = list(range(1, len(images) + 1))
    return dict(zip(images, own, strict=True))


def _results(sequence: PoseSequence, numbers: dict[tuple[str, int], int]) -> list[dict[str, Any]]:
    mapping = joint_map(sequence.skeleton, COCO_17)
    places = mapping.apply(sequence.joints_img.astype(float))
    if not np.isfinite(places).any():
        raise SkeletonMismatch(f"no key point of coco-17 follows from the joints of {sequence.skeleton.name}")
    used = mapping.weights != 0
    # A joint between others is known no better than the worst of them.
    least = np.where(used, sequence.confidence[:, None], np.inf).min(axis=2)
    there = np.isfinite(places).all(axis=2)
    keypoints = np.concatenate([places, least[..., None]], axis=2)
    keypoints[~there] = 0
    scores = keypoints[..., 2].sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return [
        {
            "image_id": numbers[sequence.source, int(frame)],
            "category_id": _PERSON,
            "keypoints": np.round(points, 3).ravel().tolist(),
            "score": round(float(score), 6),
            "file_name": sequence.source,
            "frame": int(frame),
        }
        for frame, points, score in zip(sequence.frames, keypoints, scores, strict=True)
    ]


def write_angles(sequences: Sequence[PoseSequence], path: Path | str) -> list[str]:
    """Write the joint angles of everybody as CSV: a row for each frame, angle and side; empty where not known.

    `trunk_lean` is measured against the camera's upward axis, as one image does not tell where the ground is.

    Args:
        sequences: The people.
        path: The file, replaced where it exists.

    Returns:
        Which angles are unknown in every frame, in a line.

    Raises:
        OSError: the file cannot be written.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(ANGLE_COLUMNS)
    unknown: dict[str, None] = {}
    for sequence in sequences:
        angles = joint_angles(sequence.joints_cam, sequence.skeleton)
        unknown |= {angle: None for (angle, _), degrees in angles.items() if np.isnan(degrees).all()}
        for row, (frame, time) in enumerate(zip(sequence.frames, sequence.times, strict=True)):
            for (angle, side), degrees in angles.items():
                value = "" if np.isnan(degrees[row]) else f"{degrees[row]:.2f}"
                table.writerow([sequence.source, sequence.person, frame, f"{time:.6f}", angle, side, value])
    write_whole(Path(path), text.getvalue())
    return [f"angles that the joints do not give: {', '.join(unknown)}"] if unknown else []
