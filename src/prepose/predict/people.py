"""Where the people of an image are: boxes that a user gives, a detector finds, or the whole image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from prepose.arrays import BoxXywh, ImageRgb
from prepose.camera.camera import Camera
from prepose.errors import DataError
from prepose.predict.frames import Frame

# People may be cut off by the image's border, but a box of which less than this part is inside is a mistake.
LEAST_INSIDE = 0.1


@dataclass(frozen=True, eq=False)
class FoundPerson:
    """A box around somebody in a frame.

    Attributes:
        box_xywh: px.
        person: Who it is, where the user says so; None for whoever tracking takes it for.
    """

    box_xywh: BoxXywh
    person: int | None = None


# A frame's people; DataError where a box cannot be used.
Finder = Callable[[Frame], list[FoundPerson]]


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody in an image, for the network to look at.

    Attributes:
        image: What the image is called.
        pixels: The upright image.
        box_xywh: Where the person is, px.
        frame: Which frame of a video or animation.
        time: Its presentation time, s.
        number: Which person, from 1.
        camera: The image's camera; None for an assumed one.
        camera_rule: Where the camera comes from, in words.
    """

    image: str
    pixels: ImageRgb
    box_xywh: BoxXywh
    frame: int = 0
    time: float = 0.0
    number: int = 1
    camera: Camera | None = None
    camera_rule: str = "given"

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the image, px."""
        return self.pixels.shape[1], self.pixels.shape[0]


def whole_image(frame: Frame) -> list[FoundPerson]:
    """One person who fills the image."""
    return [FoundPerson(checked_box(None, frame.size_wh, frame.source))]


def given_boxes(boxes: Sequence[BoxXywh]) -> Finder:
    """The same people in every frame, numbered in the order of their boxes."""
    return lambda frame: [
        FoundPerson(checked_box(box, frame.size_wh, frame.source), number) for number, box in enumerate(boxes, start=1)
    ]


def checked_box(box_xywh: BoxXywh | None, size_wh: tuple[int, int], name: str) -> BoxXywh:
    """A box that shows some of the image; the whole image for None.

    Raises:
        DataError: the box is not finite, has no size, or lies outside the image, or nearly so.
    """
    width, height = size_wh
    if box_xywh is None:
        return np.array([0.0, 0.0, width, height])
    x, y, box_width, box_height = (float(value) for value in box_xywh)
    shown = f"{name}: the box {x:g},{y:g},{box_width:g},{box_height:g}"
    if not np.isfinite([x, y, box_width, box_height]).all():
        raise DataError(f"{shown} is not finite; give x,y,w,h in px")
    if min(box_width, box_height) < 1:
        raise DataError(f"{shown} has no size; give x,y,w,h in px with w and h at least 1")
    across = min(x + box_width, width) - max(x, 0.0)
    down = min(y + box_height, height) - max(y, 0.0)
    if min(across, down) <= 0 or across / box_width * (down / box_height) < LEAST_INSIDE:
        where = "lies outside" if min(across, down) <= 0 else "has less than a tenth of its area inside"
        raise DataError(f"{shown} {where} the image, which is {width} x {height} px (after turning it upright)")
    return np.array([x, y, box_width, box_height])
