"""The One Euro filter over a person's joints: little jitter while somebody is still, little lag while he moves.

Source: Casiez, Roussel and Vogel, "1 € Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive
Systems", CHI 2012. A first-order low-pass filter whose cutoff rises with the signal's own (filtered) speed:

    cutoff = min_cutoff + beta * |speed|        alpha = 1 / (1 + 1 / (2 pi cutoff dt))

It looks back only, and takes the time between samples as it comes.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from prepose.predict.prediction import Prediction

# Hz, and Hz per mm/s: a joint at rest is smoothed over a sixth of a second, one at 1 m/s over a fiftieth.
MIN_CUTOFF_HZ = 1.0
BETA_HZ_PER_MM_S = 0.007
SPEED_CUTOFF_HZ = 1.0


@dataclass
class OneEuro:
    """The filter for an array of signals, each with its own cutoff.

    Attributes:
        min_cutoff: Cutoff at rest, Hz.
        beta: By how much the cutoff rises with the speed, Hz per unit/s.
        speed_cutoff: Cutoff of the low-pass filter on the speed, Hz.
    """

    min_cutoff: float = MIN_CUTOFF_HZ
    beta: float = BETA_HZ_PER_MM_S
    speed_cutoff: float = SPEED_CUTOFF_HZ
    _value: np.ndarray | None = None
    _speed: np.ndarray | None = None
    _time: float = 0.0

    def __call__(self, value: Float[np.ndarray, "..."], time: float) -> Float[np.ndarray, "..."]:
        """The next smoothed value.

        Args:
            value: The signals now.
            time: When, s; later than before.
        """
        if self._value is None or self._speed is None:
            self._value, self._speed = value, np.zeros_like(value)
        elif time > self._time:
            step = time - self._time
            # From the filtered value before, as in the paper: noise alone hardly counts as speed.
            speed = (value - self._value) / step
            self._speed = self._speed + _share(self.speed_cutoff, step) * (speed - self._speed)
            cutoff = self.min_cutoff + self.beta * np.abs(self._speed)
            self._value = self._value + _share(cutoff, step) * (value - self._value)
        self._time = time
        return self._value


def _share(cutoff: Float[np.ndarray, "..."] | float, step: float) -> Float[np.ndarray, "..."] | float:
    """How much of a new value a low-pass filter takes over after a time step (s)."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff * step))


@dataclass
class Smoother:
    """The filters of one person: the root, and the pose about it, which is far less noisy than the root's depth."""

    root: OneEuro = field(default_factory=OneEuro)
    pose: OneEuro = field(default_factory=OneEuro)

    def __call__(self, prediction: Prediction) -> Prediction:
        """The person's next prediction, smoothed in mm and projected into the image again."""
        root = self.root(prediction.root_cam, prediction.time)
        joints_cam = root + self.pose(prediction.joints_root, prediction.time)
        projected = prediction.camera.project(joints_cam)
        # Beyond the lens' outermost ray there is no projection.
        joints_img = np.where(np.isnan(projected), prediction.joints_img, projected)
        return replace(prediction, joints_cam=joints_cam, root_cam=root, joints_img=joints_img)
