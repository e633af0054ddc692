"""How predicted poses in image px become what a protocol scores: its joints, and their size in mm by its scale rule.

Joints of one skeleton come into another one exactly, or approximately where a protocol says that it accepts that.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from prepose.body.pose import bone_lengths
from prepose.body.skeleton import Provenance, Skeleton, joint_map
from prepose.body.skeletons import MPII_16, get_skeleton
from prepose.data.dataset import PoseDataset
from prepose.data.sample import JointState
from prepose.metrics.protocols import Protocol
from prepose.metrics.scale import legacy_h36m_from_mpii, rescaled
from prepose.predict.lift import Cameras, depth_by_bone_sum


def known(joints: Float[np.ndarray, "N J D"]) -> Bool[np.ndarray, "N J"]:
    """Which joints are there."""
    return np.asarray(np.isfinite(joints).all(axis=-1))


def not_finite(joints: Float[np.ndarray, "N J D"], confidence: Float[np.ndarray, "N J"]) -> Int[np.ndarray, "M"]:
    """The samples for which a network's joints or confidences are NaN or infinite.

    NaN means "not labelled" in an evaluation: a network that gives NaN would look as if nothing had been asked of it.
    """
    sound = np.asarray((known(joints) & np.isfinite(confidence)).all(axis=1))
    return np.flatnonzero(~sound)


def truly_mapped(joints: Float[np.ndarray, "N S D"], source: Skeleton, target: Skeleton) -> Float[np.ndarray, "N T D"]:
    """Joints in the target skeleton; NaN for those that are not exact or midpoints by definition."""
    return accepted_mapped(joints, source, target, ())


def accepted_mapped(
    joints: Float[np.ndarray, "N S D"], source: Skeleton, target: Skeleton, accepted: Collection[str]
) -> Float[np.ndarray, "N T D"]:
    """Joints in the target skeleton; approximate ones where their names are among the accepted, else NaN."""
    mapping = joint_map(source, target)
    mapped = mapping.apply(joints)
    near_by = approximated(source, target, accepted)
    taken = mapping.truly_labelled | np.array([joint in near_by for joint in target.joints])
    mapped[:, ~taken] = np.nan
    return mapped


def approximated(source: Skeleton, target: Skeleton, accepted: Collection[str]) -> Mapping[str, str]:
    """Those of the accepted joints of the target that the source has only approximately -> what it has instead."""
    mapping = joint_map(source, target)
    return {
        joint: " + ".join(source.joints[index] for index in np.flatnonzero(mapping.weights[row]))
        for row, joint in enumerate(target.joints)
        if joint in accepted and mapping.provenance[row] == Provenance.APPROXIMATE
    }


def mapped_states(states: UInt8[np.ndarray, "N S"], source: Skeleton, target: Skeleton) -> UInt8[np.ndarray, "N T"]:
    """Joint states in the target skeleton; a midpoint is as badly seen as the worse of its ends, or unknown."""
    mapping = joint_map(source, target)
    mapped = np.zeros((len(states), len(target)), np.uint8)
    for row in np.flatnonzero(mapping.truly_labelled):
        ends = states[:, np.flatnonzero(mapping.weights[row])]
        unknown = (ends == JointState.UNKNOWN).any(axis=1)
        mapped[:, row] = np.where(unknown, JointState.UNKNOWN, ends.max(axis=1))
    return mapped


def detail_numbers(dataset: PoseDataset, name: str) -> Float[np.ndarray, "N"]:
    """The number of that name in the details of each sample; NaN where there is none."""
    found = [json.loads(text).get(name) for text in dataset.texts("details")]
    return np.array([value if isinstance(value, (int, float)) else np.nan for value in found], float)


METRIC_RULES = frozenset({"true-root-depth", "true-root-depth-univ"})
# These bring poses to a size of their own: any size will do before.
RESCALING_RULES = frozenset({"optimal-scale", "bone-sum-4000", "true-bone-lengths-univ"})
UNIV_RULES = frozenset({"true-root-depth-univ", "true-bone-lengths-univ"})


def root_relative_truth(dataset: PoseDataset, protocol: Protocol) -> Float[np.ndarray, "N T 3"]:
    """True joints in the protocol's skeleton, relative to its root and at its size, mm.

    NaN where not truly labelled, and everywhere where the protocol scores the image alone.
    """
    target = get_skeleton(protocol.skeleton)
    if protocol.scale == "image":
        return np.full((len(dataset), len(target), 3), np.nan)
    poses = accepted_mapped(dataset.array("joints_cam").astype(float), dataset.skeleton, target, ())
    return at_root(poses, protocol) * _size_of_labels(dataset, protocol)[:, None, None]


def at_root(poses: Float[np.ndarray, "N T 3"], protocol: Protocol) -> Float[np.ndarray, "N T 3"]:
    """Poses in the protocol's skeleton relative to the mean of its root joints."""
    target = get_skeleton(protocol.skeleton)
    return poses - poses[:, [target.index(joint) for joint in protocol.root]].mean(axis=1, keepdims=True)


def _size_of_labels(dataset: PoseDataset, protocol: Protocol) -> Float[np.ndarray, "N"]:
    if protocol.scale in UNIV_RULES:
        return detail_numbers(dataset, "univ_scale")
    return np.ones(len(dataset))


def true_root_depth(dataset: PoseDataset, protocol: Protocol, network: Skeleton) -> Float[np.ndarray, "N"]:
    """The true depth of the joint that the network's depths are relative to, mm.

    Where the labels have that joint only approximately, and the protocol accepts it, that one's.
    """
    if network.root is None:
        return np.full(len(dataset), np.nan)
    joints = dataset.array("joints_cam").astype(float)
    mapped = accepted_mapped(joints, dataset.skeleton, network, protocol.accepted_approximations)
    return mapped[:, network.root_index, 2]


@dataclass(frozen=True, eq=False)
class Sizing:
    """How poses in image px become poses in mm, for the samples of one dataset under one protocol.

    Attributes:
        protocol: The protocol.
        skeleton: The skeleton of the poses in the image.
        cameras: The samples' cameras.
        true_root_depth: The true depth of the skeleton's root, mm.
        label_size: The size of the truth as scored, in parts of the true one.
    """

    protocol: Protocol
    skeleton: Skeleton
    cameras: Cameras
    true_root_depth: Float[np.ndarray, "N"]
    label_size: Float[np.ndarray, "N"]

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
            poses = accepted_mapped(lifted, self.skeleton, target, self.protocol.accepted_approximations)
        poses = at_root(poses, self.protocol) * self.label_size[:, None, None]
        mask = known(poses) & known(truth_mm)
        scaled, _ = rescaled(self.protocol.scale, poses, truth_mm, mask, target)
        return scaled, depth

    def _lifted(
        self, joints_img: Float[np.ndarray, "N J 3"]
    ) -> tuple[Float[np.ndarray, "N J 3"], Float[np.ndarray, "N"]]:
        if self.protocol.scale in METRIC_RULES:
            return self.cameras.lift(joints_img, self.true_root_depth), self.true_root_depth
        # The rules that rescale need the shape alone; mean size is as good a size as any, and can be looked at.
        unit = self.cameras.lift(joints_img, np.ones(len(joints_img)))
        unit = np.where(self.cameras.known[:, None, None], unit, self._weak(joints_img))
        factor = self._factor_to_mean_size(unit)
        depth = np.where(self.cameras.known, factor, np.nan)
        # Joints that are all in one place have no size; relative to the root they are zeros, whatever the factor.
        pointlike = np.isnan(factor) & known(unit).all(axis=1)
        # Nor have directions of bones, whichever joints are known.
        any_size = pointlike | (np.isnan(factor) & (self.protocol.scale == "true-bone-lengths-univ"))
        return unit * np.where(any_size, 1.0, factor)[:, None, None], depth

    def _factor_to_mean_size(self, unit: Float[np.ndarray, "N J 3"]) -> Float[np.ndarray, "N"]:
        if self.protocol.scale in RESCALING_RULES and not joint_map(self.skeleton, MPII_16).truly_labelled.all():
            total = bone_lengths(unit, self.skeleton).sum(axis=-1)
            return self.protocol.bone_sum_mm / np.where(total > 0, total, np.nan)
        return depth_by_bone_sum(unit, self.skeleton, self.protocol.bone_sum_mm)

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


def sizing_of(dataset: PoseDataset, protocol: Protocol, network: Skeleton) -> Sizing:
    """The sizing for a dataset's samples and the poses of a network.

    Args:
        dataset: The samples; `predict.fit` has found that the protocol can size them.
        protocol: How to score.
        network: The network's skeleton.
    """
    return Sizing(
        protocol,
        network,
        Cameras(dataset),
        true_root_depth(dataset, protocol, network),
        _size_of_labels(dataset, protocol),
    )
