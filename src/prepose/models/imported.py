"""Checkpoints of other code bases as weights of prepose: names, pixels and what is missing, all of it told.

| family | told by | its input |
|---|---|---|
| published code (arXiv 2604.22830) | `deconv_layers`, `hm`, `depth` | BGR / 256, ImageNet's RGB statistics |
| SimpleBaseline (Xiao et al., ECCV 2018) | `deconv_layers`, `final_layer` | BGR / 255, ImageNet's RGB statistics |
| torchvision's ResNets | `conv1` and stages alone | RGB / 255, ImageNet's statistics |
| `transformers`' ResNets | `embedder`, `encoder` | RGB / 255, ImageNet's statistics |
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from prepose.body.skeletons import COCO_17, MPII_16, get_skeleton
from prepose.errors import DataError, unknown_name
from prepose.files import read_object_if_any
from prepose.models.backbone import IMAGENET_MEAN, IMAGENET_STD
from prepose.models.resnet import RESNETS
from prepose.models.torch_file import TorchFile, read_torch_file, shown
from prepose.models.weights_file import Weights
from prepose.specs.ledger import Ledger

# torchvision's names, which three families use, and the names of the same tensors here.
_TORCHVISION = (
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
)
_DECODER = (r"deconv_layers\.", "decoder.layers.")
STEM = "trunk.resnet.embedder.embedder.convolution.weight"
HEATS, DEPTH = "heatmap_head.weight", "depth_head"
COUNTER, MEAN = "num_batches_tracked", "running_mean"
STEM_CHANNELS = 3
# Files of a folder that `transformers` saved.
_SAVED = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class Pixels:
    """How a network's input was made of an image: ImageNet's RGB statistics, in the order in which channels came.

    Attributes:
        bgr: Whether blue came first.
        divisor: What pixels of 0..255 were divided by.
    """

    bgr: bool
    divisor: int


PIXELS: Mapping[str, Pixels] = MappingProxyType(
    {
        "bgr-256": Pixels(bgr=True, divisor=256),
        "bgr-255": Pixels(bgr=True, divisor=255),
        "rgb-255": Pixels(bgr=False, divisor=255),
    }
)


@dataclass(frozen=True)
class Family:
    """A code base whose checkpoints are read.

    Attributes:
        name: What it is called.
        names: Patterns of its tensors' names, and the names here.
        left_out: Beginnings of the names of tensors that no network here has, and what they are.
        pixels: A name of `PIXELS`.
        whole: Whether its networks have a decoder and heat maps, else they are a backbone alone.
    """

    name: str
    names: tuple[tuple[str, str], ...]
    left_out: Mapping[str, str]
    pixels: str
    whole: bool


_CLASSIFIER = {"fc.": "the classifier"}
PUBLISHED = Family(
    "the published code of arXiv 2604.22830",
    (*_TORCHVISION, _DECODER, (r"hm\.", "heatmap_head."), (r"depth\.", "depth_head.")),
    _CLASSIFIER,
    "bgr-256",
    whole=True,
)
SIMPLE_BASELINE = Family(
    "SimpleBaseline",
    (*_TORCHVISION, _DECODER, (r"final_layer\.", "heatmap_head.")),
    _CLASSIFIER,
    "bgr-255",
    whole=True,
)
TORCHVISION = Family("torchvision's ResNets", _TORCHVISION, _CLASSIFIER, "rgb-255", whole=False)
TRANSFORMERS = Family(
    "transformers' ResNets",
    ((r"(?:resnet\.)?embedder\.", "trunk.resnet.embedder."), (r"(?:resnet\.)?encoder\.", "trunk.resnet.encoder.")),
    {"classifier.": "the classifier"},
    "rgb-255",
    whole=False,
)


@dataclass(frozen=True)
class Imported:
    """A checkpoint as weights of prepose; as text, in a few lines, with every tensor that was not mapped by its name.

    Attributes:
        weights: The weights; of a backbone alone, its tensors and pixel statistics and nothing else.
        family: The code base that it is of.
        pixels: The name of how its input was made.
        mapped: Each tensor of the file that was taken -> its name here.
        left_out: Each tensor that was not -> what it is.
        beside: What lay beside the tensors and was not read.
        added: Tensors that the file lacks -> what they hold.
    """

    weights: Weights
    family: Family
    pixels: str
    mapped: Mapping[str, str]
    left_out: Mapping[str, str]
    beside: tuple[str, ...]
    added: Mapping[str, str]

    def __str__(self) -> str:
        spec, made = self.weights.spec, PIXELS[self.pixels]
        form = f", {spec['skeleton']}, {spec.get('size', 256)} px" if self.family.whole else ", a backbone alone"
        lines = [
            f"{self.family.name}: {spec['backbone']}{form}",
            f"input: {'BGR' if made.bgr else 'RGB'} / {made.divisor}, kept as pixel statistics",
            f"mapped: {len(self.mapped):,} tensors",
        ]
        for title, names in (("left out", self.left_out), ("added", self.added)):
            lines += [f"{title}: {named} ({why})" for why, named in _by_reason(names).items()]
        return "\n".join([*lines, *([f"not read: {', '.join(self.beside)}"] if self.beside else [])])


def _by_reason(names: Mapping[str, str]) -> dict[str, str]:
    """Reason -> the names that it is given for; of BatchNorm's counters how many."""
    found: dict[str, list[str]] = {}
    for name, why in names.items():
        found.setdefault(why, []).append(name)
    return {
        why: f"{len(each):,} x {COUNTER}" if each[0].endswith(COUNTER) else shown(", ".join(each), bare=True)
        for why, each in found.items()
    }


def read_imported(path: Path, *, skeleton: str | None = None, pixels: str | None = None) -> Imported:
    """The weights of a checkpoint of another code base, under the names and conventions of prepose.

    All of these networks read ImageNet's RGB statistics, most of them in BGR pixels. The result here takes RGB 0..255
    like any other and gives the same maps: the order of the stem's input channels is turned round, and the pixel
    statistics are the checkpoint's own. Counters of batches, which PyTorch before 0.4.1 did not write and no map
    depends on, start at 0 where BatchNorm has none.

    Args:
        path: A file with a `state_dict`, perhaps with `module.` before each name, in any form of PyTorch or in
            safetensors; or a folder saved by `transformers`.
        skeleton: The skeleton of its heat maps; None for the family's: `mpii-16`, or `coco-17` where there are 17.
        pixels: A name of `PIXELS`, where a checkpoint's input was made in another way than its family's.

    Raises:
        DataError: the file is missing, unsafe, or not such a checkpoint.
    """
    if pixels is not None and pixels not in PIXELS:
        raise DataError(unknown_name("way to make the input", pixels, PIXELS))
    file = read_torch_file(_file_in(path))
    family = _family_of(file, path)
    mapped, left_out = _renamed(file, family, path)
    tensors = {new: file.tensors[old] for old, new in mapped.items()}
    made = PIXELS[pixels or family.pixels]
    _read_rgb(tensors, made, path)
    backbone = _backbone_of(tensors, path)
    added = _with_counters(tensors)
    spec: dict[str, Any] = {"backbone": backbone, "readout": "argmax", "skeleton": MPII_16.name}
    joints, untrained = MPII_16.joints, ()
    if skeleton is not None and not family.whole:
        raise DataError(
            f"checkpoint {path}: is a backbone alone ({family.name}), which has no heat maps and no skeleton"
        )
    if family.whole:
        spec["skeleton"], joints = _skeleton_of(tensors.get(HEATS), skeleton, path)
    if family is SIMPLE_BASELINE:
        _add_flat_depth(tensors)
        added[DEPTH], untrained = "untrained: zeros, so that every joint has the root's depth", (DEPTH,)
    ledger = Ledger(unrecorded=(f"{path.name} ({family.name})",), untrained=untrained)
    weights = Weights(spec, joints, tensors, ledger)
    return Imported(weights, family, pixels or family.pixels, mapped, left_out, file.beside, added)


def _file_in(path: Path) -> Path:
    """The file of tensors that a path means: itself, or the one in a folder saved by `transformers`."""
    if not path.is_dir():
        return path
    _check_config(path)
    found = next((path / name for name in _SAVED if (path / name).is_file()), None)
    if found is None:
        raise DataError(f"checkpoint {path}: a folder without {' or '.join(_SAVED)}; give a file, or such a folder")
    return found


def _check_config(folder: Path) -> None:
    """Refuse ResNets whose strides lie elsewhere, which no tensor tells."""
    config = read_object_if_any(folder / "config.json", advice="save it again") or {}
    for field in ("downsample_in_bottleneck", "downsample_in_first_stage"):
        if config.get(field):
            raise DataError(f"checkpoint {folder}: config.json says {field}; ResNets here have their strides elsewhere")


def _read_rgb(tensors: dict[str, Tensor], pixels: Pixels, path: Path) -> None:
    """Add the pixel statistics, and turn the stem's input channels round where it reads BGR.

    Raises:
        DataError: there is no stem of a colour image, or a folder's statistics are damaged.
    """
    stem = tensors.get(STEM)
    if stem is None or stem.ndim != 4 or stem.shape[1] != STEM_CHANNELS:
        raise DataError(f"checkpoint {path}: it has no first convolution of a colour image; it is no ResNet")
    mean, std = (pixels.divisor * torch.tensor(each) for each in _statistics(path))
    tensors[STEM] = stem.flip(1) if pixels.bgr else stem
    tensors["pixels.mean"] = mean.flip(0) if pixels.bgr else mean
    tensors["pixels.std"] = std.flip(0) if pixels.bgr else std


def _statistics(path: Path) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of pixels in 0..1: a folder's own, else ImageNet's."""
    file = path / "preprocessor_config.json"
    processor = (read_object_if_any(file, advice="save it again") or {}) if path.is_dir() else {}
    found = [processor.get("image_mean") or [*IMAGENET_MEAN], processor.get("image_std") or [*IMAGENET_STD]]
    for numbers in found:
        if not isinstance(numbers, list) or [type(each) in (int, float) for each in numbers] != [True] * 3:
            raise DataError(f"{file}: image_mean or image_std is {shown(str(numbers))}, expected 3 numbers")
    mean, std = ([float(each) for each in numbers] for numbers in found)
    return mean, std


def _add_flat_depth(tensors: dict[str, Tensor]) -> None:
    for name in ("weight", "bias"):
        heats = tensors.get(f"heatmap_head.{name}")
        if heats is not None:
            tensors[f"{DEPTH}.{name}"] = torch.zeros_like(heats)


def _family_of(file: TorchFile, path: Path) -> Family:
    roots = {name.partition(".")[0] for name in file.tensors}
    if "trunk" in roots:
        raise DataError(f"checkpoint {path}: its tensors are named as prepose names them; use it as it is")
    if roots & {"embedder", "resnet"}:
        return TRANSFORMERS
    if "final_layer" in roots:
        return SIMPLE_BASELINE
    if roots & {"deconv_layers", "hm", "depth"}:
        return PUBLISHED
    if roots & {"conv1", "bn1", "layer1"}:
        return TORCHVISION
    unknown = shown(next(iter(file.tensors)))
    raise DataError(
        f"checkpoint {path}: tensor {unknown} is unknown in the code bases that are read (the published code, "
        "SimpleBaseline, torchvision's and transformers' ResNets)"
    )


def _renamed(file: TorchFile, family: Family, path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The file's tensors by their names here, and those that are left out by what they are."""
    mapped: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for name in file.tensors:
        what = next((what for start, what in family.left_out.items() if name.startswith(start)), None)
        if what is not None:
            left_out[name] = what
            continue
        mapped[name] = _new_name(name, family, path)
    return mapped, left_out


def _new_name(name: str, family: Family, path: Path) -> str:
    """The name here of a tensor; torchvision counts stages and convolutions from 1."""
    for pattern, replacement in family.names:
        found = re.match(pattern, name)
        if found:
            first, *rest = [*map(int, found.groups()), 0, 0, 0]
            return replacement.format(first - 1, rest[0], rest[1] - 1) + name[found.end() :]
    raise DataError(f"checkpoint {path}: tensor {shown(name)} is unknown in {family.name}")


def _with_counters(tensors: dict[str, Tensor]) -> dict[str, str]:
    """Add BatchNorm's counters where they are missing; says which."""
    added = {}
    for name in [name for name in tensors if name.endswith(f".{MEAN}")]:
        counter = f"{name.removesuffix(MEAN)}{COUNTER}"
        if counter not in tensors:
            tensors[counter] = torch.tensor(0)
            added[counter] = "0, as no map depends on it"
    return added


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


def _skeleton_of(heats: Tensor | None, asked: str | None, path: Path) -> tuple[str, tuple[str, ...]]:
    """The name of the skeleton and its joints."""
    count = 0 if heats is None or not heats.ndim else len(heats)
    if asked is not None:
        skeleton = get_skeleton(asked)
        if len(skeleton) != count:
            raise DataError(
                f"checkpoint {path}: has {count} heat maps, but skeleton {asked} has {len(skeleton)} joints"
            )
        return skeleton.name, skeleton.joints
    known = {len(skeleton): skeleton for skeleton in (MPII_16, COCO_17)}
    skeleton = known.get(count, MPII_16 if heats is None else None)
    if skeleton is None:
        raise DataError(
            f"checkpoint {path}: has {count} heat maps, and which joints they are of is not written in it; name the "
            "skeleton (`prepose skeletons`)"
        )
    return skeleton.name, skeleton.joints
