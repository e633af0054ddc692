"""What a backbone is: the contract between its builder and the rest of the network."""

import math
from typing import ClassVar

from torch import nn

from prepose.errors import RecipeError
from prepose.specs.model import COARSEST_STRIDE, LARGEST_SIZE

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # RGB, of pixels in 0..1
IMAGENET_STD = (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """A module that turns normalised pixels into feature maps.

    Its forward takes (B, 3, H, W) and returns a tuple of maps, finest first, one for each of its `strides`. H and W are
    multiples of 32.

    Attributes:
        channels: Channels of the maps.
        strides: Their strides, px; rising, each of 4, 8, 16 or 32.
        pixel_mean: What is taken from RGB pixels, in 0..1, before they come here.
        pixel_std: By what they are divided then.
        patch: Side of the patches of a vision transformer, px, which divides that of its crops; 1 where there are none.
        initialised: Whether the constructor gives every number the value to train from; else `build_pose_net` fills
            convolutions (He et al., ICCV 2015) and normalisation.
        reads_files: Whether published weights are a file, so that another file than prepose's own is one of them and no
            checkpoint of the reference code base.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...] = (4, 8, 16, 32)
    pixel_mean: tuple[float, float, float] = IMAGENET_MEAN
    pixel_std: tuple[float, float, float] = IMAGENET_STD
    patch: int = 1
    initialised: ClassVar[bool] = True
    reads_files: ClassVar[bool] = False

    def load_pretrained(self, name: str, weights: str) -> None:
        """Fill the module with published weights.

        Args:
            name: The backbone's name, for messages.
            weights: "imagenet" or "pretrained" (where a network has several published weights, those that its name
                means), or a file or folder in the form in which they are published.

        Raises:
            RecipeError: there are none, or they cannot be reached.
            DataError: they cannot be read, or are of another network.
        """
        raise RecipeError(
            f'backbone {name}: no published weights of it are known; use weights "random" or a weights file of prepose '
            f"instead of {weights!r}"
        )

    def stages(self) -> tuple[tuple[nn.Module, ...], ...]:
        """The modules in the order in which pixels pass them, stem first, as groups that may be frozen one by one."""
        return (tuple(self.children()),)


def check_size(name: str, size: int, patch: int) -> None:
    """Refuse crops that the patches of a backbone do not fill.

    Raises:
        RecipeError: the patch does not divide the side of the crop.
    """
    if size % patch:
        step = math.lcm(COARSEST_STRIDE, patch)
        below = size // step * step
        fitting = [each for each in (below, below + step) if 0 < each <= LARGEST_SIZE]
        raise RecipeError(
            f"model.size is {size} px, but the patches of backbone {name} are {patch} px wide and must fill the crop: "
            f"use {' or '.join(map(str, fitting)) or 'another backbone'}"
        )
