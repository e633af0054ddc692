"""What the person detector says, as boxes; and what its exported model says of itself. Needs no torch."""

from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict

from prepose.specs.ledger import Ledger

# The form of the network, in its weights files and exported models.
DETECTOR = "lite0-centres"
# Image px per cell of the maps, and what the sides of an image are multiples of.
STRIDE, MULTIPLE = 8, 32
# Side of the images that it learns from and that it is asked about, px.
SIDE = 320
# The outputs of an exported detector, for one image of uint8 (1, 3, H, W).
OUTPUTS = ("centre", "reach")
KEY = "prepose-detector"


class DetectorFacts(BaseModel):
    """Everything about an exported detector but its numbers, in the model's metadata.

    Attributes:
        detector: The form of the network.
        version: Of this record.
        weights: Digest of the weights of the detector that was exported.
        ledger: Which data they come from; None where that is not recorded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    detector: Literal["lite0-centres"] = DETECTOR
    version: Literal[1] = 1
    weights: str
    ledger: Ledger | None = None


def boxes_of(
    centre: Float[np.ndarray, "h w"], reach: Float[np.ndarray, "4 h w"], *, least_score: float, most: int
) -> tuple[Float[np.ndarray, "N 2"], Float[np.ndarray, "N 2"], Float[np.ndarray, "N"]]:
    """The boxes of one image about the local maxima of its map, surest first.

    Args:
        centre: Logit of each cell that a person's box has its middle there.
        reach: From each cell's middle to the box's left, top, right and bottom, px.
        least_score: Leave out whoever is less sure, 0 to 1.
        most: Keep at most so many.

    Returns:
        Their upper left and lower right outer corners, px, and scores.
    """
    # Of equal neighbours all are maxima, and the overlap of their boxes tells.
    is_peak = centre == cv2.dilate(centre, np.ones((3, 3), np.uint8))
    score = np.where(is_peak, 1 / (1 + np.exp(-centre.astype(float))), 0.0)
    places = np.argsort(-score, axis=None, kind="stable")[:most]
    places = places[score.flat[places] >= least_score]
    rows, columns = np.unravel_index(places, score.shape)
    middle = STRIDE * (np.stack([columns, rows], axis=1) + 0.5) - 0.5
    sides = reach[:, rows, columns].T.astype(float)
    return middle - sides[:, :2], middle + sides[:, 2:], score[rows, columns]
