"""Arithmetic on joint arrays: root, mirror, bone lengths, similarity alignment. NaN marks a missing joint."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from prepose.arrays import Joints3D
from prepose.body.skeleton import Skeleton


def root_relative(joints: Joints3D, skeleton: Skeleton) -> Joints3D:
    """Joints minus the root joint; frame `cam` or `world` in, `root` out, unit kept."""
    return joints - joints[..., skeleton.root_index : skeleton.root_index + 1, :]


def mirror(joints: Float[np.ndarray, "*N J D"], skeleton: Skeleton) -> Float[np.ndarray, "*N J D"]:
    """The pose of the mirror image: x negated, left and right joints swapped (for joints about x = 0)."""
    mirrored = joints[..., skeleton.mirror, :].copy()
    mirrored[..., 0] *= -1
    return mirrored


def bone_lengths(joints: Float[np.ndarray, "*N J D"], skeleton: Skeleton) -> Float[np.ndarray, "*N E"]:
    """The length of each bone of `skeleton.bones`, in the unit of the joints."""
    parents, children = skeleton.bone_indices.T
    return np.linalg.norm(joints[..., children, :] - joints[..., parents, :], axis=-1)


class Similarity(NamedTuple):
    """target ~ scale * source @ rotation.T + translation, for each of N poses."""

    scale: Float[np.ndarray, "N"]
    rotation: Float[np.ndarray, "N 3 3"]
    translation: Float[np.ndarray, "N 3"]

    def apply(self, joints: Float[np.ndarray, "N J 3"]) -> Float[np.ndarray, "N J 3"]:
        """The moved joints."""
        turned = np.einsum("nij,nkj->nki", self.rotation, joints)
        return self.scale[:, None, None] * turned + self.translation[:, None, :]


def procrustes(
    source: Float[np.ndarray, "N J 3"], target: Float[np.ndarray, "N J 3"], mask: Bool[np.ndarray, "N J"]
) -> Similarity:
    """The least-squares similarity that moves each source pose onto its target pose (no reflection).

    Args:
        source: Poses to move.
        target: Poses to meet.
        mask: Joints that count; the others may be NaN.

    Source: Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991,
    equations 34 to 42. Poses with no extent (one joint, or all in one place) get scale 1 and no rotation.
    """
    weight = mask[..., None].astype(float)
    count = np.maximum(weight.sum(axis=1, keepdims=True), 1)
    x, y = (np.where(mask[..., None], joints, 0).astype(float) for joints in (source, target))
    x_mean, y_mean = ((joints * weight).sum(axis=1, keepdims=True) / count for joints in (x, y))
    x_centred, y_centred = (x - x_mean) * weight, (y - y_mean) * weight
    u, singular, vt = np.linalg.svd(np.einsum("nki,nkj->nij", y_centred, x_centred))
    sign = np.ones_like(singular)
    sign[:, 2] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = (u * sign[:, None, :]) @ vt
    spread = (x_centred**2).sum(axis=(1, 2))
    flat = spread < 1e-12
    scale = np.where(flat, 1.0, (singular * sign).sum(axis=1) / np.where(flat, 1.0, spread))
    rotation = np.where(flat[:, None, None], np.eye(3), rotation)
    translation = y_mean[:, 0] - scale[:, None] * np.einsum("nij,nj->ni", rotation, x_mean[:, 0])
    return Similarity(scale, rotation, translation)
