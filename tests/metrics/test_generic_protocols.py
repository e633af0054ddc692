from prepose.metrics.generic_protocols import GENERIC


def test_any_dataset_may_be_scored_on_what_it_shares_with_the_network():
    assert all(not row.datasets and row.coverage == "shared" and not row.accepted_approximations for row in GENERIC)


def test_there_are_rows_for_poses_and_for_the_image():
    assert [row.name for row in GENERIC if not row.needs_3d] == ["pck-torso-20", "pck-box-10"]
    assert GENERIC[0].name == "true-root-depth", "the default of a dataset without rows of its own"
