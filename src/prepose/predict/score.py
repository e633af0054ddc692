"""Predictions in crop px beside the truth of a dataset, under a protocol. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import get_skeleton
from prepose.camera.crop import transform_box
from prepose.data.dataset import PoseDataset
from prepose.data.sample import JointState
from prepose.data.target import image_targets
from prepose.errors import DataError
from prepose.metrics.evaluation import Evaluation, mean_pose
from prepose.metrics.protocols import Protocol
from prepose.metrics.scale import rescaled
from prepose.predict.fit import check_fit
from prepose.predict.lift import image_from_crop
from prepose.predict.sizing import (
    accepted_mapped,
    approximated,
    detail_numbers,
    known,
    mapped_states,
    not_finite,
    root_relative_truth,
    sizing_of,
    truly_mapped,
)
from prepose.specs.error_calibration import ErrorCalibration

STATE_NAMES = tuple(state.name.lower() for state in JointState)


@dataclass(frozen=True, eq=False)
class CropPredictions:
    """What a network said about samples of a dataset.

    Attributes:
        skeleton: The network's skeleton.
        joints_crop: x, y and relative depth, crop px.
        confidence: Of each joint.
        img_from_crop: Where each crop lies in its image.
        index: Which sample of the dataset each one is.
        weights: Digest of the weights.
        calibration: What the network's confidence says of its errors; None where it is not calibrated.
    """

    skeleton: Skeleton
    joints_crop: Float[np.ndarray, "N J 3"]
    confidence: Float[np.ndarray, "N J"]
    img_from_crop: Float[np.ndarray, "N 3 3"]
    index: Int[np.ndarray, "N"]
    weights: str = ""
    calibration: ErrorCalibration | None = None


def score(
    predictions: CropPredictions, dataset: PoseDataset, protocol: Protocol, *, facts: Mapping[str, str]
) -> Evaluation:
    """Predictions beside the truth of their samples.

    Beside the prediction itself, the evaluation gets as variants what a part of it is worth: `true-2d-flat-depth` (true
    x, y and no depth at all), `true-2d-predicted-depth` and `predicted-2d-true-depth`, lifted and scored alike.

    What is in px is in px of the full photographs, also for a dataset of person chips.

    Args:
        predictions: Of some or all samples of the dataset.
        dataset: Where the truth is; without 3D truth the evaluation has the measures in the image alone.
        protocol: How to score.
        facts: How the predictions came to be. How they were lifted is added, and which joints the protocol accepts
            though the network has them only approximately.

    Raises:
        DataError: a prediction is not finite, or protocol, dataset and network do not fit (see `fit`).
    """
    _check_finite(predictions, dataset)
    truth = dataset.select(predictions.index)
    source, target = predictions.skeleton, get_skeleton(protocol.skeleton)
    check_fit(protocol, truth, source)
    accepted = protocol.accepted_approximations
    truth_mm = root_relative_truth(truth, protocol)
    joints_img = image_from_crop(predictions.joints_crop, predictions.img_from_crop)
    prediction_mm, root_depth = np.full(truth_mm.shape, np.nan), np.full(len(truth_mm), np.nan)
    full_from_img = truth.array("full_from_img")
    variants: dict[str, np.ndarray] = {}
    if np.isfinite(truth_mm).any():
        sizing = sizing_of(truth, protocol, source)
        prediction_mm, root_depth = sizing.as_scored(joints_img, truth_mm)
        _check_lifted(prediction_mm, dataset)
        mixtures = _mixtures(joints_img, image_targets(truth, source).astype(float))
        poses = {name: _single(sizing.as_scored(mixed, truth_mm)[0]) for name, mixed in mixtures.items()}
        # A part of the truth that the labels do not tell in the network's skeleton makes no pose.
        variants = {name: pose for name, pose in poses.items() if known(pose).any()}
        facts = {**facts, "lift": sizing.description()}
        _, truth_mm = rescaled(protocol.scale, truth_mm, truth_mm, known(truth_mm), target)
    return Evaluation(
        weights=predictions.weights,
        index=predictions.index,
        confidence=_single(accepted_mapped(predictions.confidence[..., None], source, target, accepted)[..., 0]),
        prediction_img=_single(accepted_mapped(_in_full(joints_img[..., :2], full_from_img), source, target, accepted)),
        prediction_mm=_single(prediction_mm),
        truth_mm=_single(truth_mm),
        root_depth_mm=_single(root_depth),
        variants=variants,
        facts={**facts, **said_of(source, truth, protocol)},
        **labels_of(truth, protocol),
        **_expected_errors(predictions, protocol),
    )


def labels_of(truth: PoseDataset, protocol: Protocol) -> dict[str, Any]:
    """The fields of an evaluation that say what was asked and what is known of it, whoever predicted."""
    target, full_from_img = get_skeleton(protocol.skeleton), truth.array("full_from_img")
    return {
        "protocol": protocol,
        "dataset": truth.name,
        "split": truth.split,
        "subjects": tuple(truth.texts("subject")),
        "actions": tuple(truth.texts("action")),
        "states": mapped_states(truth.array("states"), truth.skeleton, target),
        "state_names": STATE_NAMES,
        "boxes_xywh": _boxes_in_full(truth.array("box_xywh"), full_from_img),
        "head_boxes_xywh": _boxes_in_full(truth.array("head_box_xywh"), full_from_img),
        "truth_img": _single(_in_full(image_targets(truth, target)[..., :2], full_from_img)),
        "labelled_3d": _labelled_3d(truth, protocol),
        **_for_similarity(truth, protocol),
    }


def said_of(predicted: Skeleton, truth: PoseDataset, protocol: Protocol) -> dict[str, str]:
    """What every figure must say of its joints: which are approximate, and how many true ones are no labels."""
    return {**_said_of_joints(predicted, protocol), **_said_of_2d(truth)}


def _expected_errors(predictions: CropPredictions, protocol: Protocol) -> dict[str, Any]:
    """The columns of expected errors, in the protocol's skeleton; that of a midpoint is at most its ends' mean."""
    calibration, source = predictions.calibration, predictions.skeleton
    if calibration is None or calibration.flip_test != protocol.flip_test:
        return {}
    columns = {"expected_of_crop": calibration.expected_of_crop(predictions.confidence, source)}
    if protocol.scale == calibration.protocol:
        columns["expected_mm"] = calibration.expected_mm(predictions.confidence, source)
    target = get_skeleton(protocol.skeleton)
    return {name: _single(truly_mapped(each[..., None], source, target)[..., 0]) for name, each in columns.items()}


def _said_of_joints(network: Skeleton, protocol: Protocol) -> dict[str, str]:
    """What every figure must say of joints that the network has only approximately."""
    used = {*protocol.scored_joints, *protocol.root}
    found = approximated(network, get_skeleton(protocol.skeleton), protocol.accepted_approximations)
    told = [
        f"{joint} (the network's {own})" if own != joint else f"{joint} (defined otherwise by the network)"
        for joint, own in found.items()
        if joint in used
    ]
    return {"approximate_joints": ", ".join(told)} if told else {}


def _said_of_2d(truth: PoseDataset) -> dict[str, str]:
    """What figures in the image must say where the true 2D joints are no labels."""
    projected = int(truth.array("projected").sum())
    return {"projected_2d": f"{projected} of {len(truth)} samples"} if projected else {}


def _for_similarity(truth: PoseDataset, protocol: Protocol) -> dict[str, np.ndarray]:
    """The columns that OKS needs, where the protocol is about it."""
    if protocol.headline != "oks_ap":
        return {}
    areas, images = detail_numbers(truth, "area"), detail_numbers(truth, "image")
    return {"areas_px2": areas, "image_ids": images.astype(np.int64)}


def mean_pose_of(dataset: PoseDataset, protocol: Protocol) -> Float[np.ndarray, "T 3"]:
    """The mean of a dataset's poses relative to the root, in the protocol's skeleton, camera frame, mm.

    With the training set it is what `metrics.evaluation.with_mean_pose` asks for. NaN for joints that it never labels.
    """
    return mean_pose(root_relative_truth(dataset, protocol))


def _labelled_3d(truth: PoseDataset, protocol: Protocol) -> Bool[np.ndarray, "N T"]:
    """Which joints are labelled in 3D, whether or not they can be scored."""
    target = get_skeleton(protocol.skeleton)
    if protocol.scale == "image":
        return np.zeros((len(truth), len(target)), bool)
    return known(truly_mapped(truth.array("joints_cam"), truth.skeleton, target))


def _check_lifted(prediction_mm: Float[np.ndarray, "N T 3"], dataset: PoseDataset) -> None:
    infinite = np.asarray(np.isinf(prediction_mm).any(axis=(1, 2)))
    if infinite.any():
        raise DataError(
            f"{dataset.name}/{dataset.split}: the network's joints are infinite in 3D for {int(infinite.sum())} of "
            f"{len(infinite)} samples; check their cameras and root depths by `prepose data check`"
        )


def _check_finite(predictions: CropPredictions, dataset: PoseDataset) -> None:
    broken = not_finite(predictions.joints_crop, predictions.confidence)
    if len(broken):
        first = int(predictions.index[broken[0]])
        raise DataError(
            f"{dataset.name}/{dataset.split}: the network's joints are not finite for {len(broken)} of {len(dataset)} "
            f"samples, the first is sample {first}; its training diverged or its weights are damaged"
        )


def _mixtures(
    predicted: Float[np.ndarray, "N J 3"], true: Float[np.ndarray, "N J 3"]
) -> dict[str, Float[np.ndarray, "N J 3"]]:
    """Prediction and truth (image px with relative depth) in parts."""
    flat = np.where(np.isnan(true[..., 2:]), np.nan, 0.0)
    return {
        "true-2d-flat-depth": np.concatenate([true[..., :2], flat], axis=-1),
        "true-2d-predicted-depth": np.concatenate([true[..., :2], predicted[..., 2:]], axis=-1),
        "predicted-2d-true-depth": np.concatenate([predicted[..., :2], true[..., 2:]], axis=-1),
    }


def _in_full(joints_img: Float[np.ndarray, "N J 2"], full_from_img: Float[np.ndarray, "N 3 3"]) -> np.ndarray:
    """Joints of person chips in px of the photographs that these were cut from; of others as they are."""
    if (full_from_img == np.eye(3)).all():
        return joints_img
    return joints_img @ full_from_img[:, :2, :2].transpose(0, 2, 1) + full_from_img[:, None, :2, 2]


def _boxes_in_full(boxes_xywh: Float[np.ndarray, "N 4"], full_from_img: Float[np.ndarray, "N 3 3"]) -> np.ndarray:
    if (full_from_img == np.eye(3)).all():
        return boxes_xywh
    return _single(np.stack([transform_box(*pair) for pair in zip(full_from_img, boxes_xywh, strict=True)]))


def _single(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)
