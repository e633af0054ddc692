"""The measures in the image: shares of key-points that lie within a length of the true one.

Tables of (sample, joint) as in `joint_error`. What differs between the measures is the length each sample is judged by.
"""

import numpy as np
from jaxtyping import Bool, Float

from prepose.body.skeleton import Skeleton

TORSO_SHARE = 0.2
FINE_TORSO_SHARE = 0.1
BOX_SHARE = 0.1
HEAD_SHARES = (0.5, 0.1)

# The official MPII script takes 0.6 of the diagonal of the head's box as the head's length.
HEAD_OF_DIAGONAL = 0.6

Points = Float[np.ndarray, "N J 2"]
Lengths = Float[np.ndarray, "N"]


def pixel_errors(prediction: Points, truth: Points, mask: Bool[np.ndarray, "N J"]) -> Float[np.ndarray, "N J"]:
    """Distance of each predicted joint from the true one in the image, px; NaN where masked."""
    distance = np.linalg.norm(prediction.astype(float) - truth, axis=-1)
    return np.where(mask, distance, np.nan)


def torso_lengths(truth: Points, skeleton: Skeleton) -> Lengths:
    """Distance from the left shoulder to the right hip, px; NaN where one is not labelled, or both lie in one place.

    Source: Sapp and Taskar, "MODEC", CVPR 2013, section 6.
    """
    shoulder, hip = skeleton.index("l_shoulder"), skeleton.index("r_hip")
    return _positive(np.linalg.norm(truth[:, shoulder].astype(float) - truth[:, hip], axis=-1))


def box_lengths(boxes_xywh: Float[np.ndarray, "N 4"]) -> Lengths:
    """The longer side of each box, px.

    Source: Yang and Ramanan, "Articulated Human Detection with Flexible Mixtures of Parts", PAMI 2013, section 7.
    """
    return _positive(boxes_xywh[:, 2:].max(axis=1).astype(float))


def head_lengths(head_boxes_xywh: Float[np.ndarray, "N 4"]) -> Lengths:
    """0.6 of the diagonal of each head box, px; NaN where there is none.

    Source: Andriluka et al., "2D Human Pose Estimation: New Benchmark and State of the Art Analysis", CVPR 2014.
    """
    return _positive(HEAD_OF_DIAGONAL * np.linalg.norm(head_boxes_xywh[:, 2:].astype(float), axis=1))


def _positive(lengths: Lengths) -> Lengths:
    return np.where(np.nan_to_num(lengths) > 0, lengths, np.nan)


def correct_keypoints(errors: Float[np.ndarray, "N J"], lengths: Lengths, share: float) -> Float[np.ndarray, "N J"]:
    """1 where an error is at most `share` of the sample's length, 0 where it is more.

    NaN where the error is NaN or the sample has no length.
    """
    unknown = np.isnan(errors) | np.isnan(lengths)[:, None]
    near = np.nan_to_num(errors) <= share * np.nan_to_num(lengths)[:, None]
    return np.where(unknown, np.nan, near.astype(float))
