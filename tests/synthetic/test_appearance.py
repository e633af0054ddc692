from dataclasses import fields, replace

import numpy as np
import pytest

from prepose.synthetic.appearance import (
    BOTTOM_KINDS,
    HAIR_STYLES,
    PATTERNS,
    Cloth,
    draw_appearance,
    draw_colour,
    linear_from_srgb,
)

CROWD = [draw_appearance(np.random.default_rng(seed)) for seed in range(300)]


def values(thing):
    for field in fields(thing):
        value = getattr(thing, field.name)
        yield from values(value) if hasattr(value, "__dataclass_fields__") else [(field.name, value)]


def test_same_seed_same_looks():
    for seed in range(5):
        first, second = (list(values(draw_appearance(np.random.default_rng(seed)))) for _ in range(2))
        for (name, a), (_, b) in zip(first, second, strict=True):
            assert np.array_equal(a, b), name


def test_colours_are_albedo():
    for person in CROWD:
        for name, value in values(person):
            if isinstance(value, np.ndarray):
                assert value.shape == (3,), name
                assert (value >= 0).all(), name
                assert (value <= 1).all(), name


def test_every_kind_of_looks_is_drawn():
    assert {person.hair_style for person in CROWD} == set(HAIR_STYLES)
    assert {person.bottom_kind for person in CROWD} == set(BOTTOM_KINDS)
    assert {person.top.pattern for person in CROWD} == set(PATTERNS)
    sleeves = np.array([person.sleeve for person in CROWD])
    assert (sleeves < 0).any()
    assert (sleeves > 0.9).any()
    assert 0.2 < np.mean([person.build.feminine > 0 for person in CROWD]) < 0.8
    assert np.std([person.skin.mean() for person in CROWD]) > 0.05


def test_skin_is_redder_than_blue():
    for person in CROWD:
        assert person.skin[0] > person.skin[1] > person.skin[2]


@pytest.mark.parametrize(("srgb", "linear"), [(0, 0.0), (255, 1.0), (188, 0.5029), (10, 10 / 255 / 12.92)])
def test_srgb_curve(srgb, linear):
    np.testing.assert_allclose(linear_from_srgb(np.full(3, float(srgb))), linear, atol=1e-3)


def test_drawn_colours_spread():
    generator = np.random.default_rng(0)
    colours = np.array([draw_colour(generator) for _ in range(400)])
    assert (colours.min(axis=0) < 0.02).all()
    assert (colours.max(axis=0) > 0.6).all()


def test_values_cannot_change():
    with pytest.raises(AttributeError):
        CROWD[0].beard = 1.0  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(replace(CROWD[0].top, period=10.0), Cloth)
