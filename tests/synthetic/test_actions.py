import pytest

from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.actions import ACTIONS
from prepose.synthetic.anatomy import ANGLES, LIMITS, base_name
from prepose.synthetic.everyday import GAIT, LOW, STANDING
from prepose.synthetic.gestures import GESTURES
from prepose.synthetic.sports import ANYTHING, SPORT

KNOWN = {*ANGLES, *(base_name(name) for name in ANGLES)}


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_names_what_exists(name):
    action = ACTIONS[name]
    for row in (action.mean, action.spread, action.stride, *action.factors):
        assert set(row) <= KNOWN
    assert {*action.arms, *action.other_arm} <= set(GESTURES)
    assert set(action.supports) <= set(PREPOSE_27.joints)
    assert set(action.soles) <= set("rl")
    assert all(1 <= len(terms) <= 2 for terms in action.stride.values())
    assert 0 <= action.clearance[0] <= action.clearance[1] < 1
    assert 0 <= action.alike <= 1


@pytest.mark.parametrize("name", ACTIONS)
def test_means_lie_within_the_limits(name):
    for angle, degrees in ACTIONS[name].mean.items():
        limit = LIMITS.get(base_name(angle))
        assert limit is None or limit.low <= degrees <= limit.high, angle


def test_no_two_groups_share_a_name():
    assert len(ACTIONS) == sum(len(group) for group in (STANDING, GAIT, LOW, SPORT, ANYTHING))
