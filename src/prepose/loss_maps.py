"""Between places and maps: drawing a joint's place into a map, and reading a map at a joint's place.

A place is x, y in map cells, (0, 0) the centre of the first cell.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

HEATMAP_SIGMA = 2.0  # cells; Xiao et al., ECCV 2018


def gaussian_maps(
    joints_cell: Float[Tensor, "B J 2"], mask: Bool[Tensor, "B J"], size: int, sigma: float = HEATMAP_SIGMA
) -> Float[Tensor, "B J S S"]:
    """A Gaussian of peak 1 about each joint's exact (sub-pixel) place; empty where masked.

    Args:
        joints_cell: x, y in map cells.
        mask: Joints to draw.
        size: Side of the map, cells.
        sigma: Standard deviation, cells.
    """
    cells = torch.arange(size, device=joints_cell.device, dtype=torch.float32)
    columns, rows = torch.exp(-((cells - joints_cell.float()[..., None]) ** 2) / (2 * sigma**2)).unbind(2)
    return (rows * mask[..., None])[..., :, None] * columns[..., None, :]


def read_at(maps: Float[Tensor, "B J S S"], cells: Float[Tensor, "B J 2"]) -> Float[Tensor, "B J"]:
    """Each joint's map read bilinearly at its own place (x, y in cells); the nearest border's value outside."""
    batch, joints, size, _ = maps.shape
    # grid_sample's -1 and 1 are the outer edges of the map, half a cell beyond the first and last centre.
    grid = (2 * cells.float() + 1) / size - 1
    read = functional.grid_sample(
        maps.float().reshape(batch * joints, 1, size, size),
        grid.reshape(batch * joints, 1, 1, 2),
        padding_mode="border",
        align_corners=False,
    )
    return read.view(batch, joints)
