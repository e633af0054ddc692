"""Every protocol by name: the field's, dataset by dataset, and those for any dataset."""

from collections.abc import Mapping
from types import MappingProxyType

from prepose.errors import DataError, nearest, shortened
from prepose.metrics.generic_protocols import GENERIC
from prepose.metrics.image_protocols import IMAGE
from prepose.metrics.pose_protocols import POSE
from prepose.metrics.protocol import MEAN_PERSON_BONE_SUM_MM, Averaging, Protocol, protocol_from_json

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
