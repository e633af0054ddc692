"""BlazePose "full" of MediaPipe 0.10.14 in the boxes of a list of images, as a file for `prepose score`.

    mediapipe_poses.py JOBS.json OUT.npz [--margin 1.25] [--also-whole]

JOBS.json: [{"image": path, "box": [x, y, w, h] or null}, ...], px as in a store. Without a box, or where the widened
box holds four fifths of the image, the whole image is given; with --also-whole it is tried too where nobody is found in
the crop. Runs in an environment of its own (docs/score.md).
"""

import argparse
import json
from pathlib import Path

import cv2
import mediapipe
import numpy as np


def crop_of(box, size_wh, margin):
    """Columns and rows (x0, y0, x1, y1) of the widened box, no narrower than 0.6 of its other side, or the image."""
    width, height = size_wh
    if box is None:
        return 0, 0, width, height
    (x, y), (w, h) = np.array(box[:2]) - 0.5 + np.array(box[2:]) / 2, np.array(box[2:]) * margin
    w, h = max(w, 0.6 * h), max(h, 0.6 * w)
    low, high = np.maximum(0, [x - w / 2, y - h / 2]), np.minimum(size_wh, np.ceil([x + w / 2, y + h / 2]))
    left, top, right, bottom = (int(value) for value in (*low, *high))
    fills = (right - left) * (bottom - top) >= 0.8 * width * height
    return (0, 0, width, height) if fills or min(right - left, bottom - top) <= 8 else (left, top, right, bottom)


def main():
    """Predict and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs")
    parser.add_argument("out")
    parser.add_argument("--margin", type=float, default=1.25)
    parser.add_argument("--also-whole", action="store_true")
    options = parser.parse_args()
    jobs = json.loads(Path(options.jobs).read_text(encoding="utf-8"))
    pose = mediapipe.solutions.pose.Pose(static_image_mode=True, model_complexity=1, min_detection_confidence=0.5)
    world, landmarks = np.full((len(jobs), 33, 3), np.nan), np.full((len(jobs), 33, 2), np.nan)
    visibility = np.full((len(jobs), 33), np.nan)
    for row, job in enumerate(jobs):
        image = cv2.cvtColor(cv2.imread(job["image"]), cv2.COLOR_BGR2RGB)
        size_wh = image.shape[1::-1]
        crop, whole = crop_of(job["box"], size_wh, options.margin), (0, 0, *size_wh)
        for left, top, right, bottom in [crop, *([whole] if options.also_whole and crop != whole else [])]:
            found = pose.process(np.ascontiguousarray(image[top:bottom, left:right]))
            if found.pose_landmarks is None:
                continue
            shares = np.array([(point.x, point.y) for point in found.pose_landmarks.landmark])
            landmarks[row] = shares * (right - left, bottom - top) + (left, top) - 0.5
            visibility[row] = [point.visibility for point in found.pose_landmarks.landmark]
            world[row] = [(point.x, point.y, point.z) for point in found.pose_world_landmarks.landmark]
            break
    columns = {"image": [job["image"] for job in jobs], "skeleton": "mediapipe-33", "unit": "m"}
    if all(job["box"] is not None for job in jobs):
        columns["box_xywh"] = [job["box"] for job in jobs]
    found = np.isfinite(landmarks).all(axis=(1, 2))
    np.savez_compressed(
        options.out, world_landmarks=world, landmarks=landmarks, visibility=visibility, found=found, **columns
    )
    print(f"found {found.sum()} of {len(jobs)}")


if __name__ == "__main__":
    main()
