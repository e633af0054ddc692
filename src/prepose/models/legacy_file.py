"""Reading `.pth` checkpoints of the reference code base as weights of prepose. Nothing in them is executed."""

import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from prepose.body.skeletons import MPII_16
from prepose.errors import DataError
from prepose.models.backbone import IMAGENET_MEAN, IMAGENET_STD
from prepose.models.export_facts import is_exported
from prepose.models.resnet import RESNETS
from prepose.models.weights_file import Weights, read_weights

SUFFIXES = (".pth", ".pt", ".tar")

# torchvision's names, which the reference uses, and the names of the same tensors here.
RENAMED = (
    (r"conv1\.", "trunk.resnet.embedder.embedder.convolution."),
    (r"bn1\.", "trunk.resnet.embedder.embedder.normalization."),
    (
        r"layer([1-9])\.([0-9]{1,3})\.downsample\.0\.",
        "trunk.resnet.encoder.stages.{0}.layers.{1}.shortcut.convolution.",
    ),
    (
        r"layer([1-9])\.([0-9]{1,3})\.downsample\.1\.",
        "trunk.resnet.encoder.stages.{0}.layers.{1}.shortcut.normalization.",
    ),
    (r"layer([1-9])\.([0-9]{1,3})\.conv([1-9])\.", "trunk.resnet.encoder.stages.{0}.layers.{1}.layer.{2}.convolution."),
    (r"layer([1-9])\.([0-9]{1,3})\.bn([1-9])\.", "trunk.resnet.encoder.stages.{0}.layers.{1}.layer.{2}.normalization."),
    (r"deconv_layers\.", "decoder.layers."),
    (r"hm\.", "heatmap_head."),
    (r"depth\.", "depth_head."),
)
STEM = "trunk.resnet.embedder.embedder.convolution.weight"
STEM_CHANNELS = 3
LONGEST_NAME = 80


class _Skipped:
    """Stands for NumPy's numbers beside the weights (an epoch, the best score): taken as they come, never made."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


# How NumPy 1 and 2 spell what pickles of their scalars, dtypes and arrays call.
_NUMPY_GLOBALS: list[Callable | tuple[Callable, str]] = [
    (_Skipped, name)
    for name in (
        "numpy.dtype",
        "numpy.ndarray",
        *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
    )
]


def is_legacy_file(path: Path) -> bool:
    """Whether a path means a checkpoint to import: a file, there or not, that is not one of prepose's own."""
    return (
        path.suffix != ".safetensors"
        and not is_exported(path)
        and (path.is_file() or (path.suffix in SUFFIXES and not path.is_dir()))
    )


def read_any_weights(path: Path) -> Weights:
    """Weights of prepose (a file, or a folder that holds one), or of a checkpoint of the reference code base.

    Raises:
        DataError: the file is missing, unsafe, damaged, foreign, or an exported model.
    """
    if is_exported(path):
        raise DataError(
            f"weights {path}: is an exported model, which predicts alone; give the run or weights file that it was "
            "exported from"
        )
    return read_legacy(path) if is_legacy_file(path) else read_weights(path)


def read_legacy(path: Path) -> Weights:
    """The weights of a checkpoint of the reference code base, under the names and conventions of prepose.

    Its pixels were BGR, divided by 256, then normalised by ImageNet's RGB statistics as if they were RGB. The result
    here takes RGB 0..255 like any other and gives the same maps: the order of the stem's input channels is turned
    round, and the pixel statistics are the reference's own. Counters of batches, which PyTorch before 0.4.1 did not
    write and no map depends on, start at 0 where BatchNorm has none.

    Args:
        path: A file with a `state_dict`, perhaps with `module.` before each name, in PyTorch's zip form or the one
            before it. What lies beside the `state_dict` is ignored.

    Raises:
        DataError: the file is missing, unsafe, or not such a checkpoint.
    """
    tensors: dict[str, Tensor] = {}
    for name, tensor in _read(path).items():
        if name.removeprefix("module.").startswith("fc."):
            continue
        new = new_name(name, path)
        if new in tensors:
            raise DataError(f"checkpoint {path}: two tensors are called {_shown(name.removeprefix('module.'))}")
        tensors[new] = tensor.detach()
    stem = tensors.get(STEM)
    if stem is None or stem.ndim != 4 or stem.shape[1] != STEM_CHANNELS:
        raise DataError(
            f"checkpoint {path}: it has no conv1.weight of a colour image; it is no network of the reference code base"
        )
    backbone = _backbone_of(tensors, path)
    tensors[STEM] = stem.flip(1)
    tensors["pixels.mean"] = 256 * torch.tensor(IMAGENET_MEAN).flip(0)
    tensors["pixels.std"] = 256 * torch.tensor(IMAGENET_STD).flip(0)
    for name in [name for name in tensors if name.endswith(".running_mean")]:
        tensors.setdefault(f"{name.removesuffix('running_mean')}num_batches_tracked", torch.tensor(0))
    return Weights({"backbone": backbone, "readout": "argmax", "skeleton": MPII_16.name}, MPII_16.joints, tensors)


def new_name(name: str, path: Path) -> str:
    """The name here of a tensor of the reference; torchvision counts stages and convolutions from 1."""
    plain = name.removeprefix("module.")
    for pattern, replacement in RENAMED:
        found = re.match(pattern, plain)
        if found:
            first, *rest = [*map(int, found.groups()), 0, 0, 0]
            return replacement.format(first - 1, rest[0], rest[1] - 1) + plain[found.end() :]
    raise DataError(f"checkpoint {path}: tensor {_shown(name)} is unknown in the reference code base")


def _read(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise DataError(f"checkpoint {path}: no such file")
    try:
        # The one line is ours: torch warns of pickle protocols and of types that it will drop.
        with warnings.catch_warnings(action="ignore"), torch.serialization.safe_globals(_NUMPY_GLOBALS):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise DataError(f"checkpoint {path}: cannot be read ({error.strerror or error})") from None
    except Exception as error:  # a broken pickle stream fails in the unpickler's own tables in many ways
        raise DataError(f"checkpoint {path}: {_reason(error)}") from None
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not state or not all(_is_named_tensor(*item) for item in state.items()):
        raise DataError(f"checkpoint {path}: it holds no state_dict of tensors")
    for name, tensor in state.items():
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise DataError(f"checkpoint {path}: tensor {_shown(name)} is larger than what the file holds of it")
    return state


def _is_named_tensor(name: Any, value: Any) -> bool:
    plain = isinstance(name, str) and isinstance(value, Tensor)
    return plain and value.layout is torch.strided and value.device.type == "cpu"


def _reason(error: Exception) -> str:
    """What torch found, without its advice on how to load the file all the same."""
    text = str(error)
    refused = re.search(r"GLOBAL (\S+)", text)
    if refused:
        return (
            f"unsafe: it holds {_shown(refused[1])}, and only tensors, plain values and NumPy numbers are read; "
            "save its state_dict alone"
        )
    if "legacy .tar format" in text:
        return "is in the tar format of PyTorch before 0.2, which is not read; save it again with a later PyTorch"
    found = re.search(r"WeightsUnpickler error: (.+)", text)
    first = found[1] if found else "" if text.startswith("Weights only") else text.partition("\n")[0]
    detail = first.partition(". ")[0] or type(error).__name__
    return f"truncated, unsafe or not a PyTorch file ({ascii(detail)[1:-1][:LONGEST_NAME]})"


def _shown(name: str) -> str:
    """A name from the file that no terminal acts on."""
    return ascii(name) if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]!a}..."


def _backbone_of(tensors: Mapping[str, Tensor], path: Path) -> str:
    depths = tuple(
        len({name.split(".")[6] for name in tensors if name.startswith(f"trunk.resnet.encoder.stages.{stage}.")})
        for stage in range(4)
    )
    block = "bottleneck" if any(".layer.2." in name for name in tensors) else "basic"
    for name, design in RESNETS.items():
        if name.startswith("resnet") and (design.block, design.depths) == (block, depths):
            return name
    raise DataError(f"checkpoint {path}: no ResNet has {block} blocks in stages of {depths}")
