"""Videos of drawn frames: MP4 with the time stamps of the frames that they were drawn on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from prepose.arrays import ImageRgb
from prepose.files import whole_file
from prepose.predict.video import require_av

_TICKS = 10_000  # a second; some codecs take no more than 65,535

# Appends a frame that is shown at a time (s), later than the one before.
WriteFrame = Callable[[ImageRgb, float], None]


@contextmanager
def video_file(path: Path) -> Iterator[WriteFrame]:
    """A video to append frames to, all of one size; whole or not at all. It begins at time 0 with its first frame.

    Raises:
        DataError: PyAV is not installed.
        OSError: the file cannot be written.
    """
    av = require_av()
    with whole_file(path) as aside:
        container = av.open(f"file:{aside}", "w", format="mp4")
        encoding = _Encoding(av, container)
        try:
            yield encoding.write
            encoding.flush()
        except BaseException:
            with suppress(Exception):
                container.close()
            raise
        container.close()


@dataclass
class _Encoding:
    av: Any
    container: Any
    stream: Any = None
    start: float = 0.0
    ticks: int = -1

    def write(self, pixels: ImageRgb, time: float) -> None:
        height, width = pixels.shape[:2]
        if self.stream is None:
            self.start = time
            self.stream = self.container.add_stream("libx264" if "libx264" in self.av.codecs_available else "mpeg4")
            # Both sides of a video with halved colours are even.
            self.stream.width, self.stream.height = width + width % 2, height + height % 2
            self.stream.pix_fmt = "yuv420p"
            self.stream.codec_context.time_base = self.stream.time_base = Fraction(1, _TICKS)
        even = cv2.copyMakeBorder(pixels, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        frame = self.av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        self.ticks = max(self.ticks + 1, round((time - self.start) * _TICKS))
        frame.pts, frame.time_base = self.ticks, Fraction(1, _TICKS)
        self.container.mux(self.stream.encode(frame))

    def flush(self) -> None:
        if self.stream is not None:
            self.container.mux(self.stream.encode())
