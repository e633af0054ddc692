"""From photographs in files to drawings and numbers in files."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2

from prepose.arrays import BoxXywh, ImageRgb
from prepose.data.picture import read_photograph
from prepose.errors import DataError
from prepose.predict.overlay import draw_prediction
from prepose.predict.prediction import Prediction
from prepose.predict.predictor import Predictor, checked_box

Progress = Callable[[int, int | None], None]


def predict_files(
    run: Path,
    images: Sequence[Path],
    out: Path,
    *,
    box: BoxXywh | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> list[Path]:
    """The pose of one person in each photograph, written as NAME_pose.png (drawn) and NAME_pose.json (numbers).

    Each file is written aside and renamed. What was written before a photograph that cannot be read stays.

    Args:
        run: A run's folder or a weights file.
        images: The photographs.
        out: The folder to write into.
        box: The person's box in every one of them, px; None for the whole photograph.
        device: Where to run the network.
        progress: Called with (photographs done, photographs in all).

    Returns:
        The JSON files.

    Raises:
        DataError: there are no weights or no images, an image cannot be read, the box is of no use, or an output would
            overwrite another one or a photograph.
    """
    targets = _targets(images, out)
    predictor = Predictor.load(run, device=device)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for done, (path, target) in enumerate(zip(images, targets, strict=True), start=1):
        photograph = read_photograph(path)
        checked_box(box, (photograph.shape[1], photograph.shape[0]), str(path))
        prediction = predictor.predict([photograph], [box], names=[path.name])[0]
        written.append(write_prediction(photograph, prediction, target))
        if progress is not None:
            progress(done, len(images))
    return written


def write_prediction(photograph: ImageRgb, prediction: Prediction, target: Path) -> Path:
    """Write `target` with .png and .json at its end; returns the JSON file."""
    drawing = draw_prediction(photograph, prediction)
    _, encoded = cv2.imencode(".png", drawing[..., ::-1].copy())
    _write_aside(target.with_name(f"{target.name}.png"), encoded.tobytes())
    text = json.dumps(prediction.to_json(), indent=1, allow_nan=False) + "\n"
    return _write_aside(target.with_name(f"{target.name}.json"), text.encode())


def _targets(images: Sequence[Path], out: Path) -> list[Path]:
    """Where each photograph's results go, without their endings."""
    if not images:
        raise DataError("there is no image to predict; name one or more picture files")
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: is a file; --out must be a folder")
    owners: dict[Path, Path] = {}
    inputs = {image.resolve() for image in images}
    for image in images:
        target = out / f"{image.stem}_pose"
        if target in owners:
            raise DataError(f"{image} and {owners[target]} would both be written to {target}.png; predict them apart")
        owners[target] = image
        drawing = target.with_name(f"{target.name}.png")
        if drawing.resolve() in inputs:
            raise DataError(f"{drawing}: is one of the images and would be overwritten; choose another --out")
    return list(owners)


def _write_aside(path: Path, content: bytes) -> Path:
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return path
