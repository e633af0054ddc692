"""`PoseNet`: the image of one person in, joints with relative depth out; with the mirror image, too."""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import SKELETONS
from prepose.errors import RecipeError
from prepose.models.auto_backbone import AutoVisionBackbone, published_config
from prepose.models.backbone import Backbone, check_size
from prepose.models.backbones import BACKBONES
from prepose.models.heads import DECODERS, READOUTS, PoseOutput
from prepose.models.hub import hub_weights, means_hub
from prepose.models.legacy_file import is_legacy_file, read_any_weights
from prepose.models.weights_file import Weights, is_weights_file, load_state
from prepose.specs.error_calibration import ErrorCalibration
from prepose.specs.ledger import Ledger
from prepose.specs.model import HUB_PREFIX, ModelSpec

__all__ = ["PixelStatistics", "PoseNet", "PoseOutput", "build_pose_net"]

TRUNK_PARTS = ("trunk.", "pixels.")
PUBLISHED = ("imagenet", "pretrained")


class PixelStatistics(nn.Module):
    """The one normalisation: RGB pixels 0..255 to what the backbone reads. The statistics are saved with it."""

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(backbone.pixel_mean) * 255)
        self.register_buffer("std", torch.tensor(backbone.pixel_std) * 255)

    def forward(self, image: UInt8[Tensor, "B 3 H W"] | Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
        """Normalised pixels."""
        return (image.to(self.mean.dtype) - self.mean[:, None, None]) / self.std[:, None, None]


class PoseNet(nn.Module):
    """Backbone, decoder, one 1x1 head for the heat maps and one for the depth maps, and a read-out.

    Source: Zhou et al., "Towards 3D Human Pose Estimation in the Wild", ICCV 2017, in the form of Xiao et al., ECCV
    2018: the depth head reads the same features as the heat-map head.

    Attributes:
        spec: What it is.
        ledger: Which data its weights come from; None where that is not recorded.
        calibration: What its confidence says of its errors; None where that was not measured for these weights.
    """

    ledger: Ledger | None = None
    calibration: ErrorCalibration | None = None

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        spec = _configured(spec)
        self.spec = spec
        if spec.backbone_config is not None:
            backbone = AutoVisionBackbone(spec.backbone, spec.backbone_config, spec.size)
        else:
            backbone = BACKBONES[spec.backbone]()
            check_size(spec.backbone, spec.size, backbone.patch)
        self.pixels = PixelStatistics(backbone)
        self.trunk = backbone
        self.decoder = DECODERS[spec.decoder](backbone.channels, backbone.strides)
        self.heatmap_head = nn.Conv2d(self.decoder.channels, len(self.skeleton), 1)
        self.depth_head = nn.Conv2d(self.decoder.channels, len(self.skeleton), 1)

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of the output."""
        return SKELETONS[self.spec.skeleton]

    def forward(self, image: UInt8[Tensor, "B 3 S S"] | Float[Tensor, "B 3 S S"]) -> PoseOutput:
        """Joints of RGB crops with pixels 0..255, uint8 or float."""
        if image.shape[-2:] != (self.spec.size, self.spec.size):
            raise ValueError(f"the network reads {self.spec.size} px crops, found {tuple(image.shape)}")
        return self.read_out(*self.maps(self.pixels(image)))

    def maps(self, pixels: Float[Tensor, "B 3 S S"]) -> tuple[Tensor, Tensor]:
        """Heat maps and depth maps, (B, J, S / 4, S / 4) each, of normalised pixels."""
        features = self.decoder(self.trunk(pixels))
        return self.heatmap_head(features), self.depth_head(features)

    def read_out(self, heatmaps: Float[Tensor, "B J h w"], depth_maps: Float[Tensor, "B J h w"]) -> PoseOutput:
        """Joints of maps."""
        return READOUTS[self.spec.readout](heatmaps, depth_maps, self.spec.size)


def _configured(spec: ModelSpec) -> ModelSpec:
    """The specification with the configuration of a backbone of `transformers`, read where it is not yet there."""
    if not spec.backbone.startswith(HUB_PREFIX) or spec.backbone_config is not None:
        return spec
    return spec.model_copy(update={"backbone_config": published_config(spec.backbone)})


def build_pose_net(spec: ModelSpec, *, seed: int = 0) -> PoseNet:
    """A network with its starting weights: the backbone's as the spec says, the rest random.

    Args:
        spec: What to build.
        seed: Seed of the random weights; the global generator is not touched.

    Raises:
        RecipeError: the wanted weights cannot be had, or the backbone leaves numbers unset.
        DataError: the wanted weights do not fit.
    """
    net = constructed(spec, seed=seed)
    initialise(net, torch.Generator().manual_seed(seed))
    check_set(net)
    path = hub_weights(spec.weights) if means_hub(spec.weights) else Path(spec.weights)
    net.ledger = Ledger()
    if spec.weights == "random":
        return net
    legacy = is_legacy_file(path)
    published = spec.weights in PUBLISHED or (legacy and net.trunk.reads_files)
    if not published and (legacy or is_weights_file(path)):
        net.ledger = load_trunk(net, path) or Ledger(unrecorded=(spec.weights,))
    else:
        origin = spec.backbone if spec.backbone.startswith(HUB_PREFIX) else "imagenet"
        known = spec.weights in PUBLISHED
        net.ledger = Ledger(pretrained=(origin,)) if known else Ledger(unrecorded=(spec.weights,))
        net.trunk.load_pretrained(spec.backbone, spec.weights)
    return net


def constructed(spec: ModelSpec, *, seed: int = 0) -> PoseNet:
    """A network as the constructors of its modules leave it, marked where they set nothing.

    It is not made without storage and filled later, which would lose what no reset and no weights file brings back:
    parameters that begin at a value of their own, and buffers that are not saved.
    """
    with torch.random.fork_rng(devices=[]), torch.device("cpu"), _EmptyIsMarked():
        # Not `torch.manual_seed`, which would seed the devices too.
        torch.default_generator.manual_seed(seed)
        return PoseNet(spec)


def load_trunk(net: PoseNet, path: Path) -> Ledger | None:
    """Fill the backbone, and the pixel statistics that it was trained with, from a weights file or legacy checkpoint.

    Returns:
        The file's ledger; None where it has none.

    Raises:
        DataError: the file cannot be read or holds another backbone.
    """
    weights = read_any_weights(path)
    fill_trunk(net, weights, path)
    return weights.ledger


def fill_trunk(net: PoseNet, weights: Weights, path: Path) -> None:
    """Likewise, from weights that are read.

    Args:
        net: The network.
        weights: What a file holds.
        path: The file, for messages.

    Raises:
        DataError: they are of another backbone.
    """
    taken = {name: tensor for name, tensor in weights.tensors.items() if name.startswith(TRUNK_PARTS)}
    kept = {name: tensor for name, tensor in net.state_dict().items() if not name.startswith(TRUNK_PARTS)}
    load_state(net, kept | taken, path)


def initialise(net: PoseNet, generator: torch.Generator) -> None:
    """Fill decoder, heads and a backbone whose constructor leaves that to be done.

    He's way in the backbone and the light decoder, small numbers in deconvolutions and heads.

    Source: He et al., ICCV 2015, equation 10 (fan out); Xiao et al., ECCV 2018, section 3 (0.001).
    """
    heads = (net.heatmap_head, net.depth_head)
    own = frozenset(net.trunk.modules()) if net.trunk.initialised else frozenset()
    for module in net.modules():
        if module not in own:
            _fill(module, generator, small=module in heads)


def _fill(module: nn.Module, generator: torch.Generator, *, small: bool) -> None:
    if isinstance(module, nn.BatchNorm2d):
        module.reset_parameters()
    elif isinstance(module, nn.ConvTranspose2d) or (isinstance(module, nn.Conv2d) and small):
        nn.init.normal_(module.weight, std=0.001, generator=generator)
    elif isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
    if isinstance(module, nn.Conv2d) and module.bias is not None:
        nn.init.zeros_(module.bias)


_EMPTY = frozenset({torch.empty, torch.empty_like, torch.empty_strided, Tensor.new_empty})


class _EmptyIsMarked(TorchFunctionMode):
    """While open, new tensors without values hold marks instead of what the memory held before."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        return made.fill_(_mark(made.dtype)) if func in _EMPTY and made.dtype is not torch.bool else made


def _mark(dtype: torch.dtype) -> float | int:
    return torch.nan if dtype.is_floating_point or dtype.is_complex else torch.iinfo(dtype).min


def check_set(net: PoseNet) -> None:
    """Refuse a network with parameters or buffers that nothing has given a value.

    Raises:
        RecipeError: there are some.
    """
    numbers = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    unset = [name for name, tensor in numbers.items() if is_lazy(tensor) or _holds_marks(tensor)]
    if unset:
        raise RecipeError(
            f"backbone {net.spec.backbone}: {', '.join(unset)} {'is' if len(unset) == 1 else 'are'} never set; "
            "its builder must give every parameter and buffer its first value (as nn.Module's reset_parameters do)"
        )


def _holds_marks(tensor: Tensor) -> bool:
    if tensor.dtype is torch.bool:
        return False
    return bool((tensor.isnan() if tensor.dtype.is_floating_point else tensor == _mark(tensor.dtype)).any())


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
