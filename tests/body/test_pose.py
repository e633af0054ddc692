import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from prepose.body.pose import bone_lengths, mirror, procrustes, root_relative
from prepose.body.skeletons import H36M_17, LSP_14, MPII_16, SKELETONS
from prepose.errors import SkeletonMismatch


@pytest.fixture(params=SKELETONS.values(), ids=SKELETONS)
def skeleton(request):
    return request.param


def poses(num_joints, count=5, seed=0):
    return np.random.default_rng(seed).normal(size=(count, num_joints, 3)) * 300 + [100, -50, 3000]


def test_mirroring_twice_changes_nothing(skeleton):
    joints = poses(len(skeleton))
    np.testing.assert_array_equal(mirror(mirror(joints, skeleton), skeleton), joints)
    assert not np.array_equal(mirror(joints, skeleton), joints)


def test_mirroring_swaps_the_lengths_of_left_and_right_bones(skeleton):
    joints = poses(len(skeleton))
    lengths, mirrored = bone_lengths(joints, skeleton), bone_lengths(mirror(joints, skeleton), skeleton)
    names = [frozenset(bone) for bone in skeleton.bones]
    for column, (a, b) in enumerate(skeleton.bone_indices):
        other = names.index(frozenset({skeleton.joints[skeleton.mirror[a]], skeleton.joints[skeleton.mirror[b]]}))
        np.testing.assert_allclose(mirrored[:, column], lengths[:, other])


def test_mirror_works_in_2d_and_leaves_its_argument_alone():
    joints = poses(16)[..., :2]
    before = joints.copy()
    mirrored = mirror(joints, MPII_16)
    np.testing.assert_array_equal(joints, before)
    np.testing.assert_array_equal(mirrored[:, MPII_16.index("l_knee"), 0], -joints[:, MPII_16.index("r_knee"), 0])
    np.testing.assert_array_equal(mirrored[:, MPII_16.index("l_knee"), 1], joints[:, MPII_16.index("r_knee"), 1])


def test_root_relative_puts_the_root_at_the_origin_and_keeps_bones():
    joints = poses(17)
    relative = root_relative(joints, H36M_17)
    assert (relative[:, H36M_17.root_index] == 0).all()
    np.testing.assert_allclose(bone_lengths(relative, H36M_17), bone_lengths(joints, H36M_17))


def test_root_relative_needs_a_root():
    with pytest.raises(SkeletonMismatch, match="lsp-14 has no root joint"):
        root_relative(poses(14), LSP_14)


def test_bone_lengths_of_known_joints_and_nan_of_missing_ones():
    joints = np.zeros((1, 16, 3))
    joints[0, MPII_16.index("r_knee")] = [3, 4, 12]
    joints[0, MPII_16.index("l_wrist")] = np.nan
    lengths = dict(zip(MPII_16.bones, bone_lengths(joints, MPII_16)[0], strict=True))
    assert lengths["r_hip", "r_knee"] == 13
    assert np.isnan(lengths["l_elbow", "l_wrist"])
    assert lengths["l_shoulder", "l_elbow"] == 0


seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds, scale=st.floats(0.01, 100))
def test_procrustes_recovers_any_similarity(seed, scale):
    generator = np.random.default_rng(seed)
    source = poses(16, seed=seed)
    rotation = Rotation.random(5, rng=generator).as_matrix()
    shift = generator.normal(size=(5, 1, 3)) * 1000
    target = scale * np.einsum("nij,nkj->nki", rotation, source) + shift
    found = procrustes(source, target, np.ones((5, 16), bool))
    np.testing.assert_allclose(found.apply(source), target, rtol=1e-7, atol=1e-6 * max(scale, 1))
    np.testing.assert_allclose(found.scale, scale)
    np.testing.assert_allclose(found.rotation, rotation, atol=1e-8)


@given(seed=seeds)
def test_procrustes_never_reflects_and_cannot_be_beaten_nearby(seed):
    source = poses(16, seed=seed)
    target = mirror(source, MPII_16)[:, MPII_16.mirror] + np.random.default_rng(seed).normal(size=source.shape) * 30
    mask = np.ones((5, 16), bool)
    found = procrustes(source, target, mask)
    np.testing.assert_allclose(np.linalg.det(found.rotation), 1)
    assert (found.scale > 0).all()
    error = ((found.apply(source) - target) ** 2).sum(axis=(1, 2))
    nudge = Rotation.from_rotvec([0.01, -0.02, 0.015]).as_matrix()
    for other in (
        found._replace(scale=found.scale * 1.01),
        found._replace(translation=found.translation + np.array([1, -1, 2])),
        found._replace(rotation=found.rotation @ nudge),
    ):
        assert (error <= ((other.apply(source) - target) ** 2).sum(axis=(1, 2))).all()


@given(seed=seeds)
def test_procrustes_ignores_masked_joints_even_nan(seed):
    generator = np.random.default_rng(seed)
    source, target = poses(17, seed=seed), poses(17, seed=seed + 1)
    mask = generator.random((5, 17)) < 0.7
    mask[:, :4] = True
    full = [procrustes(s[None, m], t[None, m], m[m][None]) for s, t, m in zip(source, target, mask, strict=True)]
    source[~mask], target[~mask] = np.nan, 1e6
    found = procrustes(source, target, mask)
    for row, alone in enumerate(full):
        np.testing.assert_allclose(found.scale[row], alone.scale[0])
        np.testing.assert_allclose(found.rotation[row], alone.rotation[0], atol=1e-9)
        np.testing.assert_allclose(found.translation[row], alone.translation[0], atol=1e-6)


DEGENERATE = {
    "all joints masked": (poses(16), np.zeros((5, 16), bool)),
    "one joint": (poses(16), np.eye(16, dtype=bool)[:5]),
    "all joints in one place": (np.full((5, 16, 3), 7.0), np.ones((5, 16), bool)),
}


@pytest.mark.parametrize(("source", "mask"), DEGENERATE.values(), ids=DEGENERATE)
def test_procrustes_of_a_pose_without_extent_only_shifts(source, mask):
    target = poses(16, seed=9)
    found = procrustes(source, target, mask)
    np.testing.assert_array_equal(found.scale, 1)
    np.testing.assert_array_equal(found.rotation, np.broadcast_to(np.eye(3), (5, 3, 3)))
    assert np.isfinite(found.translation).all()


def test_procrustes_of_a_flat_pose_is_exact():
    flat = poses(16)
    flat[..., 2] = 0
    rotation = Rotation.from_euler("xyz", [20, 40, 60], degrees=True).as_matrix()
    target = 2 * flat @ rotation.T + [1, 2, 3]
    found = procrustes(flat, target, np.ones((5, 16), bool))
    np.testing.assert_allclose(found.apply(flat), target, atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(found.rotation), 1)
