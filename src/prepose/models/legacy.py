"""Import of `.pth` checkpoints of the reference code base (see `load_legacy`)."""

import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from prepose.errors import DataError
from prepose.models.backbones import BACKBONES
from prepose.models.pose_net import IMAGENET_MEAN, IMAGENET_STD, ModelSpec, PoseNet, build_pose_net
from prepose.models.weights_file import load_state

# torchvision's names, which the reference uses, and the names of the same tensors here.
RENAMED = (
    (r"conv1\.", "trunk.resnet.embedder.embedder.convolution."),
    (r"bn1\.", "trunk.resnet.embedder.embedder.normalization."),
    (r"layer(\d)\.(\d+)\.downsample\.0\.", "trunk.resnet.encoder.stages.{0}.layers.{1}.shortcut.convolution."),
    (r"layer(\d)\.(\d+)\.downsample\.1\.", "trunk.resnet.encoder.stages.{0}.layers.{1}.shortcut.normalization."),
    (r"layer(\d)\.(\d+)\.conv(\d)\.", "trunk.resnet.encoder.stages.{0}.layers.{1}.layer.{2}.convolution."),
    (r"layer(\d)\.(\d+)\.bn(\d)\.", "trunk.resnet.encoder.stages.{0}.layers.{1}.layer.{2}.normalization."),
    (r"deconv_layers\.", "decoder.layers."),
    (r"hm\.", "heatmap_head."),
    (r"depth\.", "depth_head."),
)
STEM = "trunk.resnet.embedder.embedder.convolution.weight"


def load_legacy(path: Path) -> PoseNet:
    """The network of a checkpoint of the reference code base.

    Its pixels were BGR, divided by 256, then normalised by ImageNet's RGB statistics as if they were RGB. The result
    here takes RGB 0..255 like any other and gives the same maps: the order of the stem's input channels is turned
    round, and the pixel statistics are the reference's own.

    Args:
        path: A `.pth` file with a `state_dict`, perhaps with `module.` before each name. Nothing in it is executed.

    Raises:
        DataError: the file is missing, unsafe, or not such a checkpoint.
    """
    tensors = {new_name(name, path): tensor for name, tensor in _read(path).items() if not name.startswith("fc.")}
    if STEM not in tensors:
        raise DataError(f"checkpoint {path}: it has no conv1.weight, so it is no network of the reference code base")
    net = build_pose_net(ModelSpec(backbone=_backbone_of(tensors, path), readout="argmax"))
    tensors[STEM] = tensors[STEM].flip(1)
    tensors["pixels.mean"] = 256 * torch.tensor(IMAGENET_MEAN).flip(0)
    tensors["pixels.std"] = 256 * torch.tensor(IMAGENET_STD).flip(0)
    load_state(net, tensors, path)
    return net


def new_name(name: str, path: Path) -> str:
    """The name here of a tensor of the reference; torchvision counts stages and convolutions from 1."""
    plain = name.removeprefix("module.")
    for pattern, replacement in RENAMED:
        found = re.match(pattern, plain)
        if found:
            first, *rest = [*map(int, found.groups()), 0, 0, 0]
            return replacement.format(first - 1, rest[0], rest[1] - 1) + plain[found.end() :]
    raise DataError(f"checkpoint {path}: tensor {name!r} is unknown in the reference code base")


def _read(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise DataError(f"checkpoint {path}: no such file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    # A broken pickle stream fails in the unpickler's own tables in many ways.
    except (UnpicklingError, RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"checkpoint {path}: truncated, unsafe or not a PyTorch file ({reason})") from None
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DataError(f"checkpoint {path}: it holds no state_dict of tensors")
    return state


def _backbone_of(tensors: Mapping[str, Tensor], path: Path) -> str:
    depths = tuple(
        len({name.split(".")[6] for name in tensors if name.startswith(f"trunk.resnet.encoder.stages.{stage}.")})
        for stage in range(4)
    )
    block = "bottleneck" if any(".layer.2." in name for name in tensors) else "basic"
    for name, design in BACKBONES.items():
        if name.startswith("resnet") and (design.block, design.depths) == (block, depths):
            return name
    raise DataError(f"checkpoint {path}: no ResNet has {block} blocks in stages of {depths}")
