"""MATLAB structs for fakes."""

import numpy as np


def struct_array(records: list[dict]) -> np.ndarray:
    """Records with the same fields as what savemat writes as a MATLAB struct array."""
    if not records:
        return np.empty((0, 0))
    array = np.empty((1, len(records)), [(name, object) for name in records[0]])
    for column, record in enumerate(records):
        array[0, column] = tuple(record.values())
    return array
