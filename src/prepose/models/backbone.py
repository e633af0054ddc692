"""What a backbone is: the contract between its builder and the rest of the network."""

from typing import ClassVar

from torch import nn

from prepose.errors import RecipeError

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
        initialised: Whether the constructor gives every number the value to train from; else `build_pose_net` fills
            convolutions (He et al., ICCV 2015) and normalisation.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...] = (4, 8, 16, 32)
    pixel_mean: tuple[float, float, float] = IMAGENET_MEAN
    pixel_std: tuple[float, float, float] = IMAGENET_STD
    initialised: ClassVar[bool] = True

    def load_pretrained(self, name: str, weights: str) -> None:
        """Fill the module with published weights.

        Args:
            name: The backbone's name, for messages.
            weights: "imagenet", or a folder as `transformers` saves it.

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
