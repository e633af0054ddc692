"""The ResNets of `transformers`, and their small relatives for work without a GPU."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import ResNetBackbone, ResNetConfig

from prepose.errors import DataError, RecipeError
from prepose.models.backbone import Backbone
from prepose.models.published import published_state, read_published


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


# He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1; channel counts of the small ones are
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


class ResNet(Backbone):
    """A residual network that hands over the maps of its four stages."""

    initialised: ClassVar[bool] = False

    def __init__(self, design: ResNetDesign) -> None:
        super().__init__()
        self.channels = design.channels
        self.hub_id = design.hub_id
        self.resnet = ResNetBackbone(config_of(design))

    def forward(self, pixels: Float[Tensor, "B 3 H W"]) -> tuple[Tensor, ...]:
        """Stage maps, finest first; pixels are normalised."""
        return self.resnet(pixels).feature_maps

    def stages(self) -> tuple[tuple[nn.Module, ...], ...]:
        """Stem, then the four stages."""
        return ((self.resnet.embedder,), *((stage,) for stage in self.resnet.encoder.stages))

    def load_pretrained(self, name: str, weights: str) -> None:
        """Fill it from the hub ("imagenet" or "pretrained") or from a folder as `transformers` saves it."""
        if weights in ("imagenet", "pretrained"):
            if self.hub_id is None:
                raise RecipeError(
                    f'backbone {name}: nobody publishes ImageNet weights of it; use weights "random" or a path'
                )
            source = self.hub_id
        elif (Path(weights) / "config.json").is_file():
            source = weights
        else:
            raise DataError(
                f"weights {weights!r}: no weights file, and no folder with a config.json; "
                'give "random", "imagenet", a weights file of prepose or a folder saved by transformers'
            )
        wanted, found = self.resnet.config, _pretrained_config(source)
        for field in ("layer_type", "embedding_size", "hidden_sizes", "depths", "downsample_in_bottleneck"):
            if getattr(found, field) != getattr(wanted, field):
                raise DataError(
                    f"weights {source}: its {field} is {getattr(found, field)}, but {name} has {getattr(wanted, field)}"
                )
        load = partial(ResNetBackbone.from_pretrained, config=wanted, dtype=torch.float32)
        self.resnet.load_state_dict(published_state(load, source, name))


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


def _pretrained_config(source: str) -> ResNetConfig:
    data = read_published(source, "config.json")
    if data is None:
        raise DataError(f"weights {source}: no config.json there")
    return ResNetConfig.from_dict(data)
