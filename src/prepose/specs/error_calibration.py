"""The expected error of predicted joints by their confidence, as a network's weights file keeps it."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, model_validator

from prepose.body.skeleton import Skeleton

# The rule by which `predict` gives poses a size, so that the errors are of what it writes.
PROTOCOL_3D: Literal["mean-person"] = "mean-person"


class ErrorCurve(BaseModel):
    """The mean error of joints as a function of their confidence, linear between its points and constant beyond.

    Attributes:
        confidence: Confidences, ascending.
        error: The mean error at each, never rising: mm, or parts of the crop's side.
        num_joints: How many labelled joints it was fitted to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    confidence: tuple[float, ...] = Field(min_length=1)
    error: tuple[float, ...]
    num_joints: int = Field(ge=1)

    @model_validator(mode="after")
    def _is_a_curve(self) -> "ErrorCurve":
        if len(self.confidence) != len(self.error):
            raise ValueError(f"{len(self.confidence)} confidences for {len(self.error)} errors")
        if (np.diff(self.confidence) <= 0).any() or (np.diff(self.error) > 0).any() or min(self.error) < 0:
            raise ValueError("confidences must ascend and errors, 0 or more, not rise")
        return self

    def at(self, confidence: Float[np.ndarray, "*A"]) -> Float[np.ndarray, "*A"]:
        """The expected error at each confidence; NaN where that is NaN."""
        found = np.interp(confidence, self.confidence, self.error)
        return np.where(np.isnan(confidence), np.nan, found)


class ErrorCalibration(BaseModel):
    """How large the errors of one network are on one set of labelled images, by joint and confidence.

    It holds for images like those: on other people, places and cameras the same confidence can mean another error.

    Attributes:
        dataset: The dataset that it was fitted on.
        store: The name of its store's folder: two datasets of one's own have the same name.
        split: Its split.
        samples: How many samples of it.
        protocol: How the errors in mm were measured.
        flip_test: Whether the mirror image was predicted too; confidences without it are others.
        prepose: The version that fitted it.
        commit: The commit of that version's source tree; None where it was installed without one.
        mm: Joint name without its side -> error relative to the root, mm; empty without 3D labels.
        crop: Joint name without its side -> error in the image, in parts of the side of the crop.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    store: str = ""
    split: str
    samples: int = Field(ge=1)
    protocol: Literal["mean-person"] = PROTOCOL_3D
    flip_test: bool = True
    prepose: str
    commit: str | None = None
    mm: Mapping[str, ErrorCurve] = {}
    crop: Mapping[str, ErrorCurve] = {}

    def __str__(self) -> str:
        """Where it holds: `wild/validation (300 samples)`, `custom/test of mupots (904 samples)`."""
        store = f" of {self.store}" if self.store not in ("", self.dataset) else ""
        return f"{self.dataset}/{self.split}{store} ({self.samples:,} samples)"

    def expected_mm(self, confidence: Float[np.ndarray, "*N J"], skeleton: Skeleton) -> Float[np.ndarray, "*N J"]:
        """The expected distance of each joint from its true place relative to the root, mm.

        Args:
            confidence: Of the joints, as the network gives it.
            skeleton: The network's skeleton.

        Returns:
            0 for the root, which is what the errors are relative to; NaN for joints that were not calibrated.
        """
        found = _at(self.mm, confidence, skeleton)
        if self.mm and skeleton.root is not None:
            root = skeleton.root_index
            found[..., root] = np.where(np.isnan(confidence[..., root]), np.nan, 0.0)
        return found

    def expected_of_crop(self, confidence: Float[np.ndarray, "*N J"], skeleton: Skeleton) -> Float[np.ndarray, "*N J"]:
        """The expected distance of each joint from its true place in the image, in parts of the crop's side; NaN
        for joints that were not calibrated.
        """  # noqa: D205 - one sentence
        return _at(self.crop, confidence, skeleton)


def joint_kind(joint: str) -> str:
    """A joint's name without its side: left and right are calibrated together."""
    return joint[2:] if joint[:2] in ("l_", "r_") else joint


def _at(
    curves: Mapping[str, ErrorCurve], confidence: Float[np.ndarray, "*N J"], skeleton: Skeleton
) -> Float[np.ndarray, "*N J"]:
    found = np.full(confidence.shape, np.nan)
    for column, joint in enumerate(skeleton.joints):
        curve = curves.get(joint_kind(joint))
        if curve is not None:
            found[..., column] = curve.at(confidence[..., column])
    return found
