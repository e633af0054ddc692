"""A small person detector: where the middles of people are, and how far their boxes reach from there.

Source: Liu et al., "Training-Time-Friendly Network for Real-Time Object Detection", AAAI 2020 (targets and losses:
`recipes/detector.py`); the trunk is EfficientNet-Lite 0 without its last, largest blocks.
"""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from prepose.errors import DataError
from prepose.models.detector_maps import DETECTOR
from prepose.models.efficientnet_lite import LITES, EfficientNetLite
from prepose.models.weights_file import Weights, load_state, read_weights, write_weights
from prepose.specs.ledger import Ledger

# The weights file's specification, which tells it from a pose network's.
SPEC = {"detector": DETECTOR}
# Of the trunk's sixth stage the first two of four blocks are kept, of the seventh none: half of the numbers. The first
# four stages are not trained.
_STAGES, _LAST_BLOCKS, _CHANNELS, _TAPS = 6, 2, (40, 112, 192), (2, 4, 5)
_FROZEN = 4
_WIDTH = 96
# Almost all cells show nobody's middle, and start so. Source: Lin et al., "Focal Loss for Dense Object Detection", ICCV
# 2017, section 3.3.
_PRIOR_LOGIT = -4.0
_REACH = 32.0


class DetectorMaps(NamedTuple):
    """What the detector says about each cell of 8 px.

    Attributes:
        centre: (B, h, w) logit that a person's box has its middle here.
        reach: (B, 4, h, w) from the cell's middle to the box's left, top, right and bottom, px.
    """

    centre: Float[Tensor, "B h w"]
    reach: Float[Tensor, "B 4 h w"]


class PersonDetector(nn.Module):
    """Trunk, top-down path at stride 8, and two heads."""

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self) -> None:
        super().__init__()
        trunk = EfficientNetLite(LITES["efficientnet-lite0"])
        self.stem = trunk.stem
        self.blocks = trunk.blocks[:_STAGES]
        self.blocks[-1] = self.blocks[-1][:_LAST_BLOCKS]  # pyright: ignore[reportIndexIssue]
        self.register_buffer("pixel_mean", 255 * torch.tensor(trunk.pixel_mean)[:, None, None], persistent=False)
        self.register_buffer("pixel_std", 255 * torch.tensor(trunk.pixel_std)[:, None, None], persistent=False)
        self.lateral = nn.ModuleList(nn.Conv2d(channels, _WIDTH, 1) for channels in _CHANNELS)
        self.smooth = nn.ModuleList(_separable(_WIDTH) for _ in _CHANNELS)
        self.centre = nn.Sequential(_separable(_WIDTH), nn.Conv2d(_WIDTH, 1, 1))
        self.reach = nn.Sequential(_separable(_WIDTH), nn.Conv2d(_WIDTH, 4, 1))
        for head, bias in ((self.centre, _PRIOR_LOGIT), (self.reach, 0.0)):
            last = head[-1]
            assert isinstance(last, nn.Conv2d) and last.bias is not None
            nn.init.normal_(last.weight, std=0.01)
            nn.init.constant_(last.bias, bias)
        self.ledger = Ledger()

    def forward(self, image: UInt8[Tensor, "B 3 H W"]) -> DetectorMaps:
        """Maps of H / 8 x W / 8; H and W are multiples of 32, pixels 0 to 255."""
        x = self.stem((image.float() - self.pixel_mean) / self.pixel_std)
        taps = []
        for index, stage in enumerate(self.blocks):
            x = stage(x)
            if index in _TAPS:
                taps.append(x)
        x = self.smooth[-1](self.lateral[-1](taps[-1]))
        for index in (1, 0):
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
            x = self.smooth[index](x + self.lateral[index](taps[index]))
        reach = _REACH * self.reach(x).clamp(-4, 4).exp()
        return DetectorMaps(self.centre(x)[:, 0], reach)

    def frozen(self) -> tuple[nn.Module, ...]:
        """What keeps its ImageNet weights in training, so that drawn people do not become all that it knows."""
        return (self.stem, *self.blocks[:_FROZEN])


def _separable(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False),
        nn.Conv2d(width, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )


def build_detector(weights: str = "imagenet", *, seed: int = 0) -> PersonDetector:
    """A detector that has not learnt anything yet.

    Args:
        weights: "imagenet" for the trunk's published weights, or "random".
        seed: Seed of the other numbers; the global generator is not touched.

    Raises:
        RecipeError: the package with the ImageNet weights is not installed.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        net = PersonDetector()
        if weights == "imagenet":
            trunk = EfficientNetLite(LITES["efficientnet-lite0"])
            trunk.load_pretrained("efficientnet-lite0", weights)
            own = net.state_dict()
            net.load_state_dict(own | {name: tensor for name, tensor in trunk.state_dict().items() if name in own})
            net.ledger = Ledger(pretrained=("imagenet",))
    return net


def save_detector(net: PersonDetector, path: Path) -> Path:
    """Write a detector's weights file, matrices in 16 bits; returns where it is."""
    tensors = {
        name: tensor.half() if tensor.is_floating_point() and tensor.ndim > 1 else tensor
        for name, tensor in net.state_dict().items()
    }
    return write_weights(Weights(SPEC, (), tensors, net.ledger), path)


def load_detector(path: Path) -> PersonDetector:
    """The detector of a weights file.

    Raises:
        DataError: the file is missing, damaged, or of a pose network.
    """
    weights = read_weights(path)
    if dict[str, Any](weights.spec) != SPEC:
        raise DataError(
            f"weights {path}: not a person detector of this version; give what `prepose train-detector` wrote"
        )
    net = PersonDetector()
    load_state(net, weights.tensors, path)
    net.ledger = weights.ledger or Ledger(unrecorded=(str(path),))
    return net.eval()
