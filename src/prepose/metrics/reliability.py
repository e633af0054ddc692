"""Whether expected errors are what they say: expected beside measured errors, in bins and joint by joint."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from prepose.camera.crop import crop_of_box
from prepose.metrics.calibration import BINS, bin_numbers
from prepose.metrics.evaluation import Evaluation


@dataclass(frozen=True)
class ReliabilityBin:
    """Joints of about one expected error: how many, the mean of their expected and of their measured errors."""

    num_joints: int
    expected: float
    measured: float


@dataclass(frozen=True)
class Reliability:
    """Expected errors beside measured ones, in one unit.

    Attributes:
        bins: About equally many joints each, by rising expected error; joints of one expected error stay together.
        num_joints: Joints in all.
        expected: Mean expected error.
        measured: Mean measured error.
        expected_calibration_error: Mean over joints of |mean expected - mean measured error| of their bin.
    """

    bins: tuple[ReliabilityBin, ...]
    num_joints: int
    expected: float
    measured: float
    expected_calibration_error: float


def reliability(
    expected: Float[np.ndarray, "*A"], measured: Float[np.ndarray, "*A"], *, num_bins: int = BINS
) -> Reliability | None:
    """Expected beside measured errors; None where no joint has both.

    Source: the reliability diagram and calibration error of Guo et al., "On Calibration of Modern Neural Networks",
    ICML 2017, for an expected error in place of a probability (Levi et al., "Evaluating and Calibrating Uncertainty
    Prediction in Regression Tasks", Sensors 2022, equation 8, without its division by the expected error).

    Args:
        expected: Of each joint; NaN where there is none.
        measured: Of each joint, in the same unit; NaN where not scored.
        num_bins: At most so many bins.
    """
    known = ~(np.isnan(expected) | np.isnan(measured))
    if not known.any():
        return None
    order = np.argsort(expected[known], kind="stable")
    said, found = expected[known][order].astype(float), measured[known][order].astype(float)
    numbers = bin_numbers(np.unique(said, return_inverse=True)[1], num_bins)
    bins = tuple(
        ReliabilityBin(int(mine.sum()), float(said[mine].mean()), float(found[mine].mean()))
        for mine in (numbers == number for number in np.unique(numbers))
    )
    gaps = sum(each.num_joints * abs(each.expected - each.measured) for each in bins)
    return Reliability(bins, len(said), float(said.mean()), float(found.mean()), float(gaps / len(said)))


def reliability_mm(evaluation: Evaluation) -> dict[str, Reliability]:
    """`overall` and each joint -> expected beside measured errors relative to the root, mm.

    The root itself is left out: both its errors are 0. Empty where the network is not calibrated in mm, or where the
    protocol gives poses their size by another rule than the calibration's.
    """
    if evaluation.expected_mm is None:
        return {}
    measured = evaluation.errors_mm.copy()
    measured[:, [evaluation.skeleton.index(joint) for joint in evaluation.protocol.root]] = np.nan
    return _by_joint(evaluation, evaluation.expected_mm, measured)


def reliability_in_image(evaluation: Evaluation) -> dict[str, Reliability]:
    """`overall` and each joint -> expected beside measured errors in the image, in % of the side of the crop.

    Empty where the network is not calibrated.
    """
    if evaluation.expected_of_crop is None:
        return {}
    return _by_joint(evaluation, 100 * evaluation.expected_of_crop, 100 * errors_of_crop(evaluation))


def errors_of_crop(evaluation: Evaluation) -> Float[np.ndarray, "N J"]:
    """Errors in the image in parts of the side of each person's crop; NaN where not scored."""
    sides = np.array([crop_of_box(box, 1).side for box in evaluation.boxes_xywh])
    return evaluation.errors_px / sides[:, None]


def _by_joint(
    evaluation: Evaluation, expected: Float[np.ndarray, "N J"], measured: Float[np.ndarray, "N J"]
) -> dict[str, Reliability]:
    parts: Mapping[str, Reliability | None] = {"overall": reliability(expected, measured)} | {
        joint: reliability(expected[:, column], measured[:, column])
        for column, joint in enumerate(evaluation.skeleton.joints)
    }
    return {name: part for name, part in parts.items() if part is not None}
