import io
import zipfile

import numpy as np
import pytest

from prepose.data.archive import check_name, open_archive, read_npy, read_npz
from prepose.errors import DataError


def test_members_are_read_where_they_lie(tmp_path):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.mkdir("images")
        archive.writestr("images/a.jpg", b"abc")
        archive.writestr("images/ü.jpg", b"", zipfile.ZIP_DEFLATED)
    with open_archive(path) as archive:
        assert set(archive.members) == {"images/a.jpg", "images/ü.jpg"}
        assert archive.read("images/a.jpg") == b"abc"
        assert archive.read("images/ü.jpg") == b""
        with pytest.raises(DataError, match=r"images\.zip: holds no 'images/b\.jpg'"):
            archive.read("images/b.jpg")
        with pytest.raises(DataError, match=r"'images/a\.jpg' claims 0 MiB; refused"):
            archive.read("images/a.jpg", most=2)
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_missing_archive_says_so(tmp_path):
    with pytest.raises(DataError, match=r"images\.zip: there is no such file"):
        open_archive(tmp_path / "images.zip")


@pytest.mark.parametrize("name", ["a.jpg", "images/a b.jpg", "./images/a.jpg", "a..b.jpg", "..a/b.jpg"])
def test_names_below_the_folder_are_kept(name):
    assert not check_name(name, "labels").is_absolute()


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "/a.jpg",
        "../a.jpg",
        "a/../../b.jpg",
        "a\\..\\b",
        "C:\\a",
        "c:a",
        "\\\\host\\a",
        "a\0b",
        "a\nb",
        "\u202egpj",
    ],
)
def test_names_that_may_lie_elsewhere_are_refused(name):
    with pytest.raises(DataError, match=r"labels: names the file .*, which may lie outside of its folder; refused"):
        check_name(name, "labels")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 3)),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.array(["ab", "c"]),
        np.zeros((0, 2)),
        np.array(2.5),
    ],
    ids=range(5),
)
def test_arrays_of_numbers_and_text_come_back(tmp_path, array):
    stream = io.BytesIO()
    np.save(stream, array)
    found = read_npy(stream.getvalue(), "a.npy")
    np.testing.assert_array_equal(found, array, strict=True)
    assert found.flags.writeable
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", joints=array, other=np.ones(3))
        np.testing.assert_array_equal(read_npz(tmp_path / "a.npz")["joints"], array, strict=True)
        assert list(read_npz(tmp_path / "a.npz", ("other",))) == ["other"]


def test_an_npz_without_the_array_says_what_it_has(tmp_path):
    np.savez(tmp_path / "a.npz", joints=np.zeros(3))
    with pytest.raises(DataError, match=r"a\.npz: has no array 'part'; it has joints"):
        read_npz(tmp_path / "a.npz", ("joints", "part"))
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("a.txt", "no")
    with pytest.raises(DataError, match=r"b\.npz: has no arrays; it has none"):
        read_npz(tmp_path / "b.npz")
