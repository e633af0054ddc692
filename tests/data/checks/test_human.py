import numpy as np
import pytest

from planted import simple_samples
from prepose.body.skeleton import mirror_name
from prepose.body.skeletons import SKELETONS
from prepose.data.checks.human import PLACES, human_bones, length_ratios, limbs_of, usual_length


def test_the_average_adult_is_even():
    for name, place in PLACES.items():
        np.testing.assert_array_equal(PLACES[mirror_name(name)], place * [-1, 1, 1])


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda skeleton: skeleton.name)
def test_every_skeleton_has_bones_that_are_known_on_both_sides(skeleton):
    bones = human_bones(skeleton)
    assert len(bones) >= 6
    assert {(mirror_name(a), mirror_name(b)) for a, b in bones} == set(bones)
    assert set(limbs_of(skeleton)) <= set(skeleton.bones)


def test_limbs_are_an_adults():
    assert usual_length(("r_hip", "r_knee")) == pytest.approx(430, abs=40)
    assert usual_length(("l_elbow", "l_wrist")) == pytest.approx(250, abs=30)


def test_ratios_are_about_one_in_mm_and_follow_the_unit():
    sample = simple_samples(1)[0]
    limbs = limbs_of(sample.skeleton)
    ratios = length_ratios(sample.joints_cam, sample.skeleton, limbs)
    assert ((ratios > 0.7) & (ratios < 1.4)).all()
    np.testing.assert_allclose(length_ratios(sample.joints_cam / 1000, sample.skeleton, limbs), ratios / 1000)
    assert length_ratios(sample.joints_cam[None], sample.skeleton, ()).shape == (1, 0)
