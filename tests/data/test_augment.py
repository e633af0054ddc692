import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prepose.camera.crop import crop_of_box
from prepose.data.augment import draw, draw_view, make_views
from prepose.data.view import Fill
from prepose.specs.augmentation import (
    AUGMENTATIONS,
    NO_AUGMENTATION,
    REFERENCE,
    STRONG,
    Augmentation,
    ColourJitter,
    Occlusion,
)

BOX = np.array([100.0, 50.0, 80.0, 160.0])


def views(augmentation, count=4000, seed=0, size=64):
    draws = draw(count, np.random.default_rng(seed))
    return make_views(np.tile(BOX, (count, 1)), draws, augmentation, size)


def test_no_augmentation_is_the_plain_crop_and_nothing_else():
    for view in views(NO_AUGMENTATION, count=20):
        assert view.crop == crop_of_box(BOX, 64)
        assert view.colour_matrix is view.tone is view.noise is None
        assert view.blur_sigma == 0
        assert view.patches == ()


def test_the_reference_preset_has_the_reference_distributions():
    found = views(REFERENCE)
    plain = crop_of_box(BOX, 64)
    scale = np.array([view.crop.side / plain.side for view in found])
    assert scale.min() == pytest.approx(0.75)
    assert scale.max() == pytest.approx(1.25)
    # P(N < -1) = 0.159 lies on each end.
    assert np.mean(scale < 0.7501) == pytest.approx(0.159, abs=0.02)
    assert np.mean(scale > 1.2499) == pytest.approx(0.159, abs=0.02)
    inner = (scale[(scale > 0.7501) & (scale < 1.2499)] - 1) / 0.25
    # Standard deviation of a standard normal cut at +-1.
    assert inner.std() == pytest.approx(0.54, abs=0.02)
    turns = np.degrees([view.crop.rotation for view in found])
    assert np.mean(turns != 0) == pytest.approx(0.6, abs=0.03)
    assert np.abs(turns).max() == pytest.approx(60)
    assert turns[turns != 0].std() == pytest.approx(30 * 0.96, rel=0.05)
    assert np.mean([view.crop.flip for view in found]) == pytest.approx(0.5, abs=0.03)
    assert all(view.crop.centre == plain.centre for view in found)
    assert all(view.tone is None and not view.patches for view in found)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_views_depend_on_the_generator_alone(name):
    once, again = views(AUGMENTATIONS[name], 50, seed=3), views(AUGMENTATIONS[name], 50, seed=3)
    other = views(AUGMENTATIONS[name], 50, seed=4)
    assert [v.crop for v in once] == [v.crop for v in again]
    assert [v.patches for v in once] == [v.patches for v in again]
    if name != "none":
        assert [v.crop for v in once] != [v.crop for v in other]


@given(count=st.integers(1, 40), start=st.integers(0, 39), stop=st.integers(0, 40))
def test_a_part_of_the_draws_means_a_part_of_the_views(count, start, stop):
    draws = draw(count, np.random.default_rng(0))
    boxes = np.tile(BOX, (count, 1))
    part = slice(start, stop)
    whole = make_views(boxes, draws, STRONG, 64)[part]
    alone = make_views(boxes[part], draws.rows(part), STRONG, 64)
    assert [v.crop for v in whole] == [v.crop for v in alone]
    assert [v.patches for v in whole] == [v.patches for v in alone]
    for a, b in zip(whole, alone, strict=True):
        np.testing.assert_array_equal(a.tone, b.tone)
        np.testing.assert_allclose(a.colour_matrix, b.colour_matrix)


def test_as_many_numbers_are_drawn_whatever_the_settings():
    after = set()
    for augmentation in AUGMENTATIONS.values():
        generator = np.random.default_rng(0)
        draw_view(BOX, augmentation, size=64, generator=generator)
        after.add(generator.random())
    assert len(after) == 1


def test_one_setting_changes_only_its_own_part_of_a_view():
    plain, coloured = views(REFERENCE, 100), views(REFERENCE.model_copy(update={"colour": STRONG.colour}), 100)
    assert [v.crop for v in plain] == [v.crop for v in coloured]
    assert all(v.tone is not None for v in coloured)


def test_shift_moves_the_centre_by_parts_of_the_side():
    plain = crop_of_box(BOX, 64)
    moves = np.array([v.crop.centre for v in views(Augmentation(shift=0.1))]) - plain.centre
    assert np.abs(moves).max() <= 0.1 * plain.side
    assert np.abs(moves).max(axis=0) == pytest.approx(0.1 * plain.side, rel=0.02)
    assert np.abs(np.corrcoef(moves.T)[0, 1]) < 0.05


LEVELS = np.arange(256)


def test_without_spread_there_is_no_table_and_with_it_tables_vary_about_the_identity():
    assert views(Augmentation(), 1)[0].tone is None
    tones = np.array([v.tone for v in views(Augmentation(colour=STRONG.colour))], float)
    assert tones.shape == (4000, 256)
    assert np.abs(tones.mean(axis=0)[16:240] - LEVELS[16:240]).max() < 12
    assert (np.diff(tones, axis=1) >= 0).all(), "brighter stays brighter"
    assert tones.std(axis=0)[128].min() > 10


@pytest.mark.parametrize(
    ("name", "holds"),
    {
        "brightness": lambda t: np.ptp(t[64:192] - LEVELS[64:192]) <= 1,
        "contrast": lambda t: abs(t[128] - 128).max() <= 1,
        "gamma": lambda t: (t[0] == 0).all() and (t[255] == 255).all(),
    }.items(),
)
def test_each_colour_setting_does_what_it_says(name, holds):
    for view in views(Augmentation(colour=ColourJitter(**{name: 0.2})), 30):
        assert view.tone is not None
        assert view.colour_matrix is None
        assert holds(view.tone.astype(int)), name


def test_the_lights_colour_scales_each_channel_alone():
    matrices = np.stack([v.colour_matrix for v in views(Augmentation(colour=ColourJitter(channel_gain=0.2)))])
    gains = np.diagonal(matrices, axis1=1, axis2=2)
    np.testing.assert_allclose(matrices, gains[:, :, None] * np.eye(3), atol=1e-9)
    assert 0.8 <= gains.min() < 0.81 and 1.19 < gains.max() <= 1.2
    assert np.abs(np.corrcoef(gains.T) - np.eye(3)).max() < 0.06
    assert all(v.tone is None for v in views(Augmentation(colour=ColourJitter(channel_gain=0.2)), 3))


def test_saturation_and_hue_leave_grey_and_luma_alone():
    luma = np.array([0.299, 0.587, 0.114])
    for view in views(Augmentation(colour=ColourJitter(saturation=0.5, hue_deg=40)), 30):
        np.testing.assert_allclose(view.colour_matrix @ np.ones(3), 1, atol=1e-3)
        np.testing.assert_allclose(luma @ view.colour_matrix, luma, atol=1e-3)
    grey = views(Augmentation(colour=ColourJitter(saturation=1.0)), 4000)
    weakest = min(grey, key=lambda v: np.abs(v.colour_matrix - luma).max())
    np.testing.assert_allclose(weakest.colour_matrix, np.tile(luma, (3, 1)), atol=0.01)


def test_occlusion_blur_and_noise_come_as_often_and_as_strong_as_asked():
    found = views(
        Augmentation(
            blur_probability=0.3, blur_sigma=0.02, noise_probability=0.2, noise_sigma=0.1,
            occlusion=Occlusion(probability=0.5, patches=3, side_min=0.2, side_max=0.4),
        )
    )  # fmt: skip
    assert np.mean([v.blur_sigma > 0 for v in found]) == pytest.approx(0.3, abs=0.03)
    assert max(v.blur_sigma for v in found) == pytest.approx(0.02 * 64, rel=0.02)
    assert np.mean([v.noise is not None for v in found]) == pytest.approx(0.2, abs=0.03)
    assert max(v.noise.sigma for v in found if v.noise) == pytest.approx(25.5, rel=0.02)
    numbers = np.bincount([len(v.patches) for v in found], minlength=4) / len(found)
    np.testing.assert_allclose(numbers, [0.5, 1 / 6, 1 / 6, 1 / 6], atol=0.03)
    patches = [patch for v in found for patch in v.patches]
    assert {patch.fill for patch in patches} == set(Fill)
    assert {patch.ellipse for patch in patches} == {False, True}
    sides = np.array([patch.sides for patch in patches])
    assert sides.min() == pytest.approx(0.2, abs=0.01)
    assert sides.max() == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize(
    "settings",
    [{"scale": 1.0}, {"flip_probability": 1.5}, {"rotation_deg": -1}, {"colour": {"hue": 3}}, {"sclae": 0.1},
     {"occlusion": {"patches": 9}}, {"scale": float("nan")}],
    ids=str,
)  # fmt: skip
def test_settings_out_of_range_or_unknown_are_refused(settings):
    field = next(iter(settings))
    with pytest.raises(ValidationError, match=field):
        Augmentation.model_validate(settings)


def test_settings_survive_json():
    for augmentation in AUGMENTATIONS.values():
        assert Augmentation.model_validate_json(augmentation.model_dump_json()) == augmentation
