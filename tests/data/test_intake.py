import h5py
import numpy as np
import pytest
import scipy.io

from prepose.data import intake
from prepose.data.intake import (
    datasets_inside,
    hdf5_shapes,
    mat_shapes,
    read_hdf5,
    read_hdf5_texts,
    read_json,
    read_mat,
    read_mat_cells,
    read_mat_struct,
    records_of,
)
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
    monkeypatch.setattr(intake, "FREE_BYTES", 3 * 14 * 20 * 8 - 1 - 2 * mat.stat().st_size)
    monkeypatch.setattr(scipy.io, "loadmat", None)
    with pytest.raises(DataError, match="'joints' takes 6,720 bytes of memory"):
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


def people() -> dict:
    one = {"name": "a.jpg", "points": [{"x": 1.5, "visible": "1"}, {"x": 2, "visible": np.zeros((0, 0))}]}
    return {"version": "12", "list": [one, {"name": "b.jpg", "points": {"x": 3, "visible": 0}}], "train": np.ones(2)}


@pytest.mark.parametrize("do_compression", [False, True])
def test_a_matlab_struct_is_read_as_plain_values(tmp_path, do_compression):
    scipy.io.savemat(tmp_path / "a.mat", {"RELEASE": people(), "joints": JOINTS}, do_compression=do_compression)
    found = read_mat_struct(tmp_path / "a.mat", "RELEASE")
    first, second = records_of(found["list"])
    assert (first["name"], second["name"], found["train"].tolist()) == ("a.jpg", "b.jpg", [1, 1])
    assert [point["x"] for point in records_of(first["points"])] == [1.5, 2]
    assert [point["x"] for point in records_of(second["points"])] == [3]
    assert records_of(np.zeros((0, 0))) == []
    with pytest.raises(DataError, match=r"has no struct 'joints'; it has RELEASE \(struct\), joints \(double\)"):
        read_mat_struct(tmp_path / "a.mat", "joints")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("do_compression", [False, True])
def test_a_truncated_struct_is_an_error(tmp_path, share, do_compression):
    scipy.io.savemat(tmp_path / "a.mat", {"RELEASE": people()}, do_compression=do_compression)
    whole = (tmp_path / "a.mat").read_bytes()
    (tmp_path / "a.mat").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"a\.mat: (is truncated, damaged|has no struct)"):
        read_mat_struct(tmp_path / "a.mat", "RELEASE")


def test_a_struct_that_inflates_without_end_is_refused(tmp_path, monkeypatch):
    scipy.io.savemat(tmp_path / "a.mat", {"RELEASE": {"a": np.zeros(400_000)}}, do_compression=True)
    assert (tmp_path / "a.mat").stat().st_size < 10_000
    read_mat_struct(tmp_path / "a.mat", "RELEASE")
    monkeypatch.setattr(intake, "FREE_BYTES", 2**21)
    with pytest.raises(DataError, match=r"a\.mat: inflates to more than 1 MiB, far more than the file has"):
        read_mat_struct(tmp_path / "a.mat", "RELEASE")


def test_a_struct_of_format_73_says_how_to_save_it(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["RELEASE/a"] = JOINTS
    with pytest.raises(DataError, match=r"format 7\.3; open it there and save it with save"):
        read_mat_struct(tmp_path / "a.mat", "RELEASE")


def test_texts_in_hdf5_may_be_strings_or_codes(tmp_path):
    names = ("015601864.jpg", "short.jpg")
    codes = np.zeros((2, 16))
    for row, name in zip(codes, names, strict=True):
        row[: len(name)] = [ord(letter) for letter in name]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["codes"], file["bytes"], file["numbers"] = codes, np.array(names, "S20"), JOINTS
        file.create_dataset("texts", data=list(names), dtype=h5py.string_dtype())
        file["wrong"] = codes - 1
    for name in ("codes", "bytes", "texts"):
        assert read_hdf5_texts(tmp_path / "a.h5", name) == names
    assert read_hdf5_texts(tmp_path / "a.h5", "none") is None
    with pytest.raises(DataError, match="'wrong' should hold character codes"):
        read_hdf5_texts(tmp_path / "a.h5", "wrong")


def test_cells_of_matrices_are_read_by_name(tmp_path):
    cells = np.empty((3, 1), object)
    for row in range(3):
        cells[row, 0] = np.full((2, row + 1), row)
    scipy.io.savemat(tmp_path / "cells.mat", {"joints": cells, "plain": np.eye(2)}, do_compression=True)
    read = read_mat_cells(tmp_path / "cells.mat", ("joints", "plain", "others"))
    assert list(read) == ["joints"]
    assert [matrix.shape for matrix in read["joints"]] == [(2, 1), (2, 2), (2, 3)]
    assert read_mat_cells(tmp_path / "cells.mat", ("others",)) == {}


def test_cells_of_something_else_or_too_large_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "cells.mat"
    scipy.io.savemat(path, {"joints": np.array([["text", {"a": 1}]], object)})
    with pytest.raises(DataError, match=r"cells\.mat: a cell of 'joints' holds something else than numbers"):
        read_mat_cells(path, ("joints",))
    monkeypatch.setattr(intake, "FREE_BYTES", -100)
    with pytest.raises(DataError, match=r"cells\.mat: takes more than"):
        read_mat_cells(path, ("joints",))


@pytest.mark.parametrize(
    "content", ['{"r_knee": [1, 2], "l_knee": null, "r_knee": [3, 4]}', '[{"a": {"r_knee": 1, "r_knee": 1}}]']
)
def test_a_key_that_an_object_has_twice_is_an_error(tmp_path, content):
    (tmp_path / "labels.json").write_text(content)
    with pytest.raises(DataError, match=r"labels\.json: the key 'r_knee' occurs twice in one object \(with r_knee"):
        read_json(tmp_path / "labels.json")


def test_links_inside_the_file_are_no_trouble(tmp_path):
    path = tmp_path / "labels.h5"
    with h5py.File(path, "w") as file:
        file["pose/joints"] = np.arange(6.0).reshape(2, 3)
        file["same"] = file["pose/joints"]
        file["soft"] = h5py.SoftLink("/pose/joints")
        assert [name for name, _ in datasets_inside(path, file)] in (["pose/joints"], ["same"])
    assert hdf5_shapes(path) in ({"pose/joints": (2, 3)}, {"same": (2, 3)})


def test_a_link_deep_inside_is_found(tmp_path):
    path = tmp_path / "labels.h5"
    with h5py.File(path, "w") as file:
        file["a/b/c/joints"] = np.zeros(3)
        file["a/b/d"] = h5py.ExternalLink("other.h5", "/joints")
        with pytest.raises(DataError, match=r"labels\.h5: 'a/b/d' is a link to another file, 'other\.h5'; refused"):
            list(datasets_inside(path, file))


def test_what_lies_in_another_file_is_never_read(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["secrets"] = np.arange(20.0)
    layout = h5py.VirtualLayout((20,), "f8")
    layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "secrets", (20,))
    with h5py.File(tmp_path / "labels.h5", "w") as file:
        file.create_virtual_dataset("joints", layout)
    with h5py.File(tmp_path / "labels.h5") as file:
        assert file["joints"][3] == 3  # h5py itself would read it
    with pytest.raises(DataError, match="'joints' takes its numbers from other datasets"):
        read_hdf5(tmp_path / "labels.h5", "joints", (20,))


def test_a_group_that_holds_itself_is_looked_through_once(tmp_path):
    with h5py.File(tmp_path / "labels.h5", "w") as file:
        file["a/joints"] = np.zeros(3)
        file["a/again"] = file["a"]
        file["root"] = file["/"]
    assert list(hdf5_shapes(tmp_path / "labels.h5").values()) == [(3,)]


def test_thousands_of_nested_groups_are_refused_at_once(tmp_path):
    with h5py.File(tmp_path / "labels.h5", "w") as file:
        group = file
        for _ in range(3000):
            group = group.create_group("g")
        group["joints"] = np.zeros(3)
    with pytest.raises(DataError, match=r"labels\.h5: its groups are nested more than 32 deep"):
        hdf5_shapes(tmp_path / "labels.h5")
