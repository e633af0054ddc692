import numpy as np
import pytest

from fake_people import fake_posed
from prepose.body.skeletons import OCCLUSION_PERSON_15, SMPL_24
from prepose.data.length_unit import length_unit
from prepose.errors import DataError

SKELETONS = (OCCLUSION_PERSON_15, SMPL_24)


@pytest.fixture(scope="module", params=SKELETONS, ids=lambda skeleton: skeleton.name)
def people(request):
    generator = np.random.default_rng(3)
    return request.param, np.stack([fake_posed(generator, request.param) for _ in range(6)])


@pytest.mark.parametrize(("name", "mm"), [("mm", 1), ("cm", 10), ("m", 1000)])
def test_the_unit_is_told_from_legs(people, name, mm):
    skeleton, joints = people
    unit = length_unit(joints / mm, skeleton, "labels")
    assert (unit.name, unit.mm) == (name, mm)
    assert 300 < unit.leg_bone * mm < 520
    assert f"3D joints are in {name}" in str(unit)


def test_missing_joints_and_a_few_broken_poses_do_not_matter(people):
    skeleton, joints = people
    joints = joints.copy()
    joints[0] = np.nan
    joints[1] *= 1000
    assert length_unit(joints / 10, skeleton, "labels").name == "cm"


@pytest.mark.parametrize("factor", [0.02, 3.5, 39.37 / 1000 * 100, 1e9, 0, np.nan])
def test_people_of_no_possible_size_are_an_error(people, factor):
    skeleton, joints = people
    with pytest.raises(DataError, match=r"labels: thighs and shins have a median of .* none of mm, cm, m"):
        length_unit(joints * factor, skeleton, "labels")
