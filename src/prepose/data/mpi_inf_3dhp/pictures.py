"""A camera's frames: extracted into a folder under any of the public namings, or still in the authors' video."""

import os
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from jaxtyping import Int

from prepose.data.image_source import size_of
from prepose.data.pairing import PICTURE_SUFFIXES
from prepose.errors import DataError

JPEG_QUALITY = 95
PICTURE = rf"(?i:{'|'.join(map(re.escape, sorted(PICTURE_SUFFIXES)))})"
FRAME = re.compile(rf"(?:img|frame)_(\d+){PICTURE}")
# A recording may end some frames before its labels do (the authors say so); a video much shorter is another thing.
MOST_MISSING_AT_END = 0.05
RIFF_HEADER = 12

# What is wrong with a video is said in one line of ours, not by the decoders beside it.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures that one camera took of one recording.

    Attributes:
        place: Their folder, or the video.
        names: frame (from 0) -> the name of its picture; None for a video.
        count: How many frames there are, gaps in the numbering included.
        size_wh: Their size, px.
    """

    place: Path
    names: Mapping[int, str] | None
    count: int
    size_wh: tuple[int, int]


def find_pictures(recording: Path, camera: int) -> Pictures | None:
    """The frames of a camera where they were extracted, else its video; None where there is neither.

    Raises:
        DataError: they are damaged, or numbered so that it cannot be told which frame is which.
    """
    flat = re.compile(rf"(?:img|video|frame)_{camera}_(\d+){PICTURE}")
    videos = recording / "imageSequence"
    for folder, pattern in (
        (videos / f"video_{camera}", FRAME),
        (videos / str(camera), FRAME),
        (recording / "imageFrames" / f"video_{camera}", FRAME),
        (recording / f"video_{camera}", FRAME),
        (videos, flat),
    ):
        found = pictures_in(folder, pattern)
        if found is not None:
            return found
    name = f"video_{camera}.avi"
    video = next((path for path in (videos / name, *sorted(videos.glob(f"*/{name}"))) if path.is_file()), None)
    return None if video is None else _of_video(video)


def pictures_in(folder: Path, pattern: re.Pattern[str]) -> Pictures | None:
    """The numbered pictures in a folder; None where there are none.

    Frames are counted from 1 (ffmpeg does), or from 0 where there is a picture 0.

    Raises:
        DataError: two pictures have one number, or the first ones are missing, so that the count's start is unknown.
    """
    matches = [match for path in folder.iterdir() if (match := pattern.fullmatch(path.name))] if folder.is_dir() else []
    if not matches:
        return None
    numbers = sorted((int(match[1]), match[0]) for match in matches)
    for (number, name), (following, other) in pairwise(numbers):
        if number == following:
            raise DataError(f"{folder}: {name} and {other} have the same number; keep one kind of pictures there")
    start, first = numbers[0]
    if start > 1:
        raise DataError(
            f"{folder}: begins with {first}, so that it cannot be told whether frames are counted from 0 or 1; extract "
            f"them from the first frame on"
        )
    names = {number - start: name for number, name in numbers}
    return Pictures(folder, names, max(names) + 1, size_of(folder / first, first))


def check_length(pictures: Pictures, labels: int, where: str, *, partial: bool) -> int:
    """How many labels have no picture since the recording ended before them.

    Raises:
        DataError: there are so few pictures that they must be thinned out or cut off, and frames could not be told; or
            more than labels, and `partial` is not set.
    """
    if pictures.count < (1 - MOST_MISSING_AT_END) * labels:
        raise DataError(
            f"{pictures.place}: holds {pictures.count} frames for the {labels} labels of {where}; it was extracted at "
            f"another frame rate, or is cut off: take every frame of the authors' whole video"
        )
    if pictures.count > labels and not partial:
        raise DataError(
            f"{pictures.place}: {pictures.count - labels} of {pictures.count} images have no label ({where} has "
            f"{labels} labels); take the original files, or pass --partial to leave those images out"
        )
    return max(0, labels - pictures.count)


def names_of(
    pictures: Pictures, frames: Int[np.ndarray, "N"], *, partial: bool
) -> tuple[Int[np.ndarray, "M"], tuple[str, ...]]:
    """Which of the frames have a picture (their indices), and its name; videos have all, and no names.

    Raises:
        DataError: some have none and `partial` is not set.
    """
    if pictures.names is None:
        return np.arange(len(frames)), ()
    found = [(row, pictures.names[int(frame)]) for row, frame in enumerate(frames) if int(frame) in pictures.names]
    missing = len(frames) - len(found)
    if missing and not partial:
        without = next(int(frame) for frame in frames if int(frame) not in pictures.names)
        raise DataError(
            f"{pictures.place}: {missing} of {len(frames)} labels have no image (frame {without} of the recording, "
            f"counted from 0, ...); add the images, or pass --partial to take the {len(found)} that are there"
        )
    return np.array([row for row, _ in found], int), tuple(name for _, name in found)


def read_pictures(place: Path, names: Sequence[str], frames: Int[np.ndarray, "N"]) -> Iterator[Path | bytes]:
    """The pictures of frames in rising order: their paths, or, out of a video, JPEGs of quality 95.

    A video is read from its start without jumps: a jump lands on another frame in some codecs, and nothing tells.

    Raises:
        DataError: the video ends before one of the frames, or cannot be decoded there.
    """
    if names:
        yield from (place / name for name in names)
        return
    with _opened(place) as capture:
        at = 0
        for wanted in map(int, frames):
            while at < wanted and capture.grab():
                at += 1
            ok, picture = capture.read() if at == wanted else (False, None)
            if not ok or picture is None:
                raise DataError(
                    f"{place}: ends or is damaged at frame {at} (frame {wanted} is labelled); download it again"
                )
            at += 1
            yield simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality=JPEG_QUALITY, colorspace="BGR")


def _of_video(video: Path) -> Pictures:
    _check_riff(video)
    with _opened(video) as capture:
        count, width, height = (
            int(capture.get(what))
            for what in (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
    if count < 1 or width < 1 or height < 1:
        raise DataError(f"{video}: holds no frame that can be decoded; download it again")
    return Pictures(video, None, count, (width, height))


def _check_riff(video: Path) -> None:
    """An AVI file says how long it is; a large one consists of several such parts."""
    length = video.stat().st_size
    with video.open("rb") as file:
        at = 0
        while at + RIFF_HEADER <= length:
            file.seek(at)
            tag, size = struct.unpack("<4sI", file.read(8))
            if at == 0 and tag != b"RIFF":
                raise DataError(f"{video}: is not an AVI video (it begins with {tag!r}); download it again")
            if tag != b"RIFF":
                return
            at += 8 + size + size % 2
            if at > length + 1:
                raise DataError(f"{video}: is truncated ({length:,} of at least {at:,} bytes); download it again")
    if at == 0:
        raise DataError(f"{video}: is truncated ({length} bytes); download it again")


@contextmanager
def _opened(video: Path) -> Iterator[cv2.VideoCapture]:
    capture = cv2.VideoCapture(str(video))
    try:
        if not capture.isOpened():
            raise DataError(f"{video}: is damaged, or of a codec that OpenCV cannot read; download it again")
        yield capture
    finally:
        capture.release()
