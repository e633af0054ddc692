import cv2
import numpy as np
import pytest

from fakes import fake_samples
from prepose.body.skeletons import MPII_16
from prepose.data.contact_sheet import contact_sheet
from prepose.data.sheet_file import SUFFIXES, write_contact_sheet
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.errors import DataError


def store_of(folder, *splits, count=5):
    for split in splits:
        samples = fake_samples(count, MPII_16, np.random.default_rng(len(split)))
        write_store(folder, StoreDescription("lab", MPII_16), split, samples, total=count)
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return store_of(tmp_path_factory.mktemp("sheets") / "lab", "train", "test")


def test_the_file_is_the_sheet_in_true_colours(store, tmp_path):
    out = write_contact_sheet(store, tmp_path / "sheet.png", split="train", count=4, seed=3)
    expected = contact_sheet(open_store(store, "train"), count=4, generator=np.random.default_rng(3))
    np.testing.assert_array_equal(cv2.imread(str(out), cv2.IMREAD_COLOR_RGB), expected)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".PNG", ".JPG"])
def test_the_name_chooses_the_format(store, tmp_path, suffix):
    out = write_contact_sheet(store, tmp_path / f"sheet{suffix}", split=None, count=1, seed=0)
    assert out.read_bytes().startswith(b"\x89PNG" if suffix.lower() == ".png" else b"\xff\xd8\xff")


def test_without_a_split_train_is_shown(store, tmp_path):
    first = write_contact_sheet(store, tmp_path / "a.png", split=None, count=3, seed=0).read_bytes()
    test = write_contact_sheet(store, tmp_path / "b.png", split="test", count=3, seed=0).read_bytes()
    train = write_contact_sheet(store, tmp_path / "c.png", split="train", count=3, seed=0).read_bytes()
    assert first == train != test


def test_the_seed_chooses_the_samples(store, tmp_path):
    sheets = [
        write_contact_sheet(store, tmp_path / "sheet.png", split="train", count=2, seed=seed).read_bytes()
        for seed in (0, 0, 1, 2, 3)
    ]
    assert sheets[0] == sheets[1] and len(set(sheets)) > 1


def test_folders_are_made_and_an_older_sheet_is_replaced_whole(store, tmp_path):
    out = tmp_path / "a/b/sheet.png"
    write_contact_sheet(store, out, split="train", count=5, seed=0)
    large = out.stat().st_size
    write_contact_sheet(store, out, split="train", count=1, seed=0)
    assert out.stat().st_size < large
    assert [path.name for path in out.parent.iterdir()] == ["sheet.png"]


@pytest.mark.parametrize("name", ["sheet.gif", "sheet", "sheet.png.txt"])
def test_a_name_that_is_no_picture_is_refused_first(tmp_path, name):
    with pytest.raises(DataError, match=f"{name}: a contact sheet is a picture; .* ends in .png, .jpg, .jpeg"):
        write_contact_sheet(tmp_path / "nowhere", tmp_path / name, split=None, count=1, seed=0)


def test_what_cannot_be_shown_is_told(store, tmp_path):
    out = tmp_path / "sheet.png"
    with pytest.raises(DataError, match="there is no such store"):
        write_contact_sheet(tmp_path / "nowhere", out, split=None, count=1, seed=0)
    with pytest.raises(DataError, match=r"no split 'validation'"):
        write_contact_sheet(store, out, split="validation", count=1, seed=0)
    empty = store_of(tmp_path / "empty", "train", count=0)
    with pytest.raises(DataError, match="split 'train' has no samples to show"):
        write_contact_sheet(empty, out, split=None, count=1, seed=0)
    (empty / "train/split.json").unlink()
    with pytest.raises(DataError, match="holds no split yet; add or synthesize one"):
        write_contact_sheet(empty, out, split=None, count=1, seed=0)
    assert not out.exists()
