from dataclasses import replace

import numpy as np
import pytest

from prepose.synthetic.appearance import HAIR_STYLES, PATTERNS, Build, Cloth, draw_appearance
from prepose.synthetic.body_map import body_map
from prepose.synthetic.clothing import PATTERN_EDGES, build_offset, dress, hair_layers, paint_face

BODY = body_map()
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


def at(*place):
    return np.argmin(np.linalg.norm(body_map().place - np.array(place), axis=1))


def test_weight_muscle_and_form_add_flesh_where_people_carry_it():
    belly, chest = at(0, 95, 110), at(72, 100, 350)
    stout, slim = (build_offset(Build(weight=weight)) for weight in (1.5, -1.0))
    assert stout[belly] > 40
    assert slim[belly] < -3
    assert build_offset(Build(muscle=1.0)).max() > 5
    form = build_offset(Build(feminine=1.0))
    assert form[chest] > 20
    assert form[at(135, 0, 170)] < 0  # the waist


def test_the_mean_adult_is_the_template():
    assert (build_offset(Build()) == 0).all()


def test_hands_feet_and_skull_keep_their_size():
    body = body_map()
    fixed = (
        (body.foot > 0.95)
        | ((body.along_arm > 1.1) & (body.arm > 0.9))
        | ((body.head > 0.95) & (body.face[:, 2] > 150))
    )
    for build in (Build(weight=2.0), Build(weight=-1.0), Build(muscle=1.5), Build(feminine=1.0)):
        assert np.abs(build_offset(build)[fixed]).max() < 1.5


def test_both_sides_are_alike():
    body = body_map()
    offset = build_offset(Build(1.0, 0.5, 0.8))
    for side in np.random.default_rng(0).integers(0, len(offset), 200):
        twin = at(*(body.place[side] * [-1, 1, 1]))
        # The two sides' vertices lie up to a cell apart.
        assert abs(offset[side] - offset[twin]) < 12


TOP = (BODY.head + BODY.neck + BODY.leg < 0.1) & (BODY.place[:, 2] > 100)


def edges(pattern, period=90.0, seed=0):
    cloth = Cloth(np.zeros(3), np.ones(3), pattern, period)
    return PATTERN_EDGES[pattern](cloth, BODY, np.random.default_rng(seed))


def test_every_pattern_but_plain_has_a_field():
    assert set(PATTERN_EDGES) == set(PATTERNS) - {"plain"}


@pytest.mark.parametrize("pattern", PATTERN_EDGES)
def test_both_colours_show_on_a_top(pattern):
    share = (edges(pattern)[TOP] > 0).mean()
    assert 0.01 < share < 0.9


@pytest.mark.parametrize("pattern", PATTERN_EDGES)
def test_same_seed_same_pattern(pattern):
    np.testing.assert_array_equal(edges(pattern), edges(pattern))


def test_stripes_repeat_down_the_trunk():
    z, trunk = BODY.place[:, 2], TOP & (BODY.along_arm < -0.2)
    stripe = edges("stripes", 120.0) > 0
    phase = ((464 - z) % 120) / 120
    inside = (phase < 0.24) | (phase > 0.76)
    assert stripe[trunk & inside].all()
    assert not stripe[trunk & (phase > 0.26) & (phase < 0.74)].any()


def test_a_jacket_is_open_in_front_only():
    second = edges("jacket") > 0
    assert second.any()
    assert (BODY.place[second, 1] > 10).all()
    assert (np.abs(BODY.place[second & TOP, 0]) < 90).all()


def test_prints_differ_with_the_seed():
    assert (np.sign(edges("print", seed=0)) != np.sign(edges("print", seed=1))).mean() > 0.2


BARE = replace(
    draw_appearance(np.random.default_rng(0)),
    skin=np.array([0.5, 0.35, 0.25]),
    hair=np.array([0.0, 0.3, 0.0]),
    beard=0.0,
)


def face_of(person):
    albedo = np.tile(person.skin.astype(np.float32), (len(BODY.place), 1))
    paint_face(albedo, person, BODY)
    return albedo


def hair_of(style):
    return hair_layers(replace(BARE, hair_style=style), BODY, np.random.default_rng(0))


@pytest.mark.parametrize("style", [style for style in HAIR_STYLES if style != "bald"])
def test_hair_covers_the_crown_and_spares_the_face(style):
    layers, depth = hair_of(style)
    covered = np.any([layer.edge > 0 for layer in layers], axis=0)
    assert covered[(BODY.head > 0.9) & (BODY.face[:, 2] > 200)].all()
    assert not covered[(BODY.head > 0.9) & (BODY.face[:, 1] > 85) & (BODY.face[:, 2] < 150)].any()
    assert not covered[BODY.head + BODY.neck < 0.1].any()
    assert 0 < depth[BODY.face[:, 2].argmax()] < 35
    assert (depth >= 0).all()


def test_bald_heads_have_no_hair():
    layers, depth = hair_of("bald")
    assert layers == []
    assert (depth == 0).all()


def test_long_hair_reaches_lower_than_short():
    low = {style: BODY.face[hair_of(style)[0][0].edge > 0, 2].min() for style in ("long", "short")}
    assert low["long"] < low["short"] - 20


def test_eyes_tell_front_from_back():
    albedo = face_of(BARE)
    eye = (np.abs(np.abs(BODY.face[:, 0]) - 32) < 5) & (np.abs(BODY.face[:, 2] - 115) < 5)
    assert albedo[eye & (BODY.face[:, 1] > 60)].mean() < 0.5 * BARE.skin.mean()
    back = (BODY.head > 0.9) & (BODY.face[:, 1] < 0)
    np.testing.assert_allclose(albedo[back], np.tile(BARE.skin, (back.sum(), 1)), rtol=1e-5)


def test_beard_grows_on_the_jaw_alone():
    changed = np.abs(face_of(replace(BARE, beard=1.0)) - face_of(BARE)).max(axis=1) > 0.02
    assert changed.sum() > 50
    assert (BODY.face[changed, 2] < 90).all()
    assert changed[(BODY.head > 0.9) & (np.abs(BODY.face[:, 2] - 5) < 6) & (BODY.face[:, 1] > 60)].all()
