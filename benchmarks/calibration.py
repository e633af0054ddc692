"""Whether the expected errors of a calibration hold on other images: fitted on one set, checked on others.

    python benchmarks/calibration.py NETWORK FITTED_ON CHECKED_ON ...

Each set is STORE:SPLIT or STORE:SPLIT:ACTION (one sequence of MuPoTS-3D). One row for each set and unit: the mean
expected and measured error over all joints but the root, the calibration error (mean over ten bins), and the two
outermost bins. `prepose calibrate` and `prepose evaluate --protocol mean-person` do the same for whole splits.
"""

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from prepose.data.store import open_store
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.protocols import get_protocol
from prepose.metrics.reliability import reliability_in_image, reliability_mm
from prepose.models.checkpoint import load_weights
from prepose.predict.calibrate import PROTOCOL_2D, fitted
from prepose.predict.evaluate import evaluate
from prepose.predict.fit import misfit
from prepose.predict.networks import find_weights
from prepose.specs.error_calibration import PROTOCOL_3D


@cache
def evaluated(network: str, store: str, split: str) -> Evaluation:
    """A network on a split, in mm where there are 3D labels."""
    net, dataset = load_weights(find_weights(Path(network))), open_store(Path(store), split)
    in_3d = misfit(get_protocol(PROTOCOL_3D), dataset, net.skeleton) is None
    protocol = get_protocol(PROTOCOL_3D if in_3d else PROTOCOL_2D)
    return evaluate(net, dataset, replace(protocol, split=split))


def part(network: str, name: str) -> Evaluation:
    """The samples of a set."""
    store, split, *action = name.split(":")
    whole = evaluated(network, store, split)
    if not action:
        return whole
    mine = np.flatnonzero([each == action[0] for each in whole.actions])
    arrays = {each: array[mine] for each, array in whole.arrays().items() if not each.startswith("variant:")}
    texts = {each: tuple(np.array(getattr(whole, each))[mine].tolist()) for each in ("subjects", "actions")}
    return replace(whole, variants={}, **arrays, **texts)


def main() -> None:
    """Print one table."""
    network, first, *others = sys.argv[1:]
    calibration = fitted(part(network, first))
    print(f"{network}: fitted on {first}\n")
    print("| checked on | joints | expected | measured | calibration error | lowest bin | highest bin |\n"
          "|---|---|---|---|---|---|---|")  # fmt: skip
    for name in (first, *others):
        found = part(network, name)
        skeleton = load_weights(find_weights(Path(network))).skeleton
        found = replace(
            found,
            expected_mm=calibration.expected_mm(found.confidence, skeleton) if calibration.mm else None,
            expected_of_crop=calibration.expected_of_crop(found.confidence, skeleton),
        )
        for unit, parts in (("mm", reliability_mm(found)), ("% of crop", reliability_in_image(found))):
            if parts:
                one = parts["overall"]
                ends = (f"{each.expected:.1f}, {each.measured:.1f}" for each in (one.bins[0], one.bins[-1]))
                numbers = (one.expected, one.measured, one.expected_calibration_error)
                cells = [f"{one.num_joints:,}", *(f"{number:.1f} {unit}" for number in numbers), *ends]
                print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
