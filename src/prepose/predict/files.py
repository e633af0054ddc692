"""From image files to drawings and numbers in files."""

import json
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import cv2

from prepose.arrays import BoxXywh, ImageRgb
from prepose.data.picture import read_photograph
from prepose.errors import DataError
from prepose.files import write_whole
from prepose.predict.drawing import draw_prediction
from prepose.predict.predictor import Prediction, Predictor, checked_box

Failed = Callable[[Path, DataError], None]


def predict_files(
    run: Path,
    images: Sequence[Path],
    out: Path,
    *,
    boxes: Sequence[BoxXywh] = (),
    device: str = "cpu",
    failed: Failed | None = None,
) -> list[Path]:
    """The pose of each person in each image, written as NAME_pose.png (drawn) and NAME_pose.json (numbers).

    Nothing is overwritten: where there are other results of that name, the new ones become NAME_pose_2, NAME_pose_3 and
    so on. Results with the same numbers keep their name. Each file is written aside and renamed.

    Args:
        run: A run's folder, a weights file or a checkpoint to import.
        images: The images.
        out: The folder to write into.
        boxes: Each person's box in the one image, px; none for one person who fills the whole image.
        device: Where to run the network.
        failed: Called with an image that cannot be used and the error, and the rest goes on; None raises the error.

    Returns:
        The JSON files.

    Raises:
        DataError: there are no weights or no images, boxes are given for several images, a box is of no use, or
            `failed` is None and an image cannot be used.
    """
    _check(images, out, boxes)
    predictor = Predictor.load(run, device=device)
    written: list[Path] = []
    for path in images:
        try:
            image = read_photograph(path)
        except DataError as error:
            if failed is None:
                raise
            failed(path, error)
            continue
        wanted = [checked_box(box, (image.shape[1], image.shape[0]), str(path)) for box in boxes] or [None]
        people = len(wanted)
        predictions = predictor.predict([image] * people, wanted, names=[path.name] * people)
        written += [write_prediction(image, each, _target(out, path, each, images)) for each in predictions]
    return written


def write_prediction(photograph: ImageRgb, prediction: Prediction, target: Path) -> Path:
    """Write `target` with .png and .json at its end; returns the JSON file."""
    drawing = draw_prediction(photograph, prediction)
    _, encoded = cv2.imencode(".png", drawing[..., ::-1].copy())
    write_whole(_drawing(target), encoded.tobytes())
    return write_whole(_numbers(target), _as_json(prediction))


def _check(images: Sequence[Path], out: Path, boxes: Sequence[BoxXywh]) -> None:
    if not images:
        raise DataError("there is no image to predict; name one or more image files")
    if boxes and len(images) > 1:
        raise DataError(
            f"--box says where a person is in one image, but there are {len(images)}; predict each with its own boxes"
        )
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: is a file; --out must be a folder")


def _target(out: Path, image: Path, prediction: Prediction, images: Sequence[Path]) -> Path:
    """Where a prediction goes, without the endings: the first name that is free, or that holds the same numbers."""
    inputs = {each.resolve() for each in images}
    for number in count(1):
        target = out / (f"{image.stem}_pose" if number == 1 else f"{image.stem}_pose_{number}")
        numbers, drawing = _numbers(target), _drawing(target)
        if drawing.resolve() in inputs:
            continue
        if numbers.is_file() and numbers.read_bytes() == _as_json(prediction):
            return target
        if not numbers.exists() and not drawing.exists():
            return target
    raise AssertionError("count() never ends")


def _drawing(target: Path) -> Path:
    return target.with_name(f"{target.name}.png")


def _numbers(target: Path) -> Path:
    return target.with_name(f"{target.name}.json")


def _as_json(prediction: Prediction) -> bytes:
    return (json.dumps(prediction.to_json(), indent=1, allow_nan=False) + "\n").encode()
