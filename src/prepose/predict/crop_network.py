"""The contract between prediction and what runs a network: crops in, joints out, NumPy arrays both. Needs no torch.

`torch_network` and `onnx_network` make one; everything else of prediction knows no more of a network than this.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import SKELETONS
from prepose.specs.error_calibration import ErrorCalibration
from prepose.specs.ledger import Ledger
from prepose.specs.model import ModelSpec


class CropJoints(NamedTuple):
    """What a network says of a batch of crops.

    Attributes:
        joints_crop: x, y in crop px; z, the depth relative to the root, in crop px.
        confidence: Of each joint, 0 to 1.
    """

    joints_crop: Float[np.ndarray, "B J 3"]
    confidence: Float[np.ndarray, "B J"]


@dataclass(frozen=True, eq=False)
class CropNetwork:
    """A network that is ready to run; threads may share it.

    Attributes:
        spec: What it is.
        ledger: Which data its weights come from; None where that is not recorded.
        weights: Digest of its weights.
        device: Where it runs.
        run: RGB crops, and whether to predict the mirror image too, to joints.
        calibration: What its confidence says of its errors; None where it is not calibrated.
        flip_test: Whether the mirror image is predicted, where the network was exported so; None where `run` does as
            it is asked.
    """

    spec: ModelSpec
    ledger: Ledger | None
    weights: str
    device: str
    run: Callable[[UInt8[np.ndarray, "B 3 S S"], bool], CropJoints]
    calibration: ErrorCalibration | None = None
    flip_test: bool | None = None

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of the output."""
        return SKELETONS[self.spec.skeleton]
