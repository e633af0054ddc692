from dataclasses import replace

import numpy as np
import pytest

from prepose.synthetic.appearance import HAIR_STYLES, draw_appearance
from prepose.synthetic.body_map import body_map
from prepose.synthetic.head import hair_layers, paint_face

BODY = body_map()
PERSON = replace(
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
    return hair_layers(replace(PERSON, hair_style=style), BODY, np.random.default_rng(0))


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
    albedo = face_of(PERSON)
    eye = (np.abs(np.abs(BODY.face[:, 0]) - 32) < 5) & (np.abs(BODY.face[:, 2] - 115) < 5)
    assert albedo[eye & (BODY.face[:, 1] > 60)].mean() < 0.5 * PERSON.skin.mean()
    back = (BODY.head > 0.9) & (BODY.face[:, 1] < 0)
    np.testing.assert_allclose(albedo[back], np.tile(PERSON.skin, (back.sum(), 1)), rtol=1e-5)


def test_beard_grows_on_the_jaw_alone():
    changed = np.abs(face_of(replace(PERSON, beard=1.0)) - face_of(PERSON)).max(axis=1) > 0.02
    assert changed.sum() > 50
    assert (BODY.face[changed, 2] < 90).all()
    assert changed[(BODY.head > 0.9) & (np.abs(BODY.face[:, 2] - 5) < 6) & (BODY.face[:, 1] > 60)].all()
