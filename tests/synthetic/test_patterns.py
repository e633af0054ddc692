import numpy as np
import pytest

from prepose.synthetic.appearance import PATTERNS, Cloth
from prepose.synthetic.body_map import body_map
from prepose.synthetic.patterns import PATTERN_EDGES

BODY = body_map()
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
