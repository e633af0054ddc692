"""Every measure as a table of one number for each sample and joint, and the ways to average one."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from prepose.body.skeleton import Skeleton
from prepose.metrics.joint_error import (
    PCK3D_THRESHOLD_MM,
    mean_of,
    position_errors,
    scale_aligned_errors,
    share_of_thresholds,
    similarity_aligned_errors,
    within,
)
from prepose.metrics.keypoints_2d import (
    BOX_SHARE,
    FINE_TORSO_SHARE,
    HEAD_SHARES,
    TORSO_SHARE,
    box_lengths,
    correct_keypoints,
    head_lengths,
    torso_lengths,
)
from prepose.metrics.protocol import Averaging, Protocol

TORSO_ENDS = frozenset({"l_shoulder", "r_hip"})


def tables_3d(
    prediction: Float[np.ndarray, "N J 3"], truth: Float[np.ndarray, "N J 3"], scored: Bool[np.ndarray, "N J"]
) -> dict[str, Float[np.ndarray, "N J"]]:
    """The 3D measures of root-relative poses (mm) as tables."""
    errors = position_errors(prediction, truth, scored)
    return {
        "mpjpe_mm": errors,
        "pa_mpjpe_mm": similarity_aligned_errors(prediction, truth, scored),
        "n_mpjpe_mm": scale_aligned_errors(prediction, truth, scored),
        "pck3d_150": within(errors, PCK3D_THRESHOLD_MM),
        "auc3d": share_of_thresholds(errors),
    }


def tables_2d(
    errors_px: Float[np.ndarray, "N J"],
    truth_img: Float[np.ndarray, "N J 2"],
    *,
    boxes_xywh: Float[np.ndarray, "N 4"],
    head_boxes_xywh: Float[np.ndarray, "N 4"],
    skeleton: Skeleton,
    protocol: Protocol,
) -> dict[str, Float[np.ndarray, "N J"]]:
    """The measures in the image as tables; the finer torso share only where the protocol is about it."""
    tables, head = {"error_px": errors_px}, head_lengths(head_boxes_xywh)
    if set(skeleton.joints) >= TORSO_ENDS:
        torso = torso_lengths(truth_img, skeleton)
        tables["pck2d"] = correct_keypoints(errors_px, torso, TORSO_SHARE)
        if "pck2d_10" in protocol.measures:
            tables["pck2d_10"] = correct_keypoints(errors_px, torso, FINE_TORSO_SHARE)
    tables["pck2d_box"] = correct_keypoints(errors_px, box_lengths(boxes_xywh), BOX_SHARE)
    for share in HEAD_SHARES:
        tables[f"pckh_{round(100 * share):02d}"] = correct_keypoints(errors_px, head, share)
    return tables


def average(table: Float[np.ndarray, "M J"], averaging: Averaging, actions: Sequence[str]) -> float:
    """The mean of a table; NaN where nothing was scored.

    Args:
        table: One number for each sample and joint, NaN where not scored.
        averaging: Over all joints, over samples' means, or over actions' means of samples' means.
        actions: The action of each sample; used by the last one alone.
    """
    if averaging == "joints":
        return mean_of(table)
    samples = np.array([mean_of(row) for row in table])
    if averaging == "samples":
        return mean_of(samples)
    names = np.array(actions)
    return mean_of(np.array([mean_of(samples[names == action]) for action in dict.fromkeys(actions)]))


def average_of_group(table: Float[np.ndarray, "M J"], columns: Sequence[int]) -> float:
    """The mean of some joints' means, as published tables give parts of the body (left and right weigh alike)."""
    return mean_of(np.array([mean_of(table[:, column]) for column in columns]))
