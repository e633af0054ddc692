"""In what two protocols differ, property by property; each can be switched by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from rich.console import Console

from prepose.body.skeletons import get_skeleton
from prepose.console import PlainConsole, table_of
from prepose.metrics.protocol import AVERAGING_TEXTS, MEASURE_TEXTS, Protocol
from prepose.metrics.scale import SCALE_RULES

# Property -> the fields of a protocol that it is made of. Groups of joints and the source change no headline.
PROPERTIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "joints": ("skeleton", "joints", "coverage"),
        "approximations": ("accepted_approximations",),
        "root": ("root",),
        "scale": ("scale", "bone_sum_mm"),
        "alignment": ("headline",),
        "average": ("averaging",),
        "boxes": ("boxes",),
        "flip": ("flip_test",),
        "frames": ("stride", "frames"),
        "people": ("datasets", "split", "subjects"),
    }
)
_ALIGNED = {
    "mpjpe_mm": "root only",
    "pa_mpjpe_mm": "best rotation, scale and shift of each pose",
    "n_mpjpe_mm": "root and best scale of each pose",
    "pck3d_150": "root only",
    "auc3d": "root only",
}


@dataclass(frozen=True)
class PropertyDifference:
    """A property in which two protocols differ.

    Attributes:
        name: A key of `PROPERTIES`.
        first: What it is in the first protocol, in words.
        second: What it is in the second.
    """

    name: str
    first: str
    second: str


def differences(first: Protocol, second: Protocol) -> tuple[PropertyDifference, ...]:
    """The properties in which two protocols differ, in the order of `PROPERTIES`."""
    found = []
    for name, fields in PROPERTIES.items():
        if _values(first, fields) != _values(second, fields):
            found.append(PropertyDifference(name, *_in_words(name, first, second)))
    return tuple(found)


def switched(first: Protocol, second: Protocol, names: frozenset[str]) -> Protocol:
    """The first protocol with some properties of the second; without groups, which change no headline.

    Raises:
        ValueError: the second's property cannot be had without another one (a root that the joints lack).
    """
    fields = [field for name in names for field in PROPERTIES[name]]
    changes = {field: getattr(second, field) for field in fields}
    joints = get_skeleton(changes.get("skeleton", first.skeleton)).joints
    accepted = changes.get("accepted_approximations", first.accepted_approximations)
    changes["accepted_approximations"] = tuple(joint for joint in accepted if joint in joints)
    if names:
        changes["name"] = f"{first.name} with {' and '.join(sorted(names))} of {second.name}"
    return replace(first, groups={}, state_groups={}, also=(), **changes)


def _values(protocol: Protocol, fields: tuple[str, ...]) -> list[Any]:
    return [protocol.scored_joints if field == "joints" else getattr(protocol, field) for field in fields]


def _in_words(name: str, first: Protocol, second: Protocol) -> tuple[str, str]:
    if name == "joints":
        return _joints(first, second), _joints(second, first)
    one, two = _text(name, first), _text(name, second)
    return one, two


def _joints(protocol: Protocol, other: Protocol) -> str:
    mine, theirs = protocol.scored_joints, set(other.scored_joints)
    only = [joint for joint in mine if joint not in theirs]
    skeleton = get_skeleton(protocol.skeleton)
    text = f"{len(mine)} of {skeleton.name}"
    if only:
        text += f"; alone here: {', '.join(only)}"
    if protocol.coverage != other.coverage:
        text += "; all of them" if protocol.coverage == "all" else "; those that labels and predictions share"
    return text


def _text(name: str, protocol: Protocol) -> str:
    texts = {
        "approximations": f"accepted: {', '.join(protocol.accepted_approximations) or 'none'}",
        "root": "middle of " + " and ".join(protocol.root) if len(protocol.root) > 1 else "".join(protocol.root),
        "scale": f"{protocol.scale}: {SCALE_RULES[protocol.scale]}",
        "alignment": f"{MEASURE_TEXTS[protocol.headline]} ({_ALIGNED.get(protocol.headline, 'in the image')})",
        "average": AVERAGING_TEXTS[protocol.averaging],
        "boxes": "the people's true boxes" if protocol.boxes == "truth" else str(protocol.boxes),
        "flip": "with flip test" if protocol.flip_test else "without flip test",
        "frames": protocol.frames + (f", every {protocol.stride}th" if protocol.stride > 1 else ""),
        "people": f"{', '.join(protocol.datasets) or 'any dataset'}, {protocol.split}"
        + (f", {', '.join(protocol.subjects) or 'people without names'}" if any(protocol.subjects) else ""),
    }
    return texts[name] or "none"


def print_differences(
    first: Protocol, second: Protocol, found: tuple[PropertyDifference, ...], console: Console | None = None
) -> None:
    """What differs, as a table for the terminal."""
    console = console or PlainConsole()
    if not found:
        console.print(f"{first.name} and {second.name} differ in nothing that a headline depends on")
        return
    table = table_of("", first.name, second.name, texts=3)
    for each in found:
        table.add_row(each.name, each.first, each.second)
    console.print(table)
    alike = [name for name in PROPERTIES if name not in {each.name for each in found}]
    console.print(f"alike: {', '.join(alike) or 'nothing'}", highlight=False)
