"""Videos through PyAV, whose wheels carry FFmpeg: frames with their time stamps, read and written.

A damaged video gives every frame that can be decoded whole, and then raises. Only files are read, in common
containers: what FFmpeg would follow to other files or to a network (playlists, protocols) is not opened.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from prepose.arrays import ImageRgb
from prepose.data.picture import check_memory
from prepose.errors import DataError
from prepose.files import whole_file

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

ENDINGS = (
    ".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv",
    ".ogv",
)  # fmt: skip
# How containers begin: (where, how). Sound alone comes in some of them too.
_STARTS = (
    (0, b"\x1a\x45\xdf\xa3"), (8, b"AVI "), (0, b"\0\0\x01\xba"), (0, b"\0\0\x01\xb3"), (0, b"FLV\x01"), (0, b"OggS"),
    (0, b"\x30\x26\xb2\x75"), (0, b"ID3"), (8, b"WAVE"), (4, b"moov"), (4, b"mdat"), (4, b"wide"),
)  # fmt: skip
_FTYP, _IMAGE_BRANDS = b"ftyp", (b"avif", b"avis", b"hei", b"hev", b"mif1", b"msf1")
_CONTAINERS = "mov,matroska,avi,mpeg,mpegts,mpegvideo,flv,ogg,asf,mp3,wav,h264,hevc,m4v"
# How much shorter than its header says a video may be, s: encoders leave out a frame or two.
_LEAST_MISSING = 0.25
_BYTES_A_PIXEL = 6  # as it was coded, and RGB
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def is_video(path: Path, beginning: bytes) -> bool:
    """Whether a file is a video, or another container of sound and video; by its first 16 bytes, else by its name."""
    if beginning[4:8] == _FTYP:
        return not beginning[8:12].startswith(_IMAGE_BRANDS)
    return any(beginning[at:].startswith(start) for at, start in _STARTS) or path.suffix.lower() in ENDINGS


@dataclass(frozen=True)
class Video:
    """A video file that can be decoded.

    Attributes:
        path: The file.
        total: How many frames its header tells of, where it does; an estimate where frames are unevenly spaced.
    """

    path: Path
    total: int | None

    def frames(self) -> Iterator[tuple[int, float, ImageRgb]]:
        """Index, presentation time (s) and upright RGB pixels of each frame, in order of time.

        Raises:
            DataError: after the last frame that could be decoded, where frames are damaged or the file ends early;
                or where the size of the frames changes.
        """
        with _opened(self.path) as (container, stream):
            # AVI has one time stamp for each packet, in the order of decoding; of frames it shows in another order the
            # decoder's are wrong.
            reordered = container.format.name == "avi" and stream.codec_context.has_b_frames
            yield from _Decoding(self.path, stream, deque() if reordered else None).frames(container)


def open_video(path: Path) -> Video:
    """A video file, checked to have a video stream.

    Raises:
        DataError: PyAV is not installed, the file is not a video that FFmpeg knows, or it has no video stream.
    """
    with _opened(path) as (container, stream):
        width, height = stream.codec_context.width, stream.codec_context.height
        check_memory(str(path), width * height, _BYTES_A_PIXEL * width * height)
        seconds, rate = _seconds(container, stream), stream.average_rate
        estimate = round(seconds * rate) if seconds and rate else None
        # Other containers than MP4 count ticks here.
        exact = stream.frames if "mp4" in container.format.name.split(",") else 0
        return Video(path, exact or estimate)


def require_av() -> Any:
    """PyAV, which is an extra.

    Raises:
        DataError: it is not installed.
    """
    try:
        import av
        import av.error
    except ImportError as error:
        raise DataError(f"videos need PyAV, which is not installed ({error}); pip install 'prepose[video]'") from error
    return av


@contextmanager
def _opened(path: Path) -> Iterator[tuple["InputContainer", "VideoStream"]]:
    av = require_av()
    options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
    try:
        container = av.open(f"file:{path}", options=options)
    except (av.error.FFmpegError, OSError) as error:
        reason = error.strerror or type(error).__name__
        raise DataError(
            f"{path}: is not a video that can be opened ({reason}); it is truncated, damaged, or of another format"
        ) from error
    with container:
        streams = [each for each in container.streams.video if not _is_cover(each)]
        if not streams:
            kinds = ", ".join(sorted({each.type for each in container.streams})) or "nothing"
            raise DataError(f"{path}: has no video stream (it holds {kinds})")
        stream = streams[0]
        if stream.codec_context is None:
            raise DataError(f"{path}: its video stream is of a codec that this FFmpeg cannot decode")
        # Threads that decode frames in parallel lose whole ones beside a damaged one.
        stream.thread_type = "SLICE"
        yield container, stream


def _is_cover(stream: "VideoStream") -> bool:
    """The cover of a piece of music comes as a video stream of one image."""
    return "attached_pic" in str(stream.disposition)


def _seconds(container: "InputContainer", stream: "VideoStream") -> float | None:
    """How long the video stream is, as the file says; for some containers as long as the longest of its streams."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    hours, _, rest = stream.metadata.get("DURATION", "").partition(":")
    minutes, _, seconds = rest.partition(":")
    try:
        return 3600 * float(hours) + 60 * float(minutes) + float(seconds)
    except ValueError:
        return container.duration / 1e6 if container.duration else None


@dataclass
class _Decoding:
    """The decoding of one video, and what was wrong with it."""

    path: Path
    stream: "VideoStream"
    slots: deque[float] | None = None  # times that frames take as they come, where they bring none that are right
    given: int = 0
    damaged: int = 0
    untimed: int = 0
    times: list[float] = field(default_factory=list)  # of the first and the last frame given

    def frames(self, container: "InputContainer") -> Iterator[tuple[int, float, ImageRgb]]:
        expected = _seconds(container, self.stream)
        start = float((self.stream.start_time or 0) * (self.stream.time_base or 0))
        size = None
        for frame in self._decoded(container):
            time = self._time(frame)
            if frame.is_corrupt:
                self.damaged += 1
            elif self.times and time <= self.times[-1]:
                self.untimed += 1
            else:
                pixels = _upright(frame, self.stream.sample_aspect_ratio or Fraction(1))
                if size is not None and size != pixels.shape:
                    raise DataError(
                        f"{self.path}: frames change from {size[1]} x {size[0]} to {pixels.shape[1]} x "
                        f"{pixels.shape[0]} px at {time:.2f} s; the {self.given} frames before are kept"
                    )
                size = pixels.shape
                yield self.given + self.damaged + self.untimed, time, pixels
                self.given += 1
                self.times = [*self.times[:1], time]
        self._raise_if_damaged(start, expected)

    def _decoded(self, container: "InputContainer") -> Iterator["VideoFrame"]:
        av = require_av()
        try:
            for packet in container.demux(self.stream):
                if self.slots is not None and packet.size and packet.dts is not None:
                    self.slots.append(float(packet.dts * packet.time_base))
                try:
                    yield from packet.decode()
                except av.error.InvalidDataError:
                    self.damaged += 1
                    if self.slots:
                        self.slots.pop()
        except (av.error.FFmpegError, OSError):
            self.damaged += 1

    def _time(self, frame: "VideoFrame") -> float:
        """As the file says; in a stream without time stamps, by its constant rate."""
        if self.slots:
            return self.slots.popleft()
        if frame.time is not None:
            return float(frame.time)
        rate = self.stream.average_rate or self.stream.guessed_rate or Fraction(25)
        return float((self.given + self.damaged + self.untimed) / rate)

    def _raise_if_damaged(self, start: float, expected: float | None) -> None:
        parts = [f"{self.damaged} could not be decoded"] if self.damaged else []
        parts += [f"{self.untimed} had time stamps that do not ascend"] if self.untimed else []
        cut = _cut(self.path)
        if not self.given:
            why = f" ({cut})" if cut else ""
            raise DataError(
                f"{self.path}: no frame of the video can be decoded{why}; put an undamaged copy in its place"
            )
        if expected is not None:
            interval = (self.times[-1] - self.times[0]) / max(1, self.given - 1)
            missing = start + expected - self.times[-1] - interval
            if missing > max(_LEAST_MISSING, 3 * interval):
                parts.append(f"it ends at {self.times[-1]:.2f} s instead of {start + expected:.2f} s")
        parts += [cut] if cut else []
        if parts:
            raise DataError(f"{self.path}: the video is damaged ({'; '.join(parts)}); {self.given} frames are kept")


def _cut(path: Path) -> str | None:
    """That a file is shorter than it says of itself, where it does (AVI, Matroska, WebM).

    Of a cut file FFmpeg gives what is whole and says nothing.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(4096)
        size = path.stat().st_size
    except OSError:  # it has been read a moment ago
        return None
    claimed = _claimed_size(beginning)
    return None if claimed is None or claimed <= size else f"the file ends after {size:,} of {claimed:,} bytes"


def _claimed_size(beginning: bytes) -> int | None:
    if beginning.startswith(b"RIFF"):
        return 8 + int.from_bytes(beginning[4:8], "little")
    if not beginning.startswith(_EBML):
        return None
    at, length = _ebml_length(beginning, len(_EBML))
    segment = at + (length or 0)
    if beginning[segment : segment + 4] != _SEGMENT:
        return None
    at, length = _ebml_length(beginning, segment + 4)
    return None if length is None else at + length


def _ebml_length(data: bytes, at: int) -> tuple[int, int | None]:
    """Where an element's content begins, and its length; None where that is unknown. Source: RFC 8794, section 4."""
    width = 9 - data[at].bit_length() if at < len(data) and data[at] else 8
    value = int.from_bytes(data[at : at + width]) & ((1 << 7 * width) - 1)
    return at + width, None if value == (1 << 7 * width) - 1 else value


def _upright(frame: "VideoFrame", aspect: Fraction) -> ImageRgb:
    """RGB with square pixels, turned as the file says that it is to be shown.

    Args:
        frame: As it was coded.
        aspect: Width of a coded pixel / its height.
    """
    pixels = frame.to_ndarray(format="rgb24", width=max(1, round(frame.width * aspect)), height=frame.height)
    # FFmpeg's angle is anti-clockwise, as NumPy's is.
    quarter_turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, quarter_turns))


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
