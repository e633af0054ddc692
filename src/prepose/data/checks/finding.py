"""What a check has to say: where, how much, what was expected, and the likely cause."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int

Severity = Literal["fault", "note"]

# A soft sign (a pose, a box) in fewer samples than this is an annotator's slip and a note; in more, a fault of the set.
SLIPS = 0.02
MOST_NAMED = 8


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        check: The name of the check, a key of `doctor.CHECKS`.
        severity: `fault`: training or scoring on this would be wrong; `note`: worth knowing.
        samples: Indices of the samples concerned; empty where it is a matter of the whole split.
        figure: The number that was measured.
        unit: Its unit (px, mm, samples, ...).
        expected: What the number should have been.
        cause: What most likely went wrong.
        text: All of this as one sentence.
    """

    check: str
    severity: Severity
    samples: tuple[int, ...]
    figure: float | int
    unit: str
    expected: str
    cause: str
    text: str


def soft_severity(found: int, judged: int, *, least: int = 2) -> Severity:
    """A fault where more of the samples judged than a careful annotator's slips are concerned, and at least `least`."""
    return "fault" if found >= max(least, SLIPS * judged) else "note"


def indices_of(mask: Bool[np.ndarray, "N"] | Int[np.ndarray, "M"]) -> tuple[int, ...]:
    """The indices that a mask marks (or indices as they are), as plain numbers."""
    rows = np.flatnonzero(mask) if mask.dtype == bool else mask
    return tuple(rows.tolist())


def named(samples: Sequence[int]) -> str:
    """A few of the sample numbers, for a sentence."""
    return ", ".join(map(str, samples[:MOST_NAMED])) + (", ..." if len(samples) > MOST_NAMED else "")
