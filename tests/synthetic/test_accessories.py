from dataclasses import replace

import numpy as np
import pytest

from prepose.synthetic.accessories import accessories
from prepose.synthetic.appearance import HAIR_STYLES, draw_appearance
from prepose.synthetic.rig import SEGMENT_NAMES
from prepose.synthetic.template import body_template

PERSON = replace(draw_appearance(np.random.default_rng(0)), hair_style="bald", bottom_kind="trousers")


def worn(**fields):
    template, generator = body_template(), np.random.default_rng(1)
    return accessories(replace(PERSON, **fields), template.vertices, generator)


@pytest.mark.parametrize(
    "fields",
    [
        *({"hair_style": style} for style in HAIR_STYLES),
        *({"bottom_kind": "skirt", "bottom_length": length} for length in (0.3, 0.9)),
    ],
    ids=str,
)
def test_pieces_are_closed_and_weighted(fields):
    for piece in worn(**fields):
        directed = piece.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        assert len(np.unique(directed, axis=0)) == len(directed)
        assert (np.unique(np.sort(directed, axis=1), axis=0, return_counts=True)[1] == 2).all()
        np.testing.assert_allclose(piece.weights.sum(axis=1), 1, atol=1e-9)
        assert (piece.weights >= 0).all()
        a, b, c = np.moveaxis(piece.vertices[piece.faces], 1, 0)
        assert np.einsum("fc,fc->", a, np.cross(b, c)) > 0, "faces look inwards"
        assert 0 <= piece.albedo.min() <= piece.albedo.max() <= 1


@pytest.mark.parametrize(
    ("style", "count"), [("bald", 0), ("short", 0), ("long", 1), ("ponytail", 1), ("bun", 1), ("cap", 1)]
)
def test_hair_styles_bring_their_pieces(style, count):
    assert len(worn(hair_style=style)) == count


def test_long_hair_hangs_behind():
    (piece,) = worn(hair_style="long")
    assert piece.vertices[:, 1].max() < 25
    assert piece.vertices[:, 1].min() < -90


def test_skirt_hangs_outside_the_legs_down_to_its_length():
    template = body_template()
    short, long = (worn(bottom_kind="skirt", bottom_length=length)[0] for length in (0.35, 0.9))
    assert long.vertices[:, 2].min() < short.vertices[:, 2].min() - 300
    level = template.vertices[np.abs(template.vertices[:, 2] + 200) < 15]
    legs = np.abs(level[np.abs(level[:, 0]) < 300, 0]).max()
    cloth = short.vertices[np.abs(short.vertices[:, 2] + 200) < 25]
    assert np.abs(cloth[:, 0]).max() > legs
    hem = long.vertices[:, 2] < long.vertices[:, 2].min() + 5
    thighs = [SEGMENT_NAMES.index(f"{s}_thigh") for s in "lr"]
    assert (long.weights[hem][:, thighs].sum(axis=1) > 0.9).all()
