import os
import signal
from functools import partial

import numpy as np
import pytest
from PIL import Image

from prepose.errors import DataError
from prepose.predict.frames import find_inputs, open_source, webcam
from video_fakes import numbered, write_video


def write_image(path, index=3):
    Image.fromarray(numbered(index)).save(path)
    return path


def write_animation(path, count=4, durations=(50, 200, 50, 50)):
    frames = [Image.fromarray(numbered(5 * index)) for index in range(count)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=list(durations), lossless=True)
    return path


def names(paths):
    return [path.name for path in paths]


def test_a_folder_gives_what_is_directly_in_it_in_natural_order(tmp_path):
    for name in ("10.jpg", "9.png", "b.GIF", "notes.txt", ".hidden.jpg", "clip.mp4"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "1.jpg").write_bytes(b"")
    assert names(find_inputs([str(tmp_path)])) == ["9.png", "10.jpg", "b.GIF", "clip.mp4"]
    assert names(find_inputs([str(tmp_path / "**" / "*.jpg")])) == ["10.jpg", "1.jpg"]


def test_files_that_are_named_come_as_they_are_and_once(tmp_path):
    first, second = (write_image(tmp_path / name) for name in ("b.png", "a.png"))
    found = find_inputs([str(first), str(second), str(tmp_path / "?.png"), str(tmp_path / "none.jpg")])
    assert names(found) == ["b.png", "a.png", "none.jpg"]


def test_a_name_with_brackets_that_exists_is_no_pattern(tmp_path):
    path = write_image(tmp_path / "a[1].png")
    assert find_inputs([str(path)]) == [path]


@pytest.mark.parametrize(
    ("word", "message"), [("empty", "holds no image or video"), ("*.png", r"\*\.png: no file matches this pattern")]
)
def test_what_means_nothing_is_said(tmp_path, word, message):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=message):
        find_inputs([str(tmp_path / word)])


def test_no_input_is_said():
    with pytest.raises(DataError, match="there is no image to predict"):
        find_inputs([])


def test_an_image_is_one_frame(tmp_path):
    source = open_source(write_image(tmp_path / "a.png"))
    assert (source.moving, source.total) == (False, 1)
    (frame,) = source.frames()
    assert (frame.source, frame.index, frame.time, frame.size_wh) == (str(tmp_path / "a.png"), 0, 0.0, (96, 64))
    np.testing.assert_array_equal(frame.pixels, numbered(3))


@pytest.mark.parametrize("kind", ["gif", "webp", "png"])
def test_an_animation_gives_all_its_frames_with_their_times(tmp_path, kind):
    source = open_source(write_animation(tmp_path / f"a.{kind}"))
    assert (source.moving, source.total) == (True, 4)
    frames = list(source.frames())
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    np.testing.assert_allclose([frame.time for frame in frames], [0, 0.05, 0.25, 0.3])
    for frame in frames:
        np.testing.assert_array_equal(frame.pixels, numbered(5 * frame.index))


def test_frames_without_a_duration_take_as_long_as_browsers_show_them(tmp_path):
    frames = open_source(write_animation(tmp_path / "a.gif", durations=(0, 10, 50, 50))).frames()
    np.testing.assert_allclose([frame.time for frame in frames], [0, 0.1, 0.2, 0.25])


def test_a_gif_that_does_not_move_is_an_image(tmp_path):
    source = open_source(write_image(tmp_path / "still.gif"))
    assert (source.moving, len(list(source.frames()))) == (False, 1)


def test_a_gif_that_ends_early_gives_the_frames_before(tmp_path):
    path = write_animation(tmp_path / "cut.gif")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 8 // 10])
    frames = []
    with pytest.raises(DataError, match=r"cut\.gif: .* 3 frames are kept"):
        frames.extend(open_source(path).frames())  # `extend` keeps what came before an error
    assert [frame.index for frame in frames] == [0, 1, 2]


def test_a_video_gives_frames_by_its_content_whatever_its_name(tmp_path):
    path = write_video(tmp_path / "clip.mp4", [numbered(index) for index in range(5)])
    odd = path.rename(tmp_path / "clip.jpg")
    source = open_source(odd)
    assert (source.moving, source.total) == (True, 5)
    assert [(frame.source, frame.index) for frame in source.frames()] == [(str(odd), index) for index in range(5)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jpg", None, "No such file"),
        ("a.gif", b"GIF89a", "truncated or damaged GIF"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "truncated or damaged PNG"),
        ("a.pdf", b"%PDF-1.7", "is a PDF, which is not read"),
    ],
)
def test_what_is_no_image_is_said(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}: .*{message}"):
        list(open_source(path).frames())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_refused_before_it_is_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(DataError, match="is not a regular file"):
        open_source(tmp_path / "pipe.mp4")


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
