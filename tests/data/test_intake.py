import h5py
import numpy as np
import pytest
import scipy.io

from prepose.data import intake
from prepose.data.intake import hdf5_shapes, mat_shapes, read_hdf5, read_json, read_mat
from prepose.errors import DataError

JOINTS = np.random.default_rng(5).random((3, 14, 20))


def write_mat(path, form: str) -> None:
    """MATLAB's level 5 (plain or compressed), or 7.3, which is HDF5 with the axes reversed."""
    if form == "7.3":
        with h5py.File(path, "w") as file:
            file["joints"] = JOINTS.transpose()
            file["names"] = np.array([b"a", b"b"])
    else:
        scipy.io.savemat(path, {"joints": JOINTS, "names": "text"}, do_compression=form == "compressed")


@pytest.fixture(params=["plain", "compressed", "7.3"])
def mat(request, tmp_path):
    write_mat(tmp_path / "joints.mat", request.param)
    return tmp_path / "joints.mat"


def test_both_formats_read_alike(mat):
    assert mat_shapes(mat) == {"joints": (3, 14, 20)}
    np.testing.assert_array_equal(read_mat(mat, "joints", (3, 14, None)), JOINTS)


def test_another_shape_or_name_is_an_error(mat):
    with pytest.raises(DataError, match=r"joints\.mat: 'joints' is 3 x 14 x 20, expected 14 x 3 x any"):
        read_mat(mat, "joints", (14, 3, None))
    with pytest.raises(DataError, match="'joints' is 3 x 14 x 20, expected 3 x 14"):
        read_mat(mat, "joints", (3, 14))
    with pytest.raises(DataError, match="has no numeric variable 'names'; it has joints"):
        read_mat(mat, "names", (None,))


def test_a_variable_too_large_is_refused_before_it_is_loaded(mat, monkeypatch):
    monkeypatch.setattr(intake, "MOST_BYTES", 3 * 14 * 20 * 8 - 1)
    monkeypatch.setattr(scipy.io, "loadmat", None)
    with pytest.raises(DataError, match="'joints' claims 0 GiB; no label file"):
        read_mat(mat, "joints", (3, 14, None))


@pytest.mark.parametrize("share", [0.05, 0.4, 0.9])
def test_a_truncated_file_is_an_error(mat, share):
    data = mat.read_bytes()
    mat.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match=r"joints\.mat: "):
        read_mat(mat, "joints", (3, 14, None))


@pytest.mark.parametrize(
    "content", [b"x", b"joints,1,2\n" * 100, b"\x80\x04cos\nsystem\n", bytes(200), b"\xff" * 500], ids=range(5)
)
def test_a_foreign_file_is_an_error(tmp_path, content):
    (tmp_path / "joints.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"joints\.mat: (is truncated, damaged or not a MATLAB file|has no numeric)"):
        read_mat(tmp_path / "joints.mat", "joints", (3, 14, None))


def test_a_missing_file_says_what_is_there(tmp_path):
    (tmp_path / "README.txt").write_text("hello")
    with pytest.raises(DataError, match=r"joints\.mat: there is no such file \(its folder holds README\.txt\)"):
        read_mat(tmp_path / "joints.mat", "joints", (3, 14, None))
    with pytest.raises(DataError, match=r"there is no such file \(nor is its folder\)"):
        read_mat(tmp_path / "no" / "joints.mat", "joints", (3, 14, None))


@pytest.mark.parametrize(
    "read", [lambda path: read_mat(path, "a", (1,)), lambda path: read_hdf5(path, "a", (1,)), read_json]
)
def test_an_empty_file_and_a_folder_are_errors(tmp_path, read):
    (tmp_path / "labels").write_bytes(b"")
    with pytest.raises(DataError, match="labels: is empty"):
        read(tmp_path / "labels")
    with pytest.raises(DataError, match="is not a file"):
        read(tmp_path)


def test_hdf5_is_read_by_the_path_inside(tmp_path):
    with h5py.File(tmp_path / "annot.h5", "w") as file:
        file["pose/2d"] = JOINTS
        file["pose/names"] = "text"
    assert hdf5_shapes(tmp_path / "annot.h5") == {"pose/2d": (3, 14, 20)}
    np.testing.assert_array_equal(read_hdf5(tmp_path / "annot.h5", "pose/2d", (None, 14, None)), JOINTS)
    with pytest.raises(DataError, match="has no numeric variable 'pose/3d'; it has pose/2d"):
        read_hdf5(tmp_path / "annot.h5", "pose/3d", (None,))
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(DataError, match="not a HDF5 file"):
        hdf5_shapes(tmp_path / "text.h5")


@pytest.mark.parametrize("content", ['{"a": [1, 2', "no json", "\ufeff{", "[" * 100_000], ids=range(4))
def test_json_that_is_broken_is_an_error(tmp_path, content):
    (tmp_path / "labels.json").write_text(content)
    with pytest.raises(DataError, match=r"labels\.json: is truncated or not JSON"):
        read_json(tmp_path / "labels.json")


def test_json_is_read(tmp_path):
    (tmp_path / "labels.json").write_text('[{"image": "a.jpg", "joints": [[1, 2.5]]}]')
    assert read_json(tmp_path / "labels.json") == [{"image": "a.jpg", "joints": [[1, 2.5]]}]
