import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepose.body.skeletons import AI_CHALLENGER_14, H36M_17, LSP_14, SKELETONS
from prepose.data.keypoint_names import BY_COUNT, OTHER_NAMES, skeleton_of_names
from prepose.errors import DataError


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_a_skeletons_own_names_mean_it(skeleton):
    found = skeleton_of_names(skeleton.joints, "x.json")
    assert (found.skeleton, found.order, found.notes) == (skeleton, tuple(range(len(skeleton))), ())


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_other_names_stand_for_joints_of_the_skeleton(name):
    skeleton = SKELETONS[name]
    assert set(OTHER_NAMES[name].values()) <= set(skeleton.joints)
    other = {joint: alias for alias, joint in OTHER_NAMES[name].items()}
    found = skeleton_of_names([other.get(joint, joint) for joint in skeleton.joints], "x.json")
    assert (found.skeleton, found.order) == (skeleton, tuple(range(len(skeleton))))


@given(st.permutations(H36M_17.joints))
def test_the_order_leads_from_the_file_to_the_skeleton(names):
    found = skeleton_of_names(names, "x.json")
    assert found.skeleton == H36M_17
    assert tuple(names[place] for place in found.order) == H36M_17.joints


def test_the_order_tells_ai_challenger_from_lsp():
    assert set(AI_CHALLENGER_14.joints) == set(LSP_14.joints)
    assert skeleton_of_names(AI_CHALLENGER_14.joints, "x").skeleton == AI_CHALLENGER_14
    assert skeleton_of_names(AI_CHALLENGER_14.joints[::-1], "x").skeleton == LSP_14


def test_other_names_make_a_skeleton_with_the_edges_that_make_a_tree():
    found = skeleton_of_names(
        ["Tail", "Left Paw", "paw.R", "nose"], "x", edges=[(0, 1), (2, 0), (0, 1), (3, 99)], name="Dog"
    )
    assert found.skeleton.joints == ("tail", "l_paw", "r_paw", "nose")
    assert {frozenset(bone) for bone in found.skeleton.bones} == {frozenset(("tail", s)) for s in ("l_paw", "r_paw")}
    assert found.skeleton.name == "dog-own-4" and "of no published skeleton" in found.notes[0]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["nose"], "x.json: names 1 key-points"),
        (["nose", "Nose"], "two of its key-points are one joint, 'nose'"),
        (["left_paw", "tail"], "'l_paw'.* no joint on the other side"),
        (["a"] * 501, "names 501 key-points; expected 2 to 500"),
    ],
)
def test_names_that_make_no_skeleton_are_refused(names, message):
    with pytest.raises(DataError, match=message):
        skeleton_of_names(names, "x.json")


def test_numbers_of_keypoints_that_tell_a_set_belong_to_one_alone():
    for count, skeleton in BY_COUNT.items():
        assert [one for one in SKELETONS.values() if len(one) == count] == [skeleton]
