"""Any vision backbone of `transformers`: `hf:OWNER/NAME` or `hf:/a/folder` as the name of a backbone.

Networks with stages hand over the maps of their strides; plain vision transformers one map of their patches, resampled
to the nearest stride of a decoder where the patch is none (14 px: stride 16).
"""

import json
import math
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from transformers import CONFIG_MAPPING, AutoBackbone, AutoModel, PreTrainedConfig, VitPoseForPoseEstimation
from transformers.models.auto.modeling_auto import MODEL_FOR_BACKBONE_MAPPING_NAMES

from prepose.errors import DataError, RecipeError, nearest, one_line
from prepose.models.backbone import IMAGENET_MEAN, IMAGENET_STD, Backbone, check_size
from prepose.models.published import published_state, read_published
from prepose.specs.model import HUB_PREFIX

STRIDES = (4, 8, 16, 32)
GROUPS = 4  # of layers, for `Stage.frozen_groups`; the stem is one more
# Whole models that are read as backbones: their patch tokens become a map.
PLAIN_MODELS = ("vit", "vit_mae")
# What `transformers` calls backbones, less those of another library, which the project does not use.
MODEL_TYPES = tuple(sorted({*MODEL_FOR_BACKBONE_MAPPING_NAMES, *PLAIN_MODELS} - {"timm_backbone"}))
# Their position embeddings are of one size, so that they are built for the crop and resampled when they are loaded.
FIXED_SIZE = ("hiera", "vitpose_backbone")
# What a configuration says of a file, of classes, of precision, or of code to run; nothing here reads it.
IGNORED = (
    "architectures", "attn_implementation", "auto_map", "dtype", "id2label", "label2id", "quantization_config",
    "torch_dtype", "transformers_version",
)  # fmt: skip
# Wider layers and deeper networks than any that is published; an untrusted weights file may say anything.
LARGEST_NUMBER, MOST_LAYERS = 100_000, 200


def published_config(backbone: str) -> str:
    """The configuration of a published network and how it normalises pixels, as JSON.

    Args:
        backbone: Its name, `hf:` included.

    Raises:
        RecipeError: the folder or hub has none, or it is not a vision backbone that `transformers` knows.
        DataError: it is damaged.
    """
    source = backbone.removeprefix(HUB_PREFIX)
    config = read_published(source, "config.json")
    if config is None:
        raise RecipeError(
            f"backbone {backbone}: no config.json there; give OWNER/NAME of the hub or a folder saved by transformers"
        )
    if config.get("model_type") == "vitpose" and isinstance(config.get("backbone_config"), dict):
        config = config["backbone_config"]
    _check_type(config, backbone)
    config = {key: value for key, value in config.items() if key not in IGNORED and not key.startswith("_")}
    pixels = _pixel_statistics(read_published(source, "preprocessor_config.json") or {})
    return json.dumps({**config, **pixels}, sort_keys=True, separators=(",", ":"))


def _check_type(config: dict[str, Any], backbone: str) -> None:
    found = config.get("model_type")
    if found not in MODEL_TYPES:
        near = nearest(found, MODEL_TYPES) if isinstance(found, str) else ""
        raise RecipeError(
            f"backbone {backbone}: model_type {found!r} of its config.json is not a vision backbone of this "
            f"transformers{near}; known: {', '.join(MODEL_TYPES)}"
        )


def _pixel_statistics(processor: dict[str, Any]) -> dict[str, Any]:
    """Mean and standard deviation of pixels in 0..1: the published ones, else ImageNet's."""
    if processor.get("do_normalize") is False:
        return {"image_mean": [0, 0, 0], "image_std": [1, 1, 1]}
    default = {"image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD}
    return {name: processor.get(name) or list(numbers) for name, numbers in default.items()}


class AutoVisionBackbone(Backbone):
    """A network of `transformers` as a backbone."""

    def __init__(self, name: str, config_json: str, size: int) -> None:
        """Build it with random weights.

        Args:
            name: Its name, for messages.
            config_json: What `published_config` returns.
            size: Side of the crops, px.

        Raises:
            RecipeError: the configuration builds nothing, or nothing that reads such crops.
        """
        super().__init__()
        self.name, self.size = name, size
        data = _parsed(config_json, name)
        self.pixel_mean, self.pixel_std = _rgb(data.pop("image_mean")), _rgb(data.pop("image_std"))
        self.published = data
        config = self._config(data)
        self.plain = config.model_type in PLAIN_MODELS
        self.patch = _patch(config)
        check_size(name, size, self.patch)
        if config.model_type in FIXED_SIZE:
            config.image_size = [size, size]
        try:
            self.net = _built(config)
            with torch.no_grad():
                maps = [tuple(each.shape) for each in self.eval()._maps(torch.zeros(1, 3, size, size))]
        except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, ImportError, IndexError) as error:
            raise RecipeError(
                f"backbone {name}: it cannot be built, or cannot read {size} px crops: {one_line(error, 300)}"
            ) from error
        self.train()
        self.taken, self.strides = _maps_to_take([shape[-1] for shape in maps], size)
        self.channels = tuple(maps[index][1] for index in self.taken)

    def forward(self, pixels: Float[Tensor, "B 3 H W"]) -> tuple[Tensor, ...]:
        """Maps at `strides`; pixels are normalised."""
        maps = self._maps(pixels)
        side = pixels.shape[-1]
        return tuple(
            _resampled(maps[index], side // stride) for index, stride in zip(self.taken, self.strides, strict=True)
        )

    def _maps(self, pixels: Float[Tensor, "B 3 H W"]) -> tuple[Tensor, ...]:
        if not self.plain:
            return tuple(self._as_map(each, pixels) for each in self.net(pixels).feature_maps)
        asked: dict[str, Any] = {"interpolate_pos_encoding": True}
        if self.net.config.model_type == "vit_mae":
            # Its order of patches is drawn by noise; rising noise keeps every patch in its place.
            patches = pixels[0, 0].numel() // self.patch**2
            asked["noise"] = torch.arange(patches, device=pixels.device).expand(len(pixels), -1)
        return (self._as_map(self.net(pixels, **asked).last_hidden_state, pixels),)

    def _as_map(self, found: Tensor, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """A map as it is; of tokens those of the patches, which are the last ones, in rows."""
        if found.ndim == 4:
            return found
        height, width = (side // self.patch for side in pixels.shape[-2:])
        return found[:, -height * width :].transpose(1, 2).unflatten(2, (height, width))

    def stages(self) -> tuple[tuple[nn.Module, ...], ...]:
        """Stem (where there is one of its own), then the layers in up to four groups; the last holds what follows."""
        before, layers, after = _in_order(self.net, _layer_count(self.net.config))
        ends = [round(index * len(layers) / GROUPS) for index in range(GROUPS + 1)]
        groups = [tuple(layers[first:last]) for first, last in pairwise(ends) if last > first]
        groups[-1] += after
        return ((before,) if before else ()) + tuple(groups)

    def load_pretrained(self, name: str, weights: str) -> None:
        """Fill it with the weights of the folder or hub name that it is named after ("pretrained")."""
        if weights == "imagenet":
            raise RecipeError(
                f'backbone {name}: "imagenet" does not say which weights; use "pretrained" for those published with it'
            )
        if weights != "pretrained":
            raise DataError(
                f'weights {weights!r}: no weights file of prepose; backbone {name} takes "random", "pretrained" or one'
            )
        source = name.removeprefix(HUB_PREFIX)
        config = self._config(self.published)
        state = _published_tensors(self.net, config, source, name)
        own = self.net.state_dict()
        if self.net.config.model_type in FIXED_SIZE:
            key = "embeddings.position_embeddings"
            state[key] = _regridded(state[key], _grid(config), _grid(self.net.config))
        unlike = [key for key, tensor in own.items() if key not in state or state[key].shape != tensor.shape]
        if unlike:
            raise DataError(f"weights {source}: {unlike[0]} is missing or of another shape than {name} has")
        self.net.load_state_dict({key: state[key] for key in own})

    def _config(self, data: dict[str, Any]) -> PreTrainedConfig:
        try:
            config = CONFIG_MAPPING[data["model_type"]].from_dict(dict(data))
            if config.model_type == "vit_mae":
                config.mask_ratio = 0.0
            if config.model_type not in PLAIN_MODELS:
                names = [stage for stage in config.stage_names if stage != "stem"]
                config.out_features = names if _has_stages(config) else names[-1:]
            channels = getattr(config, "num_channels", 3)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise RecipeError(
                f"backbone {self.name}: its configuration is not valid: {one_line(error, 300)}"
            ) from error
        if channels != 3:
            raise RecipeError(f"backbone {self.name}: it reads {channels} channels, but crops have 3 (RGB)")
        return config


def _rgb(numbers: list[Any]) -> tuple[float, float, float]:
    red, green, blue = map(float, numbers)
    return red, green, blue


def _parsed(config_json: str, name: str) -> dict[str, Any]:
    try:
        data = json.loads(config_json)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise RecipeError(f"backbone {name}: backbone_config is not a JSON object; leave it out to have it filled in")
    _check_type(data, name)
    _check_numbers(data, name, "backbone_config")
    for key, least in (("image_mean", -LARGEST_NUMBER), ("image_std", 0)):
        numbers = data.get(key)
        fine = isinstance(numbers, list) and [type(each) in (int, float) and least < each for each in numbers]
        if fine != [True] * 3:
            raise RecipeError(f"backbone {name}: {key} of its pixels is {numbers!r}, expected 3 numbers above {least}")
    return {key: value for key, value in data.items() if key not in IGNORED and not key.startswith("_")}


def _check_numbers(value: Any, name: str, where: str) -> None:
    if isinstance(value, dict):
        for key, each in value.items():
            _check_numbers(each, name, key)
    elif isinstance(value, list):
        for each in value:
            _check_numbers(each, name, where)
    elif isinstance(value, int):
        most = MOST_LAYERS if where.endswith("layers") or where == "depths" else LARGEST_NUMBER
        if value > most:
            raise RecipeError(f"backbone {name}: {where} is {value}, expected at most {most}")


def _has_stages(config: PreTrainedConfig) -> bool:
    return hasattr(config, "depths") or not hasattr(config, "num_hidden_layers")


def _layer_count(config: PreTrainedConfig) -> int:
    if config.model_type in PLAIN_MODELS or not _has_stages(config):
        return config.num_hidden_layers
    return len([stage for stage in config.stage_names if stage != "stem"])


def _patch(config: PreTrainedConfig) -> int:
    """The side of a patch, px; 1 where the configuration has none."""
    # Hiera's patches are wider than they are apart.
    patch = getattr(config, "patch_stride", getattr(config, "patch_size", 1))
    sides = [each for each in (patch if isinstance(patch, (list, tuple)) else [patch]) if isinstance(each, int)]
    return max(1, *sides)


def _built(config: PreTrainedConfig) -> Any:
    if config.model_type in PLAIN_MODELS:
        return AutoModel.from_config(config, **_without_pooler(config))
    return AutoBackbone.from_config(config)


def _without_pooler(config: PreTrainedConfig) -> dict[str, bool]:
    return {"add_pooling_layer": False} if config.model_type == "vit" else {}


def _published_tensors(net: nn.Module, config: PreTrainedConfig, source: str, name: str) -> dict[str, Tensor]:
    whole = read_published(source, "config.json") or {}
    if whole.get("model_type") == "vitpose":
        load = partial(VitPoseForPoseEstimation.from_pretrained, dtype=torch.float32)
        state = published_state(load, source, name)
        return {key.removeprefix("backbone."): value for key, value in state.items() if key.startswith("backbone.")}
    kind: Any = type(net)
    load = partial(kind.from_pretrained, config=config, dtype=torch.float32, **_without_pooler(config))
    return published_state(load, source, name)


def _maps_to_take(sides: list[int], size: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Which maps are handed over, and at which strides: the last one of each stride that a decoder reads.

    Where none has such a stride, the last map is resampled to the nearest one.
    """
    exact = {size // side: index for index, side in enumerate(sides) if size % side == 0 and size // side in STRIDES}
    if exact:
        return tuple(exact[stride] for stride in sorted(exact)), tuple(sorted(exact))
    stride = min(STRIDES, key=lambda each: abs(math.log(each * sides[-1] / size)))
    return (len(sides) - 1,), (stride,)


def _resampled(maps: Float[Tensor, "B C h w"], side: int) -> Float[Tensor, "B C s s"]:
    if maps.shape[-1] == side:
        return maps
    return functional.interpolate(maps, (side, side), mode="bilinear", align_corners=False)


def _grid(config: PreTrainedConfig) -> tuple[int, int]:
    """Rows and columns of the position embeddings."""
    step = config.patch_stride if config.model_type == "hiera" else config.patch_size
    size, step = ((each, each) if isinstance(each, int) else each for each in (config.image_size, step))
    return size[0] // step[0], size[1] // step[1]


def _regridded(positions: Float[Tensor, "1 N C"], old: tuple[int, int], new: tuple[int, int]) -> Float[Tensor, "1 M C"]:
    """Position embeddings at another size, bicubically; tokens before those of the patches stay as they are."""
    if old == new:
        return positions
    before, patches = positions.tensor_split([positions.shape[1] - math.prod(old)], dim=1)
    grid = patches.transpose(1, 2).unflatten(2, old)
    grid = functional.interpolate(grid, new, mode="bicubic", align_corners=False)
    return torch.cat([before, grid.flatten(2).transpose(1, 2)], dim=1)


def _in_order(net: nn.Module, count: int) -> tuple[tuple[nn.Module, ...], tuple[nn.Module, ...], tuple[nn.Module, ...]]:
    """What comes before the list of layers, the layers, and what comes behind them, in the order of the children."""
    path = next(
        name for name, each in net.named_modules() if isinstance(each, nn.ModuleList) and len(each) == count
    ).split(".")
    before: tuple[nn.Module, ...] = ()
    after: tuple[nn.Module, ...] = ()
    for step in path:
        names = [name for name, _ in net.named_children()]
        place = names.index(step)
        before += tuple(net.get_submodule(name) for name in names[:place])
        after = tuple(net.get_submodule(name) for name in names[place + 1 :]) + after
        net = net.get_submodule(step)
    return before, tuple(net.children()), after
