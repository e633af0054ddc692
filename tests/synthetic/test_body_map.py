import numpy as np
import pytest

from prepose.synthetic.body_map import NOWHERE, body_map, cover_of, layer_of, smooth_step


def test_shares_and_places_agree():
    body = body_map()
    total = body.arm + body.leg + body.head + body.neck
    assert (total < 1 + 1e-9).all()
    assert (body.place[body.head > 0.9, 2] > body.place[body.leg > 0.9, 2].max()).all()
    assert (np.abs(body.place[body.arm > 0.9, 0]) > 150).all()
    assert body.foot[body.place[:, 2].argmin()] > 0.9


def test_limbs_are_measured_from_joint_to_joint():
    body = body_map()
    hands = np.abs(body.place[:, 0]) > 700
    assert (body.along_arm[hands] > 0.9).all()
    assert body.along_leg[body.place[:, 2].argmin()] == pytest.approx(1 + 56 / body.leg_length, abs=0.02)
    trunk = body.arm + body.leg + body.head < 0.01
    assert (body.along_arm[trunk] < 0.1).all()


def test_smooth_step_is_monotone():
    values = smooth_step(np.linspace(-2, 2, 101), -1, 1)
    assert (np.diff(values) >= 0).all()
    assert values[[0, 50, 100]].tolist() == [0, 0.5, 1]


def test_border_covers_inside_and_spares_outside():
    np.testing.assert_array_equal(cover_of(np.array([-NOWHERE, -6.0, 0.0, 6.0])), [0, 0, 0.5, 1])


def test_layers_hold_albedo():
    layer = layer_of(np.zeros(4), np.array([-0.1, 0.5, 1.7]))
    assert layer.edge.dtype == np.float32
    np.testing.assert_array_equal(layer.colour, [0, 0.5, 1])
