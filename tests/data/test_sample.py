from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from fakes import fake_samples
from prepose.body.skeletons import MPII_16
from prepose.data.sample import JointState, as_stored, check_sample
from prepose.errors import DataError


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


def with_camera(sample, **change):
    return replace(sample, camera=replace(sample.camera, **change))


def one_joint(sample, value, name="joints_img"):
    joints = getattr(sample, name).copy()
    joints[3] = value
    return replace(sample, **{name: joints})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: replace(s, box_xywh=np.array([0, 0, 1e39, 9])), r"the box must be .*found \[0\.0, 0\.0, 1e\+39"),
        (lambda s: replace(s, box_xywh=np.array([0, 0, 1e-50, 9])), r"the box must be .*found \[0\.0, 0\.0, 1e-50"),
        (lambda s: replace(s, box_xywh=np.array([0, 0, 1e-30, 9])), "the box must be .*1e-30"),
        (lambda s: replace(s, box_xywh=np.array([np.nan, 0, 4, 9])), "the box must be .*nan"),
        (
            lambda s: replace(s, head_box_xywh=np.array([0, 0, 1e39, 9])),
            "the head box must be finite, or NaN, .*1e\\+39",
        ),
        (lambda s: one_joint(s, 1e39), r"a joint is infinite or too large, joints_img of l_hip is \[1e\+39"),
        (lambda s: one_joint(s, -np.inf, "joints_cam"), "joints_cam of l_hip is"),
        (lambda s: replace(s, states=np.full(16, 9, np.uint8)), "a joint's state is 9, expected 0 to 5"),
        (lambda s: replace(s, frame=10**30), "its frame has 31 digits"),
        (lambda s: replace(s, full_from_img=np.full((3, 3), np.inf)), "full_from_img must be finite"),
        (lambda s: replace(s, subject="S\ud800"), "its subject is not Unicode text: 'S"),
        (lambda s: with_camera(s, size_wh=(2**40, 9)), "has the image size .1099511627776, 9., expected positive px"),
    ],
)
def test_numbers_are_judged_as_the_store_would_keep_them(change, message):
    sample = fake_samples(1, MPII_16, np.random.default_rng(0))[0]
    check_sample(sample, MPII_16, "sample 7")
    with pytest.raises(DataError, match=f"sample 7: .*{message}"):
        check_sample(change(sample), MPII_16, "sample 7")


def test_single_precision_is_what_stores_keep():
    assert as_stored(np.array([1e39, 1e-50, 1.5])).tolist() == [np.inf, 0, 1.5]
