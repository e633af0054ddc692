import numpy as np
import pytest

from fake_people import fake_camera, fake_posed
from prepose.body.skeletons import MPI_INF_3DHP_17 as SKELETON
from prepose.data.mpi_labels import fit_pinhole, univ_scale_of
from prepose.errors import DataError


def seen_people(seed, count=3):
    generator = np.random.default_rng(seed)
    camera = fake_camera(generator)
    joints = camera.cam_from_world(np.stack([fake_posed(generator, SKELETON) for _ in range(count)]))
    return camera, joints, camera.project(joints)


@pytest.mark.parametrize("seed", range(4))
def test_the_pinhole_of_the_labels_is_found(seed):
    camera, joints, places = seen_people(seed)
    joints[1, 2] = np.nan
    found = fit_pinhole(joints, places, (160, 120), "TS1")
    np.testing.assert_allclose(found.K, camera.K, atol=1e-6)
    with pytest.raises(DataError, match="TS1: no camera sees its 3D joints at its 2D joints"):
        fit_pinhole(joints, -places, (160, 120), "TS1")
    with pytest.raises(DataError, match="TS1: only 0 joints are before the camera"):
        fit_pinhole(-joints, places, (160, 120), "TS1")


def test_a_joint_that_is_always_misplaced_does_not_move_the_pinhole():
    camera, joints, places = seen_people(5, count=20)
    places[:10, SKELETON.index("spine")] -= [3, 15]
    np.testing.assert_allclose(fit_pinhole(joints, places, (160, 120), "TS1").K, camera.K, atol=1e-6)


def test_noise_is_averaged_over_all_joints():
    camera, joints, places = seen_people(6, count=200)
    noisy = places + np.random.default_rng(1).normal(0, 0.5, places.shape)
    np.testing.assert_allclose(fit_pinhole(joints, noisy, (160, 120), "TS1").K, camera.K, atol=0.5)


@pytest.mark.parametrize("scale", [0.8, 1.0, 1.3])
def test_the_scale_of_univ_poses_is_found_wherever_they_stand(scale):
    _, joints, _ = seen_people(7)
    univ = scale * joints + [10, 20, 30]
    assert univ_scale_of(joints, univ, SKELETON.root_index) == pytest.approx(scale)
    assert np.isnan(univ_scale_of(np.zeros((2, 17, 3)), np.zeros((2, 17, 3)), SKELETON.root_index))
