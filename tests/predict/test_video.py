import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from prepose.errors import DataError
from prepose.predict.frames import open_source
from prepose.predict.video import _claimed_size, is_video, open_video, video_file
from video_fakes import numbered, write_sound, write_video

UNEVEN = [0.0, 0.04, 0.08, 0.2, 0.21, 0.5, 0.54, 1.0]


def read(path):
    """All frames, and the error that comes after them."""
    frames = []
    try:
        frames.extend(open_video(path).frames())  # `extend` keeps what came before an error
    except DataError as error:
        return frames, str(error)
    return frames, None


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.avi", "a.ts"])
def test_frames_keep_their_order_and_their_uneven_time_stamps(tmp_path, name):
    pictures = [numbered(index) for index in range(8)]
    codec = "mpeg4" if name == "a.avi" else "libx264"
    frames, error = read(write_video(tmp_path / name, pictures, UNEVEN, codec=codec))
    assert error is None
    assert [index for index, _, _ in frames] == list(range(8))
    times = np.array([time for _, time, _ in frames])
    start = times[0]  # a transport stream does not begin at 0
    np.testing.assert_allclose(times - start, UNEVEN, atol=0.002)
    for (_, _, pixels), picture in zip(frames, pictures, strict=True):
        assert pixels.shape == (64, 96, 3)
        assert np.abs(pixels.astype(int) - picture).mean() < 4


def test_the_number_of_frames_of_an_mp4_is_known(tmp_path):
    path = write_video(tmp_path / "a.mp4", [numbered(index) for index in range(8)], UNEVEN)
    assert open_video(path).total == 8


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_video_is_upright_as_opencv_shows_it(tmp_path, rotation):
    picture = numbered(0).copy()
    picture[:32, :48] = 255
    path = write_video(tmp_path / "turned.mp4", [picture] * 3, rotation=rotation)
    frames, _ = read(path)
    known, expected = cv2.VideoCapture(str(path)).read()
    assert known
    np.testing.assert_allclose(frames[0][2], expected[..., ::-1], atol=2)


def test_pixels_are_square(tmp_path):
    frames, _ = read(write_video(tmp_path / "wide.mp4", [numbered(9)] * 3, aspect=2))
    assert frames[0][2].shape == (64, 192, 3)


def noise(count):
    generator = np.random.default_rng(0)
    return [generator.integers(0, 255, (64, 96, 3), dtype=np.uint8) for _ in range(count)]


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv"])
def test_a_video_that_ends_early_gives_its_frames_and_says_so(tmp_path, name):
    options = {"movflags": "faststart"} if name.endswith("mp4") else None
    path = write_video(tmp_path / name, noise(30), options=options)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    frames, error = read(path)
    assert 10 < len(frames) < 25
    assert f"{path}: the video is damaged" in error
    assert f"{len(frames)} frames are kept" in error and "instead of 1.20 s" in error


@pytest.mark.parametrize("name", ["cut.mkv", "cut.webm", "cut.avi"])
def test_of_a_cut_file_every_whole_frame_is_given_and_the_cut_is_said(tmp_path, name):
    codec = {"cut.webm": "libvpx", "cut.avi": "mpeg4"}.get(name, "libx264")
    path = write_video(tmp_path / name, noise(6), codec=codec)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    frames, error = read(path)
    assert len(frames) >= 5 and f"the file ends after {len(whole) - 1:,} of {len(whole):,} bytes" in error
    # A frame of which a part is there is none.
    path.write_bytes(whole[: 1100 if name == "cut.mkv" else 700])
    with pytest.raises(DataError, match=rf"{name}: .*(no frame of the video can be decoded|cannot be|can be opened)"):
        list(open_video(path).frames())
    path.write_bytes(whole)
    assert read(path)[1] is None


def test_an_avi_whose_frames_are_not_in_the_order_of_showing_loses_none(tmp_path):
    """AVI has no time stamps for that, and the decoder's do not ascend."""
    path = tmp_path / "b.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.max_b_frames = 2
        for index in range(20):
            frame = av.VideoFrame.from_ndarray(numbered(index), format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    frames, error = read(path)
    assert error is None and len(frames) == 20
    np.testing.assert_allclose([time for _, time, _ in frames], np.arange(20) / 25, atol=1e-6)
    brightness = [pixels.mean() for _, _, pixels in frames]
    assert (np.diff(brightness) > 4).all()


@pytest.mark.parametrize(
    ("beginning", "size"),
    [
        (b"RIFF\x10\x00\x00\x00AVI ", 24),
        (b"\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67\x42\x10rest", 13 + 528),
        (b"\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xffrest", None),  # a live recording
        (b"\x1a\x45\xdf\xa3\x82ab", None),
        (b"\x1a\x45\xdf\xa3", None),
        (b"", None),
    ],
)
def test_how_long_a_file_says_that_it_is(beginning, size):
    assert _claimed_size(beginning) == size


def test_damage_in_the_middle_costs_the_damaged_frames_alone(tmp_path):
    path = write_video(tmp_path / "hole.mkv", noise(30), codec="mpeg4", options={})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    path.write_bytes(content)
    frames, error = read(path)
    assert error is None or "frames are kept" in error
    assert len(frames) > 20
    assert (np.diff([time for _, time, _ in frames]) > 0).all()


def test_a_file_without_a_video_stream_is_said(tmp_path):
    path = write_sound(tmp_path / "sound.mp4")
    with pytest.raises(DataError, match=r"sound\.mp4: has no video stream \(it holds audio\)"):
        open_video(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"#EXTM3U\n#EXTINF:10,\n/etc/passwd\n", b"ffconcat version 1.0\nfile a.ts\n"],
    ids=["empty", "text", "playlist", "concat"],
)
def test_what_is_no_video_is_said(tmp_path, content):
    path = tmp_path / "text.mp4"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"text\.mp4: is not a video that can be opened"):
        open_video(path)


def test_a_video_without_pyav_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataError, match=r"pip install 'prepose\[video\]'"):
        open_video(tmp_path / "a.mp4")


@pytest.mark.parametrize(
    ("name", "beginning", "expected"),
    [
        ("a", b"\0\0\0\x20ftypisom\0\0\0\0", True),
        ("a", b"\0\0\0\x20ftypavif\0\0\0\0", False),
        ("a", b"\0\0\0\x20ftypheic\0\0\0\0", False),
        ("a.jpg", b"\x1a\x45\xdf\xa3\0\0\0\0\0\0\0\0", True),
        ("a.mp4", b"", True),
        ("a.txt", b"hello", False),
    ],
)
def test_a_video_is_known_by_its_content(name, beginning, expected):
    assert is_video(Path(name), beginning) is expected


def test_what_is_written_is_read_again_with_its_times(tmp_path):
    path, times = tmp_path / "out.mp4", [2.0, 2.04, 2.1, 2.5]
    with video_file(path) as write:
        for index, time in enumerate(times):
            write(numbered(5 * index, (97, 63)), time)
    frames = list(open_source(path).frames())
    np.testing.assert_allclose([frame.time for frame in frames], np.array(times) - 2, atol=1e-3)
    assert frames[0].size_wh == (98, 64), "an odd side gets a pixel more"
    for index, frame in enumerate(frames):
        assert np.abs(frame.pixels.astype(int) - 40 * index).mean() < 4


def test_an_error_leaves_no_half_of_a_video(tmp_path):
    def write_two():
        with video_file(tmp_path / "out.mp4") as write:
            write(numbered(1), 0.0)
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_two()
    assert list(tmp_path.iterdir()) == []
