"""What an exported model says of itself: the JSON in its metadata. Needs no torch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prepose.body.skeletons import SKELETONS
from prepose.errors import DataError, SkeletonMismatch, shortened
from prepose.models.detector_maps import KEY as DETECTOR_KEY
from prepose.specs.error_calibration import ErrorCalibration
from prepose.specs.ledger import Ledger
from prepose.specs.model import ModelSpec

ENDING = ".onnx"
KEY = "prepose"
FORMAT, VERSION = "prepose-export", 1
INPUT, OUTPUTS = "image", ("joints_crop", "confidence")
ADVICE = "export the network again (`prepose export NETWORK --out net.onnx`)"


class AccuracyLost(BaseModel):
    """How far the joints of a model of fewer bits are from the network's, over images of people.

    Attributes:
        images: Which images, in words.
        count: How many.
        mean_px: Mean distance of a joint in the crop, px.
        p95_px: The distance that 95 % of the joints stay below, px.
        mean_mm: Mean distance of a joint relative to the root, mm, for a person of mean size.
        p95_mm: The distance that 95 % of the joints stay below, mm.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: str
    count: int = Field(ge=1)
    mean_px: float
    p95_px: float
    mean_mm: float
    p95_mm: float

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.count:,} images ({self.images}): joints move by {self.mean_px:.2g} px of the crop on average "
            f"(95 %: below {self.p95_px:.2g} px), relative to the root by {self.mean_mm:.2g} mm "
            f"(95 %: below {self.p95_mm:.2g} mm)"
        )


class ExportFacts(BaseModel):
    """Everything about an exported model but its numbers.

    Attributes:
        format: Of this record.
        version: Of this record.
        spec: The network's specification.
        joints: The names of the joints, in the order of the output.
        flip_test: Whether the mirror image is predicted inside.
        precision: How the model's numbers are kept.
        weights: Digest of the weights of the network that was exported.
        ledger: Which data they come from; None where that is not recorded.
        calibration: What the network's confidence says of its errors; None where it is not calibrated.
        accuracy_lost: What fewer bits cost; None where nothing was rounded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["prepose-export"] = FORMAT
    version: Literal[1] = VERSION
    spec: ModelSpec
    joints: tuple[str, ...]
    flip_test: bool
    precision: Literal["float32", "float16", "int8"] = "float32"
    weights: str
    ledger: Ledger | None = None
    calibration: ErrorCalibration | None = None
    accuracy_lost: AccuracyLost | None = None


def is_exported(path: Path) -> bool:
    """Whether a path means an exported model that ONNX Runtime runs."""
    return path.suffix.lower() == ENDING


def check_ending(path: Path, ending: str = ENDING) -> None:
    """Refuse to write an exported network under a name that it would not be read by.

    Raises:
        DataError: the name ends otherwise.
    """
    if path.suffix.lower() != ending:
        raise DataError(f"--out {path}: the file must be called NAME{ending}, as it is known by that")


def facts_of(metadata: Mapping[str, str], path: Path) -> ExportFacts:
    """The facts in a model's metadata.

    Args:
        metadata: The metadata.
        path: The file, for messages.

    Raises:
        DataError: prepose did not export the model, another version did, or the facts are damaged.
        SkeletonMismatch: the skeleton has other joints now than when the model was exported.
    """
    if DETECTOR_KEY in metadata:
        raise DataError(f"{path}: a person detector, not a pose network; give it to --detector")
    if KEY not in metadata:
        raise DataError(f"{path}: an ONNX model, but not one that prepose exported; it has no prepose metadata")
    try:
        values = json.loads(metadata[KEY])
        found = f"{values['format']} version {values['version']}"
    except (ValueError, LookupError, TypeError, RecursionError):
        values, found = {}, "broken metadata"
    if found != f"{FORMAT} version {VERSION}":
        raise DataError(
            f"{path}: {shortened(found)}, but this prepose reads {FORMAT} version {VERSION}; {ADVICE}, or use the "
            "prepose that exported it"
        )
    try:
        facts = ExportFacts.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])[:80]
        raise DataError(f"{path}: metadata field {where}: {shortened(fault['msg'])}; {ADVICE}") from None
    if facts.joints != SKELETONS[facts.spec.skeleton].joints:
        raise SkeletonMismatch(
            f"{path}: skeleton {facts.spec.skeleton} had the joints {shortened(', '.join(facts.joints))} when the "
            f"model was exported; it is another one now; {ADVICE}"
        )
    return facts
