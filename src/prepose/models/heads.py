"""From backbone maps to joints: the decoders (stage maps to joint maps) and the read-outs (joint maps to joints)."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from prepose.camera.crop import cell_from_crop
from prepose.loss_maps import read_at

STRIDE = 4  # crop px per map cell, for every decoder
# A joint is called well placed within this part of the crop's side; see `PoseOutput.confidence`.
CONFIDENCE_RADIUS = 0.1


class PoseOutput(NamedTuple):
    """What the network says about a batch of crops; all float32.

    Attributes:
        heatmaps: (B, J, h, w) raw values: logits of the joint's place for the integral read-out, heights of a bump with
            peak 1 for the argmax read-out.
        depth_maps: (B, J, h, w) depth relative to the root, in crop sides.
        joints_crop: (B, J, 3) crop px; z is the relative depth times the crop's size.
        confidence: (B, J) in 0..1, without gradient. Integral: the probability, by the map itself, that the joint lies
            within a tenth of the crop's side of the place. Argmax: the height of the peak.
    """

    heatmaps: Float[Tensor, "B J h w"]
    depth_maps: Float[Tensor, "B J h w"]
    joints_crop: Float[Tensor, "B J 3"]
    confidence: Float[Tensor, "B J"]


class DeconvDecoder(nn.Module):
    """4x4 stride-2 transposed convolutions of 256 channels on the coarsest maps: three of them from stride 32.

    Source: Xiao et al., "Simple Baselines for Human Pose Estimation and Tracking", ECCV 2018, section 2.
    """

    def __init__(self, channels: Sequence[int], strides: Sequence[int], width: int = 256) -> None:
        super().__init__()
        self.channels = width
        self.layers = nn.Sequential()
        for before in (channels[-1], *[width] * (_doublings(strides[-1]) - 1)):
            self.layers.append(nn.ConvTranspose2d(before, width, 4, stride=2, padding=1, bias=False))
            self.layers.append(nn.BatchNorm2d(width))
            self.layers.append(nn.ReLU(inplace=True))

    def forward(self, stages: tuple[Tensor, ...]) -> Tensor:
        """Features at stride 4."""
        return self.layers(stages[-1])


class LightDecoder(nn.Module):
    """Coarse maps are enlarged step by step and joined with the finer ones where there are any, in 64 channels.

    Source: Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017, with the 3x3 convolution inside the
    top-down path instead of beside it.
    """

    def __init__(self, channels: Sequence[int], strides: Sequence[int], width: int = 64) -> None:
        super().__init__()
        self.channels = width
        self.strides = tuple(strides)
        self.lateral = nn.ModuleList(nn.Conv2d(before, width, 1, bias=False) for before in channels)
        self.norm = nn.BatchNorm2d(width)
        self.smooth = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
            )
            for _ in range(_doublings(strides[-1]))
        )

    def forward(self, stages: tuple[Tensor, ...]) -> Tensor:
        """Features at stride 4."""
        x = functional.relu(self.norm(self.lateral[-1](stages[-1])), inplace=True)
        for index in reversed(range(len(self.smooth))):
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
            stride = STRIDE * 2**index
            if stride in self.strides:
                fine = self.strides.index(stride)
                x = x + self.lateral[fine](stages[fine])
            x = self.smooth[index](x)
        return x


def _doublings(stride: int) -> int:
    """How many times maps of a stride are enlarged twofold until they have the decoder's."""
    return (stride // STRIDE).bit_length() - 1


DECODERS: Mapping[str, Callable[[Sequence[int], Sequence[int]], DeconvDecoder | LightDecoder]] = MappingProxyType(
    {"deconv": DeconvDecoder, "light": LightDecoder}
)


def read_integral(heatmaps: Float[Tensor, "B J h w"], depth_maps: Float[Tensor, "B J h w"], size: int) -> PoseOutput:
    """Joints as expectations of place and depth over the softmax of the heat map.

    Args:
        heatmaps: Logits.
        depth_maps: Depth in crop sides.
        size: Side of the crop, px.

    Source: Sun et al., "Integral Human Pose Regression", ECCV 2018, equation 2; depth has its own map here instead of
    an axis of the heat map.
    """
    # Expectations over thousands of cells need float32, whatever autocast is about.
    heatmaps, depth_maps = heatmaps.float(), depth_maps.float()
    height, width = heatmaps.shape[-2:]
    probability = heatmaps.flatten(2).softmax(-1).unflatten(2, (height, width))
    x_cells, y_cells = (torch.arange(n, device=heatmaps.device, dtype=torch.float32) for n in (width, height))
    x = (probability.sum(-2) * x_cells).sum(-1)
    y = (probability.sum(-1) * y_cells).sum(-1)
    depth = (probability * depth_maps).sum((-2, -1))
    with torch.no_grad():
        squared = (x_cells - x[..., None])[..., None, :] ** 2 + (y_cells - y[..., None])[..., :, None] ** 2
        near = squared <= (CONFIDENCE_RADIUS * width) ** 2
        confidence = (probability * near).sum((-2, -1)).clamp(0, 1)
    return PoseOutput(heatmaps, depth_maps, _joints_crop(x, y, depth, size), confidence)


def read_argmax(heatmaps: Float[Tensor, "B J h w"], depth_maps: Float[Tensor, "B J h w"], size: int) -> PoseOutput:
    """Joints at the highest cell, refined below the cell; depth read bilinearly there.

    The logarithm of a Gaussian is a parabola, so the vertex of the parabola through three cells is its centre.

    Args:
        heatmaps: Heights of a bump with peak 1.
        depth_maps: Depth in crop sides.
        size: Side of the crop, px.

    Source: Zhang et al., "Distribution-Aware Coordinate Representation for Human Pose Estimation", CVPR 2020,
    equations 4 to 9, axis by axis (the targets are isotropic) and without their blur. The place carries no gradient.
    """
    heatmaps, depth_maps = heatmaps.float(), depth_maps.float()
    height, width = heatmaps.shape[-2:]
    with torch.no_grad():
        peak, cell = heatmaps.flatten(2).max(-1)
        column, row = cell % width, cell // width
        rows = heatmaps.gather(2, row[..., None, None].expand(*row.shape, 1, width)).squeeze(2)
        columns = heatmaps.gather(3, column[..., None, None].expand(*column.shape, height, 1)).squeeze(3)
        x, y = _vertex(rows, column), _vertex(columns, row)
    depth = read_at(depth_maps, torch.stack([x, y], -1))
    return PoseOutput(heatmaps, depth_maps, _joints_crop(x, y, depth, size), peak.clamp(0, 1))


def read_cell(heatmaps: Float[Tensor, "B J h w"], depth_maps: Float[Tensor, "B J h w"], size: int) -> PoseOutput:
    """Joints as the published code reads them: the highest cell, nothing finer, and up to one cell too low.

    Its y is the cell's number divided by the width and not rounded down, so that it grows with x. To measure what that
    costs; use `read_argmax`.

    Args:
        heatmaps: Heights of a bump with peak 1.
        depth_maps: Depth in crop sides.
        size: Side of the crop, px.

    Source: the public code of arXiv 2604.22830.
    """
    heatmaps, depth_maps = heatmaps.float(), depth_maps.float()
    width = heatmaps.shape[-1]
    with torch.no_grad():
        peak, cell = heatmaps.flatten(2).max(-1)
        x, y = (cell % width).float(), cell / width
    depth = depth_maps.flatten(2).gather(2, cell[..., None]).squeeze(2)
    return PoseOutput(heatmaps, depth_maps, _joints_crop(x, y, depth, size), peak.clamp(0, 1))


def _vertex(values: Float[Tensor, "B J n"], peak: Tensor) -> Float[Tensor, "B J"]:
    """The vertex of the log-parabola about each row's peak, at most half a cell from it."""
    # At the border the three cells are the last three inside.
    middle = peak.clamp(1, values.shape[-1] - 2)
    left, centre, right = (
        values.gather(-1, (middle + step)[..., None]).squeeze(-1).clamp_min(1e-6).log() for step in (-1, 0, 1)
    )
    curvature = 2 * centre - left - right
    vertex = middle + torch.where(curvature > 1e-6, (right - left) / (2 * curvature.clamp_min(1e-6)), 0)
    return vertex.clamp(peak - 0.5, peak + 0.5)


def _joints_crop(x: Tensor, y: Tensor, depth: Tensor, size: int) -> Float[Tensor, "B J 3"]:
    cell_from_px = cell_from_crop(STRIDE)
    scale, offset = 1 / float(cell_from_px[0, 0]), -float(cell_from_px[0, 2] / cell_from_px[0, 0])
    return torch.stack([x * scale + offset, y * scale + offset, depth * size], -1)


READOUTS: Mapping[str, Callable[[Tensor, Tensor, int], PoseOutput]] = MappingProxyType(
    {"integral": read_integral, "argmax": read_argmax, "argmax-cell": read_cell}
)
