from dataclasses import replace

import numpy as np
import pytest

from prepose.synthetic.appearance import Build, Cloth, draw_appearance
from prepose.synthetic.body_map import body_map
from prepose.synthetic.clothing import dress

RED, BLUE = np.array([0.8, 0.0, 0.0]), np.array([0.0, 0.0, 0.8])
PERSON = replace(
    draw_appearance(np.random.default_rng(0)),
    build=Build(), skin=np.array([0.5, 0.35, 0.25]), hair=np.array([0.0, 0.3, 0.0]), hair_style="short", beard=0.0,
    top=Cloth(RED, RED, "plain"), bottom=Cloth(BLUE, BLUE, "plain"), bottom_kind="trousers",
    sleeve=0.3, bottom_length=0.95, hem=0.3, neckline=20.0, shaft=0.1,
)  # fmt: skip


def painted(person, seed=0):
    """Albedo of the vertices after all layers."""
    coat = dress(person, np.random.default_rng(seed))
    colours = coat.albedo.astype(float)
    for layer in coat.layers:
        inside = layer.edge > 0
        colours[inside] = layer.colour
    return colours


def where(colours, colour):
    return np.abs(colours - colour).max(axis=1) < 1e-6


def test_clothes_cover_what_they_should():
    body, colours = body_map(), painted(PERSON)
    trunk = (body.arm < 0.05) & (body.leg < 0.05) & (body.head + body.neck < 0.05)
    top, bottom = where(colours, RED), where(colours, BLUE)
    z = body.place[:, 2]
    assert top[trunk & (z > 150) & (z < 420)].all()
    assert bottom[(body.leg > 0.9) & (body.along_leg > 0.1) & (body.along_leg < 0.9)].all()
    bare = (body.head > 0.9) | ((body.arm > 0.9) & (body.along_arm > 0.4))
    assert not (top | bottom)[bare].any()


@pytest.mark.parametrize("sleeve", [-0.1, 0.25, 0.5, 1.0])
def test_sleeves_end_where_they_are_told(sleeve):
    body = body_map()
    top = where(painted(replace(PERSON, sleeve=sleeve)), RED)
    arm = body.arm > 0.9
    assert top[arm & (body.along_arm < sleeve - 0.02)].all()
    assert not top[arm & (body.along_arm > sleeve + 0.02)].any()


@pytest.mark.parametrize("length", [0.2, 0.5, 0.9])
def test_trousers_end_where_they_are_told(length):
    body = body_map()
    bottom = where(painted(replace(PERSON, bottom_length=length, shaft=0.0)), BLUE)
    leg = body.leg > 0.9
    assert not bottom[leg & (body.along_leg > length + 0.02)].any()
    assert bottom[leg & (body.along_leg < length - 0.02) & (body.along_leg > 0.1)].all()


def test_offsets_are_bounded_for_all_who_may_be_drawn():
    for seed in range(40):
        generator = np.random.default_rng(seed)
        coat = dress(draw_appearance(generator), generator)
        assert np.isfinite(coat.offset).all()
        assert coat.offset.min() > -20
        assert coat.offset.max() < 190
        assert coat.albedo.dtype == np.float32
        assert coat.albedo.min() >= 0
        assert coat.albedo.max() <= 1


def test_pattern_shows_inside_its_garment_only():
    green = np.array([0.0, 0.7, 0.0])
    colours = painted(replace(PERSON, hair_style="bald", top=Cloth(RED, green, "stripes", 90.0)))
    plain = painted(replace(PERSON, hair_style="bald"))
    assert where(colours, green).sum() > 100
    assert where(plain, RED)[where(colours, green)].all()


def test_loose_cloth_stands_off_further():
    tight, loose = (replace(PERSON, top=Cloth(RED, RED, "plain", looseness=float(mm))) for mm in (4, 25))
    first, second = (dress(person, np.random.default_rng(0)).offset for person in (tight, loose))
    covered = where(painted(PERSON), RED)
    assert np.median(second[covered] - first[covered]) > 5
    bare = body_map().head > 0.99
    np.testing.assert_array_equal(first[bare], second[bare])
