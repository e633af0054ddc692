import dataclasses

import pytest

from prepose.synthetic.action import CONTRAPPOSTO, LOOK, NOD, STANDING_MEAN, STANDING_SPREAD, WIDE, Action
from prepose.synthetic.anatomy import ANGLES, LIMITS, base_name

KNOWN = {base_name(name) for name in ANGLES}


def test_the_standing_body_says_how_far_every_angle_spreads():
    assert set(STANDING_MEAN) <= KNOWN
    assert set(STANDING_SPREAD) == KNOWN
    assert all(
        LIMITS[name].low <= degrees <= LIMITS[name].high for name, degrees in STANDING_MEAN.items() if name in LIMITS
    )


@pytest.mark.parametrize("factor", [CONTRAPPOSTO, LOOK, NOD, WIDE])
def test_factors_name_angles(factor):
    assert {base_name(name) for name in factor} <= KNOWN


def test_an_action_that_says_nothing_stands_free_on_the_ground():
    action = Action()
    assert action.clearance == (0.0, 0.0) and not action.supports and not action.arms
    with pytest.raises(dataclasses.FrozenInstanceError):
        action.alike = 1.0  # pyright: ignore
