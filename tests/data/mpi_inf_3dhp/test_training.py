import numpy as np
import pytest
import scipy.io

from fakes_3dhp import UNIV_SCALE, fake_recording, write_labels
from prepose.data.mpi_inf_3dhp.training import read_annotations, training_root
from prepose.errors import DataError
from prepose.synthetic.rig import draw_proportions


@pytest.fixture
def written(tmp_path):
    generator = np.random.default_rng(7)
    recording = fake_recording(generator, draw_proportions(generator), frames=4)
    write_labels(tmp_path / "3dhp/S3/Seq2", recording)
    return tmp_path / "3dhp/S3/Seq2/annot.mat", recording


def rewrite(path, change):
    content = {key: value for key, value in scipy.io.loadmat(path).items() if not key.startswith("__")}
    change(content)
    scipy.io.savemat(path, content)


def test_labels_come_by_camera(written):
    path, recording = written
    found = read_annotations(path, (0, 13))
    assert found.frames.tolist() == [0, 1, 2, 3]
    assert set(found.joints_cam) == set(found.joints_img) == {0, 13}
    np.testing.assert_allclose(found.joints_cam[13], recording.cam(13))
    np.testing.assert_allclose(found.joints_img[13], recording.img(13))
    assert found.univ_scale == pytest.approx(UNIV_SCALE)


def test_cells_follow_the_files_list_of_cameras(written):
    path, recording = written
    rewrite(path, lambda content: content.update(cameras=content["cameras"][::-1]))
    np.testing.assert_allclose(read_annotations(path, (0,)).joints_cam[0], recording.cam(13))


@pytest.mark.parametrize("lacking", [("cameras",), ("frames",), ("cameras", "frames")])
def test_without_those_lists_rows_and_cells_are_in_order(written, lacking):
    path, recording = written
    rewrite(path, lambda content: [content.pop(name) for name in lacking])
    found = read_annotations(path, (5,))
    np.testing.assert_allclose(found.joints_img[5], recording.img(5))
    assert found.frames.tolist() == [0, 1, 2, 3]


def test_frames_may_have_gaps_but_must_rise(written):
    path, _ = written
    rewrite(path, lambda content: content.update(frames=np.array([[1.0], [2], [5], [6]])))
    assert read_annotations(path, (0,)).frames.tolist() == [0, 1, 4, 5]
    rewrite(path, lambda content: content.update(frames=np.array([[1.0], [3], [2], [4]])))
    with pytest.raises(DataError, match="frames has 4 numbers from 1 on for 4 rows; expected as many, rising"):
        read_annotations(path, (0,))


def test_a_camera_without_labels_is_refused(written):
    path, _ = written
    rewrite(path, lambda content: content.update(cameras=content["cameras"] + 1))
    with pytest.raises(DataError, match=r"annot\.mat: has labels of 14 cameras .*expected 14, 0 to 13"):
        read_annotations(path, (0,))


def test_the_root_may_be_one_level_below(written, tmp_path):
    assert training_root(tmp_path / "3dhp") == training_root(tmp_path) == tmp_path / "3dhp"
    assert training_root(tmp_path / "3dhp/S3") is None


def test_a_camera_that_is_listed_twice_is_refused(written):
    path, _ = written
    rewrite(path, lambda content: content.update(cameras=np.array([*range(13), 3.0])[:, None]))
    with pytest.raises(DataError, match="cameras names camera 3 twice"):
        read_annotations(path, (0, 3))
