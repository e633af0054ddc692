"""Person detectors: functions from an image to boxes, chosen by name; and how good one is.

`BUILT_IN` holds the detectors that ship. A `.safetensors` file is one that `prepose train-detector` wrote, an `.onnx`
file the same exported, which needs no torch. Any other name is an object-detection model of `transformers`, by its name
on the hub or the folder it was saved to.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from prepose.arrays import ImageRgb
from prepose.camera.crop import box_of_corners, corners_of_box
from prepose.data.dataset import PoseDataset
from prepose.data.picture import decode_image
from prepose.errors import DataError, one_line, shortened
from prepose.models.detector_maps import KEY, MULTIPLE, OUTPUTS, SIDE, DetectorFacts, boxes_of
from prepose.models.export_facts import INPUT, is_exported
from prepose.models.export_facts import KEY as POSE_KEY
from prepose.predict.frames import Frame
from prepose.predict.networks import shipped_networks
from prepose.predict.onnx_network import open_session
from prepose.predict.people import Finder, FoundPerson

if TYPE_CHECKING:
    from prepose.models.person_detector import PersonDetector

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

# The logits of people's middles and the reach of their boxes, of one image (`models.detector_maps`).
Maps = tuple[Float[np.ndarray, "1 h w"], Float[np.ndarray, "1 4 h w"]]

# Boxes that overlap by more than this part of their union are of one person.
_SAME = 0.6
# Boxes that are surely nobody cost time and tell nothing.
_LEAST_SCORE, _MOST_BOXES = 0.05, 100
_FOLDER = Path(__file__).parents[1] / "networks" / "detectors"


@lru_cache(maxsize=2)
def detector_named(name: str, device: str = "cpu") -> Detector:
    """A detector by its name.

    Args:
        name: One of `BUILT_IN`, a weights file of `prepose train-detector`, what `prepose export` made of either, the
            folder of a saved `transformers` model, or a name on the hub, such as `PekingU/rtdetr_v2_r18vd`, which is
            downloaded once.
        device: Where to run it.

    Raises:
        DataError: there is no such detector, it cannot be loaded, it knows no class `person`, or it needs torch, which
            is not installed.
    """
    own = Path(name).expanduser()
    if is_exported(own):
        return _exported_detector(own, device)
    try:
        import torch  # noqa: F401 - what is left needs it
    except ImportError as error:
        raise DataError(
            f"detector {shortened(name)!r} needs torch, which is not installed here; export it where torch is "
            "(`prepose export lite0-people --out people.onnx`) and give the .onnx file, or say where people are"
        ) from error
    if name in shipped_networks():
        raise DataError(f"detector {name!r}: is a pose network; name it before the inputs, or leave it out")
    if name in BUILT_IN:
        return BUILT_IN[name](device)
    return own_detector(own, device) if own.suffix == ".safetensors" else _transformers_detector(name, device)


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


def own_detector(weights: Path, device: str = "cpu") -> Detector:
    """A detector of ours.

    Args:
        weights: What `prepose train-detector` wrote.
        device: Where to run it.

    Raises:
        DataError: there is no such file, it is damaged or of a pose network, or there is no such device.
    """
    import torch

    from prepose.models.person_detector import load_detector

    net = load_detector(weights)
    _move(net, device)

    @torch.no_grad()
    def run(image: UInt8[np.ndarray, "1 3 H W"]) -> Maps:
        maps = net(torch.from_numpy(image).to(device))
        return maps.centre.float().cpu().numpy(), maps.reach.float().cpu().numpy()

    return _detector_of(run)


def _exported_detector(path: Path, device: str) -> Detector:
    """A detector that `prepose export` wrote."""
    session = open_session(path, device)
    metadata = session.get_modelmeta().custom_metadata_map
    try:
        DetectorFacts.model_validate_json(metadata[KEY])
    except (KeyError, ValueError):
        what = "is a pose network; give it before the inputs" if POSE_KEY in metadata else "is no person detector"
        raise DataError(
            f"detector {path}: {what}; expected what `prepose export lite0-people --out people.onnx` of this version "
            "wrote"
        ) from None
    return _detector_of(lambda image: tuple(session.run(list(OUTPUTS), {INPUT: image})))


def _detector_of(run: Callable[[UInt8[np.ndarray, "1 3 H W"]], Maps]) -> Detector:
    """A detector of ours from what computes its maps: scale to 320 px, pad, read the boxes, scale back."""

    def detect(image: ImageRgb) -> Detections:
        factor = SIDE / max(image.shape[:2])
        height, width = (max(1, round(factor * side)) for side in image.shape[:2])
        canvas = np.full((-height % MULTIPLE + height, -width % MULTIPLE + width, 3), 127, np.uint8)
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        canvas[:height, :width] = cv2.resize(image, (width, height), interpolation=how)
        centre, reach = run(canvas.transpose(2, 0, 1)[None].copy())
        low, high, scores = boxes_of(centre[0], reach[0], least_score=_LEAST_SCORE, most=_MOST_BOXES)
        # The sides are rounded one by one.
        back = np.array(image.shape[1::-1]) / (width, height)
        boxes = box_of_corners((low + 0.5) * back - 0.5, (high + 0.5) * back - 0.5)
        kept = _distinct(boxes, scores)
        return Detections(boxes[kept], scores[kept])

    return detect


def _own(weights: Path) -> Callable[[str], Detector]:
    return lambda device: own_detector(weights, device)


# Detectors that ship: name -> function of the device ("cpu", "cuda") that gives the detector.
BUILT_IN: Mapping[str, Callable[[str], Detector]] = MappingProxyType(
    {path.stem: _own(path) for path in sorted(_FOLDER.glob("*.safetensors"))}
)


def detector_weights(name: Path) -> "PersonDetector | None":
    """The network of a detector of ours that a name or file means; None where it means something else.

    Raises:
        DataError: the file is damaged.
    """
    from prepose.models.person_detector import SPEC, load_detector
    from prepose.models.weights_file import read_weights

    file = _FOLDER / f"{name}.safetensors" if str(name) in BUILT_IN else name.expanduser()
    if file.suffix != ".safetensors" or not file.is_file() or dict(read_weights(file).spec) != SPEC:
        return None
    return load_detector(file)


def overlap(box_xywh: Float[np.ndarray, "4"], boxes_xywh: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, "N"]:
    """Intersection over union of a box with others."""
    low, high = corners_of_box(boxes_xywh)
    low_one, high_one = corners_of_box(box_xywh)
    shared = np.clip(np.minimum(high, high_one) - np.maximum(low, low_one), 0, None).prod(axis=1)
    return shared / np.maximum(boxes_xywh[:, 2:].prod(axis=1) + box_xywh[2:].prod() - shared, 1e-9)


def _distinct(boxes_xywh: Float[np.ndarray, "N 4"], scores: Float[np.ndarray, "N"]) -> list[int]:
    """Which boxes stay when each person keeps the surest: greedy non-maximum suppression."""
    kept: list[int] = []
    for row in np.argsort(-scores, kind="stable"):
        if not kept or overlap(boxes_xywh[row], boxes_xywh[kept]).max() <= _SAME:
            kept.append(int(row))
    return kept


def _move(net: Any, device: str) -> None:
    try:
        net.to(device).eval()
    except (AssertionError, RuntimeError) as error:
        raise DataError(f"device {device!r} cannot be used here ({one_line(error, 200)}); use cpu") from error


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
        shipped = f"one that ships ({', '.join(BUILT_IN)}), " if BUILT_IN else ""
        known = f"give {shipped}a weights file of `prepose train-detector`, or"
        there = "" if Path(name).is_dir() else " (no such folder here)"
        raise DataError(
            f"detector {shortened(name)!r}{there} cannot be loaded ({one_line(error, 300)}); {known} the folder or the "
            "hub name of a `transformers` object-detection model"
        ) from error
    labels = {int(index): str(label) for index, label in (model.config.id2label or {}).items()}
    people = [index for index, label in labels.items() if label.strip().lower() == "person"]
    if not people:
        raise DataError(f"detector {name}: knows no class 'person', only {shortened(', '.join(labels.values()), 300)}")
    _move(model, device)

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


# Source: Everingham et al., "The Pascal Visual Object Classes Challenge", IJCV 2010, section 4.2.
LEAST_OVERLAP = 0.5


@dataclass(frozen=True)
class DetectionScores:
    """What a detector reached on images whose labelled people are known.

    Attributes:
        images: How many images.
        people: How many labelled people.
        boxes: How many boxes are at least as sure as the threshold.
        recall: Share of the labelled people who have a box of their own, of those at the threshold.
        precision: Share of those boxes that are of a labelled person; people without a label count as mistakes.
        recall_at_any: The recall of all boxes, however unsure.
        average_precision: Area under precision over recall, precision made falling, over all thresholds.
    """

    images: int
    people: int
    boxes: int
    recall: float
    precision: float
    recall_at_any: float
    average_precision: float


def detect_all(detector: Detector, dataset: PoseDataset) -> tuple[list[Detections], list[Float[np.ndarray, "_ 4"]]]:
    """What a detector sees in each image of a store, and the boxes of its people: the samples that share the image.

    Raises:
        DataError: an image cannot be decoded.
    """
    found = [(detector(decode_image(image)), boxes) for image, boxes in _images(dataset)]
    return [seen for seen, _ in found], [boxes for _, boxes in found]


def scores_of(
    detections: Sequence[Detections], people: Sequence[Float[np.ndarray, "_ 4"]], *, least_score: float = DEFAULT_SCORE
) -> DetectionScores:
    """The scores of detections, one for each image, against the boxes of its people."""
    total = sum(len(boxes) for boxes in people)
    hits = [_hits(seen, boxes) for seen, boxes in zip(detections, people, strict=True)]
    hit = np.concatenate([np.zeros(0, bool), *hits])
    score = np.concatenate([np.zeros(0), *(seen.scores for seen in detections)])
    hit = hit[np.argsort(-score, kind="stable")]
    sure = int((score >= least_score).sum())
    right = hit.cumsum()
    precision = right / np.arange(1, len(hit) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    people_or_nan = total or np.nan
    return DetectionScores(
        images=len(people),
        people=total,
        boxes=sure,
        recall=float(hit[:sure].sum() / people_or_nan),
        precision=float(hit[:sure].mean()) if sure else float("nan"),
        recall_at_any=float(hit.sum() / people_or_nan),
        average_precision=float(falling[hit].sum() / people_or_nan),
    )


def _hits(seen: Detections, boxes: Float[np.ndarray, "N 4"]) -> Bool[np.ndarray, "D"]:
    """Which detections have a person of their own: the surest choose first, each the person it overlaps most."""
    hit, free = np.zeros(len(seen.scores), bool), np.ones(len(boxes), bool)
    for row in np.argsort(-seen.scores, kind="stable"):
        shared = overlap(seen.boxes_xywh[row], boxes) * free
        if len(boxes) and shared.max() >= LEAST_OVERLAP:
            hit[row], free[int(shared.argmax())] = True, False
    return hit


def _images(dataset: PoseDataset) -> Iterator[tuple[bytes, Float[np.ndarray, "N 4"]]]:
    """Each image of a store with the boxes of its people."""
    boxes = dataset.array("box_xywh").astype(float)
    rows: dict[bytes, list[int]] = {}
    for index in range(len(dataset)):
        rows.setdefault(hashlib.sha256(dataset.image_bytes(index)).digest(), []).append(index)
    for of_image in rows.values():
        yield dataset.image_bytes(of_image[0]), boxes[of_image]
