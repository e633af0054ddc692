import numpy as np
import pytest

from fake_people import fake_posed
from prepose.body.skeletons import OCCLUSION_PERSON_15, SMPL_24
from prepose.data.sides_note import FEWEST_POSES, sides_note
from prepose.errors import DataError


@pytest.fixture(scope="module", params=(OCCLUSION_PERSON_15, SMPL_24), ids=lambda skeleton: skeleton.name)
def people(request):
    generator = np.random.default_rng(4)
    return request.param, np.stack([fake_posed(generator, request.param) for _ in range(FEWEST_POSES + 10)])


def test_sides_that_agree_are_told(people):
    skeleton, joints = people
    assert sides_note(joints, skeleton, "labels").startswith("left and right agree with the facing direction of ")


def test_exchanged_sides_are_refused(people):
    skeleton, joints = people
    with pytest.raises(DataError, match=r"labels: left and right legs and arms are exchanged .*expected near \+1"):
        sides_note(joints[:, skeleton.mirror], skeleton, "labels")
    with pytest.raises(DataError, match="legs and arms are exchanged"):
        sides_note(joints * np.array([1, -1, 1]), skeleton, "labels")  # a left-handed frame


def test_a_few_poses_tell_nothing(people):
    skeleton, joints = people
    assert sides_note(joints[:3], skeleton, "labels").startswith("too few poses")
