import numpy as np

from prepose.synthetic.appearance import Build
from prepose.synthetic.body_map import body_map
from prepose.synthetic.girth import build_offset


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
