"""The 3D measures of the field: tables of (sample, joint) first, means last.

Every function takes a prediction and the truth, (N, J, 3) in mm, both relative to their own root joint, and a mask of
the joints to score; masked joints may be NaN. A table is NaN where it is masked, and the mean of nothing is NaN.
"""

import numpy as np
from jaxtyping import Bool, Float

from prepose.body.pose import procrustes

PCK3D_THRESHOLD_MM = 150.0
AUC_THRESHOLDS_MM = np.linspace(0.0, 150.0, 31)

# A similarity moves any two points onto any two others, so an aligned error of fewer than three joints says nothing.
FEWEST_JOINTS_TO_ALIGN = 3

Poses = Float[np.ndarray, "N J 3"]
Mask = Bool[np.ndarray, "N J"]
Table = Float[np.ndarray, "N J"]


def mean_of(table: Float[np.ndarray, "..."]) -> float:
    """The mean of what is not NaN; NaN where nothing is left."""
    known = ~np.isnan(table)
    return float(table[known].mean()) if known.any() else float("nan")


def position_errors(prediction: Poses, truth: Poses, mask: Mask) -> Table:
    """Distance of each predicted joint from the true one, mm."""
    distance = np.linalg.norm(prediction.astype(float) - truth, axis=-1)
    return np.where(mask, distance, np.nan)


def similarity_aligned_errors(prediction: Poses, truth: Poses, mask: Mask) -> Table:
    """Distance of each joint after the best similarity (scale, turn, shift) of each pose, mm.

    NaN for poses with fewer than three joints to score: a similarity fits those whatever they are.
    """
    aligned = procrustes(prediction, truth, mask).apply(prediction.astype(float))
    enough = mask.sum(axis=1, keepdims=True) >= FEWEST_JOINTS_TO_ALIGN
    return position_errors(aligned, truth, mask & enough)


def optimal_scale(prediction: Poses, truth: Poses, mask: Mask) -> Float[np.ndarray, "N"]:
    """The factor about the root that brings each prediction nearest to its truth, least squares.

    Source: Rhodin et al., "Unsupervised Geometry-Aware Representation for 3D Human Pose Estimation", ECCV 2018,
    section 4. A prediction with no extent gets 1.
    """
    p = np.where(mask[..., None], prediction, 0).astype(float)
    t = np.where(mask[..., None], truth, 0).astype(float)
    extent = (p * p).sum(axis=(1, 2))
    flat = extent < 1e-12
    return np.where(flat, 1.0, (p * t).sum(axis=(1, 2)) / np.where(flat, 1.0, extent))


def scale_aligned_errors(prediction: Poses, truth: Poses, mask: Mask) -> Table:
    """Distance of each joint after the best scale of each pose about its root, mm."""
    scale = optimal_scale(prediction, truth, mask)
    return position_errors(prediction * scale[:, None, None], truth, mask)


def within(errors: Table, threshold: float) -> Table:
    """1 where an error is at most the threshold, 0 where it is more, NaN where it is NaN."""
    return np.where(np.isnan(errors), np.nan, (np.nan_to_num(errors) <= threshold).astype(float))


def share_of_thresholds(errors: Table, thresholds: Float[np.ndarray, "T"] = AUC_THRESHOLDS_MM) -> Table:
    """For each joint the share of the thresholds that its error does not exceed; its mean is the area under the curve.

    "At most", not "less than", so that a perfect joint counts at threshold 0 too and a perfect pose scores 1.
    """
    counts = (np.nan_to_num(errors)[..., None] <= thresholds).mean(axis=-1)
    return np.where(np.isnan(errors), np.nan, counts)


def mpjpe(prediction: Poses, truth: Poses, mask: Mask) -> float:
    """Mean per-joint position error, mm.

    Source: Ionescu et al., "Human3.6M", PAMI 2014, equation 8.
    """
    return mean_of(position_errors(prediction, truth, mask))


def pa_mpjpe(prediction: Poses, truth: Poses, mask: Mask) -> float:
    """MPJPE after a similarity alignment of each pose ("reconstruction error"), mm."""
    return mean_of(similarity_aligned_errors(prediction, truth, mask))


def n_mpjpe(prediction: Poses, truth: Poses, mask: Mask) -> float:
    """MPJPE after the best scale of each pose, mm (Rhodin et al. 2018)."""
    return mean_of(scale_aligned_errors(prediction, truth, mask))


def pck3d(prediction: Poses, truth: Poses, mask: Mask, threshold_mm: float = PCK3D_THRESHOLD_MM) -> float:
    """Share of joints within a distance, 0 to 1.

    Source: Mehta et al., "Monocular 3D Human Pose Estimation In The Wild", 3DV 2017, section 5.
    """
    return mean_of(within(position_errors(prediction, truth, mask), threshold_mm))


def auc3d(prediction: Poses, truth: Poses, mask: Mask) -> float:
    """Mean of PCK3D over 31 thresholds from 0 to 150 mm, 0 to 1 (Mehta et al. 2017)."""
    return mean_of(share_of_thresholds(position_errors(prediction, truth, mask)))
