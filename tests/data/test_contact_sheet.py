from dataclasses import replace

import cv2
import numpy as np
import pytest

from fakes import fake_samples
from prepose.body.skeletons import MPII_16, SKELETONS
from prepose.data.contact_sheet import GAP, SUFFIXES, contact_sheet, draw_sample, write_contact_sheet
from prepose.data.dataset import dataset_of
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.errors import DataError


def dataset(count: int, *, has_3d: bool = True):
    return dataset_of(fake_samples(count, MPII_16, np.random.default_rng(9), has_3d=has_3d), skeleton=MPII_16)


@pytest.mark.parametrize(
    ("samples", "count", "columns", "rows_columns"),
    [(7, 24, 6, (2, 6)), (7, 4, 4, (1, 4)), (3, 9, 6, (1, 3)), (1, 1, 1, (1, 1))],
)
def test_the_sheet_has_a_cell_for_each_sample(samples, count, columns, rows_columns):
    sheet = contact_sheet(dataset(samples), count=count, columns=columns, cell_px=64)
    rows, across = rows_columns
    assert sheet.shape == (rows * (64 + GAP) + GAP, across * (64 + GAP) + GAP, 3)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_every_skeleton_can_be_shown(skeleton):
    data = dataset_of(fake_samples(2, skeleton, np.random.default_rng(0)), skeleton=skeleton)
    assert np.ptp(contact_sheet(data, cell_px=96)) > 100


@pytest.mark.parametrize("empty", [(1, 1), (0, 1), (1, 0)])
def test_the_inset_is_there_where_3d_is_and_hides_the_fewest_joints(empty):
    solid = dataset(1)[0]
    corners = np.array([[10, 90], [90, 10], [90, 90]], float)
    kept = [corner for corner in corners if (corner > 50).astype(int).tolist() != list(empty)]
    joints = np.full((16, 2), np.nan)
    joints[:2] = kept
    solid = replace(solid, joints_img=joints, box_xywh=np.array([13.5, 13.5, 74.0, 74.0]))
    flat = replace(solid, joints_cam=np.full((16, 3), np.nan))
    changed = (draw_sample(solid, solid.image, size=100) != draw_sample(flat, solid.image, size=100)).any(axis=2)
    left, top = (60 * side for side in empty)
    assert changed[top : top + 40, left : left + 40].mean() > 0.9
    changed[top : top + 40, left : left + 40] = False
    assert not changed.any()


def test_drawn_samples_follow_the_generator():
    data = dataset(30)
    one, two, other = (
        contact_sheet(data, count=4, cell_px=64, generator=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


def test_all_joints_of_a_box_lie_in_its_cell():
    sample = dataset(1)[0]
    plain = replace(
        sample, joints_img=np.full_like(sample.joints_img, np.nan), joints_cam=np.full_like(sample.joints_cam, np.nan)
    )
    drawn = draw_sample(plain, sample.image, size=120)
    yellow = (drawn[..., 0] > 200) & (drawn[..., 2] < 130)
    rows, columns = np.flatnonzero(yellow.any(axis=1)), np.flatnonzero(yellow.any(axis=0))
    width, height = sample.box_xywh[2:]
    scale = 120 / (1.35 * max(width, height))
    assert np.ptp(rows) == pytest.approx(height * scale, abs=2)
    assert np.ptp(columns) == pytest.approx(width * scale, abs=2)


def test_bad_requests_are_named():
    with pytest.raises(ValueError, match="memory/all has no samples to show"):
        contact_sheet(dataset(2).select([]))
    with pytest.raises(ValueError, match="must be positive, found 0, 6, 224"):
        contact_sheet(dataset(2), count=0)


def test_a_broken_image_is_named():
    sample = replace(dataset(1)[0], image=b"junk")
    with pytest.raises(DataError, match="fake 0: is not an image"):
        contact_sheet(dataset_of([sample], skeleton=MPII_16))


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
    shown = write_contact_sheet(store, tmp_path / "a.png", split=None, count=3, seed=0).read_bytes()
    test = write_contact_sheet(store, tmp_path / "b.png", split="test", count=3, seed=0).read_bytes()
    train = write_contact_sheet(store, tmp_path / "c.png", split="train", count=3, seed=0).read_bytes()
    assert shown == train != test


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
