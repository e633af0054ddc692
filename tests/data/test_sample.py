from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from fakes import fake_samples
from prepose.body.skeletons import MPII_16
from prepose.data.sample import JointState


def test_a_single_joint_in_3d_makes_a_3d_sample():
    sample = fake_samples(1, MPII_16, np.random.default_rng(0))[0]
    nowhere = np.full((16, 3), np.nan)
    one = nowhere.copy()
    one[5] = (0, 0, 3000)
    assert sample.has_3d
    assert replace(sample, joints_cam=one).has_3d
    assert not replace(sample, joints_cam=nowhere).has_3d


def test_a_sample_is_a_value():
    sample = fake_samples(1, MPII_16, np.random.default_rng(0))[0]
    with pytest.raises(FrozenInstanceError):
        sample.frame = 3
    assert np.isnan(sample.head_box_xywh).all()


def test_states_keep_their_numbers_as_stores_hold_them():
    assert {state.name: int(state) for state in JointState} == {
        "UNKNOWN": 0,
        "VISIBLE": 1,
        "OCCLUDED": 2,
        "OCCLUDED_BY_OBJECT": 3,
        "OCCLUDED_BY_BODY": 4,
        "OUTSIDE": 5,
    }
