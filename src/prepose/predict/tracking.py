"""Who is who over the frames of a video: people keep their number as long as their boxes overlap.

In each frame the boxes are assigned to the people of the frame before so that the overlaps (intersection over union)
add up to the most. Who is not seen is remembered for a second of the video's time. A box that overlaps nobody's last
box, but is near one and of similar size, is that person: moved quickly, or come back. Every other box is somebody new.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from prepose.arrays import BoxXywh

# Boxes of one person in neighbouring frames overlap by far more; those of neighbours in a crowd may by less.
LEAST_OVERLAP = 0.3
REMEMBERED_SECONDS = 1.0
# Somebody whose boxes do not overlap has moved by at most so much, in lengths of the box's longer side.
MOST_DISTANCE = 0.5
# And the boxes' longer sides differ by at most this factor.
MOST_GROWTH = 1.6


def overlaps(first: Float[np.ndarray, "M 4"], second: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, "M N"]:
    """Intersection over union of each box (xywh) with each."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum((first[:, :2] + first[:, 2:])[:, None], (second[:, :2] + second[:, 2:])[None])
    common = np.clip(high - low, 0, None).prod(axis=-1)
    union = first[:, 2:].prod(axis=1)[:, None] + second[:, 2:].prod(axis=1)[None] - common
    return common / np.maximum(union, 1e-9)


# How likely boxes are those of people before, 0 for never.
Affinity = Callable[[Float[np.ndarray, "M 4"], Float[np.ndarray, "N 4"]], Float[np.ndarray, "M N"]]


@dataclass
class _Track:
    person: int
    box_xywh: BoxXywh
    seen_at: float


@dataclass
class Tracker:
    """The people of one video so far.

    Attributes:
        remembered: How long somebody who is not seen is remembered, s.
    """

    remembered: float = REMEMBERED_SECONDS
    _tracks: list[_Track] = field(default_factory=list)
    _last: int = 0
    _before: float = -np.inf

    def follow(self, boxes_xywh: Sequence[BoxXywh], time: float) -> list[int]:
        """The number of each person of the next frame, from 1.

        Args:
            boxes_xywh: Their boxes, px.
            time: Presentation time of the frame, s.
        """
        self._tracks = [track for track in self._tracks if time - track.seen_at <= self.remembered]
        boxes = np.array(boxes_xywh, float).reshape(-1, 4)
        people: dict[int, _Track] = {}
        present = [track for track in self._tracks if track.seen_at == self._before]
        missing = [track for track in self._tracks if track.seen_at != self._before]
        # Who was there a frame ago comes first: nobody who is missing takes his box.
        for tracks, affinity in (
            (present, _overlap),
            (missing, _overlap),
            (present, _nearness),
            (missing, _nearness),
        ):
            rows = [row for row in range(len(boxes)) if row not in people]
            free = [track for track in tracks if track not in people.values()]
            people |= _assigned(rows, free, boxes, affinity)
        for row, box in enumerate(boxes):
            if row not in people:
                self._last += 1
                people[row] = _Track(self._last, box, time)
                self._tracks.append(people[row])
            people[row].box_xywh, people[row].seen_at = box, time
        self._before = time
        return [people[row].person for row in range(len(boxes))]


def _assigned(
    rows: list[int], tracks: list[_Track], boxes: Float[np.ndarray, "N 4"], affinity: Affinity
) -> dict[int, _Track]:
    """Box -> track, the best for all together; none where the affinity is 0."""
    if not rows or not tracks:
        return {}
    scores = affinity(boxes[rows], np.array([track.box_xywh for track in tracks]))
    chosen = linear_sum_assignment(-scores)
    return {rows[row]: tracks[column] for row, column in zip(*chosen, strict=True) if scores[row, column] > 0}


def _overlap(boxes: Float[np.ndarray, "M 4"], before: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, "M N"]:
    """The overlap, 0 where it is too small."""
    shared = overlaps(boxes, before)
    return np.where(shared >= LEAST_OVERLAP, shared, 0)


def _nearness(boxes: Float[np.ndarray, "M 4"], before: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, "M N"]:
    """1 for boxes with one middle, 0 for those too far apart or of too different size."""
    middles, middles_before = boxes[:, :2] + boxes[:, 2:] / 2, before[:, :2] + before[:, 2:] / 2
    sides, sides_before = boxes[:, 2:].max(axis=1)[:, None], before[:, 2:].max(axis=1)[None]
    larger, smaller = np.maximum(sides, sides_before), np.minimum(sides, sides_before)
    distance = np.linalg.norm(middles[:, None] - middles_before[None], axis=-1) / larger
    return np.where(larger <= MOST_GROWTH * smaller, np.clip(1 - distance / MOST_DISTANCE, 0, None), 0)
