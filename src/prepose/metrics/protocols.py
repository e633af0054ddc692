"""Every protocol by name: the field's, dataset by dataset, and those for any dataset; also as a table."""

from collections.abc import Mapping
from types import MappingProxyType

from rich.console import Console

from prepose.body.skeletons import get_skeleton
from prepose.console import table_of
from prepose.errors import DataError, nearest, shortened
from prepose.metrics.generic_protocols import GENERIC
from prepose.metrics.image_protocols import IMAGE
from prepose.metrics.pose_protocols import POSE
from prepose.metrics.protocol import MEAN_PERSON_BONE_SUM_MM, MEASURE_TEXTS, Averaging, Protocol, protocol_from_json
from prepose.metrics.scale import SCALE_RULES

__all__ = [
    "MEAN_PERSON_BONE_SUM_MM",
    "PROTOCOLS",
    "Averaging",
    "Protocol",
    "get_protocol",
    "protocol_from_json",
    "protocols_for",
]

# The order matters: the first row made for a dataset that fits a network is the dataset's default for that network.
PROTOCOLS: Mapping[str, Protocol] = MappingProxyType({row.name: row for row in (*GENERIC, *POSE, *IMAGE)})


def get_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        DataError: no protocol has the name.
    """
    if name not in PROTOCOLS:
        raise DataError(
            f"no protocol is named {shortened(name)!r}{nearest(name, PROTOCOLS)}; `prepose protocols` lists all "
            f"{len(PROTOCOLS)}"
        )
    return PROTOCOLS[name]


def protocols_for(dataset: str) -> tuple[Protocol, ...]:
    """The protocols that a dataset may be scored by, best first: its own, then those for any dataset."""
    own = [row for row in PROTOCOLS.values() if dataset in row.datasets]
    return (*own, *(row for row in PROTOCOLS.values() if not row.datasets))


ANY = "any dataset"


def print_protocols(console: Console | None = None) -> None:
    """Every protocol, dataset by dataset: what it is about, and on how many joints."""
    console = console or Console()
    table = table_of("protocol", "headline", "joints", title="Protocols", texts=2)
    table.columns[0].no_wrap = True
    for datasets in dict.fromkeys(row.datasets for row in PROTOCOLS.values()):
        # Names of datasets as rows of their own: beside the protocols' names there is no room for them in 80 columns.
        table.add_row(f"[bold]for {', '.join(datasets) or ANY}[/]")
        rows = [row for row in PROTOCOLS.values() if row.datasets == datasets]
        for row in rows:
            shown = MEASURE_TEXTS[row.headline] + (", by action" if row.averaging == "actions" else "")
            joints = f"{len(row.scored_joints)}" if row.coverage == "all" else f"up to {len(row.scored_joints)}"
            table.add_row(f"  {row.name}", shown, joints, end_section=row is rows[-1])
    console.print(table)
    console.print(
        "Without --protocol, `prepose evaluate` takes the first one for the dataset that fits it and the network.\n"
        "`prepose protocols NAME` shows one in full, with its source."
    )


def print_protocol(name: str, console: Console | None = None) -> None:
    """One protocol in full.

    Raises:
        DataError: no protocol has the name.
    """
    console = console or Console()
    row = get_protocol(name)
    table = table_of("", "", title=row.name, texts=2)
    table.columns[0].no_wrap = True
    for title, text in described(row).items():
        table.add_row(title, text)
    console.print(table)


def described(row: Protocol) -> Mapping[str, str]:
    """Everything that a figure of the protocol depends on, in words: title -> text."""
    joints, skeleton = row.scored_joints, get_skeleton(row.skeleton)
    named = "all of " + row.skeleton if len(joints) == len(skeleton) else ", ".join(joints)
    lacking = {
        "all": "a network or dataset without one of them is refused",
        "shared": "those that network and dataset both have",
    }[row.coverage]
    return {
        "for": _datasets(row),
        "headline": "; ".join(MEASURE_TEXTS[measure] for measure in row.measures),
        "averaging": row.averaging_text,
        "skeleton": row.skeleton,
        "joints": f"{len(joints)} ({named}); {lacking}",
        "accepted though approximate": ", ".join(row.accepted_approximations) or "none",
        "root": "middle of " + " and ".join(row.root) if len(row.root) > 1 else "".join(row.root) or "none",
        "scale": f"{row.scale}: {SCALE_RULES[row.scale]}",
        "groups": _groups(row.groups) or "none",
        "by what hides a joint": _groups(row.state_groups) or "by each state",
        "split": row.split + (f", of {_people(row)}" if row.subjects else ""),
        "frames": row.frames + (f", every {row.stride}th" if row.stride > 1 else ""),
        "boxes": "the people's true boxes",
        "flip test": "yes" if row.flip_test else "no",
        "source": row.source,
    }


def _datasets(row: Protocol) -> str:
    return ", ".join(row.datasets) or ANY


def _people(row: Protocol) -> str:
    return ", ".join(subject or "people without names" for subject in row.subjects)


def _groups(groups: Mapping[str, tuple[str, ...]]) -> str:
    return "; ".join(f"{name}: {', '.join(members)}" for name, members in groups.items())
