import numpy as np
import pytest

from fakes_3dhp import calibration_text, fake_recording
from prepose.data.mpi_inf_3dhp.calibration import camera_of, read_calibration
from prepose.errors import DataError
from prepose.synthetic.rig import draw_proportions


@pytest.fixture(scope="module")
def recording():
    generator = np.random.default_rng(6)
    return fake_recording(generator, draw_proportions(generator), frames=1)


@pytest.fixture
def path(recording, tmp_path):
    (tmp_path / "camera.calibration").write_text(calibration_text(recording, "204 204"))
    return tmp_path / "camera.calibration"


def test_every_camera_comes_as_it_was_written(path, recording):
    read = read_calibration(path)
    assert list(read) == list(range(14))
    for number, camera in enumerate(recording.cameras):
        found, other_size = camera_of(read[number], (204, 204), f"camera {number}")
        assert not other_size
        np.testing.assert_allclose(found.K, camera.K, rtol=1e-6)
        np.testing.assert_allclose(found.project(recording.cam(number)), recording.img(number), atol=1e-4)
        np.testing.assert_allclose(found.world_from_cam(recording.cam(number)), recording.world, atol=1e-3)


@pytest.mark.parametrize("stated", ["204 20", "2048 204", "1 1"])
def test_the_pictures_size_is_taken_whatever_the_file_says(path, recording, stated):
    path.write_text(calibration_text(recording, stated))
    camera, other_size = camera_of(read_calibration(path)[0], (204, 204), "camera 0")
    assert other_size
    assert camera.size_wh == (204, 204)


@pytest.mark.parametrize("size", [(2048, 2048), (102, 102), (204, 102)])
def test_resized_pictures_are_refused(path, size):
    with pytest.raises(
        DataError, match=rf"S1 camera 0: its pictures are {size[0]} x {size[1]} px, .*resized or cropped"
    ):
        camera_of(read_calibration(path)[0], size, "S1 camera 0")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Skeletool", "Other", "begins with 'Other Camera Calibration File V1.0', expected 'Skeletool"),
        ("name          3", "name          three", "a camera is named 'three', expected a number"),
        ("  animated    0\n", "", "a camera has the lines name, sensor, size, intrinsic"),
        ("size        204 204", "size        204", "camera 0 is not numbers as expected"),
        ("  radial      0", "  distortion  0", "a camera has the lines .*distortion"),
    ],
)
def test_a_damaged_file_is_refused(path, old, new, message):
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DataError, match=rf"camera\.calibration: {message}"):
        read_calibration(path)


def test_a_rotation_that_is_none_is_refused(path):
    text = path.read_text().splitlines()
    text[6] = "  extrinsic   " + " ".join(map(str, (2 * np.eye(4)).ravel()))
    path.write_text("\n".join(text))
    with pytest.raises(DataError, match=r"S1 camera 0: its calibration cannot be used .*rotation"):
        camera_of(read_calibration(path)[0], (204, 204), "S1 camera 0")


def test_an_enormous_or_binary_file_is_refused(path):
    path.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(DataError, match=r"camera\.calibration: begins with "):
        read_calibration(path)
    path.write_bytes(b"x" * (2**20 + 1))
    with pytest.raises(DataError, match=r"has 1,048,577 bytes, far too many"):
        read_calibration(path)


def test_a_camera_that_is_described_twice_is_refused(path):
    path.write_text(path.read_text().replace("name          3", "name          2", 1))
    with pytest.raises(DataError, match=r"camera\.calibration: describes camera 2 twice"):
        read_calibration(path)
