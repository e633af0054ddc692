import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from prepose.data.found import LEAST_BOX_SIDE, box_of_joints

PLACES = arrays(np.float64, st.tuples(st.integers(1, 20), st.just(2)), elements=st.floats(-3000, 3000))


@given(PLACES, st.floats(0, 1), st.randoms(use_true_random=False))
def test_the_box_contains_every_labelled_joint_with_room(joints, margin, random):
    joints = joints.copy()
    for row in range(1, len(joints)):
        if random.random() < 0.3:
            joints[row, row % 2] = np.nan
    box = box_of_joints(joints, margin)
    known = joints[~np.isnan(joints).any(axis=1)]
    low, high = box[:2] - 0.5, box[:2] + box[2:] - 0.5
    room = margin * np.ptp(known, axis=0).max() - 1e-6
    assert (low <= known.min(axis=0) - room).all()
    assert (high >= known.max(axis=0) + room).all()
    assert (box[2:] >= LEAST_BOX_SIDE).all()
    np.testing.assert_allclose((low + high) / 2, (known.min(axis=0) + known.max(axis=0)) / 2, atol=1e-6)


def test_no_labelled_joint_is_an_error():
    with pytest.raises(ValueError, match="at least one labelled joint"):
        box_of_joints(np.full((14, 2), np.nan))
