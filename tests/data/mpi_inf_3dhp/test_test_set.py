import h5py
import numpy as np
import pytest

from fakes_3dhp import fake_test_set
from prepose.data.mpi_inf_3dhp import test_set as recordings
from prepose.errors import DataError


@pytest.fixture
def written(tmp_path):
    root = tmp_path / "unpacked"
    return root / "mpi_inf_3dhp_test_set", fake_test_set(root, np.random.default_rng(8))


def change(folder, edit):
    with h5py.File(folder / "annot_data.mat", "r+") as file:
        edit(file)


def replaced(file, name, values):
    del file[name]
    file[name] = values


def test_valid_frames_come_with_a_fitted_camera(written):
    base, recording = written
    view = recordings.read_test_recording(base / "TS6", partial=False)
    assert view.frames.tolist() == [0, 2, 3, 4]
    assert view.camera.size_wh == (192, 108)
    np.testing.assert_allclose(view.camera.K, recording["TS6"].camera.K, atol=1e-6)
    assert view.univ_scale == pytest.approx(1.05)
    assert view.counts == {recordings.INVALID: 1}


def test_activities_and_univ_poses_need_not_be_there(written):
    base, _ = written

    def forget(file):
        del file["activity_annotation"], file["univ_annot3"]

    change(base / "TS1", forget)
    view = recordings.read_test_recording(base / "TS1", partial=False)
    assert set(view.actions) == {""}
    assert np.isnan(view.univ_scale)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda file: file.pop("valid_frame"), "has no numeric variable 'valid_frame'"),
        (lambda file: replaced(file, "valid_frame", np.ones((4, 1))), "has 4 numbers of valid_frame for 5 frames"),
        (lambda file: replaced(file, "annot2", np.zeros((4, 1, 17, 2))), "has 4 rows of annot2 but 5 of annot3"),
        (
            lambda file: replaced(file, "annot3", np.zeros((5, 1, 28, 3))),
            "'annot3' is 5 x 1 x 28 x 3, expected any x 1 x 17",
        ),
    ],
)
def test_labels_that_do_not_fit_are_refused(written, edit, message):
    base, _ = written
    change(base / "TS2", edit)
    with pytest.raises(DataError, match=rf"TS2/annot_data\.mat: {message}"):
        recordings.read_test_recording(base / "TS2", partial=True)


def test_the_root_is_found_up_to_two_levels_below(written, tmp_path):
    base, _ = written
    for root in (base, base.parent, tmp_path):
        assert recordings.test_set_root(root) == base
    assert recordings.test_set_root(base / "TS1") is None
