"""One person in one image, with everything that is known about them and nothing that is not."""

from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from prepose.arrays import BoxXywh, ImageRgb, Matrix3
from prepose.body.skeleton import Skeleton
from prepose.camera.camera import Camera
from prepose.errors import DataError


class JointState(IntEnum):
    """What is known about a joint's visibility. Whether a joint is *labelled* is a matter of NaN, not of this flag."""

    UNKNOWN = 0
    VISIBLE = 1
    OCCLUDED = 2
    OCCLUDED_BY_OBJECT = 3
    OCCLUDED_BY_BODY = 4
    OUTSIDE = 5


@dataclass(frozen=True, eq=False)
class PoseSample:
    """One person in one image.

    Attributes:
        image: The encoded picture (JPEG or PNG bytes), or the path of one.
        skeleton: The skeleton of the joint arrays.
        box_xywh: The person's box in the image, px.
        joints_img: Joints in the image, px; NaN where not labelled.
        joints_cam: Joints in the camera's frame, mm; NaN where not labelled; all NaN for a 2D sample.
        states: A `JointState` for each joint.
        camera: The calibrated camera, where there is one.
        head_box_xywh: The head's box, px, where the dataset gives it (PCKh needs it); else NaN.
        subject: Who, within the dataset.
        action: What they do.
        frame: Index of the frame in its sequence, -1 where there is none.
        source: Where the sample comes from, readable by a person (file and record).
        details: Further facts as JSON (the drawn parameters of a synthetic sample).
        full_from_img: Homogeneous matrix from the image's px to px of the full picture that a person chip was cut from
            (`chip`); the identity where the image is the full picture. Every other field is in the image's own px.
        projected: Whether `joints_img` are not labels but the 3D joints, projected by the camera. They then agree with
            the camera whatever it is, and are no evidence for it.
    """

    image: bytes | Path
    skeleton: Skeleton
    box_xywh: BoxXywh
    joints_img: Float[np.ndarray, "J 2"]
    joints_cam: Float[np.ndarray, "J 3"]
    states: UInt8[np.ndarray, "J"]
    camera: Camera | None = None
    head_box_xywh: BoxXywh = field(default_factory=lambda: np.full(4, np.nan))
    subject: str = ""
    action: str = ""
    frame: int = -1
    source: str = ""
    details: str = "{}"
    full_from_img: Matrix3 = field(default_factory=lambda: np.eye(3))
    projected: bool = False

    def pixels(self) -> ImageRgb:
        """The image as RGB, (H, W, 3) uint8.

        Raises:
            DataError: the image cannot be read.
        """
        from prepose.data.picture import decode_image, read_photograph

        return decode_image(self.image) if isinstance(self.image, bytes) else read_photograph(self.image)

    def __repr__(self) -> str:
        """Who does what, and what is labelled; not the arrays."""
        labelled = int((~np.isnan(self.joints_img).any(axis=1)).sum())
        known_3d = int((~np.isnan(self.joints_cam).any(axis=1)).sum())
        who = " ".join(filter(None, (self.subject, self.action)))
        return (
            f"PoseSample({who + ', ' if who else ''}{self.skeleton.name}: {labelled} joints in 2D, {known_3d} in 3D, "
            f"{self.source!r})"
        )

    @property
    def has_3d(self) -> bool:
        """Whether any joint is labelled in 3D."""
        return not np.isnan(self.joints_cam).all()


def check_sample(sample: PoseSample, skeleton: Skeleton, where: str) -> None:
    """Refuse a sample that no store may hold.

    Args:
        sample: The sample.
        skeleton: The skeleton that it must have.
        where: What the message calls it.

    Raises:
        DataError: another skeleton, arrays that do not fit it, an infinite joint, or a box without sides.
    """
    if sample.skeleton != skeleton:
        raise DataError(f"{where}: its skeleton is {sample.skeleton.name}, the store's {skeleton.name}")
    joints = {"joints_img": (sample.joints_img, 2), "joints_cam": (sample.joints_cam, 3), "states": (sample.states, 0)}
    for name, (values, width) in joints.items():
        shape = (len(skeleton), width) if width else (len(skeleton),)
        if values.shape != shape:
            raise DataError(f"{where}: {name} has shape {values.shape}, {skeleton.name} needs {shape}")
    if np.isinf(sample.joints_img).any() or np.isinf(sample.joints_cam).any():
        raise DataError(f"{where}: a joint is infinite; a joint that is not labelled must be NaN")
    if not np.isfinite(sample.box_xywh).all() or (sample.box_xywh[2:] <= 0).any():
        raise DataError(f"{where}: the box must be finite with positive sides, found {sample.box_xywh.tolist()}")
