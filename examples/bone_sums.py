"""How long predicted bones are: the median ratio of predicted to true bone sums of each arm of a study on one set.

python examples/bone_sums.py STUDY SET
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from prepose.metrics.evaluation_files import load_evaluation


def bone_sums(joints_mm: np.ndarray, bones: list[tuple[int, int]]) -> np.ndarray:
    """The sum of all bone lengths of each person, mm; joints of shape (N, J, 3)."""
    return np.sum([np.linalg.norm(joints_mm[:, one] - joints_mm[:, other], axis=1) for one, other in bones], axis=0)


def main(study: Path, set_name: str) -> None:
    """Print a line for each arm, a figure for each seed."""
    ratios = defaultdict(list)
    for trial in json.loads((study / "plan.json").read_text())["trials"]:
        found = load_evaluation(study / "trials" / trial["id"] / "evaluations" / f"{set_name}.json")
        names = list(found.skeleton.joints)
        bones = [(names.index(one), names.index(other)) for one, other in found.skeleton.bones]
        ratio = bone_sums(found.prediction_mm, bones) / bone_sums(found.truth_mm, bones)
        ratios[trial["arm"]].append(float(np.nanmedian(ratio)))
    for arm, values in ratios.items():
        print(f"{arm}: {', '.join(f'{value:.3f}' for value in values)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
