"""Predictions in crop px beside the truth of a dataset, under a protocol. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from prepose.body.skeleton import Skeleton, joint_map
from prepose.body.skeletons import get_skeleton
from prepose.camera.crop import transform_box
from prepose.data.dataset import PoseDataset
from prepose.data.sample import JointState
from prepose.data.target import image_targets
from prepose.errors import DataError
from prepose.metrics.evaluation import Evaluation, mean_pose
from prepose.metrics.protocols import Protocol
from prepose.metrics.scale import legacy_h36m_from_mpii, rescaled
from prepose.predict.lift import Cameras, image_from_crop
from prepose.predict.root_depth import depth_by_bone_sum

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
    """

    skeleton: Skeleton
    joints_crop: Float[np.ndarray, "N J 3"]
    confidence: Float[np.ndarray, "N J"]
    img_from_crop: Float[np.ndarray, "N 3 3"]
    index: Int[np.ndarray, "N"]
    weights: str = ""


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
        facts: How the predictions came to be; how they were lifted is added.

    Raises:
        DataError: a prediction is not finite, or the protocol needs cameras that the dataset lacks.
        SkeletonMismatch: the protocol's scale rule needs joints that the network does not predict.
    """
    _check_finite(predictions, dataset)
    truth = dataset.select(predictions.index)
    source, target = predictions.skeleton, get_skeleton(protocol.skeleton)
    root = target.index(protocol.root)
    truth_cam = truly_mapped(truth.array("joints_cam").astype(float), dataset.skeleton, target)
    truth_mm = truth_cam - truth_cam[:, root : root + 1]
    joints_img = image_from_crop(predictions.joints_crop, predictions.img_from_crop)
    prediction_mm, root_depth = np.full(truth_mm.shape, np.nan), np.full(len(truth_mm), np.nan)
    full_from_img = truth.array("full_from_img")
    variants: dict[str, np.ndarray] = {}
    if np.isfinite(truth_mm).any():
        sizing = _sizing(truth, protocol, source, truth_cam[:, root, 2])
        prediction_mm, root_depth = sizing.as_scored(joints_img, truth_mm)
        mixtures = _mixtures(joints_img, image_targets(truth, source).astype(float))
        variants = {name: _single(sizing.as_scored(mixed, truth_mm)[0]) for name, mixed in mixtures.items()}
        facts = {**facts, "lift": sizing.description()}
        _, truth_mm = rescaled(protocol.scale, truth_mm, truth_mm, known(truth_mm), target)
    return Evaluation(
        protocol=protocol,
        dataset=dataset.name,
        split=dataset.split,
        weights=predictions.weights,
        index=predictions.index,
        subjects=tuple(truth.texts("subject")),
        actions=tuple(truth.texts("action")),
        states=mapped_states(truth.array("states"), dataset.skeleton, target),
        state_names=STATE_NAMES,
        boxes_xywh=_boxes_in_full(truth.array("box_xywh"), full_from_img),
        head_boxes_xywh=_boxes_in_full(truth.array("head_box_xywh"), full_from_img),
        confidence=_single(truly_mapped(predictions.confidence[..., None], source, target)[..., 0]),
        prediction_img=_single(truly_mapped(_in_full(joints_img[..., :2], full_from_img), source, target)),
        truth_img=_single(truly_mapped(_in_full(truth.array("joints_img"), full_from_img), dataset.skeleton, target)),
        prediction_mm=_single(prediction_mm),
        truth_mm=_single(truth_mm),
        root_depth_mm=_single(root_depth),
        variants=variants,
        facts=facts,
    )


def mean_pose_of(dataset: PoseDataset, protocol: Protocol) -> Float[np.ndarray, "T 3"]:
    """The mean of a dataset's poses relative to the root, in the protocol's skeleton, camera frame, mm.

    With the training set it is what `metrics.evaluation.with_mean_pose` asks for. NaN for joints that it never labels.
    """
    target = get_skeleton(protocol.skeleton)
    poses = truly_mapped(dataset.array("joints_cam").astype(float), dataset.skeleton, target)
    root = target.index(protocol.root)
    return mean_pose(poses - poses[:, root : root + 1])


def _check_finite(predictions: CropPredictions, dataset: PoseDataset) -> None:
    # NaN means "not labelled" from here on: a network that gives NaN would look as if nothing had been asked of it.
    broken = np.flatnonzero(~known(predictions.joints_crop).all(axis=1))
    if len(broken):
        first = int(predictions.index[broken[0]])
        raise DataError(
            f"{dataset.name}/{dataset.split}: the network's joints are not finite for {len(broken)} of {len(dataset)} "
            f"samples, the first is sample {first}; its training diverged or its weights are damaged"
        )


def known(joints: Float[np.ndarray, "N J D"]) -> Bool[np.ndarray, "N J"]:
    """Which joints are there."""
    return np.asarray(np.isfinite(joints).all(axis=-1))


def truly_mapped(joints: Float[np.ndarray, "N S D"], source: Skeleton, target: Skeleton) -> Float[np.ndarray, "N T D"]:
    """Joints in the target skeleton; NaN for those that are not exact or midpoints by definition."""
    mapping = joint_map(source, target)
    mapped = mapping.apply(joints)
    mapped[:, ~mapping.truly_labelled] = np.nan
    return mapped


def mapped_states(states: UInt8[np.ndarray, "N S"], source: Skeleton, target: Skeleton) -> UInt8[np.ndarray, "N T"]:
    """Joint states in the target skeleton; a midpoint is as badly seen as the worse of its ends, or unknown."""
    mapping = joint_map(source, target)
    mapped = np.zeros((len(states), len(target)), np.uint8)
    for row in np.flatnonzero(mapping.truly_labelled):
        ends = states[:, np.flatnonzero(mapping.weights[row])]
        unknown = (ends == JointState.UNKNOWN).any(axis=1)
        mapped[:, row] = np.where(unknown, JointState.UNKNOWN, ends.max(axis=1))
    return mapped


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


@dataclass(frozen=True, eq=False)
class _Sizing:
    """How poses in image px become poses in mm, for the samples of one dataset under one protocol."""

    protocol: Protocol
    skeleton: Skeleton
    cameras: Cameras
    true_root_depth: Float[np.ndarray, "N"]

    def as_scored(
        self, joints_img: Float[np.ndarray, "N J 3"], truth_mm: Float[np.ndarray, "N T 3"]
    ) -> tuple[Float[np.ndarray, "N T 3"], Float[np.ndarray, "N"]]:
        """Root-relative poses in the protocol's skeleton after its scale rule, mm; and the root depth of each, mm."""
        target = get_skeleton(self.protocol.skeleton)
        if self.protocol.scale == "bone-sum-4000-legacy":
            poses = legacy_h36m_from_mpii(self._weak(joints_img), self.skeleton)
            depth = np.full(len(poses), np.nan)
        else:
            lifted, depth = self._lifted(joints_img)
            poses = truly_mapped(lifted, self.skeleton, target)
        root = target.index(self.protocol.root)
        poses = poses - poses[:, root : root + 1]
        mask = known(poses) & known(truth_mm)
        scaled, _ = rescaled(self.protocol.scale, poses, truth_mm, mask, target)
        return scaled, depth

    def _lifted(
        self, joints_img: Float[np.ndarray, "N J 3"]
    ) -> tuple[Float[np.ndarray, "N J 3"], Float[np.ndarray, "N"]]:
        if self.protocol.scale == "true-root-depth":
            return self.cameras.lift(joints_img, self.true_root_depth), self.true_root_depth
        # The rules that rescale need the shape alone; mean size is as good a size as any, and can be looked at.
        unit = self.cameras.lift(joints_img, np.ones(len(joints_img)))
        unit = np.where(self.cameras.known[:, None, None], unit, self._weak(joints_img))
        factor = depth_by_bone_sum(unit, self.skeleton, self.protocol.bone_sum_mm)
        return unit * factor[:, None, None], np.where(self.cameras.known, factor, np.nan)

    def _weak(self, joints_img: Float[np.ndarray, "N J 3"]) -> Float[np.ndarray, "N J 3"]:
        """Weak perspective: the pose as it lies in the image, px."""
        return joints_img - joints_img[:, self.skeleton.root_index : self.skeleton.root_index + 1]

    def description(self) -> str:
        """How the poses were lifted, in words."""
        if self.protocol.scale == "bone-sum-4000-legacy":
            return "weak perspective"
        perspective, weak = int(self.cameras.known.sum()), int((~self.cameras.known).sum())
        parts = [f"perspective ({perspective} samples)"] if perspective else []
        parts += [f"weak perspective ({weak} samples without a camera)"] if weak else []
        return ", ".join(parts)


def _sizing(
    truth: PoseDataset, protocol: Protocol, skeleton: Skeleton, true_root_depth: Float[np.ndarray, "N"]
) -> _Sizing:
    cameras = Cameras(truth)
    lacking = ~cameras.known & np.isfinite(true_root_depth)
    if protocol.scale == "true-root-depth" and lacking.any():
        raise DataError(
            f"{truth.name}/{truth.split}: {lacking.sum()} of {len(lacking)} samples have 3D joints but no camera, "
            f"which the protocol {protocol.name} needs; use --protocol mean-person, optimal-scale or bone-sum-4000"
        )
    return _Sizing(protocol, skeleton, cameras, true_root_depth)


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
