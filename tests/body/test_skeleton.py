import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepose.body.skeleton import (
    APPROXIMATIONS,
    MIDPOINTS,
    Provenance,
    Skeleton,
    canonical_joint_name,
    hung_from_root,
    joint_map,
    mirror_name,
)
from prepose.body.skeletons import COCO_17, H36M_17, LSP_14, MPII_16, OCCLUSION_PERSON_15, PREPOSE_27, SKELETONS
from prepose.errors import SkeletonMismatch

EXACT, MIDPOINT, APPROXIMATE, MISSING = Provenance


@pytest.fixture(params=SKELETONS.values(), ids=SKELETONS)
def skeleton(request):
    return request.param


def random_joints(skeleton, dims=3, count=4, seed=0):
    return np.random.default_rng(seed).normal(size=(count, len(skeleton), dims)) * 400


def test_mirror_indices_are_an_involution_that_swaps_sides(skeleton):
    assert (skeleton.mirror[skeleton.mirror] == np.arange(len(skeleton))).all()
    for joint, other in zip(skeleton.joints, skeleton.mirror, strict=True):
        swapped = {"l_": "r_", "r_": "l_"}.get(joint[:2])
        assert skeleton.joints[other] == (joint if swapped is None else swapped + joint[2:])


def test_bone_indices_name_the_bones(skeleton):
    assert [(skeleton.joints[a], skeleton.joints[b]) for a, b in skeleton.bone_indices] == list(skeleton.bones)


def test_every_bone_has_its_mirror_image(skeleton):
    joined = {frozenset(bone) for bone in skeleton.bones}
    assert {frozenset(map(mirror_name, bone)) for bone in joined} == joined


def test_bones_have_no_cycle_and_hang_from_the_root(skeleton):
    parent = {child: parent for parent, child in skeleton.bones}
    tops = set()
    for joint in {joint for bone in skeleton.bones for joint in bone}:
        walked = [joint]
        while walked[-1] in parent:
            walked.append(parent[walked[-1]])
            assert len(walked) <= len(skeleton), f"{joint} hangs from itself: {walked}"
        tops.add(walked[-1])
    if skeleton.root is not None:
        assert tops == {skeleton.root}


def test_map_to_itself_is_exact_and_changes_nothing(skeleton):
    mapping = joint_map(skeleton, skeleton)
    assert (mapping.provenance == EXACT).all()
    joints = random_joints(skeleton)
    np.testing.assert_array_equal(mapping.apply(joints), joints)


@pytest.mark.parametrize("target", SKELETONS.values(), ids=SKELETONS)
def test_map_commutes_with_the_mirror(skeleton, target):
    mapping = joint_map(skeleton, target)
    joints = random_joints(skeleton)
    np.testing.assert_allclose(mapping.apply(joints[:, skeleton.mirror]), mapping.apply(joints)[:, target.mirror])
    assert (mapping.provenance[target.mirror] == mapping.provenance).all()


@pytest.mark.parametrize("target", SKELETONS.values(), ids=SKELETONS)
def test_map_weights_fit_their_provenance(skeleton, target):
    mapping = joint_map(skeleton, target)
    sources = (mapping.weights > 0).sum(axis=1)
    np.testing.assert_allclose(mapping.weights.sum(axis=1), mapping.provenance != MISSING)
    assert (sources[mapping.provenance == EXACT] == 1).all()
    assert (sources[mapping.provenance == MIDPOINT] == 2).all()
    assert (sources[mapping.provenance == MISSING] == 0).all()
    assert (mapping.truly_labelled == np.isin(mapping.provenance, [EXACT, MIDPOINT])).all()


@pytest.mark.parametrize("middle", SKELETONS.values(), ids=SKELETONS)
def test_exact_joints_survive_the_way_there_and_back(skeleton, middle):
    there, back = joint_map(skeleton, middle), joint_map(middle, skeleton)
    joints = random_joints(skeleton)
    returned = back.apply(there.apply(joints))
    kept = [
        i
        for i, joint in enumerate(skeleton.joints)
        if back.provenance[i] == EXACT and there.provenance[middle.joints.index(joint)] == EXACT
    ]
    np.testing.assert_array_equal(returned[:, kept], joints[:, kept])


def provenance_of(source, target):
    return dict(zip(target.joints, joint_map(source, target).provenance.tolist(), strict=True))


def test_provenance_mpii_to_h36m():
    found = provenance_of(MPII_16, H36M_17)
    limbs = {f"{s}_{j}" for s in "lr" for j in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")}
    assert {joint for joint, kind in found.items() if kind == EXACT} == limbs | {"pelvis", "thorax", "head_top"}
    assert found["nose_neck"] == APPROXIMATE
    assert found["spine"] == MISSING


def test_provenance_lsp_to_mpii_finds_the_midpoints():
    found = provenance_of(LSP_14, MPII_16)
    assert found["pelvis"] == found["thorax"] == MIDPOINT
    assert found["upper_neck"] == APPROXIMATE
    joints = random_joints(LSP_14)
    mapped = joint_map(LSP_14, MPII_16).apply(joints)
    hips = joints[:, [LSP_14.index("l_hip"), LSP_14.index("r_hip")]]
    np.testing.assert_allclose(mapped[:, MPII_16.index("pelvis")], hips.mean(axis=1))


def test_no_invented_head_or_spine_in_occlusion_person():
    found = provenance_of(OCCLUSION_PERSON_15, MPII_16)
    assert found["head_top"] == MISSING
    assert found["thorax"] == MIDPOINT
    assert found["upper_neck"] == APPROXIMATE


def test_a_synthetic_person_truly_knows_every_joint_of_the_model_skeletons():
    assert joint_map(PREPOSE_27, MPII_16).truly_labelled.all()
    unknown = ~joint_map(PREPOSE_27, H36M_17).truly_labelled
    assert [H36M_17.joints[i] for i in np.flatnonzero(unknown)] == ["nose_neck"]


@pytest.mark.parametrize(("source", "pelvis"), [("coco-17", APPROXIMATE), ("smpl-24", APPROXIMATE)])
def test_same_name_other_marker_is_approximate(source, pelvis):
    found = provenance_of(SKELETONS[source], MPII_16)
    assert found["l_hip"] == found["r_hip"] == APPROXIMATE
    assert found["pelvis"] == pelvis
    assert found["l_knee"] == EXACT


@given(st.sets(st.integers(0, len(LSP_14) - 1)))
def test_a_joint_is_missing_exactly_where_a_source_of_it_is(missing):
    joints = random_joints(LSP_14, dims=2, count=1)
    joints[0, list(missing), 1] = np.nan
    mapping = joint_map(LSP_14, MPII_16)
    mapped = mapping.apply(joints)[0]
    for row, weights in enumerate(mapping.weights):
        used = set(np.flatnonzero(weights).tolist())
        assert np.isnan(mapped[row]).all() == (not used or bool(used & missing))
        assert np.isnan(mapped[row]).any() == np.isnan(mapped[row]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_map_keeps_the_number_type_and_any_leading_shape(dtype):
    joints = np.zeros((2, 3, len(LSP_14), 2), dtype)
    mapped = joint_map(LSP_14, MPII_16).apply(joints)
    assert mapped.dtype == dtype
    assert mapped.shape == (2, 3, 16, 2)


def test_map_refuses_joints_of_another_skeleton():
    with pytest.raises(SkeletonMismatch, match=r"16 joints were given to a map from lsp-14, which has 14"):
        joint_map(LSP_14, MPII_16).apply(np.zeros((1, 16, 2)))


def test_approximations_and_midpoints_are_known_joints_and_mirror_symmetric():
    known = {joint for skeleton in SKELETONS.values() for joint in skeleton.joints}
    for joint, neighbours in {**MIDPOINTS, **APPROXIMATIONS}.items():
        assert {joint, *neighbours} <= known
    for joint, neighbours in APPROXIMATIONS.items():
        assert APPROXIMATIONS[mirror_name(joint)] == tuple(map(mirror_name, neighbours))


BROKEN = {
    "occurs twice": {"joints": ("a", "a"), "bones": (), "root": None},
    "not among its joints": {"joints": ("a", "b"), "bones": (("a", "c"),), "root": None},
    r"\['c'\] are not among": {"joints": ("a",), "bones": (), "root": "c"},
    "no joint on the other side": {"joints": ("l_eye",), "bones": (), "root": None},
    "child of two bones": {"joints": ("a", "b", "c"), "bones": (("a", "c"), ("b", "c")), "root": None},
}


@pytest.mark.parametrize(("message", "parts"), BROKEN.items(), ids=BROKEN)
def test_a_broken_skeleton_says_what_is_wrong(message, parts):
    with pytest.raises(ValueError, match=message):
        Skeleton(name="broken", **parts)


def test_unknown_joint_and_missing_root_are_skeleton_mismatches():
    with pytest.raises(SkeletonMismatch, match=r"lsp-14 has no joint 'pelvis'; it has r_ankle"):
        LSP_14.index("pelvis")
    with pytest.raises(SkeletonMismatch, match=r"lsp-14 has no root joint; map it to one that has"):
        _ = LSP_14.root_index


SPELLINGS = {
    "r_ankle": "right_ankle right-ankle Right_Ankle RIGHT_ANKLE RightAnkle rightAnkle rAnkle RAnkle R_ankle R-Ankle "
    "ankle_r ankle.R ankle_right AnkleRight ANKLE_RIGHT ankleR rightankle rankle RANKLE",
    "l_knee": "left_knee L_knee knee_l LeftKnee lKnee LKnee left.knee knee:left leftknee lknee",
    "l_big_toe": "LBigToe left_big_toe big_toe_l",
    "l_eye_inner": "left_eye_inner LeftEyeInner",
    "r_mouth": "mouth_right",
    "r_up_leg": "RightUpLeg",
    "head_top": "HeadTop head-top head_top",
    "spine1": "Spine1 spine1",
    # Vertebrae, and words that only begin or end with a side's letter.
    "l5": "L5",
    "t12": "T12",
    "pelvis": "Pelvis PELVIS",
    "root": "root",
    "label": "label",
    "upper_neck": "upperNeck",
    "left": "left",
    "left_right": "left_right",
}


@pytest.mark.parametrize(
    ("spelling", "canonical"), [(one, name) for name, several in SPELLINGS.items() for one in several.split()]
)
def test_the_usual_spellings_of_a_side_are_understood(spelling, canonical):
    assert canonical_joint_name(spelling) == canonical


def test_names_with_spaces_are_understood():
    assert canonical_joint_name("Right Knee") == "r_knee"
    assert canonical_joint_name(" head top ") == "head_top"


def test_the_names_of_every_skeleton_are_canonical(skeleton):
    assert tuple(map(canonical_joint_name, skeleton.joints)) == skeleton.joints


@given(st.text(st.characters(codec="ascii"), max_size=20))
def test_a_canonical_name_stays_as_it_is(name):
    assert canonical_joint_name(canonical_joint_name(name)) == canonical_joint_name(name)


COCO_EDGES = (
    [16, 14], [14, 12], [17, 15], [15, 13], [12, 13], [6, 12], [7, 13], [6, 7], [6, 8], [7, 9],
    [8, 10], [9, 11], [2, 3], [1, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7],
)  # fmt: skip


def test_edges_that_close_loops_are_hung_from_the_trunk():
    edges = [(COCO_17.joints[a - 1], COCO_17.joints[b - 1]) for a, b in COCO_EDGES]
    bones, loops = hung_from_root(COCO_17.joints, edges, None)
    assert (len(bones), loops) == (16, 3)
    own = Skeleton("own", COCO_17.joints, bones, None)
    assert bones[0] == ("nose", "l_eye")
    assert ("l_knee", "l_ankle") in bones
    assert {frozenset(map(mirror_name, bone)) for bone in own.bones} == set(map(frozenset, own.bones))


def test_bones_that_hang_from_the_root_stay_as_they_are(skeleton):
    assert hung_from_root(skeleton.joints, skeleton.bones, skeleton.root) == (skeleton.bones, 0)


@given(st.permutations(MPII_16.bones), st.lists(st.booleans(), min_size=15, max_size=15))
def test_the_same_tree_comes_of_its_edges_in_any_order_and_direction(bones, turned):
    edges = [bone[::-1] if turn else bone for bone, turn in zip(bones, turned, strict=True)]
    hung, loops = hung_from_root(MPII_16.joints, edges, "pelvis")
    assert (set(hung), loops) == (set(MPII_16.bones), 0)


def test_a_ring_and_a_joint_beside_itself_are_left_out():
    assert hung_from_root("abc", [("a", "b"), ("b", "c"), ("c", "a")], None) == ((("a", "b"), ("a", "c")), 1)
    assert hung_from_root("ab", [("a", "a"), ("b", "a"), ("b", "a")], "a") == ((("a", "b"),), 2)
