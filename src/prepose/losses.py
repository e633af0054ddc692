"""Losses: `(prediction, target, mask) -> scalar`, plain autograd, no loop over samples and no wait for the device.

Every loss is computed in float32, is the mean over what the mask lets through, and is exactly 0 with zero gradient
where it lets nothing through. Masked entries of a target must be finite (zeros, as everywhere in tensors).
`LOSSES` gives each a name and one signature, for recipes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from prepose.body.skeleton import Skeleton
from prepose.camera.crop import borders, cell_from_crop
from prepose.loss_maps import HEATMAP_SIGMA, gaussian_maps, read_at

DISTRIBUTION_SIGMA = 1.0  # cells


def masked_mean(
    values: Float[Tensor, "*N"], mask: Bool[Tensor, "*N"], count: Float[Tensor, ""] | None = None
) -> Float[Tensor, ""]:
    """The sum of the unmasked values over their number.

    Args:
        values: Losses.
        mask: Which of them count.
        count: What to divide by instead of the number of unmasked values: with several processes, the mean of their
            numbers, so that the averaged gradient is that of one process with the whole batch.
    """
    total = torch.where(mask, values, 0).sum()
    number = mask.sum() if count is None else count
    return total / torch.clamp(number, min=1)


def heatmap_loss(
    heatmaps: Float[Tensor, "B J S S"],
    joints_cell: Float[Tensor, "B J 2"],
    mask: Bool[Tensor, "B J"],
    *,
    sigma: float = HEATMAP_SIGMA,
    count: Float[Tensor, ""] | None = None,
) -> Float[Tensor, ""]:
    """Mean squared difference to Gaussians of peak 1, over the cells of the labelled joints' maps.

    Args:
        heatmaps: Predicted heights.
        joints_cell: True x, y in map cells.
        mask: Labelled joints.
        sigma: Standard deviation of the Gaussians, cells.
        count: See `masked_mean`.

    Source: Xiao et al., "Simple Baselines for Human Pose Estimation and Tracking", ECCV 2018, section 2; with a mask,
    and without rounding the joint to a cell.
    """
    target = gaussian_maps(joints_cell, mask, heatmaps.shape[-1], sigma)
    return masked_mean((heatmaps.float() - target).square().mean((-2, -1)), mask, count)


def heatmap_cross_entropy(
    heatmaps: Float[Tensor, "B J S S"],
    joints_cell: Float[Tensor, "B J 2"],
    mask: Bool[Tensor, "B J"],
    *,
    sigma: float = DISTRIBUTION_SIGMA,
    count: Float[Tensor, ""] | None = None,
) -> Float[Tensor, ""]:
    """Cross-entropy (nats) of the softmax over all cells against a Gaussian that sums to 1.

    A joint outside the map has no cell, so it does not count.

    Args:
        heatmaps: Logits.
        joints_cell: True x, y in map cells.
        mask: Labelled joints.
        sigma: Standard deviation of the target, cells.
        count: See `masked_mean`.

    Source: Nibali et al., "Numerical Coordinate Regression with Convolutional Neural Networks", 2018, section 3.3, with
    the cross-entropy in the place of the Jensen-Shannon divergence.
    """
    size = heatmaps.shape[-1]
    joints_cell, heatmaps = joints_cell.float(), heatmaps.float()
    cells = torch.arange(size, device=heatmaps.device, dtype=torch.float32)
    # Each axis is normalised by a softmax of its own: it cannot underflow, however far outside a masked joint lies.
    columns, rows = (-((cells - joints_cell[..., None]) ** 2) / (2 * sigma**2)).softmax(-1).unbind(2)
    expected = ((heatmaps * columns[..., None, :]).sum(-1) * rows).sum(-1)
    low, high = borders(size)
    inside = ((joints_cell >= low) & (joints_cell <= high)).all(-1)
    return masked_mean(heatmaps.flatten(2).logsumexp(-1) - expected, mask & inside, count)


def depth_loss(
    depth: Float[Tensor, "B J"],
    target: Float[Tensor, "B J"],
    mask: Bool[Tensor, "B J"],
    *,
    beta: float = 1.0,
    count: Float[Tensor, ""] | None = None,
) -> Float[Tensor, ""]:
    """Smooth L1 of the relative depth.

    Args:
        depth: Predicted depth relative to the root, crop sides.
        target: True depth, crop sides.
        mask: Joints with a 3D label.
        beta: Where the square ends and the straight line begins, crop sides.
        count: See `masked_mean`.

    Source: Zhou et al., "Towards 3D Human Pose Estimation in the Wild", ICCV 2017, equation 4, with smooth L1.
    """
    return masked_mean(functional.smooth_l1_loss(depth.float(), target, beta=beta, reduction="none"), mask, count)


def joint_loss(
    joints: Float[Tensor, "B J D"],
    target: Float[Tensor, "B J D"],
    mask: Bool[Tensor, "B J"],
    *,
    count: Float[Tensor, ""] | None = None,
) -> Float[Tensor, ""]:
    """Mean absolute error of the coordinates of labelled joints.

    Args:
        joints: Predicted coordinates, crop sides.
        target: True coordinates, crop sides.
        mask: Labelled joints.
        count: See `masked_mean`.

    Source: Sun et al., "Integral Human Pose Regression", ECCV 2018, section 3 (L1 is better than L2).
    """
    return masked_mean((joints.float() - target).abs().mean(-1), mask, count)


# Bones whose length ratios hardly vary between people, each with the factor that brings it to its group's length.
# The lower limbs' factors are the canonical ratios of Zhou et al.
LOWER_LEG, LOWER_ARM = 1.0085885098, 1.1375361377
NECKS = ("upper_neck", "neck", "nose_neck", "thorax")  # the first that the skeleton has
BONE_GROUPS: tuple[tuple[tuple[str, str, float], ...], ...] = (
    tuple(bone for s in "lr" for bone in ((f"{s}_hip", f"{s}_knee", 1.0), (f"{s}_knee", f"{s}_ankle", LOWER_LEG))),
    tuple(
        bone for s in "lr" for bone in ((f"{s}_shoulder", f"{s}_elbow", 1.0), (f"{s}_elbow", f"{s}_wrist", LOWER_ARM))
    ),
    (("pelvis", "l_hip", 1.0), ("pelvis", "r_hip", 1.0)),
    (("<neck>", "l_shoulder", 1.0), ("<neck>", "r_shoulder", 1.0)),
)


def bone_ratio_loss(
    depth: Float[Tensor, "B J"],
    joints_xy: Float[Tensor, "B J 2"],
    mask: Bool[Tensor, "B J"],
    *,
    skeleton: Skeleton,
    count: Float[Tensor, ""] | None = None,
) -> Float[Tensor, ""]:
    """Half the variance of the scaled bone lengths within each group, summed over the groups: bones keep their ratios.

    For a group with n visible bones of scaled lengths l: the sum of (l - mean(l))^2 / (2 n); of the groups' sum the
    mean over all samples of the batch. It gives samples without 3D labels a reason to have depth.

    Args:
        depth: Predicted depth relative to the root, crop sides.
        joints_xy: x, y (from the 2D label), crop sides.
        mask: Joints whose bones count; all False for a sample with 3D labels.
        skeleton: The skeleton of the joints; bones whose joints it lacks are left out.
        count: What to divide by instead of the number of samples.

    Source: Zhou et al., ICCV 2017, equations 5 and 6, with equal weight for each group.
    """
    first, second, factor = _bone_tables(skeleton, depth.device)
    groups = (depth.shape[0], *factor.shape)
    across = (joints_xy.index_select(1, first) - joints_xy.index_select(1, second)).square().sum(-1)
    along = depth.float().index_select(1, first) - depth.float().index_select(1, second)
    visible = (mask.index_select(1, first) & mask.index_select(1, second)).view(groups) & (factor > 0)
    squared = (across + along.square()).view(groups)
    # The root of 0 has no gradient: hidden bones, and bones without extent, are moved away from it.
    length = factor * torch.where(visible & (squared > 0), squared, 1).sqrt()
    number = visible.sum(-1, keepdim=True).clamp(min=1)
    mean = torch.where(visible, length, 0).sum(-1, keepdim=True) / number
    spread = torch.where(visible, (length - mean).square() / (2 * number), 0)
    return spread.sum() / (depth.shape[0] if count is None else count.clamp(min=1))


@lru_cache(maxsize=64)
def _bone_tables(skeleton: Skeleton, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """First and second joint of each bone (flat), and factors (group, bone); groups are filled up with factor 0.

    Kept for each device, because copying them there anew would make every step wait.
    """
    neck = next((joint for joint in NECKS if joint in skeleton.joints), "")
    groups = [
        [(a.replace("<neck>", neck), b, factor) for a, b, factor in group if b in skeleton.joints]
        for group in BONE_GROUPS
    ]
    known = [[bone for bone in group if bone[0] in skeleton.joints] for group in groups]
    width = max(1, *(len(group) for group in known))
    filler = (skeleton.joints[0], skeleton.joints[0], 0.0)
    rows = [bone for group in known for bone in (*group, *[filler] * (width - len(group)))]
    first = torch.tensor([skeleton.index(joint) for joint, _, _ in rows], device=device)
    second = torch.tensor([skeleton.index(joint) for _, joint, _ in rows], device=device)
    factors = torch.tensor([factor for _, _, factor in rows], device=device).view(len(known), width)
    return first, second, factors


@runtime_checkable
class Predicted(Protocol):
    """What losses read of a network's output: `models.pose_net.PoseOutput` has it."""

    @property
    def heatmaps(self) -> Float[Tensor, "B J S S"]:
        """Raw heat maps."""
        ...

    @property
    def depth_maps(self) -> Float[Tensor, "B J S S"]:
        """Depth, crop sides."""
        ...

    @property
    def joints_crop(self) -> Float[Tensor, "B J 3"]:
        """Predicted joints, crop px."""
        ...


@runtime_checkable
class Labelled(Protocol):
    """What losses read of a batch: `data.batch.PoseBatch` has it."""

    @property
    def joints_crop(self) -> Float[Tensor, "B J 3"]:
        """True joints, crop px; zeros where masked."""
        ...

    @property
    def has_2d(self) -> Bool[Tensor, "B J"]:
        """Joints whose x, y are labelled."""
        ...

    @property
    def has_3d(self) -> Bool[Tensor, "B J"]:
        """Joints whose z is labelled."""
        ...


@dataclass(frozen=True)
class LossInputs:
    """Everything a loss may ask for: a network's output and the batch that it is of.

    Attributes:
        output: What the network predicts.
        batch: What is labelled.
        size: Side of the crop, px.
        skeleton: The skeleton of the joints.
        count_2d: With several processes, the mean over them of the number of True in has_2d; see `masked_mean`.
        count_3d: Likewise of has_3d (every joint with a z has its x, y).
    """

    output: Predicted
    batch: Labelled
    size: int
    skeleton: Skeleton
    count_2d: Float[Tensor, ""] | None = None
    count_3d: Float[Tensor, ""] | None = None

    @property
    def target_cell(self) -> Float[Tensor, "B J 2"]:
        """True x, y in map cells."""
        matrix = cell_from_crop(self.size // self.output.heatmaps.shape[-1])
        return self.batch.joints_crop[..., :2] * float(matrix[0, 0]) + float(matrix[0, 2])

    @property
    def target_fraction(self) -> Float[Tensor, "B J 3"]:
        """True joints, crop sides."""
        return self.batch.joints_crop / self.size

    @property
    def joints_fraction(self) -> Float[Tensor, "B J 3"]:
        """Predicted joints, crop sides."""
        return self.output.joints_crop / self.size

    @property
    def depth_at_label(self) -> Float[Tensor, "B J"]:
        """The depth map read bilinearly at the labelled x, y; crop sides."""
        return read_at(self.output.depth_maps, self.target_cell)

    @property
    def without_3d(self) -> Bool[Tensor, "B J"]:
        """Joints labelled in 2D, of samples with no 3D label at all."""
        return self.batch.has_2d & ~self.batch.has_3d.any(1, keepdim=True)


def _heatmap(x: LossInputs) -> Tensor:
    return heatmap_loss(x.output.heatmaps, x.target_cell, x.batch.has_2d, count=x.count_2d)


def _heatmap_cross_entropy(x: LossInputs) -> Tensor:
    return heatmap_cross_entropy(x.output.heatmaps, x.target_cell, x.batch.has_2d, count=x.count_2d)


def _joint(x: LossInputs) -> Tensor:
    return joint_loss(x.joints_fraction[..., :2], x.target_fraction[..., :2], x.batch.has_2d, count=x.count_2d)


def _joint_depth(x: LossInputs) -> Tensor:
    return joint_loss(x.joints_fraction[..., 2:], x.target_fraction[..., 2:], x.batch.has_3d, count=x.count_3d)


def _depth(x: LossInputs) -> Tensor:
    return depth_loss(x.joints_fraction[..., 2], x.target_fraction[..., 2], x.batch.has_3d, count=x.count_3d)


def _depth_at_label(x: LossInputs) -> Tensor:
    return depth_loss(x.depth_at_label, x.target_fraction[..., 2], x.batch.has_3d & x.batch.has_2d, count=x.count_3d)


def _bone_ratio(x: LossInputs) -> Tensor:
    return bone_ratio_loss(x.joints_fraction[..., 2], x.target_fraction[..., :2], x.without_3d, skeleton=x.skeleton)


def _bone_ratio_at_label(x: LossInputs) -> Tensor:
    return bone_ratio_loss(x.depth_at_label, x.target_fraction[..., :2], x.without_3d, skeleton=x.skeleton)


# `depth`, `joint_depth` and `bone_ratio` take the depth that the read-out gives: for the integral form. The `_at_label`
# losses read the depth map at the labelled place, as the reference does: for the argmax form, whose own place is no use
# before the heat maps are good.
LOSSES: Mapping[str, Callable[[LossInputs], Tensor]] = MappingProxyType(
    {
        "heatmap": _heatmap,
        "heatmap_cross_entropy": _heatmap_cross_entropy,
        "joint": _joint,
        "joint_depth": _joint_depth,
        "depth": _depth,
        "depth_at_label": _depth_at_label,
        "bone_ratio": _bone_ratio,
        "bone_ratio_at_label": _bone_ratio_at_label,
    }
)
