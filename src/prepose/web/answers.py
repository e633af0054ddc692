"""What the page answers when somebody uses its controls: plain values, which `page` puts into its components."""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from prepose.arrays import BoxXywh
from prepose.errors import DataError, explained, one_line, shortened
from prepose.predict.people import Finder, given_boxes
from prepose.predict.stream import Settings
from prepose.web.estimate import Bounds, Estimated, Poses, Progress, estimate
from prepose.web.pose_view import confidence_table, pose_figure, reach_of

MOST_BOXES = 20


@dataclass(frozen=True, eq=False)
class View:
    """What is shown of a person in a frame.

    Attributes:
        picture: The frame with everybody on it.
        figure: The person in space, for plotly; None where the person is not in the frame.
        table: The joints as HTML.
    """

    picture: Path
    figure: dict[str, Any] | None
    table: str


@dataclass(frozen=True, eq=False)
class Answers:
    """What the page needs to know.

    Attributes:
        poses: The network.
        find: Who is in an image where nobody gives boxes: a detector, or None for the whole image.
        bounds: How much of an uploaded file is taken.
        folder: Receives a folder for each result.
    """

    poses: Poses
    find: Finder | None
    bounds: Bounds
    folder: Path

    def estimate(self, file: Path, boxes: str, *, smooth: bool, progress: Progress | None = None) -> Estimated:
        """The poses in a file.

        Args:
            file: The image, animation or video.
            boxes: What stands in the field for boxes.
            smooth: Whether a video is smoothed over time.
            progress: Called with (frames done, frames in all where that is known).

        Raises:
            DataError: see `web.estimate.estimate`, or the boxes cannot be read.
        """
        given = read_boxes(boxes)
        find = given_boxes(given) if given else self.find
        settings = Settings(smooth=smooth) if find is None else Settings(find, smooth=smooth)
        return estimate(self.poses, file, settings, self.bounds, self.folder, progress=progress)

    def said_of(self, found: Estimated, boxes: str) -> str:
        """HTML that says what was found and what to keep in mind."""
        people, frames = found.people, len(found.frames)
        where = f" in {frames:,} frames" if frames > 1 else ""
        if not people:
            text = f"{found.name}: nobody found{where}. Give a person's box under “Who is in it”."
            return message(text, *found.notes, kind="warning")
        text = f"{found.name}: {len(people):,} {'person' if len(people) == 1 else 'people'}{where}."
        if self.find is None and not boxes.strip():
            text += " The whole image was taken to show one person who fills it; give a box for anybody else."
        return message(text, *found.notes)


def read_boxes(text: str) -> list[BoxXywh]:
    """Boxes from lines of x, y, width, height, px; none from an empty text.

    Raises:
        DataError: a line is something else, or there are more than `MOST_BOXES`.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_BOXES:
        raise DataError(f"{len(lines)} boxes; the limit is {MOST_BOXES}")
    return [_box(line) for line in lines]


def _box(line: str) -> BoxXywh:
    try:
        x, y, width, height = (float(part) for part in line.replace(",", " ").split())
    except ValueError as error:
        raise DataError(
            f"box {shortened(line.strip())!r}: expected x, y, width, height in px, such as 120, 40, 300, 600"
        ) from error
    return np.array([x, y, width, height])


def box_between(first: tuple[int, int], second: tuple[int, int], shrink: float) -> str:
    """The line of a box whose opposite corners were clicked in a drawn picture.

    Args:
        first: A corner in the drawn picture, px.
        second: The opposite one.
        shrink: px of the drawn picture for each px of the image.

    Raises:
        DataError: the box would have no size.
    """
    low, high = np.minimum(first, second) / shrink, np.maximum(first, second) / shrink
    x, y, width, height = (round(float(value)) for value in (*low, *(high - low)))
    if min(width, height) < 1:
        raise DataError("both corners are in one place; click two opposite corners of the person's box")
    return f"{x}, {y}, {width}, {height}"


def view_of(found: Estimated, frame: int, person: int | None, azimuth: float) -> View:
    """What is shown of a person in a frame.

    Args:
        found: The result.
        frame: Which of its frames, from 0; the nearest one that there is.
        person: The person's number.
        azimuth: From where the pose in space is seen, degrees; see `pose_figure`.
    """
    shown = found.frames[min(max(frame, 0), len(found.frames) - 1)]
    pose = shown.person(person)
    if pose is None:
        nobody = "" if person is None else message(f"Person {person} is not in this frame.", kind="warning")
        return View(shown.picture, None, nobody)
    everywhere = [each for one in found.frames for each in one.people if each.person == person]
    figure = pose_figure(pose, reach=reach_of(everywhere), azimuth=azimuth)
    return View(shown.picture, figure, confidence_table(pose))


def message(*lines: str, kind: str = "done") -> str:
    """HTML of lines that a screen reader reads out as they come.

    Args:
        lines: Plain text.
        kind: `done`, `warning` or `error`.
    """
    role = "alert" if kind == "error" else "status"
    return (
        f"<div role='{role}' class='say {kind}'>{''.join(f'<p>{escape(one_line(line))}</p>' for line in lines)}</div>"
    )


def told(error: Exception) -> str | None:
    """HTML that says what is wrong with what a user gave; None for a fault of the program."""
    line = explained(error)
    return None if line is None else message(line, kind="error")


def frame_title(found: Estimated, frame: int) -> str:
    """Which frame, and when it is shown."""
    return f"Frame {frame + 1:,} of {len(found.frames):,}, at {found.frames[frame].time:.2f} s"
