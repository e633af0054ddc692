from prepose.body.skeleton import joint_map
from prepose.body.skeletons import get_skeleton
from prepose.metrics.generic_protocols import GENERIC


def test_any_dataset_may_be_scored_on_what_it_shares_with_the_network():
    assert all(not row.datasets for row in GENERIC)
    shared = [row for row in GENERIC if not row.name.startswith("limbs-10")]
    assert all(row.coverage == "shared" and not row.accepted_approximations for row in shared)


def test_the_limbs_are_the_joints_that_all_skeletons_define_alike():
    for row in (row for row in GENERIC if row.name.startswith("limbs-10")):
        assert row.coverage == "all" and len(row.joints) == 10
        for name in ("coco-17", "smpl-24", "mediapipe-33", "h36m-17", "openpose-25", "halpe-26"):
            mapping = joint_map(get_skeleton(name), get_skeleton(row.skeleton))
            assert all(mapping.truly_labelled[mapping.target.index(joint)] for joint in row.joints), name


def test_there_are_rows_for_poses_and_for_the_image():
    assert [row.name for row in GENERIC if not row.needs_3d] == ["pck-torso-20", "pck-box-10", "limbs-10-pck-box-10"]
    assert GENERIC[0].name == "true-root-depth", "the default of a dataset without rows of its own"
