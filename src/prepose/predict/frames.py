"""The frames of images, animations, videos and cameras of this machine, one after the other, each with its time stamp.

What a file is, its content says. Frames are upright RGB. A file that ends early gives the frames before its damage, and
then raises: whoever iterates keeps what came before.
"""

import glob
import io
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from PIL import Image

from prepose.arrays import ImageRgb
from prepose.data.picture import check_memory, decode_image, read_file
from prepose.errors import DataError
from prepose.predict import video

# What is taken from a folder; a file that is named is recognised by its content.
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".gif")
ENDINGS = (*IMAGE_ENDINGS, *video.ENDINGS)

# Formats that may be animations, by how they begin: (where, how).
_MAY_MOVE = ((0, b"GIF8"), (8, b"WEBP"), (0, b"\x89PNG\r\n\x1a\n"), (4, b"ftypavis"), (4, b"ftypavif"))
_GIF, _GIF_END = b"GIF8", b";"
# Browsers show a frame of 10 ms or less for this long, and animations are made to look right there.
_LEAST_MS, _BROWSERS_MS = 10, 100
_BYTES_A_PIXEL = 8  # a frame, and what its successor is drawn onto


@dataclass(frozen=True, eq=False)
class Frame:
    """One image, or one frame of an animation or a video.

    Attributes:
        source: The file, as the user named it.
        index: Which frame of the file, from 0.
        time: Its presentation time, s; 0 for an image.
        pixels: Upright RGB.
    """

    source: str
    index: int
    time: float
    pixels: ImageRgb

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height, px."""
        return self.pixels.shape[1], self.pixels.shape[0]


@dataclass(frozen=True, eq=False)
class Source:
    """A file and its frames.

    Attributes:
        path: The file.
        moving: Whether it is a video or an animation.
        total: How many frames it should have, where that is known; for videos it may be an estimate.
        frames: Gives all frames, in order of time; raises DataError at the end where some are damaged or missing.
    """

    path: Path
    moving: bool
    total: int | None
    frames: Callable[[], Iterator[Frame]]


def find_inputs(words: Sequence[str]) -> list[Path]:
    """The files that paths, folders and patterns mean, each once.

    Args:
        words: Files; folders, for the images, animations and videos directly in them; or patterns with `*`, `?`, `[]`
            and `**`. Files of a folder or a pattern come in natural order (`9.jpg` before `10.jpg`).

    Raises:
        DataError: there is no word, a folder holds nothing that is read, or a pattern matches no file.
    """
    if not words:
        raise DataError("there is no image to predict; name one or more images, videos or folders")
    found: dict[Path, Path] = {}
    for word in words:
        for path in _meant(word):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _meant(word: str) -> list[Path]:
    path = Path(word).expanduser()
    if path.is_dir():
        inside = [each for each in path.iterdir() if each.suffix.lower() in ENDINGS and not each.name.startswith(".")]
        if not inside:
            raise DataError(f"{path}: the folder holds no image or video ({', '.join(ENDINGS)})")
        return sorted(inside, key=_natural)
    if path.exists() or not glob.has_magic(word):
        return [path]
    # `Path.glob` takes no absolute patterns.
    found = map(Path, glob.glob(str(path), recursive=True))  # noqa: PTH207
    matched = [each for each in found if each.is_file()]
    if not matched:
        raise DataError(f"{word}: no file matches this pattern")
    return sorted(matched, key=_natural)


def _natural(path: Path) -> list[tuple[bool, int, str]]:
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", str(path))]


def open_source(path: Path) -> Source:
    """A file's frames; nothing but its beginning is read yet, or of an animation its index.

    Raises:
        DataError: the file cannot be read, or is neither an image nor an animation nor a video.
    """
    beginning = _beginning(path)
    if video.is_video(path, beginning):
        opened = video.open_video(path)
        return Source(
            path, moving=True, total=opened.total, frames=lambda: (Frame(str(path), *each) for each in opened.frames())
        )
    if any(beginning[at:].startswith(start) for at, start in _MAY_MOVE):
        data = read_file(path)
        total = _count(data, path)
        # A GIF is read here even where it does not move: images for training are none.
        if total != 1 or data.startswith(_GIF):
            return Source(path, moving=total != 1, total=total, frames=lambda: _animation(data, path))
    return Source(path, moving=False, total=1, frames=lambda: _image(path))


def _beginning(path: Path) -> bytes:
    if not path.is_file():
        read_file(path)  # says what is wrong
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _image(path: Path) -> Iterator[Frame]:
    yield Frame(str(path), 0, 0.0, decode_image(read_file(path), str(path)))


def _count(data: bytes, path: Path) -> int | None:
    """The number of images in a file; None for a damaged animation, which must be read to its damage."""
    try:
        with Image.open(io.BytesIO(data), formats=("GIF", "WEBP", "PNG", "AVIF")) as image:
            with suppress(Exception):
                return getattr(image, "n_frames", 1)
            return None
    # On damaged bytes Pillow raises whatever its decoders stumble over.
    except Exception as error:
        if data.startswith(_GIF):
            raise DataError(f"{path}: is a truncated or damaged GIF ({error or type(error).__name__})") from error
        return 1  # the reader of images says what is wrong


def _animation(data: bytes, path: Path) -> Iterator[Frame]:
    milliseconds, index = 0.0, 0
    try:
        with Image.open(io.BytesIO(data)) as image:
            pixels = image.width * image.height
            check_memory(str(path), pixels, _BYTES_A_PIXEL * pixels)
            for index in count():
                image.seek(index)
                yield Frame(str(path), index, milliseconds / 1000, np.asarray(image.convert("RGB")))
                shown = float(image.info.get("duration", 0))
                milliseconds += shown if shown > _LEAST_MS else _BROWSERS_MS
    except EOFError:
        pass
    except DataError:
        raise
    except Exception as error:
        reason = error or type(error).__name__
        raise DataError(f"{path}: frame {index} is damaged ({reason}); {index} frames are kept") from error
    if data.startswith(_GIF) and not data.rstrip(b"\0").endswith(_GIF_END):
        raise DataError(f"{path}: the GIF ends early; {index} frames are kept")


@runtime_checkable
class Capture(Protocol):
    """What is needed of `cv2.VideoCapture`."""

    def isOpened(self) -> bool: ...  # noqa: D102, N802 - OpenCV's names

    def read(self) -> tuple[bool, np.ndarray | None]: ...  # noqa: D102

    def release(self) -> object: ...  # noqa: D102


def webcam(
    number: int,
    *,
    seconds: float | None = None,
    open_capture: Callable[[int], Capture] = cv2.VideoCapture,
    clock: Callable[[], float] = time.monotonic,
) -> Source:
    """The frames of a camera as they come, with the time since the first one.

    Ctrl-C ends them, so that what has been seen is finished as a video is; a second Ctrl-C interrupts.

    Args:
        number: The camera's number, from 0, as the system counts.
        seconds: When to stop; None: at Ctrl-C.
        open_capture: Opens the camera.
        clock: Tells the time, s.

    Raises:
        DataError: the camera cannot be opened. Iterating raises it where the camera gives no more frames.
    """
    capture = open_capture(number)
    if not capture.isOpened():
        capture.release()
        raise DataError(f"--webcam {number}: the camera cannot be opened; expected the number of one, from 0")
    name = f"webcam{number}"
    return Source(Path(name), moving=True, total=None, frames=lambda: _frames(capture, name, seconds, clock))


def _frames(capture: Capture, name: str, seconds: float | None, clock: Callable[[], float]) -> Iterator[Frame]:
    index, start, before = 0, 0.0, -1.0
    try:
        with _stopped_by_ctrl_c() as stopped:
            while not stopped.is_set():
                there, pixels = capture.read()
                now = clock()
                if not there or pixels is None:
                    raise DataError(f"{name}: the camera gives no more frames; {index} frames are kept")
                start = now if index == 0 else start
                # Time stamps ascend, however coarse the clock is.
                before = max(now - start, before + 1e-4)
                if seconds is not None and before > seconds:
                    return
                yield Frame(name, index, before if index else 0.0, cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
                index += 1
    finally:
        capture.release()


@contextmanager
def _stopped_by_ctrl_c() -> Iterator[threading.Event]:
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)
