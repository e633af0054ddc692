"""Whether a network knows how wrong it is: its confidence beside its errors, joint by joint.

Two questions. **Order**: are joints of low confidence the ones that are wrong? Any confidence can be asked that
(`rank_correlation`, `ordering`). **Probability**: of the joints with confidence 0.8, are eight in ten well placed? That
needs an event the confidence is the probability of. The integral read-out's confidence is the share of its own map
within a radius of the predicted place, that is, the probability it gives to the joint lying there: `well_placed` is
that event. A peak's height (argmax) claims no probability; its expected calibration error only says how far it is from
being one.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from prepose.camera.crop import crop_of_box
from prepose.metrics.evaluation import Evaluation

BINS = 10


@dataclass(frozen=True)
class ConfidenceBin:
    """Joints of like confidence.

    Attributes:
        num_joints: How many.
        confidence: Their mean confidence.
        lowest: The lowest confidence among them.
        highest: The highest.
        error: Their mean error.
        share_well_placed: The share of them that is well placed.
    """

    num_joints: int
    confidence: float
    lowest: float
    highest: float
    error: float
    share_well_placed: float


@dataclass(frozen=True)
class Calibration:
    """Confidence against error.

    Attributes:
        bins: About equally many joints each, by rising confidence; joints of one confidence stay together.
        num_joints: Joints in all.
        expected_calibration_error: Mean over joints of |mean confidence - share well placed| of their bin, 0 to 1.
        overconfidence: Mean confidence - share well placed; above 0: the network thinks too well of itself.
        rank_correlation: Spearman's, of confidence and error; -1: confidence orders the joints by their error. NaN
            where one of the two is constant.
        ordering: How much of what sorting by error would gain, sorting by confidence gains when uncertain joints are
            left out; 1: as good as knowing the errors, 0: as good as chance, below: worse. NaN where all errors are
            equal.
    """

    bins: tuple[ConfidenceBin, ...]
    num_joints: int
    expected_calibration_error: float
    overconfidence: float
    rank_correlation: float
    ordering: float

    def to_json(self) -> dict[str, Any]:
        """Plain values; NaN is None."""
        values = asdict(self) | {"bins": [asdict(each) for each in self.bins]}
        return {name: None if isinstance(value, float) and np.isnan(value) else value for name, value in values.items()}


def calibration(
    confidence: Float[np.ndarray, "*A"],
    errors: Float[np.ndarray, "*A"],
    well_placed: Bool[np.ndarray, "*A"],
    *,
    num_bins: int = BINS,
) -> Calibration:
    """Confidence beside errors and beside the event that it should be the probability of.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equations 2 and 3 (the calibration
    error), with bins of equal counts (Nguyen and O'Connor, "Posterior calibration and exploratory analysis", EMNLP
    2015), because confidences crowd near 1; Gu et al., "On the Calibration of Human Pose Estimation", ICML 2024
    (confidence in pose is to match localisation); `ordering` is 1 less the area under the sparsification error (Ilg et
    al., "Uncertainty Estimates and Multi-Hypotheses Networks for Optical Flow", ECCV 2018) over that of chance.

    Args:
        confidence: Of each joint, 0 to 1; NaN where there is none.
        errors: Of each joint, any unit; NaN where not scored. Joints without either are left out.
        well_placed: Whether the event holds.
        num_bins: At most so many bins.

    Raises:
        ValueError: no joint has both, or there is no bin to be.
    """
    known = ~(np.isnan(confidence) | np.isnan(errors))
    if not known.any() or num_bins < 1:
        raise ValueError("calibration needs joints with a confidence and an error, and one bin or more")
    order = np.argsort(confidence[known], kind="stable")
    sure, wrong, right = (column[known][order].astype(float) for column in (confidence, errors, well_placed))
    ties = np.unique(sure, return_inverse=True)[1]
    bins = _bins(sure, wrong, right, numbers=bin_numbers(ties, num_bins))
    gaps = [each.num_joints * abs(each.confidence - each.share_well_placed) for each in bins]
    return Calibration(
        bins=tuple(bins),
        num_joints=len(sure),
        expected_calibration_error=float(sum(gaps) / len(sure)),
        overconfidence=float(sure.mean() - right.mean()),
        rank_correlation=_correlation(_ranks(sure), _ranks(wrong)),
        ordering=_ordering(ties, wrong),
    )


def calibration_in_image(evaluation: Evaluation, radius: float) -> Calibration:
    """An evaluation's confidence against its errors in the image (px) and `well_placed` with a radius.

    Raises:
        ValueError: nothing is scored in the image.
    """
    return calibration(evaluation.confidence, evaluation.errors_px, well_placed(evaluation, radius))


def well_placed(evaluation: Evaluation, radius: float) -> Bool[np.ndarray, "N J"]:
    """Whether each joint's image error is within `radius` of the side of its crop; False where not scored.

    The radius in crop sides is the one that the read-out's confidence is about (`models.heads.CONFIDENCE_RADIUS`).
    """
    sides = np.array([crop_of_box(box, 1).side for box in evaluation.boxes_xywh])
    return np.nan_to_num(evaluation.errors_px, nan=np.inf) <= radius * sides[:, None]


def bin_numbers(ties: Int[np.ndarray, "M"], num_bins: int) -> Int[np.ndarray, "M"]:
    """A bin for each joint by its rank; all joints of one confidence go where the middle one of them would."""
    count = len(ties)
    middle = np.bincount(ties, weights=np.arange(count)) / np.bincount(ties)
    return np.minimum((middle * num_bins / count).astype(int), num_bins - 1)[ties]


def _bins(
    sure: Float[np.ndarray, "M"], wrong: Float[np.ndarray, "M"], right: Float[np.ndarray, "M"], *, numbers: np.ndarray
) -> list[ConfidenceBin]:
    bins = []
    for number in np.unique(numbers):
        mine = numbers == number
        bins.append(
            ConfidenceBin(
                num_joints=int(mine.sum()),
                confidence=float(sure[mine].mean()),
                lowest=float(sure[mine].min()),
                highest=float(sure[mine].max()),
                error=float(wrong[mine].mean()),
                share_well_placed=float(right[mine].mean()),
            )
        )
    return bins


def _ranks(values: Float[np.ndarray, "M"]) -> Float[np.ndarray, "M"]:
    # Equal values share their mean rank. (scipy.stats would take longer to import than all of this to run.)
    _, ties, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[ties]


def _correlation(one: Float[np.ndarray, "M"], other: Float[np.ndarray, "M"]) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = np.sqrt((one @ one) * (other @ other))
    return float(one @ other / scale) if scale > 0 else float("nan")


def _ordering(ties: Int[np.ndarray, "M"], wrong: Float[np.ndarray, "M"]) -> float:
    """Mean errors of the 1, 2, ..., M surest joints, averaged: between that of chance (0) and of an oracle (1)."""
    # Among joints of one confidence the order is chance: each counts as their mean.
    expected = (np.bincount(ties, weights=wrong) / np.bincount(ties))[ties]
    counts = np.arange(1, len(wrong) + 1)
    by_confidence = (np.cumsum(expected[::-1]) / counts).mean()
    by_error = (np.cumsum(np.sort(wrong)) / counts).mean()
    gain = wrong.mean() - by_error
    return float((wrong.mean() - by_confidence) / gain) if gain > 1e-12 * abs(wrong.mean()) else float("nan")
