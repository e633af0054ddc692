"""What a network is, as plain data."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from prepose.body.skeletons import SKELETONS
from prepose.specs.fields import PathText, one_of

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

COARSEST_STRIDE = 32  # crop px per cell of the backbone's last maps
# The largest crops of published pose networks are 384 px; memory grows with the square.
LARGEST_SIZE = 1024


def _fitting_size(size: int) -> int:
    if size > LARGEST_SIZE:
        raise PydanticCustomError(
            "limit", "expected at most {limit} px (memory grows with its square)", {"limit": LARGEST_SIZE}
        )
    return size


class ModelSpec(BaseModel):
    """Everything that a network is, but its numbers.

    Attributes:
        backbone: A name of `BACKBONES`.
        weights: What the backbone starts from: "random", "imagenet", or a local path: a weights file, a `.pth`
            checkpoint of the reference code base, or a folder saved by transformers.
        decoder: "deconv" (the reference's) or "light" (for small backbones).
        readout: "integral" (train with cross-entropy and joint losses), "argmax" (train with `heatmap_loss`), or
            "argmax-cell" (the published one, coarser and lopsided; to measure what that costs).
        size: Side of the input crop, px; a multiple of 32, the backbone's stride, up to 1024.
        skeleton: The name of the skeleton of the output.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: Annotated[str, one_of("backbone", BACKBONES)] = "resnet-18"
    weights: PathText = "random"
    decoder: Literal["deconv", "light"] = "deconv"
    readout: Literal["integral", "argmax", "argmax-cell"] = "integral"
    size: Annotated[int, Field(ge=COARSEST_STRIDE, multiple_of=COARSEST_STRIDE), AfterValidator(_fitting_size)] = 256
    skeleton: Annotated[str, one_of("skeleton", SKELETONS)] = "mpii-16"
