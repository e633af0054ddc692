import numpy as np
import pytest

from prepose.body.pose import bone_lengths
from prepose.body.skeletons import LSP_14, MPII_16, PREPOSE_27
from prepose.errors import SkeletonMismatch
from prepose.predict.lift import depth_by_bone_sum


@pytest.mark.parametrize("skeleton", [MPII_16, PREPOSE_27], ids=lambda s: s.name)
def test_the_found_depth_gives_the_asked_bone_sum(skeleton):
    shapes = np.random.default_rng(0).normal(0, 0.1, (4, len(skeleton), 3))
    depth = depth_by_bone_sum(shapes, skeleton, 4050.0)
    scaled = shapes * depth[:, None, None]
    assert depth_by_bone_sum(scaled, skeleton, 4050.0) == pytest.approx(np.ones(4))
    if skeleton is MPII_16:
        assert bone_lengths(scaled, skeleton).sum(axis=1) == pytest.approx(4050 * np.ones(4))


def test_a_pose_of_no_extent_or_with_a_hole_has_no_depth():
    shapes = np.random.default_rng(0).normal(0, 0.1, (3, 16, 3))
    shapes[1] = 0
    shapes[2, 4] = np.nan
    assert np.isnan(depth_by_bone_sum(shapes, MPII_16, 4050.0)).tolist() == [False, True, True]


def test_a_skeleton_without_the_bones_is_named():
    with pytest.raises(SkeletonMismatch, match="lsp-14 has no upper_neck; use the scale rule true-root-depth"):
        depth_by_bone_sum(np.zeros((1, 14, 3)), LSP_14, 4050.0)
