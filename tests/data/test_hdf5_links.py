import h5py
import numpy as np
import pytest

from prepose.data.hdf5_links import datasets_inside
from prepose.data.intake import hdf5_shapes, read_hdf5
from prepose.errors import DataError


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
