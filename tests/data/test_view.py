from dataclasses import replace

import numpy as np
import pytest

from prepose.camera.crop import Crop
from prepose.data.view import Fill, Noise, Patch, View, apply_view, patch_mask

CROP = Crop((31.5, 31.5), 64.0, 64)


def a_picture(side=64, seed=0):
    return np.random.default_rng(seed).integers(60, 190, (side, side, 3), dtype=np.uint8)


def a_patch(**changes):
    patch = Patch((0.5, 0.5), (0.25, 0.5), 0.0, False, Fill.FLAT, (10, 20, 30), (0.1, 0.2))
    return patch._replace(**changes)


def test_a_plain_view_is_the_crop():
    np.testing.assert_array_equal(apply_view(a_picture(), View(CROP)), a_picture())
    turned = Crop((20.0, 40.0), 30.0, 32, rotation=0.5, flip=True)
    np.testing.assert_array_equal(apply_view(a_picture(), View(turned)), turned.read(a_picture()))


@pytest.mark.parametrize(
    "view",
    [
        View(CROP, tone=np.arange(256, dtype=np.uint8)[::-1].copy()),
        View(CROP, colour_matrix=np.diag([0.5, 1.0, 1.0])),
        View(CROP, blur_sigma=2.0),
        View(CROP, noise=Noise(8.0, (0.3, 0.6))),
        View(CROP, patches=(a_patch(),)),
    ],
    ids=["tone", "colour", "blur", "noise", "patch"],
)
def test_applying_a_view_twice_gives_the_same_and_spares_the_picture(view):
    picture = a_picture()
    once, again = apply_view(picture, view), apply_view(picture, view)
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(picture, a_picture())
    assert once.shape == (64, 64, 3)
    assert not np.array_equal(once, picture)


def test_tone_maps_every_channel_by_the_table():
    tone = np.random.default_rng(3).integers(0, 256, 256, dtype=np.uint8)
    np.testing.assert_array_equal(apply_view(a_picture(), View(CROP, tone=tone)), tone[a_picture()])


def test_the_light_comes_before_the_tone_curve():
    tone = np.minimum(np.arange(256) * 2, 255).astype(np.uint8)
    seen = apply_view(a_picture(), View(CROP, colour_matrix=np.diag([0.5, 1.0, 1.0]), tone=tone))
    np.testing.assert_allclose(seen[..., 0], a_picture()[..., 0], atol=2)


@pytest.mark.parametrize("view", [View(CROP), View(Crop((20.0, 40.0), 30.0, 64, rotation=0.5, flip=True))])
def test_four_channels_and_a_place_for_the_pixels_change_nothing(view):
    view = replace(view, patches=[a_patch(fill=fill) for fill in Fill], noise=Noise(8.0, (0.3, 0.6)), blur_sigma=1.0)
    batch = np.full((3, 64, 64, 3), 9, np.uint8)
    picture = np.dstack([a_picture(), np.random.default_rng(1).integers(0, 256, (64, 64), dtype=np.uint8)])
    given = apply_view(picture, view, out=batch[1])
    assert given.base is batch or given is batch[1]
    np.testing.assert_array_equal(batch[1], apply_view(a_picture(), view))
    assert (batch[[0, 2]] == 9).all()


def test_the_colour_matrix_acts_on_rgb_columns_and_saturates():
    swap = np.array([[0, 0, 3.0], [0, 1, 0], [1, 0, 0]])
    seen, picture = apply_view(a_picture(), View(CROP, colour_matrix=swap)), a_picture().astype(int)
    np.testing.assert_array_equal(
        seen, np.stack([np.minimum(3 * picture[..., 2], 255), picture[..., 1], picture[..., 0]], -1)
    )


def test_noise_has_the_strength_it_says_and_no_bias():
    flat = np.full((256, 256, 3), 128, np.uint8)
    crop = Crop((127.5, 127.5), 256.0, 256)
    residual = apply_view(flat, View(crop, noise=Noise(10.0, (0.2, 0.9)))).astype(float) - 128
    assert residual.std() == pytest.approx(10, rel=0.03)
    assert abs(residual.mean()) < 0.2
    other = apply_view(flat, View(crop, noise=Noise(10.0, (0.8, 0.1)))).astype(float) - 128
    assert abs(np.corrcoef(residual.ravel(), other.ravel())[0, 1]) < 0.02


def test_noise_covers_crops_larger_than_its_field():
    crop = Crop((0.0, 0.0), 1500.0, 1500)
    seen = apply_view(np.full((8, 8, 3), 128, np.uint8), View(crop, noise=Noise(20.0, (1.0, 1.0))))
    assert seen[-100:].std() > 3


def test_blur_keeps_the_mean_and_smooths():
    seen = apply_view(a_picture(), View(CROP, blur_sigma=2.0))
    assert seen.std() < a_picture().std() / 3
    assert seen.mean() == pytest.approx(a_picture().mean(), abs=1)


@pytest.mark.parametrize("ellipse", [False, True])
@pytest.mark.parametrize("turn_deg", [0.0, 30.0, 90.0, 170.0])
def test_a_patch_covers_what_it_says_and_nothing_else(ellipse, turn_deg):
    patch = a_patch(ellipse=ellipse, turn_deg=turn_deg, centre=(0.45, 0.55))
    picture = a_picture(256)
    seen = apply_view(picture, View(Crop((127.5, 127.5), 256.0, 256), patches=(patch,)))
    covered = (seen == patch.colour).all(axis=-1)
    np.testing.assert_array_equal(seen[~covered], picture[~covered])
    area = 64 * 128 * (np.pi / 4 if ellipse else 1)
    assert covered.sum() == pytest.approx(area, rel=0.06)
    rows, columns = np.nonzero(covered)
    np.testing.assert_allclose([columns.mean(), rows.mean()], [0.45 * 256 - 0.5, 0.55 * 256 - 0.5], atol=0.7)


@pytest.mark.parametrize("centre", [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.999, 0.5)])
@pytest.mark.parametrize("fill", Fill)
@pytest.mark.parametrize("ellipse", [False, True])
def test_patches_at_the_edge_are_cut_off(centre, fill, ellipse):
    patch = a_patch(centre=centre, fill=fill, ellipse=ellipse, turn_deg=40.0, sides=(1.0, 0.1))
    (top, left), mask = patch_mask(patch, 64)
    assert 0 <= top <= top + mask.shape[0] <= 64
    assert 0 <= left <= left + mask.shape[1] <= 64
    seen = apply_view(a_picture(), View(CROP, patches=(patch,)))
    outside = np.ones((64, 64), bool)
    outside[top : top + mask.shape[0], left : left + mask.shape[1]] = ~mask
    np.testing.assert_array_equal(seen[outside], a_picture()[outside])


def test_a_patch_from_elsewhere_shows_the_same_picture_upside_down():
    picture = a_picture()
    patch = a_patch(fill=Fill.ELSEWHERE, origin=(0.0, 0.0))
    (top, left), mask = patch_mask(patch, 64)
    height, width = mask.shape
    seen = apply_view(picture, View(CROP, patches=(patch,)))[top : top + height, left : left + width]
    np.testing.assert_array_equal(seen[mask], picture[:height, :width][::-1][mask])


def test_a_noisy_patch_varies_about_its_colour():
    patch = a_patch(fill=Fill.NOISE, colour=(120, 100, 140), sides=(0.9, 0.9))
    (top, left), mask = patch_mask(patch, 64)
    seen = apply_view(a_picture(), View(CROP, patches=(patch,)))[top : top + len(mask), left : left + len(mask[0])][
        mask
    ]
    np.testing.assert_allclose(seen.mean(axis=0), [120, 100, 140], atol=3)
    assert seen.std(axis=0).min() > 20


def test_a_smaller_version_of_the_picture_gives_nearly_the_same_pixels():
    y, x = np.mgrid[0:256, 0:256]
    picture = np.stack(
        [128 + 80 * np.sin(x / 19), 128 + 80 * np.sin(y / 23), 128 + 60 * np.sin((x + y) / 31)], -1
    ).astype(np.uint8)
    half = picture.reshape(128, 2, 128, 2, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    view = View(Crop((120.0, 130.0), 190.0, 64, rotation=0.3, flip=True))
    whole, smaller = apply_view(picture, view), apply_view(half, view, image_scale=0.5)
    assert np.abs(whole.astype(int) - smaller)[4:-4, 4:-4].max() <= 4
