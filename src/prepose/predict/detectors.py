"""Person detectors: functions from an image to boxes, chosen by name.

`BUILT_IN` holds the detectors that ship; any other name is an object-detection model of `transformers`, by its name on
the hub or the folder it was saved to.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from prepose.arrays import ImageRgb
from prepose.errors import DataError, one_line, shortened
from prepose.predict.frames import Frame
from prepose.predict.people import Finder, FoundPerson

# Boxes of which one side is smaller show nobody whose pose could be seen, px.
LEAST_SIDE = 4.0
DEFAULT_SCORE = 0.5


@dataclass(frozen=True, eq=False)
class Detections:
    """The people that a detector sees in an image.

    Attributes:
        boxes_xywh: px; they may reach over the image's border.
        scores: How sure the detector is of each, 0 to 1.
    """

    boxes_xywh: Float[np.ndarray, "N 4"]
    scores: Float[np.ndarray, "N"]


# The whole contract: an upright image in, people out.
Detector = Callable[[ImageRgb], Detections]

# Detectors that ship: name -> function of the device ("cpu", "cuda") that gives the detector.
BUILT_IN: Mapping[str, Callable[[str], Detector]] = MappingProxyType({})


@lru_cache(maxsize=2)
def detector_named(name: str, device: str = "cpu") -> Detector:
    """A detector by its name.

    Args:
        name: One of `BUILT_IN`, the folder of a saved `transformers` model, or a name on the hub, such as
            `PekingU/rtdetr_v2_r18vd`, which is downloaded once.
        device: Where to run it.

    Raises:
        DataError: there is no such detector, it cannot be loaded, or it knows no class `person`.
    """
    return BUILT_IN[name](device) if name in BUILT_IN else _transformers_detector(name, device)


def detected_by(detector: Detector, least_score: float = DEFAULT_SCORE) -> Finder:
    """The people whom a detector sees, surest first, their boxes cut off at the image's border."""

    def find(frame: Frame) -> list[FoundPerson]:
        seen = detector(frame.pixels)
        low = np.clip(seen.boxes_xywh[:, :2], 0, frame.size_wh)
        high = np.clip(seen.boxes_xywh[:, :2] + seen.boxes_xywh[:, 2:], 0, frame.size_wh)
        boxes = np.concatenate([low, high - low], axis=1).astype(float)
        order = np.argsort(-seen.scores, kind="stable")
        kept = [row for row in order if seen.scores[row] >= least_score and boxes[row, 2:].min() >= LEAST_SIDE]
        return [FoundPerson(boxes[row]) for row in kept]

    return find


def _transformers_detector(name: str, device: str) -> Detector:
    import torch
    from transformers import AutoImageProcessor, AutoModelForObjectDetection
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        # Pickled weights would be executed, and so would code of the model's own.
        model = AutoModelForObjectDetection.from_pretrained(name, use_safetensors=True, trust_remote_code=False)
        # The other backend needs torchvision.
        processor = AutoImageProcessor.from_pretrained(name, backend="pil", trust_remote_code=False)
    # Whatever is wrong with a folder or a download, `transformers` has an error of its own for it.
    except Exception as error:
        known = f"known: {', '.join(BUILT_IN)}, or" if BUILT_IN else "give"
        there = "" if Path(name).is_dir() else " (no such folder here)"
        raise DataError(
            f"detector {shortened(name)!r}{there} cannot be loaded ({one_line(error, 300)}); {known} the folder or the "
            "hub name of a `transformers` object-detection model"
        ) from error
    labels = {int(index): str(label) for index, label in (model.config.id2label or {}).items()}
    people = [index for index, label in labels.items() if label.strip().lower() == "person"]
    if not people:
        raise DataError(f"detector {name}: knows no class 'person', only {shortened(', '.join(labels.values()), 300)}")
    try:
        model.to(device).eval()
    except (AssertionError, RuntimeError) as error:
        raise DataError(f"device {device!r} cannot be used here ({one_line(error, 200)}); use cpu") from error

    @torch.no_grad()
    def detect(image: ImageRgb) -> Detections:
        inputs = processor(images=image, return_tensors="pt").to(device)
        size_hw = [image.shape[:2]]
        found = processor.post_process_object_detection(model(**inputs), threshold=0.0, target_sizes=size_hw)[0]
        chosen = torch.isin(found["labels"].cpu(), torch.tensor(people))
        corners = found["boxes"].float().cpu()[chosen].numpy()
        # Both count a box's edges, not its pixels' centres.
        boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        return Detections(boxes.astype(float), found["scores"].float().cpu()[chosen].numpy().astype(float))

    return detect
