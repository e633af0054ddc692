from dataclasses import replace

import numpy as np
import pytest

from prepose.synthetic.appearance import HAIR_STYLES, PATTERNS, Build, Cloth, draw_appearance
from prepose.synthetic.clothing import body_map, build_offset, dress, smooth_step

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


@pytest.mark.parametrize("pattern", [p for p in PATTERNS if p != "plain"])
def test_patterns_show_both_colours(pattern):
    green = np.array([0.0, 0.7, 0.0])
    colours = painted(replace(PERSON, hair_style="bald", top=Cloth(RED, green, pattern, 90.0)))
    assert where(colours, RED).sum() > 30
    assert where(colours, green).sum() > 15


@pytest.mark.parametrize("style", [s for s in HAIR_STYLES if s != "bald"])
def test_hair_covers_the_crown_and_spares_the_face(style):
    body, bald, haired = body_map(), replace(PERSON, hair_style="bald"), replace(PERSON, hair_style=style)
    changed = np.abs(painted(haired) - painted(bald)).max(axis=1) > 1e-3
    assert changed[(body.head > 0.9) & (body.face[:, 2] > 200)].all()
    assert not changed[(body.head > 0.9) & (body.face[:, 1] > 85) & (body.face[:, 2] < 150)].any()
    crown = body.face[:, 2].argmax()
    grown = dress(haired, np.random.default_rng(0)).offset - dress(bald, np.random.default_rng(0)).offset
    assert 0 < grown[crown] < 30


def test_face_tells_front_from_back():
    body, colours = body_map(), painted(PERSON)
    eye = (np.abs(np.abs(body.face[:, 0]) - 32) < 5) & (np.abs(body.face[:, 2] - 115) < 5)
    assert colours[eye & (body.face[:, 1] > 60)].mean() < 0.5 * PERSON.skin.mean()
    assert where(colours, PERSON.skin)[
        (body.head > 0.9) & (np.abs(body.face[:, 2] - 90) < 8) & (body.face[:, 0] > 50)
    ].any()


def test_weight_muscle_and_form_add_flesh():
    belly = np.argmin(np.linalg.norm(body_map().place - [0, 95, 110], axis=1))
    stout, slim = (build_offset(Build(weight=w)) for w in (1.5, -1.0))
    assert stout[belly] > 40
    assert slim[belly] < -3
    assert build_offset(Build(muscle=1.0)).max() > 5
    assert build_offset(Build(feminine=1.0)).max() > 15
    assert (build_offset(Build()) == 0).all()


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


def test_smooth_step_is_monotone():
    values = smooth_step(np.linspace(-2, 2, 101), -1, 1)
    assert (np.diff(values) >= 0).all()
    assert values[[0, 50, 100]].tolist() == [0, 0.5, 1]
