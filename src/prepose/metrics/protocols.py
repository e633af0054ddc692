"""Protocols: everything a figure depends on besides the model, under one name."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from prepose.body.skeletons import get_skeleton
from prepose.errors import DataError
from prepose.metrics.scale import SCALE_RULES, ScaleRule

Averaging = Literal["joints", "samples", "actions"]
Alignment = Literal["root", "similarity"]

# Bones of mpii-16 of the mean adult. Source: the segment ratios of Winter 2009 (see synthetic/rig.py) for statures
# half female, half male (NCD-RisC 2016); a test recomputes it.
MEAN_PERSON_BONE_SUM_MM = 4050.0


@dataclass(frozen=True)
class Protocol:
    """How predictions are scored.

    Attributes:
        name: The name under which `PROTOCOLS` lists it.
        skeleton: The skeleton in which prediction and truth are compared. A joint that either of them does not truly
            have (exact or midpoint) is not scored.
        scale: How poses get their size; see `scale.SCALE_RULES`.
        source: Where the protocol comes from, and what to know about it.
        split: The split it is made for; another one may be asked for and is then recorded.
        joints: The joints scored; empty for all of the skeleton.
        root: The joint that both poses are made relative to. It counts among the joints, as in the field's 17-joint
            figures.
        alignment: What the headline figure rests on; "root" is MPJPE, "similarity" PA-MPJPE.
        boxes: Where the person's box comes from.
        flip_test: Whether the prediction is averaged with that of the mirrored picture.
        stride: Every how many-th sample is scored.
        averaging: Mean over all scored joints, over samples' means, or over actions' means of samples' means.
        bone_sum_mm: The bone sum of the mean person, for the scale rule that needs one; bones of mpii-16.
    """

    name: str
    skeleton: str
    scale: ScaleRule
    source: str
    split: str = "test"
    joints: tuple[str, ...] = ()
    root: str = "pelvis"
    alignment: Alignment = "root"
    boxes: Literal["truth"] = "truth"
    flip_test: bool = True
    stride: int = 1
    averaging: Averaging = "joints"
    bone_sum_mm: float = MEAN_PERSON_BONE_SUM_MM

    def __post_init__(self) -> None:
        skeleton = get_skeleton(self.skeleton)
        strangers = [joint for joint in (*self.joints, self.root) if joint not in skeleton.joints]
        if strangers:
            raise ValueError(f"protocol {self.name}: {strangers} are not joints of {self.skeleton}")
        if self.scale not in SCALE_RULES or self.averaging not in get_args(Averaging):
            raise ValueError(f"protocol {self.name}: unknown scale rule or averaging, {self.scale}, {self.averaging}")
        if self.alignment not in get_args(Alignment):
            raise ValueError(f"protocol {self.name}: unknown alignment {self.alignment}")
        if self.stride < 1 or not self.bone_sum_mm > 0:
            raise ValueError(f"protocol {self.name}: stride and bone sum must be positive")

    @property
    def headline(self) -> str:
        """The key of the measure that the protocol is about."""
        return "mpjpe_mm" if self.alignment == "root" else "pa_mpjpe_mm"

    def to_json(self) -> dict[str, Any]:
        """Plain values, for `protocol_from_json`."""
        return asdict(self) | {"joints": list(self.joints)}


def protocol_from_json(values: Mapping[str, Any]) -> Protocol:
    """The protocol that `Protocol.to_json` wrote.

    Raises:
        DataError: the values are not a protocol's.
    """
    try:
        return Protocol(**{**values, "joints": tuple(values["joints"])})
    except (TypeError, KeyError, ValueError) as error:
        raise DataError(f"not a protocol: {error}; evaluate again with this version of prepose") from error


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            Protocol(
                name="true-root-depth",
                skeleton="mpii-16",
                scale="true-root-depth",
                source="The usual setting of crop-based methods: Sun et al., 'Integral Human Pose Regression', ECCV "
                "2018, section 4; the person's box, the camera and the depth of the root are given.",
            ),
            Protocol(
                name="mean-person",
                skeleton="mpii-16",
                scale="mean-person",
                source="Nothing but the image and the camera is given. The size is the mean person's, so that even a "
                "perfect prediction misses people of another size by that ratio.",
            ),
            Protocol(
                name="optimal-scale",
                skeleton="mpii-16",
                scale="optimal-scale",
                source="Rhodin et al., 'Unsupervised Geometry-Aware Representation', ECCV 2018 (N-MPJPE).",
            ),
            Protocol(
                name="bone-sum-4000",
                skeleton="mpii-16",
                scale="bone-sum-4000",
                source="The rescaling of Zhou et al., 'Towards 3D Human Pose Estimation in the Wild', ICCV 2017, "
                "section 4, applied to prediction and truth alike. Errors are those of a person of 4000 mm of bones.",
            ),
            Protocol(
                name="bone-sum-4000-legacy",
                skeleton="h36m-17",
                scale="bone-sum-4000-legacy",
                source="The rescaling of Jiang et al., '2D Pre-Training for 3D Pose Estimation', arXiv 2604.22830, as "
                "published: weak perspective, the prediction alone is rescaled, spine and neck are invented in it. "
                "A perfect prediction does not score 0; for comparison with that paper's figures only.",
            ),
        )
    }
)


def get_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        DataError: no protocol has the name.
    """
    if name not in PROTOCOLS:
        raise DataError(f"no protocol is named {name!r}; known: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
