"""A camera, here one that is made up, as a source of frames."""

import signal
from functools import partial

import numpy as np
import pytest

from prepose.errors import DataError
from prepose.predict.webcam import webcam


class FakeCamera:
    """Gives so many frames, the first of them blue; `at` is called before each."""

    def __init__(self, number, *, frames=3, there=True, at=lambda index: None):
        self.left, self.given, self.there, self.at, self.released = frames, 0, there, at, False

    def isOpened(self):  # noqa: N802
        return self.there

    def read(self):
        self.at(self.given)
        if self.given == self.left:
            return False, None
        self.given += 1
        return True, np.full((4, 6, 3), (255, 0, 0), np.uint8)

    def release(self):
        self.released = True


def test_frames_are_rgb_and_timed_until_the_time_is_over():
    times = iter([7.0, 7.04, 7.04, 7.1, 7.2])
    source = webcam(2, seconds=0.15, open_capture=partial(FakeCamera, frames=10), clock=lambda: next(times))
    frames = list(source.frames())
    assert source.moving and source.total is None and str(source.path) == "webcam2"
    # Two frames at once are a moment apart.
    assert [frame.time for frame in frames] == pytest.approx([0, 0.04, 0.0401, 0.1])
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert frames[0].pixels[0, 0].tolist() == [0, 0, 255]


def test_ctrl_c_ends_it_as_a_video_ends_and_the_handler_is_back():
    before = signal.getsignal(signal.SIGINT)
    cameras = []

    def opened(number):
        cameras.append(FakeCamera(number, at=lambda index: signal.raise_signal(signal.SIGINT) if index == 2 else None))
        return cameras[0]

    assert len(list(webcam(0, open_capture=opened).frames())) == 3
    assert signal.getsignal(signal.SIGINT) is before and cameras[0].released


def test_a_camera_that_is_pulled_out_keeps_its_frames():
    frames = webcam(0, open_capture=FakeCamera).frames()
    assert [next(frames).index for _ in range(3)] == [0, 1, 2]
    with pytest.raises(DataError, match="no more frames; 3 frames are kept"):
        next(frames)


def test_no_camera_is_one_clear_line():
    with pytest.raises(DataError, match="--webcam 7: the camera cannot be opened"):
        webcam(7, open_capture=partial(FakeCamera, there=False))
