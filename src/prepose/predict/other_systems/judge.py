"""Matched predictions of a system beside the ground truth, under a protocol, as `predict.score` has it for networks.

A network of ours gives px, and the protocol's scale rule gives them a size. A system that gives mm has a size of its
own. `own`: its poses are scored at that size (the rules that rescale do so; `mean-person` brings them to the mean
person's bones; those that give the true root depth leave them as they are, as papers score metric systems). `image`:
its 3D joints are brought to its own 2D joints, by which the depth of each joint is known in px, and are lifted and
sized as a network's are.

**What was not predicted counts.** Of a person without a prediction, or of a joint that is NaN, no share (PCK, AUC) is
correct, in mm the joint stands at the root, in px at the middle of the person's box. `Evaluation.of_found` leaves them
out.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from prepose.body.skeleton import Skeleton, joint_map
from prepose.body.skeletons import get_skeleton
from prepose.camera.crop import middle_of
from prepose.data.dataset import PoseDataset
from prepose.data.target import px_per_mm
from prepose.errors import DataError
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.protocols import Protocol, protocols_for
from prepose.metrics.scale import legacy_h36m_from_mpii, rescaled
from prepose.predict.fit import misfit_of_poses
from prepose.predict.lift import depth_by_bone_sum
from prepose.predict.other_systems.frames import gathered
from prepose.predict.other_systems.predictions import Predictions
from prepose.predict.score import labels_of, said_of
from prepose.predict.sizing import (
    UNIV_RULES,
    accepted_mapped,
    approximated,
    at_root,
    detail_numbers,
    known,
    root_relative_truth,
    sizing_of,
)

Size = Literal["own", "image"]
FEWEST_JOINTS = 3
SIZE_TEXTS: Mapping[Size, str] = {
    "own": "size: the system's own, in mm",
    "image": "size: 3D joints brought to the system's own 2D joints, then as the protocol's scale rule says",
}


def judge(  # noqa: PLR0913 - the parts of one scoring, by keyword
    predictions: Predictions,
    rows: np.ndarray,
    joints_3d: Float[np.ndarray, "N J 3"] | None,
    dataset: PoseDataset,
    protocol: Protocol,
    *,
    size: Size = "own",
    weights: str = "",
    facts: Mapping[str, str] | None = None,
) -> Evaluation:
    """Score matched predictions.

    Args:
        predictions: As the file has them.
        rows: For each sample of the dataset the row of its prediction, -1 where there is none.
        joints_3d: For each sample the predicted joints along the camera's axes, mm (see `frames`); None without 3D.
        dataset: Where the labels are.
        protocol: How to score.
        size: What gives poses their size.
        weights: Digest of the predictions.
        facts: How they came to be.

    Raises:
        DataError: protocol, dataset and predictions do not fit.
    """
    index = np.arange(0, len(dataset), protocol.stride)
    truth, rows = dataset.select(index), rows[index]
    joints_3d = None if joints_3d is None else joints_3d[index]
    reason = unfit(predictions, protocol, truth, size=size, has_3d=joints_3d is not None)
    if reason is not None:
        raise DataError(refusal(reason, predictions, truth, size=size, has_3d=joints_3d is not None))
    target, source = get_skeleton(protocol.skeleton), predictions.skeleton
    accepted = protocol.accepted_approximations
    labels = labels_of(truth, protocol)
    truth_mm = root_relative_truth(truth, protocol)
    pose, depth = np.full(truth_mm.shape, np.nan), np.full(len(truth), np.nan)
    joints_img = gathered(predictions.joints_img, rows)
    if joints_3d is not None and np.isfinite(truth_mm).any():
        if size == "own":
            pose = _at_own_size(joints_3d, source, truth, protocol, truth_mm)
        elif joints_img is not None:
            pose, depth = _at_size_of_image(joints_3d, joints_img, source, truth, protocol, truth_mm)
        _, truth_mm = rescaled(protocol.scale, truth_mm, truth_mm, known(truth_mm), target)
    has = _has(source, protocol)
    missed_3d = has & ~known(pose) if np.isfinite(pose).any() else None
    placed_img = np.full((*pose.shape[:2], 2), np.nan)
    if joints_img is not None:
        placed_img = accepted_mapped(joints_img, source, target, accepted)
    missed_2d = has & ~known(placed_img) if joints_img is not None else None
    confidence = gathered(predictions.confidence, rows)
    if confidence is None or not np.isfinite(confidence).any():
        confidence = np.where(rows[:, None] >= 0, 1.0, np.full((len(rows), len(source)), np.nan))
    boxes = labels["boxes_xywh"].astype(float)
    middles = boxes[:, :2] + middle_of(boxes[:, 2:])
    return Evaluation(
        weights=weights,
        index=index,
        confidence=accepted_mapped(confidence[..., None], source, target, accepted)[..., 0].astype(np.float32),
        prediction_img=_filled(placed_img, missed_2d, middles[:, None]).astype(np.float32),
        prediction_mm=_filled(pose, missed_3d, np.zeros(3)).astype(np.float32),
        truth_mm=truth_mm.astype(np.float32),
        root_depth_mm=depth.astype(np.float32),
        missed_3d=missed_3d if missed_3d is not None and missed_3d.any() else None,
        missed_2d=missed_2d if missed_2d is not None and missed_2d.any() else None,
        facts={**(facts or {}), **said_of(source, truth, protocol)},
        **labels,
    )


def _filled(joints: np.ndarray, missed: Bool[np.ndarray, "N J"] | None, places: np.ndarray) -> np.ndarray:
    return joints if missed is None else np.where(missed[..., None], places, joints)


def _has(source: Skeleton, protocol: Protocol) -> Bool[np.ndarray, "T"]:
    """The protocol's joints that the system has, exactly or as the protocol accepts."""
    target = get_skeleton(protocol.skeleton)
    if protocol.scale == "bone-sum-4000-legacy":
        return np.ones(len(target), bool)
    near_by = approximated(source, target, protocol.accepted_approximations)
    exact = joint_map(source, target).truly_labelled
    return exact | np.array([joint in near_by for joint in target.joints])


def _at_own_size(
    joints: Float[np.ndarray, "N J 3"],
    source: Skeleton,
    truth: PoseDataset,
    protocol: Protocol,
    truth_mm: Float[np.ndarray, "N T 3"],
) -> Float[np.ndarray, "N T 3"]:
    target = get_skeleton(protocol.skeleton)
    if protocol.scale == "bone-sum-4000-legacy":
        poses = legacy_h36m_from_mpii(joints, source)
    else:
        if protocol.scale == "mean-person":
            factor = depth_by_bone_sum(joints, source, protocol.bone_sum_mm)
            joints = joints * factor[:, None, None]
        poses = accepted_mapped(joints, source, target, protocol.accepted_approximations)
    poses = at_root(poses, protocol)
    if protocol.scale in UNIV_RULES:
        poses = poses * detail_numbers(truth, "univ_scale")[:, None, None]
    scaled, _ = rescaled(protocol.scale, poses, truth_mm, known(poses) & known(truth_mm), target)
    return scaled


def _at_size_of_image(
    joints: Float[np.ndarray, "N J 3"],
    joints_img: Float[np.ndarray, "N J 2"],
    source: Skeleton,
    truth: PoseDataset,
    protocol: Protocol,
    truth_mm: Float[np.ndarray, "N T 3"],
) -> tuple[Float[np.ndarray, "N T 3"], Float[np.ndarray, "N"]]:
    """Poses by the system's 2D joints and the relative depths of its 3D joints in px, in the protocol's skeleton."""
    target, accepted = get_skeleton(protocol.skeleton), protocol.accepted_approximations
    img_from_full = np.linalg.inv(truth.array("full_from_img"))
    places = joints_img @ img_from_full[:, :2, :2].transpose(0, 2, 1) + img_from_full[:, None, :2, 2]
    mapped_img, mapped = (accepted_mapped(each, source, target, accepted) for each in (places, joints))
    relative = mapped - mapped[:, target.root_index : target.root_index + 1]
    depth = relative[..., 2:] * _px_per_mm(mapped_img, relative, truth)[:, None, None]
    sizing = sizing_of(truth, protocol, target)
    return sizing.as_scored(np.concatenate([mapped_img, depth], axis=-1), truth_mm)


def _px_per_mm(
    joints_img: Float[np.ndarray, "N T 2"], relative: Float[np.ndarray, "N T 3"], truth: PoseDataset
) -> Float[np.ndarray, "N"]:
    """The image scale at each root by which root-relative joints fit joints in the image best.

    With a camera (focal length 1, image x, y) a root at X, Y, 1 and a size s give x = (X + s dX) / (1 + s dZ), which
    is linear in s, X and Y: s (dX - x dZ) + X = x; likewise y. Without one it is the fit of `px_per_mm`.
    """
    nothing = np.full(len(relative), np.nan)
    extent = np.nanmax(np.abs(relative), initial=0.0)
    # The fit without perspective takes less than a mm for no extent.
    factor = 1000.0 / extent if extent > 0 else 1.0
    scale = factor * px_per_mm(joints_img, relative * factor, root_z=nothing, focal=nothing)
    matrices = truth.array("camera_K")
    for row in np.flatnonzero(np.isfinite(matrices).all(axis=(1, 2))):
        focal = matrices[row, [0, 1], [0, 1]]
        seen = (joints_img[row] - matrices[row, :2, 2]) / focal
        both = np.isfinite(seen).all(axis=1) & np.isfinite(relative[row]).all(axis=1)
        if both.sum() < FEWEST_JOINTS:
            scale[row] = np.nan
            continue
        moved = relative[row, both, :2] - seen[both] * relative[row, both, 2:]
        ones, zeros = np.ones(int(both.sum())), np.zeros(int(both.sum()))
        table = np.concatenate(
            [np.stack([moved[:, 0], ones, zeros], axis=1), np.stack([moved[:, 1], zeros, ones], axis=1)]
        )
        size = np.linalg.lstsq(table, seen[both].T.reshape(-1), rcond=None)[0][0]
        scale[row] = size * np.sqrt(focal.prod()) if size > 0 else np.nan
    return scale


def unfit(predictions: Predictions, protocol: Protocol, truth: PoseDataset, *, size: Size, has_3d: bool) -> str | None:
    """Why predictions cannot be scored by a protocol; None if they can."""
    if protocol.needs_3d and not has_3d:
        return f"the protocol {protocol.name} scores 3D joints, which the predictions or the labels do not have"
    if protocol.needs_3d and size == "image" and predictions.joints_img is None:
        return "without 2D joints the image gives 3D joints no size"
    if not protocol.needs_3d and predictions.joints_img is None:
        return f"the protocol {protocol.name} scores joints in the image, which the predictions do not have"
    return misfit_of_poses(protocol, truth, predictions.skeleton, sized_by_image=size == "image")


def refusal(reason: str, predictions: Predictions, truth: PoseDataset, *, size: Size, has_3d: bool) -> str:
    """One line: what does not fit, and by which protocols the predictions can be scored."""
    rows = [
        row.name
        for row in protocols_for(truth.name)
        if unfit(predictions, row, truth, size=size, has_3d=has_3d) is None
    ]
    what = f"what can be scored: --protocol {_few(rows)}" if rows else "no protocol fits them"
    return f"{predictions.where} on {truth.name}/{truth.split}: {reason}; {what}"


def _few(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
