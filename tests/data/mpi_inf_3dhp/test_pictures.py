import cv2
import numpy as np
import pytest
import simplejpeg

from prepose.data.mpi_inf_3dhp.pictures import (
    FRAME,
    Pictures,
    check_length,
    find_pictures,
    names_of,
    pictures_in,
    read_pictures,
)
from prepose.data.picture import decode_image
from prepose.errors import DataError

SIZE = (64, 48)
FRAMES = 12


def shade(frame):
    return 20 * frame


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "imageSequence" / "video_3.avi"
    path.parent.mkdir()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25.0, SIZE)
    for frame in range(FRAMES):
        blue_green_red = (shade(frame), 50, 100)
        writer.write(np.full((SIZE[1], SIZE[0], 3), blue_green_red, np.uint8))
    writer.release()
    return path


def write_images(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    data = simplejpeg.encode_jpeg(np.zeros((48, 64, 3), np.uint8))
    for name in names:
        (folder / name).write_bytes(data)


@pytest.mark.parametrize("wanted", [[0], [11], [0, 1, 2], [3, 4, 9], list(range(12))])
def test_a_video_gives_just_the_frames_asked_for(video, wanted):
    pictures = [decode_image(data) for data in read_pictures(video, (), np.array(wanted))]
    for picture, frame in zip(pictures, wanted, strict=True):
        red, green, blue = picture.reshape(-1, 3).mean(axis=0)
        assert (red, green, blue) == pytest.approx((100, 50, shade(frame)), abs=6)


def test_a_video_is_found_with_its_size_and_length(video):
    found = find_pictures(video.parent.parent, 3)
    assert (found.place, found.names, found.count, found.size_wh) == (video, None, FRAMES, SIZE)
    assert find_pictures(video.parent.parent, 4) is None
    deeper = video.parent / "vnect_cameras" / "video_5.avi"
    deeper.parent.mkdir()
    deeper.write_bytes(video.read_bytes())
    assert find_pictures(video.parent.parent, 5).place == deeper


def test_extracted_frames_are_taken_rather_than_the_video(video):
    write_images(video.parent / "video_3", ["frame_000001.jpg", "frame_000002.png", "notes.txt", "frame_x.jpg"])
    found = find_pictures(video.parent.parent, 3)
    assert found.names == {0: "frame_000001.jpg", 1: "frame_000002.png"}
    assert (found.count, found.size_wh) == (2, SIZE)


def test_cameras_in_one_folder_are_told_apart(tmp_path):
    folder = tmp_path / "imageSequence"
    write_images(folder, ["img_1_000001.jpg", "img_1_000002.jpg", "img_11_000001.jpg", "img_11_000003.jpg"])
    assert find_pictures(tmp_path, 1).names == {0: "img_1_000001.jpg", 1: "img_1_000002.jpg"}
    assert find_pictures(tmp_path, 11).names == {0: "img_11_000001.jpg", 2: "img_11_000003.jpg"}
    assert find_pictures(tmp_path, 11).count == 3
    assert find_pictures(tmp_path, 0) is None


@pytest.mark.parametrize("start", [0, 1])
def test_frames_count_from_0_or_1(tmp_path, start):
    write_images(tmp_path, [f"img_{number + start:06d}.jpg" for number in range(3)])
    found = pictures_in(tmp_path, FRAME)
    assert found.names == {number: f"img_{number + start:06d}.jpg" for number in range(3)}


def test_a_start_that_cannot_be_known_is_refused(tmp_path):
    write_images(tmp_path, ["img_000002.jpg", "img_000003.jpg"])
    with pytest.raises(DataError, match=r"begins with img_000002\.jpg, .* from 0 or 1; extract them from the first"):
        pictures_in(tmp_path, FRAME)


def test_a_recording_may_be_a_little_shorter_than_its_labels(tmp_path):
    def of(count):
        return Pictures(tmp_path, None, count, SIZE)

    assert check_length(of(100), 100, "S1", partial=False) == 0
    assert check_length(of(95), 100, "S1", partial=False) == 5
    with pytest.raises(DataError, match="holds 94 frames for the 100 labels of S1; it was extracted at another"):
        check_length(of(94), 100, "S1", partial=True)
    with pytest.raises(DataError, match=r"1 of 101 images have no label \(S1 has 100 labels\)"):
        check_length(of(101), 100, "S1", partial=False)
    assert check_length(of(101), 100, "S1", partial=True) == 0


def test_frames_without_picture_are_refused_unless_partial(tmp_path):
    pictures = Pictures(tmp_path, {0: "a", 20: "b"}, 21, SIZE)
    with pytest.raises(DataError, match=r"1 of 3 labels have no image \(frame 10 of the recording"):
        names_of(pictures, np.array([0, 10, 20]), partial=False)
    rows, names = names_of(pictures, np.array([0, 10, 20]), partial=True)
    assert (rows.tolist(), names) == ([0, 2], ("a", "b"))


def test_a_video_that_ends_early_is_refused(video):
    with pytest.raises(DataError, match=r"video_3\.avi: ends or is damaged at frame 12 \(frame 20 is labelled\)"):
        list(read_pictures(video, (), np.array([2, 20])))


@pytest.mark.parametrize("keep", [0, 3, 8, 200, 3000])
def test_a_truncated_video_is_refused(video, keep):
    video.write_bytes(video.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"video_3\.avi: is truncated"):
        find_pictures(video.parent.parent, 3)


def test_decoders_print_nothing_of_a_damaged_video(video, capfd):
    data = bytearray(video.read_bytes())
    data[400:-400:37] = b"\x5a" * len(data[400:-400:37])
    video.write_bytes(data)
    with pytest.raises(DataError, match=r"video_3\.avi: "):
        list(read_pictures(video, (), np.arange(20)))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["img_000001.webp", "frame_000001.JPG", "img_000001.tif"])
def test_frames_may_be_of_any_format_that_is_read(tmp_path, name):
    write_images(tmp_path / "imageSequence" / "video_0", [name])
    found = find_pictures(tmp_path, 0)
    assert found is not None
    assert found.names == {0: name}


def test_another_file_is_no_video(video):
    video.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(DataError, match=r"is not an AVI video \(it begins with b'PK"):
        find_pictures(video.parent.parent, 3)
    video.write_bytes(b"RIFF" + (92).to_bytes(4, "little") + b"AVI " + bytes(88))
    with pytest.raises(DataError, match=r"video_3\.avi: is damaged, or of a codec"):
        find_pictures(video.parent.parent, 3)
