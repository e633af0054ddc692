"""One person in one image, with everything that is known about them and nothing that is not."""

from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, UInt8

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


# A box with a smaller side, px, can only be a broken number.
LEAST_BOX_SIDE = 1e-3
MOST_FRAME = 2**63 - 1


def as_stored(values: np.ndarray) -> Float32[np.ndarray, "..."]:
    """Joints and boxes in the single precision in which stores keep them.

    What is validated is what is kept: 1e39 is finite in double precision and infinite here, 1e-50 is 0 here.
    """
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(values, np.float32)


def check_sample(sample: PoseSample, skeleton: Skeleton, where: str) -> None:
    """Refuse a sample that no store may hold; numbers are judged in the precision in which it would keep them.

    Args:
        sample: The sample.
        skeleton: The skeleton that it must have.
        where: What the message calls it.

    Raises:
        DataError: another skeleton, arrays that do not fit it, an infinite joint, a box without sides, a state that is
            none, a camera or number out of range, or a text that is not Unicode.
    """
    if sample.skeleton != skeleton:
        raise DataError(f"{where}: its skeleton is {sample.skeleton.name}, the store's {skeleton.name}")
    joints = {"joints_img": (sample.joints_img, 2), "joints_cam": (sample.joints_cam, 3), "states": (sample.states, 0)}
    for name, (values, width) in joints.items():
        shape = (len(skeleton), width) if width else (len(skeleton),)
        if values.shape != shape:
            raise DataError(f"{where}: {name} has shape {values.shape}, {skeleton.name} needs {shape}")
    _check_joints(sample, where)
    _check_boxes(sample, where)
    if sample.camera is not None:
        _check_camera(sample.camera, where)
    _check_facts(sample, where)


def _check_joints(sample: PoseSample, where: str) -> None:
    for name in ("joints_img", "joints_cam"):
        infinite = np.isinf(as_stored(getattr(sample, name))).any(axis=1)
        if infinite.any():
            joint = int(infinite.argmax())
            raise DataError(
                f"{where}: a joint is infinite or too large, {name} of {sample.skeleton.joints[joint]} is "
                f"{np.asarray(getattr(sample, name))[joint].tolist()}; a joint that is not labelled must be NaN"
            )
    known = np.isin(sample.states, list(JointState))
    if not known.all():
        raise DataError(f"{where}: a joint's state is {sample.states[~known][0]}, expected 0 to {max(JointState)}")


def _check_boxes(sample: PoseSample, where: str) -> None:
    box, head = as_stored(sample.box_xywh), as_stored(sample.head_box_xywh)
    if box.shape != (4,) or not np.isfinite(box).all() or (box[2:] < LEAST_BOX_SIDE).any():
        raise DataError(
            f"{where}: the box must be finite with positive sides, found {np.asarray(sample.box_xywh).tolist()}"
        )
    # Some authors give head boxes without a side, which PCKh cannot use, but nothing else is wrong with them.
    if head.shape != (4,) or np.isinf(head).any():
        raise DataError(
            f"{where}: the head box must be finite, or NaN, found {np.asarray(sample.head_box_xywh).tolist()}"
        )


def _check_facts(sample: PoseSample, where: str) -> None:
    if not -MOST_FRAME <= sample.frame <= MOST_FRAME:
        raise DataError(f"{where}: its frame has {len(str(abs(sample.frame)))} digits; expected at most 18")
    if not np.isfinite(sample.full_from_img).all():
        raise DataError(f"{where}: full_from_img must be finite, found {sample.full_from_img.tolist()}")
    for name in ("subject", "action", "source", "details"):
        if _surrogates(getattr(sample, name)):
            raise DataError(f"{where}: its {name} is not Unicode text: {getattr(sample, name)!a:.60}")


def _check_camera(camera: Camera, where: str) -> None:
    # `Camera` itself refuses numbers that are not finite.
    if not all(0 < side < 2**31 for side in camera.size_wh):
        raise DataError(f"{where}: camera {camera.name!r} has the image size {camera.size_wh}, expected positive px")
    if _surrogates(camera.name):
        raise DataError(f"{where}: its camera's name is not Unicode text: {camera.name!a:.60}")


def _surrogates(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text)
