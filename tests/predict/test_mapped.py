import numpy as np

from prepose.body.skeletons import LSP_14, MPII_16, SMPL_24
from prepose.data.sample import JointState
from prepose.predict.sizing import accepted_mapped, approximated, known, mapped_states, truly_mapped


def test_only_exact_joints_and_midpoints_are_mapped():
    joints = np.ones((1, len(LSP_14), 3))
    found = known(truly_mapped(joints, LSP_14, MPII_16))[0]
    assert [joint for joint, there in zip(MPII_16.joints, found, strict=True) if not there] == ["upper_neck"]


def test_approximate_joints_are_mapped_where_they_are_accepted():
    joints = np.arange(16.0)[None, :, None] * np.ones((1, 16, 3))
    found = accepted_mapped(joints, MPII_16, SMPL_24, ("neck", "l_hip", "spine1"))[0]
    assert found[SMPL_24.index("neck"), 0] == MPII_16.index("thorax")
    assert found[SMPL_24.index("l_hip"), 0] == MPII_16.index("l_hip")
    assert np.isnan(found[[SMPL_24.index(joint) for joint in ("r_hip", "head", "spine1")]]).all()
    assert found[SMPL_24.index("l_knee"), 0] == MPII_16.index("l_knee")


def test_what_is_approximate_is_told_with_what_is_there_instead():
    assert approximated(MPII_16, SMPL_24, ("neck", "l_hip", "pelvis", "l_knee", "spine1")) == {
        "pelvis": "pelvis",
        "l_hip": "l_hip",
        "neck": "thorax",
    }
    assert approximated(SMPL_24, SMPL_24, SMPL_24.joints) == {}
    assert approximated(MPII_16, SMPL_24, ()) == {}


def test_a_midpoint_is_as_badly_seen_as_the_worse_of_its_ends():
    states = np.full((3, len(LSP_14)), JointState.VISIBLE, np.uint8)
    states[1, LSP_14.index("l_hip")] = JointState.OUTSIDE
    states[2, LSP_14.index("r_hip")] = JointState.UNKNOWN
    mapped = mapped_states(states, LSP_14, MPII_16)
    assert mapped[:, MPII_16.index("pelvis")].tolist() == [JointState.VISIBLE, JointState.OUTSIDE, JointState.UNKNOWN]
    assert (mapped[:, MPII_16.index("upper_neck")] == JointState.UNKNOWN).all()
