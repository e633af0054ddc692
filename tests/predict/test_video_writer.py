import numpy as np
import pytest

from prepose.predict.frames import open_source
from prepose.predict.video_writer import video_file
from video_fakes import numbered


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
