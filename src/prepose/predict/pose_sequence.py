"""The poses of one person over time: what predictions become when they leave prepose, and what every exporter takes."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Float, Int, UInt8

from prepose.arrays import Joints3D
from prepose.body.skeleton import Skeleton
from prepose.camera.camera import Camera


class JointMark(IntEnum):
    """What to keep in mind about a predicted joint; of several marks the highest."""

    OK = 0
    LOW_CONFIDENCE = 1  # below the threshold that the user gave
    OUTSIDE_IMAGE = 2  # predicted where the image shows nothing
    MISSING = 3  # the skeleton has it, but it does not follow from the network's joints; its numbers are NaN


@dataclass(frozen=True, eq=False)
class PoseSequence:
    """The poses of one person over time, one row for each frame in which the person was found.

    Rows are in order of time. Frames may be missing (the person was not found) and unevenly spaced (variable frame
    rate): use `times`, never the row number. A photo is a sequence of one row at time 0.

    One image tells neither the size of a person nor the distance. `joints_root` is what the network estimates, at the
    size that `scale_rule` states; `joints_cam` adds the root's position, which rests on `scale_rule` and `camera_rule`.

    Attributes:
        source: The image or video, as the user named it.
        person: Which person, from 1; the same number in all frames of a source.
        skeleton: Of the J joints, in array order.
        provenance: For each joint how it follows from the network's: `exact`, `midpoint of l_hip, r_hip`,
            `approximate: neck` or `missing`.
        frames: Index of each row's frame in the source, from 0; ascending.
        times: Presentation time of each row's frame in the source, s; ascending.
        joints_img: px in the upright image; (0, 0) is the centre of the top-left pixel, x right, y down.
        joints_cam: mm in the camera's frame: x right, y down, z forward. NaN for missing joints.
        root_cam: The root of the network's skeleton (the pelvis) in the camera's frame, mm; never NaN.
        confidence: 0 to 1; NaN for missing joints.
        marks: `JointMark` values.
        boxes_xywh: The person's box in each frame, px.
        camera: The camera of the source; its `size_wh` is the image's size.
        camera_rule: Where the camera comes from, in words.
        scale_rule: What size and distance rest on, in words.
        expected_error_mm: The expected error of each joint of `joints_root`, mm; NaN for joints without a calibration,
            None where the network has none. It holds for images like those of `calibrated_on`.
        expected_error_px: The expected error of each joint of `joints_img`, px; likewise.
        calibrated_on: The labelled images that the expected errors were measured on, in words.
    """

    source: str
    person: int
    skeleton: Skeleton
    provenance: tuple[str, ...]
    frames: Int[np.ndarray, "N"]
    times: Float[np.ndarray, "N"]
    joints_img: Float[np.ndarray, "N J 2"]
    joints_cam: Float[np.ndarray, "N J 3"]
    root_cam: Float[np.ndarray, "N 3"]
    confidence: Float[np.ndarray, "N J"]
    marks: UInt8[np.ndarray, "N J"]
    boxes_xywh: Float[np.ndarray, "N 4"]
    camera: Camera
    camera_rule: str
    scale_rule: str
    expected_error_mm: Float[np.ndarray, "N J"] | None = None
    expected_error_px: Float[np.ndarray, "N J"] | None = None
    calibrated_on: str | None = None

    def __post_init__(self) -> None:
        if len(self.provenance) != len(self.skeleton) or self.joints_cam.shape[1] != len(self.skeleton):
            raise ValueError(f"{self}: {self.joints_cam.shape[1]} joints, {len(self.provenance)} of known provenance")
        if (np.diff(self.times) <= 0).any() or (np.diff(self.frames) <= 0).any():
            raise ValueError(f"{self}: times and frames must ascend")

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        """Who, where and how long; not the arrays."""
        count = len(self.times)
        span = f", {self.times[0]:.2f} to {self.times[-1]:.2f} s" if count > 1 else ""
        rows = "1 frame" if count == 1 else f"{count} frames"
        return f"PoseSequence({self.source!r}, person {self.person}, {self.skeleton.name}, {rows}{span})"

    @property
    def joints_root(self) -> Joints3D:
        """(N, J, 3) joints relative to the root, along the camera's axes, mm."""
        return self.joints_cam - self.root_cam[:, None]

    @property
    def frame_rate(self) -> float:
        """Mean frames per second of the source; NaN for a single frame.

        The rate of frames, not of rows: frames in which the person was not found count.
        """
        if len(self) < 2:
            return float("nan")
        return float((self.frames[-1] - self.frames[0]) / (self.times[-1] - self.times[0]))
