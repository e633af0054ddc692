"""Whether an arm knows how wrong it is: its confidence beside its errors in the image, seed by seed and together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prepose.metrics.calibration import calibration_in_image
from prepose.metrics.evaluation import Evaluation

# What a read-out's confidence is about: the place lies within this part of the crop's side. It is
# `models.heads.CONFIDENCE_RADIUS`, which cannot be imported without torch; a test compares the two.
CONFIDENCE_RADIUS = 0.1

Json = Mapping[str, Any]

# What is known of a whole calibration.
FIGURES = ("expected_calibration_error", "overconfidence", "rank_correlation", "ordering")


@dataclass(frozen=True)
class ConfidenceBin:
    """Joints of about one confidence: their number, and means over them; `error` in px, the others shares of 1."""

    num_joints: int
    confidence: float
    error: float
    share_well_placed: float


def calibration_of(evaluation: Evaluation) -> dict[str, Any] | None:
    """`metrics.calibration` of one evaluation as plain values; None where no joint has a confidence and an error."""
    if np.isnan(evaluation.confidence + evaluation.errors_px).all():
        return None
    return calibration_in_image(evaluation, CONFIDENCE_RADIUS).to_json()


def bins_together(calibrations: Sequence[Json]) -> tuple[ConfidenceBin, ...]:
    """The bins of several seeds as one: the first bin of each, the second of each, and so on, weighted by joints.

    Every seed's bins hold about equally many joints, so that the bins of one rank are the same part of each seed's
    joints. Seeds with fewer bins (many joints of one confidence) end sooner.
    """
    together = []
    for rank in range(max(len(each["bins"]) for each in calibrations)):
        bins = [each["bins"][rank] for each in calibrations if rank < len(each["bins"])]
        weights = [each["num_joints"] for each in bins]
        confidence, error, share = (
            float(np.average([each[name] for each in bins], weights=weights))
            for name in ("confidence", "error", "share_well_placed")
        )
        together.append(ConfidenceBin(int(sum(weights)), confidence, error, share))
    return tuple(together)
