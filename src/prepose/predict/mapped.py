"""Joints of one skeleton in another one: exact, or approximate where a protocol says that it accepts that."""

from collections.abc import Collection, Mapping

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from prepose.body.skeleton import Provenance, Skeleton, joint_map
from prepose.data.sample import JointState


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
