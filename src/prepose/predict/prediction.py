"""What is said about one person in one photograph. No torch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from prepose.arrays import BoxXywh
from prepose.body.skeleton import Skeleton
from prepose.camera.camera import Camera
from prepose.camera.crop import Crop


@dataclass(frozen=True, eq=False)
class Prediction:
    """One person in one photograph.

    Attributes:
        skeleton: Of the joint arrays.
        joints_img: Joints in the upright photograph, px.
        joints_cam: Joints in the camera's frame, mm.
        confidence: Of each joint.
        box_xywh: The box that was looked at, px.
        size_wh: The photograph's size, px.
        crop: The square that the network saw.
        camera: The camera that lifted the joints.
        camera_rule: Where the camera comes from, in words.
        root_depth_mm: Depth of the root.
        root_depth_rule: How it was found, in words.
        image: The photograph's name.
        weights: Digest of the weights.
    """

    skeleton: Skeleton
    joints_img: Float[np.ndarray, "J 2"]
    joints_cam: Float[np.ndarray, "J 3"]
    confidence: Float[np.ndarray, "J"]
    box_xywh: BoxXywh
    size_wh: tuple[int, int]
    crop: Crop
    camera: Camera
    camera_rule: str
    root_depth_mm: float
    root_depth_rule: str
    image: str = ""
    weights: str = ""

    def __repr__(self) -> str:
        """Which photo and skeleton, and how confident; not the arrays."""
        return (
            f"Prediction({self.image!r}, {self.skeleton.name}, mean confidence {self.confidence.mean():.2f}, "
            f"root at {self.root_depth_mm:.0f} mm)"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; joints in the order of `skeleton.joints`."""
        return {
            "skeleton": self.skeleton.name,
            "joints": list(self.skeleton.joints),
            "bones": [list(bone) for bone in self.skeleton.bones],
            "joints_img": _rounded(self.joints_img, 3),
            "joints_cam": _rounded(self.joints_cam, 3),
            "confidence": _rounded(self.confidence, 6),
            "units": {"joints_img": "px", "joints_cam": "mm", "root_depth": "mm"},
            "frame": {
                "joints_img": "the upright image; (0, 0) is the centre of the top-left pixel, x right, y down",
                "joints_cam": "camera; x right, y down, z forward",
            },
            "root_depth": {"value": round(self.root_depth_mm, 3), "rule": self.root_depth_rule},
            "camera": {
                "K": _rounded(self.camera.K, 6),
                "distortion": _rounded(self.camera.distortion, 9),
                "rule": self.camera_rule,
            },
            "box_xywh": _rounded(self.box_xywh, 3),
            "image": {"name": self.image, "width": self.size_wh[0], "height": self.size_wh[1]},
            "weights": self.weights,
        }


def _rounded(values: np.ndarray, digits: int) -> list[Any]:
    return np.round(values.astype(float), digits).tolist()
