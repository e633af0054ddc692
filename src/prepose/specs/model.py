"""What a network is, as plain data."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from prepose.body.skeletons import SKELETONS
from prepose.errors import shortened, unknown_name
from prepose.specs.fields import PathText, at_home, one_of

# What `prepose.models.backbones` can build; a test compares the two.
BACKBONES = (
    "resnet-18",
    "resnet-34",
    "resnet-50",
    "resnet-101",
    "resnet-152",
    "small-0.3m",
    "small-0.7m",
    "small-1.6m",
    "small-3m",
    "efficientnet-lite0",
    "efficientnet-lite1",
    "efficientnet-lite2",
)

# Before the name of a network of `transformers`: OWNER/NAME on the Hugging Face hub, or a folder.
HUB_PREFIX = "hf:"
LONGEST_CONFIG = 100_000  # characters

COARSEST_STRIDE = 32  # crop px per cell of the backbone's last maps
# The largest crops of published pose networks are 384 px; memory grows with the square.
LARGEST_SIZE = 1024


def _fitting_size(size: int) -> int:
    if size > LARGEST_SIZE:
        raise PydanticCustomError(
            "limit", "expected at most {limit} px (memory grows with its square)", {"limit": LARGEST_SIZE}
        )
    return size


def _known_backbone(name: str) -> str:
    if not name.startswith(HUB_PREFIX):
        if name not in BACKBONES:
            raise ValueError(f"{unknown_name('backbone', name, BACKBONES)}, {HUB_PREFIX}OWNER/NAME, {HUB_PREFIX}FOLDER")
        return name
    source = at_home(name.removeprefix(HUB_PREFIX))
    if not source.startswith(("/", "./", "../")) and not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", source):
        raise PydanticCustomError(
            "hub",
            "{found} is no network of the hub and no folder; expected hf:OWNER/NAME, hf:/a/folder or hf:./a/folder",
            {"found": shortened(repr(name))},
        )
    return HUB_PREFIX + source


class ModelSpec(BaseModel):
    """Everything that a network is, but its numbers.

    Attributes:
        backbone: A name of `BACKBONES`, or a network of transformers: `hf:OWNER/NAME` of the Hugging Face hub, or
            `hf:` and a folder (`/`, `./` or `~/` first).
        weights: What the backbone starts from: "random", "pretrained" (published weights; "imagenet" means the same
            for the backbones of `BACKBONES`), or a local path: a weights file, a `.pth` checkpoint of another code base
            (`prepose import-checkpoint` lists which), or, for ResNets, a folder saved by transformers; or
            `hf:OWNER/NAME`, a network of prepose on the hub.
        decoder: "deconv" (the reference's) or "light" (for small backbones).
        readout: "integral" (train with cross-entropy and joint losses), "argmax" (train with `heatmap_loss`), or
            "argmax-cell" (the published one, coarser and lopsided; to measure what that costs).
        size: Side of the input crop, px; a multiple of 32, the backbone's stride, up to 1024.
        skeleton: The name of the skeleton of the output.
        backbone_config: The configuration of an `hf:` backbone as JSON, with its pixel statistics. It is filled in when
            the network is built, so that its weights file needs neither hub nor folder; leave it out of recipes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: Annotated[str, AfterValidator(_known_backbone)] = "resnet-18"
    weights: PathText = "random"
    decoder: Literal["deconv", "light"] = "deconv"
    readout: Literal["integral", "argmax", "argmax-cell"] = "integral"
    size: Annotated[int, Field(ge=COARSEST_STRIDE, multiple_of=COARSEST_STRIDE), AfterValidator(_fitting_size)] = 256
    skeleton: Annotated[str, one_of("skeleton", SKELETONS)] = "mpii-16"
    backbone_config: Annotated[str, Field(max_length=LONGEST_CONFIG)] | None = None

    @model_validator(mode="after")
    def _configured(self) -> "ModelSpec":
        if self.backbone_config is not None and not self.backbone.startswith(HUB_PREFIX):
            raise PydanticCustomError("config", "backbone_config belongs to hf: backbones alone; leave it out")
        return self

    @model_serializer(mode="wrap")
    def _without_none(self, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        # Files and hashes of networks that have no such field stay what they were before it.
        return {name: value for name, value in handler(self).items() if name != "backbone_config" or value is not None}
