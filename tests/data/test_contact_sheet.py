from dataclasses import replace

import numpy as np
import pytest

from fakes import fake_samples
from prepose.body.skeletons import MPII_16, SKELETONS
from prepose.data.contact_sheet import GAP, contact_sheet, draw_sample
from prepose.data.dataset import dataset_of
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
