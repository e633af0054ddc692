"""Prediction with the mirror image."""

import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor

from prepose.body.skeleton import Skeleton
from prepose.models.pose_net import PoseNet, PoseOutput


def mirror_maps(maps: Shaped[Tensor, "B J h w"], skeleton: Skeleton) -> Shaped[Tensor, "B J h w"]:
    """Maps of the mirror image: left and right swapped, and cell c of w moved to w - 1 - c.

    Cell centres are mirrored onto cell centres because (0, 0) is a *centre* in every frame; see `camera.crop`.
    """
    return maps[:, torch.as_tensor(skeleton.mirror, device=maps.device)].flip(-1)


@torch.no_grad()
def predict_flipped(net: PoseNet, image: UInt8[Tensor, "B 3 S S"] | Float[Tensor, "B 3 S S"]) -> PoseOutput:
    """The joints read from the mean of the image's maps and its mirror image's maps, mirrored back.

    Mirroring the image mirrors the result, exactly. Depth keeps its sign: a mirror does not turn front and back.
    """
    plain, mirrored = net(image), net(image.flip(-1))
    heatmaps = (plain.heatmaps + mirror_maps(mirrored.heatmaps, net.skeleton)) / 2
    depth_maps = (plain.depth_maps + mirror_maps(mirrored.depth_maps, net.skeleton)) / 2
    return net.read_out(heatmaps, depth_maps)
