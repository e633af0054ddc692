"""Whose each prediction is: by sample, or by image and then by joints in the image or boxes.

Within an image, people and predictions are paired one to one so that the sum of distances is the least (Hungarian
method). Where the file has boxes, the distance is 1 - IoU of the boxes: who was looked at is then known, however wrong
the pose, and wrong poses do not vanish among the people who were not found. Else it is the mean distance of the joints
that both have in the image, in parts of the longer side of the labelled box (Mehta et al., 3DV 2018, section 5, pair by
2D joints within 40 px of images of 2048). Pairs below `LEAST_IOU` (boxes) or further apart than `MOST_APART` (joints)
are no match.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from prepose.body.skeleton import joint_map
from prepose.camera.crop import transform_box
from prepose.data.dataset import PoseDataset
from prepose.errors import DataError, shortened
from prepose.predict.other_systems.predictions import Predictions
from prepose.predict.sizing import detail_numbers

FEWEST_JOINTS = 3
MOST_APART = 0.3
LEAST_IOU = 0.3
_PICTURE = re.compile(r".+\.(jpe?g|png|bmp|webp|tiff?|gif)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Matched:
    """Predictions and the samples that they are of.

    Attributes:
        rows: For each sample the row of its prediction; -1 where there is none.
        how: By what they were matched, in words.
        unmatched: What was not, in words; empty where everything was.
    """

    rows: Int[np.ndarray, "N"]
    how: str
    unmatched: str


def match(predictions: Predictions, dataset: PoseDataset) -> Matched:
    """The prediction of each sample of a dataset.

    Raises:
        DataError: a sample has two predictions, nothing says whose a prediction is, or no prediction is of the dataset.
    """
    if predictions.samples is not None:
        return _by_sample(predictions, dataset, predictions.samples)
    if predictions.images is not None:
        return _by_image(predictions, dataset, *_named(predictions, dataset, predictions.images))
    if predictions.image_ids is not None:
        return _by_image(predictions, dataset, *_numbered(predictions, dataset, predictions.image_ids))
    if predictions.moments is not None:
        return _by_moment(predictions, dataset, predictions.moments)
    if len(predictions) == len(dataset):
        order = f"in the order of the {len(dataset)} samples, as nothing says whose they are"
        return Matched(np.arange(len(dataset)), order, "")
    raise DataError(
        f"{predictions.where}: nothing says whose its {len(predictions)} predictions are, and {dataset.name}/"
        f"{dataset.split} has {len(dataset)} samples; add sample, image, image_id, or subject or action with frame"
    )


def _by_sample(predictions: Predictions, dataset: PoseDataset, samples: Int[np.ndarray, "M"]) -> Matched:
    known = samples < len(dataset)
    _refuse_unknown_people(predictions, dataset, known, [f"sample {number}" for number in samples.tolist()])
    _refuse_twice(predictions, [f"sample {number}" for number in samples[known].tolist()], np.flatnonzero(known))
    rows = np.full(len(dataset), -1)
    rows[samples[known]] = np.flatnonzero(known)
    return _told(rows, "by sample", known, np.ones(len(known), bool), predictions, dataset)


def _by_moment(predictions: Predictions, dataset: PoseDataset, moments: Sequence[tuple[str, str, int]]) -> Matched:
    subjects, actions, frames = dataset.texts("subject"), dataset.texts("action"), dataset.array("frame").tolist()
    has_subject, has_action = any(one[0] for one in moments), any(one[1] for one in moments)
    places: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for index, (subject, action, frame) in enumerate(zip(subjects, actions, frames, strict=True)):
        places[subject if has_subject else "", action if has_action else "", frame].append(index)
    known = np.array([one in places for one in moments])
    named = [" ".join(filter(None, (*one[:2], f"frame {one[2]}"))) for one in moments]
    _refuse_unknown_people(predictions, dataset, known, named)
    candidates = [places.get(one, []) for one in moments]
    return _paired(
        predictions,
        dataset,
        candidates,
        known,
        named,
        "by " + " and ".join(filter(None, ("subject" if has_subject else "", "action" if has_action else "", "frame"))),
    )


def _by_image(
    predictions: Predictions, dataset: PoseDataset, candidates: list[list[int]], named: list[str], how: str
) -> Matched:
    known = np.array([bool(samples) for samples in candidates])
    _refuse_unknown_people(predictions, dataset, known, named)
    if predictions.people is not None:
        pairs = list(zip(named, predictions.people, strict=True))
        _refuse_twice(predictions, [f"person {person} of {name}" for name, person in pairs], np.arange(len(pairs)))
    return _paired(predictions, dataset, candidates, known, named, how)


def image_names(dataset: PoseDataset) -> list[str]:
    """The name of each sample's image, from its source; empty where that does not say it."""
    names = []
    for source in dataset.texts("source"):
        parts = [part for part in re.split(r": |, ", source) if _PICTURE.fullmatch(part)]
        names.append(parts[-1] if parts else "")
    return names


def _named(
    predictions: Predictions, dataset: PoseDataset, images: Sequence[str]
) -> tuple[list[list[int]], list[str], str]:
    """For each prediction the samples of the image that it names: of images of one name that whose folders agree."""
    by_stem: dict[str, dict[tuple[str, ...], list[int]]] = defaultdict(lambda: defaultdict(list))
    names = image_names(dataset)
    if not any(names):
        raise DataError(
            f"{dataset.name}/{dataset.split}: its samples do not say the names of their images, which "
            f"{predictions.where} goes by; add the dataset again with this version, or write sample, or subject or "
            "action with frame"
        )
    for index, name in enumerate(names):
        if name:
            parts = PurePosixPath(name.replace("\\", "/")).parts
            by_stem[PurePosixPath(parts[-1]).stem][parts].append(index)
    found: dict[str, list[int]] = {}
    for image in dict.fromkeys(images):
        parts = PurePosixPath(image.replace("\\", "/")).parts
        there = by_stem.get(PurePosixPath(parts[-1]).stem, {}) if parts else {}
        agreed = {known: _common_end(known[:-1], parts[:-1]) for known in there}
        best = [known for known, far in agreed.items() if far == max(agreed.values())]
        if len(best) > 1:
            raise DataError(
                f"{predictions.where}: image {image} may be {'/'.join(best[0])} or {'/'.join(best[1])}; name the "
                "folders too"
            )
        found[image] = there[best[0]] if best else []
    return [found[image] for image in images], list(images), "by image"


def _common_end(one: Sequence[str], other: Sequence[str]) -> int:
    far = 0
    while far < min(len(one), len(other)) and one[-1 - far] == other[-1 - far]:
        far += 1
    return far


def _numbered(
    predictions: Predictions, dataset: PoseDataset, numbers: Int[np.ndarray, "M"]
) -> tuple[list[list[int]], list[str], str]:
    """For each prediction the samples of the image with that number, in COCO's labels or at the end of its name."""
    places: dict[int, list[int]] = defaultdict(list)
    listed = detail_numbers(dataset, "image")
    for index, (number, name) in enumerate(zip(listed.tolist(), image_names(dataset), strict=True)):
        digits = re.search(r"(\d+)$", PurePosixPath(name).stem) if name else None
        if np.isfinite(number):
            places[int(number)].append(index)
        elif digits:
            places[int(digits[1])].append(index)
    if not places:
        raise DataError(
            f"{dataset.name}/{dataset.split}: its samples have no numbers of images, which {predictions.where} goes by"
        )
    return [places.get(number, []) for number in numbers.tolist()], [f"image {n}" for n in numbers], "by image_id"


def _paired(
    predictions: Predictions,
    dataset: PoseDataset,
    candidates: list[list[int]],
    known: np.ndarray,
    named: list[str],
    how: str,
) -> Matched:
    """One prediction for each sample among its candidates."""
    rows = np.full(len(dataset), -1)
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for row, samples in enumerate(candidates):
        if samples:
            groups[tuple(samples)].append(row)
    distances = _Distances(predictions, dataset, named)
    by_overlap = False
    for samples, mine in groups.items():
        table = distances.table(mine, samples)
        if table is None:
            rows[samples[0]] = mine[0]
            continue
        for one, other in zip(*linear_sum_assignment(np.where(table <= 1, table, 1e3)), strict=True):
            if table[one, other] <= 1:
                rows[samples[other]] = mine[one]
                by_overlap = True
    overlap = "joints in the image" if predictions.boxes_xywh is None else "boxes"
    if not (rows >= 0).any():
        raise DataError(
            f"{predictions.where}: none of its {len(predictions)} predictions lies on a labelled person of "
            f"{dataset.name}/{dataset.split} by its {overlap}; expected px of the original images"
        )
    kind = f" and {overlap}" if by_overlap else ""
    used = np.zeros(len(predictions), bool)
    used[rows[rows >= 0]] = True
    return _told(rows, how + kind, known, used, predictions, dataset)


class _Distances:
    """How far predictions lie from labelled people, 1 being the most that is a match."""

    def __init__(self, predictions: Predictions, dataset: PoseDataset, named: Sequence[str]) -> None:
        self._absent, self._named, self._where = np.asarray(predictions.missing().all(axis=1)), named, predictions.where
        mapping = joint_map(predictions.skeleton, dataset.skeleton)
        self._boxes, full_from_img = dataset.array("box_xywh").astype(float), dataset.array("full_from_img")
        truth = dataset.array("joints_img").astype(float)
        chips = not (full_from_img == np.eye(3)).all()
        if chips:
            truth = truth @ full_from_img[:, :2, :2].transpose(0, 2, 1) + full_from_img[:, None, :2, 2]
            self._boxes = np.stack([transform_box(*pair) for pair in zip(full_from_img, self._boxes, strict=True)])
        self._truth = truth
        self._joints = None if predictions.joints_img is None else mapping.apply(predictions.joints_img.astype(float))
        self._given = predictions.boxes_xywh

    def table(self, rows: list[int], samples: tuple[int, ...]) -> Float[np.ndarray, "R S"] | None:
        """The distances of an image's predictions and people; None for one of each that nothing tells apart.

        Raises:
            DataError: there are several, and nothing tells them apart.
        """
        table = np.array([[self._of(row, sample) for sample in samples] for row in rows])
        if table.shape == (1, 1) and np.isnan(table).all():
            return None
        # A person who was not found has no joints to be told by, and is nobody's match.
        unknown = np.isnan(table).all(axis=1) & ~self._absent[rows]
        if unknown.any():
            raise DataError(
                f"{self._where}: {self._named[rows[int(unknown.argmax())]]} has {len(samples)} labelled people and "
                f"{len(rows)} predictions, and nothing to tell them apart; add 2D joints, boxes or sample"
            )
        return np.where(np.isnan(table), np.inf, table)

    def _of(self, row: int, sample: int) -> float:
        box = self._box(row)
        if box is not None:
            return (1 - iou(box, self._boxes[sample])) / (1 - LEAST_IOU)
        if self._joints is None:
            return float("nan")
        apart = np.linalg.norm(self._joints[row] - self._truth[sample], axis=-1)
        shared = np.asarray(np.isfinite(apart))
        if shared.sum() < FEWEST_JOINTS:
            return float("nan")
        return float(apart[shared].mean() / self._boxes[sample, 2:].max() / MOST_APART)

    def _box(self, row: int) -> Float[np.ndarray, "4"] | None:
        if self._given is not None and np.isfinite(self._given[row]).all():
            return self._given[row]
        return None


def iou(one: Float[np.ndarray, "4"], other: Float[np.ndarray, "4"]) -> float:
    """Intersection over union of two boxes x, y, w, h."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    total = float(one[2] * one[3] + other[2] * other[3]) - shared
    return shared / total if total > 0 else 0.0


def _refuse_unknown_people(predictions: Predictions, dataset: PoseDataset, known: np.ndarray, named: list[str]) -> None:
    if known.any():
        return
    names = list(dict.fromkeys(named))
    more = ", ..." if len(names) > 1 else ""
    raise DataError(
        f"{predictions.where}: none of its {len(known)} predictions is of {dataset.name}/{dataset.split} (it has "
        f"{shortened(names[0], 80)}{more}); name the store and --split that were predicted"
    )


def _refuse_twice(predictions: Predictions, named: list[str], rows: np.ndarray) -> None:
    twice = [name for name, count in Counter(named).items() if count > 1]
    if twice:
        where = [int(rows[number]) for number, name in enumerate(named) if name == twice[0]][:2]
        more = f" (and {len(twice) - 1} more twice)" if len(twice) > 1 else ""
        raise DataError(
            f"{predictions.where}: {twice[0]} has two predictions, rows {where[0]} and {where[1]}{more}; keep one"
        )


def _told(
    rows: np.ndarray, how: str, known: np.ndarray, used: np.ndarray, predictions: Predictions, dataset: PoseDataset
) -> Matched:
    """What was matched and what was not; rows without a single joint are no predictions."""
    given = ~np.asarray(predictions.missing().all(axis=1))
    matched, total = int(((rows >= 0) & given[rows]).sum()), int(given.sum())
    strange, spare = int((given & ~known).sum()), int((given & known & ~used).sum())
    parts = []
    if matched < len(rows):
        parts.append(f"{len(rows) - matched:,} of {len(rows):,} labelled people have no prediction")
    if spare:
        parts.append(f"{spare:,} of {total:,} predictions are of nobody labelled")
    if strange:
        parts.append(f"{strange:,} of {total:,} predictions are of images or samples that are not in the split")
    return Matched(rows, f"{how}: {matched:,} of {len(rows):,} people of {dataset.split}", "; ".join(parts))
