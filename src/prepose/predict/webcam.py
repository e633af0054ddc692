"""A camera of this machine as a source of frames, through OpenCV."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Protocol, runtime_checkable

import cv2
import numpy as np

from prepose.errors import DataError
from prepose.predict.frames import Frame, Source


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
