"""Numbers that an adapter keeps in the details of its samples, as columns."""

import json

import numpy as np
from jaxtyping import Float

from prepose.data.dataset import PoseDataset


def detail_numbers(dataset: PoseDataset, name: str) -> Float[np.ndarray, "N"]:
    """The number of that name in the details of each sample; NaN where there is none."""
    found = [json.loads(text).get(name) for text in dataset.texts("details")]
    return np.array([value if isinstance(value, (int, float)) else np.nan for value in found], float)
