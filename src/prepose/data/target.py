"""What the network is to say about a sample: its joints in the model's skeleton, first in the image, then in a crop.

Only joints that the dataset truly labels (named and defined alike, or a midpoint by definition) become targets; an
approximate or missing joint is masked (`body.skeleton.Provenance`).

The third coordinate is relative depth in px: (Z_joint - Z_root) * k, where k (px per mm) is the image scale at the
person. For a calibrated camera k = f / Z_root with f the undistorted focal length: the labels x and y lie where the
lens put them, as the network sees them, and `Camera.back_project` takes the lens out again, so x, y, z and the true
root depth give back the exact pose under any distortion.

The middle of two joints is the middle of them in space; its image is not the middle of their images, but nearer to that
of the further joint (by 2 mm at the thorax of someone 5 m away).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

from prepose.body.skeleton import JointMap, Provenance, Skeleton, joint_map
from prepose.camera.crop import Crop, is_inside
from prepose.data.dataset import PoseDataset

# Samples mapped at once: bounds the memory of the intermediate arrays, not of the result.
_CHUNK = 65_536


def image_targets(
    dataset: PoseDataset, skeleton: Skeleton, joints_cam: Float[np.ndarray, "N K 3"] | None = None
) -> Float32[np.ndarray, "N J 3"]:
    """The joints of every sample in the model's skeleton: x, y in image px and relative depth in image px.

    NaN where a joint is not truly labelled; z is NaN too where the root's depth or the image scale is unknown. A
    skeleton without a root has no relative depth at all.

    Args:
        dataset: The samples.
        skeleton: Of the targets.
        joints_cam: 3D joints in place of the dataset's, in its skeleton: mm along the camera's axes, shifted; NaN
            where there is none. They belong to no calibrated camera.
    """
    targets = np.empty((len(dataset), len(skeleton), 3), np.float32)
    for start in range(0, len(dataset), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(dataset)))
        targets[rows] = _targets_of(dataset, rows, skeleton, None if joints_cam is None else joints_cam[rows])
    return targets


@dataclass(frozen=True)
class LabelUse:
    """How many of a dataset's labelled joints in images a network can learn from.

    Attributes:
        labelled: Labelled joints of all samples.
        used: Those that are a joint of the network's skeleton, or an end of one that is a midpoint by definition.
        unused: The joints, by name, that it has otherwise or not at all, and that are labelled somewhere.
    """

    labelled: int
    used: int
    unused: tuple[str, ...]


def label_use(dataset: PoseDataset, skeleton: Skeleton) -> LabelUse:
    """What `image_targets` takes of a dataset's labels for a network of that skeleton, and what it leaves."""
    mapping = joint_map(dataset.skeleton, skeleton)
    taken = (mapping.weights[mapping.truly_labelled] != 0).any(axis=0)
    counts = np.zeros(len(dataset.skeleton), int)
    for start in range(0, len(dataset), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(dataset)))
        counts += np.isfinite(dataset.array("joints_img", rows)).all(axis=-1).sum(axis=0)
    unused = tuple(
        joint for joint, used, count in zip(dataset.skeleton.joints, taken, counts, strict=True) if count and not used
    )
    return LabelUse(int(counts.sum()), int(counts[taken].sum()), unused)


def _targets_of(
    dataset: PoseDataset, rows: np.ndarray, skeleton: Skeleton, pseudo: Float[np.ndarray, "M K 3"] | None
) -> Float32[np.ndarray, "M J 3"]:
    mapping = joint_map(dataset.skeleton, skeleton)
    unknown = ~mapping.truly_labelled
    focal = _focals(dataset, rows) if pseudo is None else np.full(len(rows), np.nan)
    given_img = dataset.array("joints_img", rows)
    given_cam = dataset.array("joints_cam", rows) if pseudo is None else pseudo.astype(np.float32)
    joints_img, joints_cam = mapping.apply(given_img), mapping.apply(given_cam)
    _place_midpoints(joints_img, given_img, np.where(np.isfinite(focal)[:, None], given_cam[..., 2], np.nan), mapping)
    joints_img[:, unknown] = joints_cam[:, unknown] = np.nan
    depth = np.full(joints_img.shape[:2], np.nan, np.float32)
    if skeleton.root is not None:
        root_z = joints_cam[:, skeleton.root_index, 2]
        k = px_per_mm(joints_img, joints_cam, root_z=root_z, focal=focal)
        depth = (joints_cam[..., 2] - root_z[:, None]) * k[:, None]
    return np.concatenate([joints_img, depth[..., None]], axis=-1).astype(np.float32)


def _focals(dataset: PoseDataset, rows: np.ndarray) -> Float[np.ndarray, "M"]:
    matrices = dataset.array("camera_K", rows)
    return np.sqrt(matrices[:, 0, 0] * matrices[:, 1, 1])


def _place_midpoints(
    mapped_img: Float[np.ndarray, "N T 2"],
    joints_img: Float[np.ndarray, "N S 2"],
    depth: Float[np.ndarray, "N S"],
    mapping: JointMap,
) -> None:
    """Put each midpoint where the middle of its ends in space is seen: their images weighted by their depths.

    X = (X1 + X2) / 2 and Z = (Z1 + Z2) / 2 give X / Z = (x1 Z1 + x2 Z2) / (f (Z1 + Z2)). A lens bends that by the
    square of the distance between the ends, which is nothing to a label. Where a depth (mm, of a calibrated camera)
    is unknown, the middle of the images stays.
    """
    for row in np.flatnonzero(mapping.provenance == Provenance.MIDPOINT):
        ends = np.flatnonzero(mapping.weights[row])
        weight = depth[:, ends, None]
        known = (weight > 0).all(axis=(1, 2))
        seen = (joints_img[known][:, ends] * weight[known]).sum(axis=1) / weight[known].sum(axis=1)
        mapped_img[known, row] = seen


def px_per_mm(
    joints_img: Float[np.ndarray, "N J 2"],
    joints_cam: Float[np.ndarray, "N J 3"],
    *,
    root_z: Float[np.ndarray, "N"],
    focal: Float[np.ndarray, "N"],
) -> Float[np.ndarray, "N"]:
    """The image scale at each person, NaN where it cannot be known.

    Args:
        joints_img: Joints in the image, px; NaN where not labelled.
        joints_cam: Joints in the camera's frame, mm (or shifted along its axes); NaN where not labelled.
        root_z: Depth of the root, mm.
        focal: Focal length, px; NaN where there is no calibrated camera.

    With a camera it is f / Z_root, known for a root in front of the camera. Without one it is the scale of the
    least-squares fit q ~ k p + t of the labelled joints' x, y (p, mm) onto the image (q, px), known where two joints at
    different places are labelled in both and k > 0. The fit may not turn: both have the camera's axes, and a pose that
    had to be turned would not carry its depth along z.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        k = focal / root_z
    fitted = ~np.isfinite(focal)
    if fitted.any():
        k[fitted] = _fitted_scale(joints_img[fitted], joints_cam[fitted, :, :2])
    return np.where(np.isfinite(k) & (k > 0), k, np.nan)


def _fitted_scale(
    joints_img: Float[np.ndarray, "N J 2"], joints_xy: Float[np.ndarray, "N J 2"]
) -> Float[np.ndarray, "N"]:
    labelled = ~(np.isnan(joints_img) | np.isnan(joints_xy)).any(axis=-1, keepdims=True)
    count = np.maximum(labelled.sum(axis=1, keepdims=True), 1)
    p, q = (np.where(labelled, joints, 0).astype(float) for joints in (joints_xy, joints_img))
    p, q = (np.where(labelled, joints - joints.sum(axis=1, keepdims=True) / count, 0) for joints in (p, q))
    spread = (p * p).sum(axis=(1, 2))
    # One square millimetre in all: joints in one place have no scale, only rounding.
    return np.where(spread > 1, (p * q).sum(axis=(1, 2)) / np.where(spread > 1, spread, 1), np.nan)


def lift(
    targets_img: Float[np.ndarray, "B J 3"],
    crops: Sequence[Crop],
    skeleton: Skeleton,
    *,
    margin: float = 0.0,
) -> tuple[Float32[np.ndarray, "B J 3"], Bool[np.ndarray, "B J"], Bool[np.ndarray, "B J"]]:
    """Targets in crop px with their masks: (joints_crop, has_2d, has_3d); zeros where masked.

    A joint outside its crop is masked in 2D and 3D: there is no map cell at which it could be shown or its depth read.

    Args:
        targets_img: From `image_targets`: image px, relative depth in image px.
        crops: The crop of each sample, all of one size. In a mirrored one the left joint's place is the right one's;
            depth is unchanged.
        skeleton: Of the targets.
        margin: How far, in crop px, a joint may lie beyond the picture's edge and still count as inside.
    """
    joints = targets_img
    flipped = np.array([crop.flip for crop in crops], bool)
    if flipped.any():
        joints = np.where(flipped[:, None, None], targets_img[:, skeleton.mirror], targets_img)
    matrices = np.stack([crop.crop_from_img for crop in crops])
    lifted = np.empty_like(joints, np.float32)
    lifted[..., :2] = joints[..., :2] @ matrices[:, :2, :2].transpose(0, 2, 1) + matrices[:, None, :2, 2]
    lifted[..., 2] = joints[..., 2] * np.array([crop.size / crop.side for crop in crops])[:, None]
    inside = is_inside(lifted[..., :2], crops[0].size, margin)
    has_3d = inside & np.isfinite(lifted[..., 2])
    lifted[..., :2] = np.where(inside[..., None], lifted[..., :2], 0)
    lifted[..., 2] = np.where(has_3d, lifted[..., 2], 0)
    return lifted, inside, has_3d
