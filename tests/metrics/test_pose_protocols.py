import pytest

from prepose.body.skeleton import Provenance, joint_map
from prepose.body.skeletons import H36M_17, LSP_14, MPII_16, SMPL_24, get_skeleton
from prepose.metrics.pose_protocols import H36M, MPI_INF_3DHP, MUPOTS_3D, OCCLUSION_PERSON, POSE, THREEDPW, WORLDS

BY_NAME = {row.name: row for row in POSE}


@pytest.mark.parametrize("row", POSE, ids=lambda row: row.name)
def test_the_truth_is_scored_where_it_is_exact(row):
    """Each row compares in the skeleton of its dataset's own labels."""
    authors = {"h36m": "h36m-17", "mpi-inf-3dhp": "mpi-inf-3dhp-17", "3dpw": "smpl-24", "lab": "mpii-16"}
    authors |= {"occlusion-person": "occlusion-person-15", "mupots-3d": "mpi-inf-3dhp-17"}
    assert row.skeleton == authors[row.datasets[0]]


def test_the_numbers_of_joints_are_the_published_ones():
    counts = {row.name: len(row.scored_joints) for row in POSE}
    for name, count in counts.items():
        stated = [int(part) for part in name.split("-") if part in ("10", "13", "14", "15", "17")]
        assert stated in ([], [count]), name
    assert counts["h36m-challenge-bone-sum-4000-legacy"] == 17 and counts["worlds-mpjpe-true-root-depth"] == 16


def test_human36m_has_frame_wise_and_action_wise_means_of_both_measures():
    found = {(len(row.scored_joints), row.headline, row.averaging) for row in H36M[:8]}
    assert found == {(n, m, a) for n in (14, 17) for m in ("mpjpe_mm", "pa_mpjpe_mm") for a in ("samples", "actions")}
    assert all(row.subjects == ("S9", "S11") for row in H36M[:8])
    by_action = [row for row in H36M if row.averaging == "actions"]
    assert all(row.name.endswith("-by-action") and "Mean over frames" not in row.source for row in by_action)
    assert all("Mean over frames" in row.source for row in H36M[:8] if row.averaging == "samples")


def test_the_challenge_has_no_subjects_and_is_published_and_mended():
    mended, legacy = H36M[8:]
    assert mended.subjects == legacy.subjects == ("",)
    assert {"spine", "nose_neck"}.isdisjoint(mended.scored_joints) and len(legacy.scored_joints) == 17
    assert (mended.scale, legacy.scale) == ("bone-sum-4000", "bone-sum-4000-legacy")


def test_a_network_of_mpii_has_the_fourteen_joints_of_human36m_exactly():
    mapping = joint_map(MPII_16, H36M_17)
    row = BY_NAME["h36m-14-mpjpe-true-root-depth"]
    assert all(mapping.truly_labelled[H36M_17.index(joint)] for joint in row.scored_joints)


@pytest.mark.parametrize("row", [*THREEDPW, *MPI_INF_3DHP, *MUPOTS_3D], ids=lambda row: row.name)
def test_what_is_accepted_is_what_some_network_has_only_near_by(row):
    target = get_skeleton(row.skeleton)
    provenance = {
        joint: {joint_map(network, target).provenance[target.index(joint)] for network in (MPII_16, H36M_17, LSP_14)}
        for joint in row.accepted_approximations
    }
    assert all(Provenance.APPROXIMATE in kinds for kinds in provenance.values()), provenance


def test_the_ten_joints_of_3dpw_are_exact_for_a_network_of_mpii():
    row = BY_NAME["3dpw-10-pa-mpjpe"]
    mapping = joint_map(MPII_16, SMPL_24)
    assert all(mapping.truly_labelled[SMPL_24.index(joint)] for joint in row.scored_joints)
    assert row.headline == "pa_mpjpe_mm", "where the pose is placed plays no part"


def test_3dhp_groups_are_the_owners():
    groups = MPI_INF_3DHP[0].groups
    assert list(groups) == ["head", "neck", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"]
    assert {len(joints) for joints in list(groups.values())[2:]} == {2}
    assert [row.scale for row in MPI_INF_3DHP].count("true-root-depth-univ") == 2


def test_mupots_has_the_joints_of_3dhp_and_a_mean_over_sequences():
    for row in MUPOTS_3D:
        assert row.scored_joints == MPI_INF_3DHP[0].scored_joints and row.groups == MPI_INF_3DHP[0].groups
        assert (row.headline, row.also[0], row.averaging) == ("pck3d_150", "auc3d", "actions")
        assert "all people" in row.source and "matched people" in row.source
    assert [row.scale for row in MUPOTS_3D] == ["true-root-depth", "true-bone-lengths-univ"]
    assert "pa_mpjpe_mm" in MUPOTS_3D[0].also


def test_occlusion_is_told_apart():
    for row in (*OCCLUSION_PERSON, *MUPOTS_3D):
        groups = row.state_groups
        assert groups["visible"] == ("visible",)
        states = [state for group in groups.values() for state in group]
        assert len(states) == len(set(states)) and "occluded_by_object" in states
    # The worlds tell more: each state has a row of its own already.
    assert not WORLDS[0].state_groups
