"""Small videos made with PyAV, whose frames carry their numbers."""

from fractions import Fraction

import av
import numpy as np


def numbered(index, size_wh=(96, 64)):
    """A grey frame whose brightness tells its number."""
    return np.full((size_wh[1], size_wh[0], 3), 8 * index, np.uint8)


def write_video(path, frames, times=None, *, codec="libx264", rotation=0, aspect=None, options=None):
    """Write frames (RGB) with their times (s; every 40 ms without)."""
    times = [0.04 * index for index in range(len(frames))] if times is None else times
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        if aspect:
            stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        for pixels, time in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = round(1000 * time), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_sound(path):
    """An MP4 file without a video stream."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
