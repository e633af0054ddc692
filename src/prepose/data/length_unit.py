"""In which unit a dataset gives its 3D joints: told from the length of people's legs."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from prepose.body.skeleton import Skeleton
from prepose.errors import DataError

# Thighs and shins of adults and of children of school age, mm; far less than a factor of 10 apart.
SHORTEST_LEG_BONE, LONGEST_LEG_BONE = 200.0, 650.0
UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0}


@dataclass(frozen=True)
class LengthUnit:
    """A unit of length.

    Attributes:
        name: mm, cm or m.
        mm: How many mm it has.
        leg_bone: The median length of thighs and shins that told it, in the unit.
    """

    name: str
    mm: float
    leg_bone: float

    def __str__(self) -> str:
        return f"3D joints are in {self.name} (thighs and shins have a median of {self.leg_bone:.3g} {self.name})"


def length_unit(joints: Float[np.ndarray, "N J 3"], skeleton: Skeleton, where: object) -> LengthUnit:
    """The unit in which thighs and shins are as long as a person's.

    Args:
        joints: 3D joints in the unit that is asked for; NaN where not labelled.
        skeleton: Their skeleton; must have hips, knees and ankles.
        where: The file, for the message.

    Raises:
        DataError: they are as long as a person's in no unit.
    """
    ends = [(f"{s}_{a}", f"{s}_{b}") for s in "lr" for a, b in (("hip", "knee"), ("knee", "ankle"))]
    bones = [joints[:, skeleton.index(a)] - joints[:, skeleton.index(b)] for a, b in ends]
    lengths = np.linalg.norm(np.stack(bones), axis=-1)
    median = float(np.median(lengths[np.isfinite(lengths)])) if np.isfinite(lengths).any() else float("nan")
    for name, mm in UNITS.items():
        if SHORTEST_LEG_BONE <= median * mm <= LONGEST_LEG_BONE:
            return LengthUnit(name, mm, median)
    raise DataError(
        f"{where}: thighs and shins have a median of {median:.3g}, which is a person's in none of "
        f"{', '.join(UNITS)}; the 3D joints are damaged or in another order"
    )
