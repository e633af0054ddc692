"""The 24 joints of SPIN's npz files, and which of them are Human3.6M's or MPI-INF-3DHP's seventeen.

Both sets are kept in one order of names: Human3.6M's thorax in the place of LSP's neck, its head in that of `head`.
Source: Kolotouros et al., "Learning to reconstruct 3D human pose and shape via model-fitting in the loop", ICCV 2019.
"""

import numpy as np
from jaxtyping import Float

from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import H36M_17, MPI_INF_3DHP_17, SPIN_24

# What each set's joints are called in SPIN_24, where the names differ.
_KEPT_AS = {
    H36M_17.name: {"thorax": "neck", "head_top": "head"},
    MPI_INF_3DHP_17.name: {"head": "nose_neck", "head_top": "head"},
}


def of_spin(joints: Float[np.ndarray, "N 24 D"], skeleton: Skeleton) -> Float[np.ndarray, "N J D"]:
    """A set's own seventeen joints out of the 24."""
    kept_as = _KEPT_AS[skeleton.name]
    return joints[:, [SPIN_24.index(kept_as.get(joint, joint)) for joint in skeleton.joints]]
