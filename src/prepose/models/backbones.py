"""The trunks by name: every ResNet of `transformers`, and its small relatives for work without a GPU.

A new one is a function without arguments that returns a `Trunk`, and its line in `BACKBONES`. Its parameters and
buffers start as its own constructor leaves them (`build_pose_net` refuses a network in which some were never set).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import ResNetBackbone, ResNetConfig

from prepose.errors import DataError, RecipeError

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # RGB, of pixels in 0..1
IMAGENET_STD = (0.229, 0.224, 0.225)


class Trunk(nn.Module):
    """What a builder of `BACKBONES` returns: a module that makes maps of normalised pixels.

    Its forward takes (B, 3, H, W) and returns its maps at strides 4, 8, 16 and 32, finest first.

    Attributes:
        channels: Channels of these maps.
    """

    channels: tuple[int, ...]


@dataclass(frozen=True)
class ResNetDesign:
    """The numbers of a residual network.

    Attributes:
        block: "basic" (two 3x3 convolutions) or "bottleneck" (1x1, 3x3, 1x1; the stride is in the 3x3).
        stem: Channels after the stem, whose stride is 4.
        channels: Channels of the stages, whose strides are 4, 8, 16, 32.
        depths: Blocks of the stages.
        hub_id: Where ImageNet weights can be had; None where nobody publishes any.
    """

    block: str
    stem: int
    channels: tuple[int, ...]
    depths: tuple[int, ...]
    hub_id: str | None = None


def _resnet(block: str, depths: tuple[int, ...], hub_id: str) -> ResNetDesign:
    widen = 4 if block == "bottleneck" else 1
    return ResNetDesign(block, 64, tuple(widen * width for width in (64, 128, 256, 512)), depths, hub_id)


# He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1; channel counts of the small trunks are
# multiples of 16 because oneDNN packs bfloat16 channels so.
RESNETS: Mapping[str, ResNetDesign] = MappingProxyType(
    {
        "resnet-18": _resnet("basic", (2, 2, 2, 2), "microsoft/resnet-18"),
        "resnet-34": _resnet("basic", (3, 4, 6, 3), "microsoft/resnet-34"),
        "resnet-50": _resnet("bottleneck", (3, 4, 6, 3), "microsoft/resnet-50"),
        "resnet-101": _resnet("bottleneck", (3, 4, 23, 3), "microsoft/resnet-101"),
        "resnet-152": _resnet("bottleneck", (3, 8, 36, 3), "microsoft/resnet-152"),
        "small-0.3m": ResNetDesign("basic", 16, (16, 32, 48, 80), (1, 1, 1, 1)),
        "small-0.7m": ResNetDesign("basic", 32, (32, 64, 96, 160), (1, 1, 1, 1)),
        "small-1.6m": ResNetDesign("basic", 32, (48, 96, 160, 224), (1, 1, 1, 1)),
        "small-3m": ResNetDesign("basic", 32, (64, 128, 224, 320), (1, 1, 1, 1)),
    }
)


class ResNetTrunk(Trunk):
    """A residual network that hands over the maps of its four stages, at strides 4, 8, 16 and 32."""

    def __init__(self, design: ResNetDesign) -> None:
        super().__init__()
        self.channels = design.channels
        self.resnet = ResNetBackbone(config_of(design))

    def forward(self, pixels: Float[Tensor, "B 3 H W"]) -> tuple[Tensor, ...]:
        """Stage maps, finest first; pixels are normalised."""
        return self.resnet(pixels).feature_maps


BACKBONES: Mapping[str, Callable[[], Trunk]] = MappingProxyType(
    {name: partial(ResNetTrunk, design) for name, design in RESNETS.items()}
)


def config_of(design: ResNetDesign) -> ResNetConfig:
    """The configuration by which `transformers` knows the design."""
    config = ResNetConfig(
        embedding_size=design.stem,
        hidden_sizes=list(design.channels),
        depths=list(design.depths),
        layer_type=design.block,
        downsample_in_bottleneck=False,
    )
    config.out_features = ["stage1", "stage2", "stage3", "stage4"]
    return config


def load_pretrained(trunk: Trunk, backbone: str, weights: str) -> None:
    """Fill a residual trunk with published weights, from the hub or from a folder as `transformers` saves it.

    Args:
        trunk: The trunk to fill; of another kind than `ResNetTrunk` it is refused.
        backbone: Its name in `BACKBONES`.
        weights: "imagenet", or the folder.

    Raises:
        RecipeError: nobody publishes weights of this backbone, or the hub cannot be reached.
        DataError: the folder is missing, or its weights are another network's.
    """
    if not isinstance(trunk, ResNetTrunk):
        raise RecipeError(
            f"weights {weights!r}: no weights file, and published weights are read into ResNets alone, not into "
            f'{backbone}; use weights "random" or a weights file of prepose'
        )
    if weights == "imagenet":
        source = _hub_id(backbone)
    elif (Path(weights) / "config.json").is_file():
        source = weights
    else:
        raise DataError(
            f"weights {weights!r}: no weights file, and no folder with a config.json; "
            'give "random", "imagenet", a weights file of prepose or a folder saved by transformers'
        )
    wanted, found = trunk.resnet.config, _pretrained_config(source, backbone)
    for field in ("layer_type", "embedding_size", "hidden_sizes", "depths", "downsample_in_bottleneck"):
        if getattr(found, field) != getattr(wanted, field):
            raise DataError(
                f"weights {source}: its {field} is {getattr(found, field)}, but {backbone} has {getattr(wanted, field)}"
            )
    trunk.resnet.load_state_dict(_pretrained_state(source, wanted, backbone))


def _hub_id(backbone: str) -> str:
    hub_id = RESNETS[backbone].hub_id
    if hub_id is None:
        raise RecipeError(
            f'backbone {backbone}: nobody publishes ImageNet weights of it; use weights "random" or a path'
        )
    return hub_id


def _pretrained_config(source: str, backbone: str) -> ResNetConfig:
    try:
        return ResNetConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise RecipeError(_unreachable(source, backbone)) from error


def _pretrained_state(source: str, config: ResNetConfig, backbone: str) -> dict[str, Tensor]:
    try:
        loaded: Any = ResNetBackbone.from_pretrained(
            source, config=config, output_loading_info=True, dtype=torch.float32
        )
    except (OSError, ValueError) as error:
        raise RecipeError(_unreachable(source, backbone)) from error
    net, info = loaded
    # transformers fills what a file lacks with random numbers; here that is an error.
    lacking = sorted(info["missing_keys"])
    if lacking:
        raise DataError(f"weights {source}: {len(lacking)} tensors of {backbone} are missing, such as {lacking[0]}")
    return net.state_dict()


def _unreachable(source: str, backbone: str) -> str:
    return (
        f"weights of {backbone}: {source} cannot be read, downloaded or found in the local cache; connect to the "
        'network, give the path of a downloaded folder as weights, or set weights to "random"'
    )
