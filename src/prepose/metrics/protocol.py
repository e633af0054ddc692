"""A protocol: everything a figure depends on besides the model, under one name."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, get_args

from prepose.body.skeletons import get_skeleton
from prepose.errors import DataError
from prepose.metrics.scale import SCALE_RULES, ScaleRule

Averaging = Literal["joints", "samples", "actions"]
Coverage = Literal["all", "shared"]
Measure = Literal[
    "mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm", "pck3d_150", "auc3d",
    "error_px", "pck2d", "pck2d_10", "pck2d_box", "pckh_50", "pckh_10", "oks_ap",
]  # fmt: skip
MEASURES_3D: frozenset[Measure] = frozenset({"mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm", "pck3d_150", "auc3d"})
IN_MM_OR_PX: frozenset[Measure] = frozenset({"mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm", "error_px"})
MEASURE_TEXTS: Mapping[Measure, str] = MappingProxyType(
    {
        "mpjpe_mm": "MPJPE, mm",
        "pa_mpjpe_mm": "PA-MPJPE, mm",
        "n_mpjpe_mm": "N-MPJPE, mm",
        "pck3d_150": "PCK3D at 150 mm",
        "auc3d": "AUC of PCK3D, 0 to 150 mm",
        "error_px": "error in the image, px",
        "pck2d": "PCK at 0.2 torso",
        "pck2d_10": "PCK at 0.1 torso",
        "pck2d_box": "PCK at 0.1 box",
        "pckh_50": "PCKh at 0.5",
        "pckh_10": "PCKh at 0.1",
        "oks_ap": "OKS-AP",
    }
)
AVERAGING_TEXTS: Mapping[Averaging, str] = MappingProxyType(
    {
        "joints": "mean over all scored joints of all samples",
        "samples": "mean over the samples' (frames') means",
        "actions": "mean over the actions' means of the samples' means",
    }
)

OKS_AVERAGING = "mean over thresholds 0.50 to 0.95"

# Bones of mpii-16 of the mean adult. Source: the segment ratios of Winter 2009 (see synthetic/rig.py) for statures
# half female, half male (NCD-RisC 2016); a test recomputes it.
MEAN_PERSON_BONE_SUM_MM = 4050.0


@dataclass(frozen=True)
class Protocol:
    """How predictions are scored.

    Attributes:
        name: The name under which `PROTOCOLS` lists it.
        skeleton: The skeleton in which prediction and truth are compared. The truth must have a joint exactly (or as a
            midpoint by definition) for it to be scored.
        scale: How poses get their size; see `scale.SCALE_RULES`.
        source: Where the protocol comes from (paper and section), and what to know about it.
        datasets: The datasets it is made for, by name; empty for any.
        split: The split it is made for; another one may be asked for and is then recorded.
        subjects: The people it is made for; a split with others is refused. Empty for anybody; ("",) for people
            without names.
        frames: Which frames of the split count, in words.
        joints: The joints scored; empty for all of the skeleton.
        coverage: "all": a network or a dataset that lacks one of the joints is refused, so that the figure is
            comparable with published ones. "shared": the joints that network and dataset both have are scored.
        accepted_approximations: Joints that a network may have only near by, under another definition. Those that one
            does have only so are named beside every figure.
        root: The joints whose mean both poses are made relative to; empty where only the image is scored. A root that
            is a joint counts among the joints, as in the field's 17-joint figures.
        headline: The measure that the protocol is about.
        also: Further measures that it is about.
        groups: Name -> joints, as published tables group them. A group's figure is the mean of its joints' figures.
        state_groups: Name -> joint states, for figures by what hides a joint.
        boxes: Where the person's box comes from.
        flip_test: Whether the prediction is averaged with that of the mirrored picture.
        stride: Every how many-th sample of the split is scored.
        averaging: Mean over all scored joints, over samples' means, or over actions' means of samples' means.
        bone_sum_mm: The bone sum of the mean person, for the scale rule that needs one; bones of mpii-16.
    """

    name: str
    skeleton: str
    scale: ScaleRule
    source: str
    datasets: tuple[str, ...] = ()
    split: str = "test"
    subjects: tuple[str, ...] = ()
    frames: str = "all of the split"
    joints: tuple[str, ...] = ()
    coverage: Coverage = "shared"
    accepted_approximations: tuple[str, ...] = ()
    root: tuple[str, ...] = ("pelvis",)
    headline: Measure = "mpjpe_mm"
    also: tuple[Measure, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    state_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    boxes: Literal["truth"] = "truth"
    flip_test: bool = True
    stride: int = 1
    averaging: Averaging = "joints"
    bone_sum_mm: float = MEAN_PERSON_BONE_SUM_MM

    def __post_init__(self) -> None:
        skeleton = get_skeleton(self.skeleton)
        grouped = [joint for joints in self.groups.values() for joint in joints]
        named = (*self.joints, *self.root, *self.accepted_approximations, *grouped)
        unknown = [joint for joint in dict.fromkeys(named) if joint not in skeleton.joints]
        if unknown:
            raise ValueError(f"protocol {self.name}: {unknown} are not joints of {self.skeleton}")
        unscored = [joint for joint in grouped if joint not in self.scored_joints]
        if unscored:
            raise ValueError(f"protocol {self.name}: groups name {unscored}, which are not scored")
        if self.stride < 1 or not self.bone_sum_mm > 0:
            raise ValueError(f"protocol {self.name}: stride and bone sum must be positive")
        if not self.root and (self.scale != "image" or self.needs_3d):
            raise ValueError(
                f"protocol {self.name}: a figure in 3D needs a root, the joints that poses are relative to"
            )
        if self.scale == "image" and self.needs_3d:
            raise ValueError(f"protocol {self.name}: {self.headline} needs a scale rule, found {self.scale}")

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def scored_joints(self) -> tuple[str, ...]:
        """The joints scored, by name."""
        return self.joints or get_skeleton(self.skeleton).joints

    @property
    def needs_3d(self) -> bool:
        """Whether the headline is a figure in 3D."""
        return self.headline in MEASURES_3D

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What the protocol is about, the headline first."""
        return (self.headline, *self.also)

    @property
    def averaging_text(self) -> str:
        """How the headline is averaged, in words."""
        return OKS_AVERAGING if self.headline == "oks_ap" else AVERAGING_TEXTS[self.averaging]

    def to_json(self) -> dict[str, Any]:
        """Plain values, for `protocol_from_json`."""
        values = asdict(self)
        return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: list(inner) for name, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value


def protocol_from_json(values: Mapping[str, Any]) -> Protocol:
    """The protocol that `Protocol.to_json` wrote.

    Raises:
        DataError: the values are not a protocol's.
    """
    try:
        found = dict(values)
        unknown = sorted(set(found) - {each.name for each in fields(Protocol)})
        if unknown:
            raise ValueError(f"{', '.join(unknown)} are fields that this version does not know")
        _check_choices(found)
        return Protocol(**{name: _frozen(value) for name, value in found.items()})
    except (TypeError, KeyError, ValueError) as error:
        raise DataError(f"not a protocol: {error}; evaluate again with this version of prepose") from error


def _check_choices(values: Mapping[str, Any]) -> None:
    choices: dict[str, Iterable[str]] = {
        "scale": SCALE_RULES,
        "averaging": get_args(Averaging),
        "coverage": get_args(Coverage),
        "headline": get_args(Measure),
        "also": get_args(Measure),
    }
    for name, known in choices.items():
        given = values.get(name, ())
        unknown = [each for each in ([given] if isinstance(given, str) else given) if each not in known]
        if unknown:
            raise ValueError(f"unknown {name} {unknown[0]}; known: {', '.join(known)}")


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: tuple(inner) for name, inner in value.items()}
    return tuple(value) if isinstance(value, list) else value
