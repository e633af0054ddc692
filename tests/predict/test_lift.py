import copy
from dataclasses import replace

import numpy as np
import pytest

from prepose.body.skeletons import PREPOSE_27
from prepose.camera.camera import Camera
from prepose.camera.crop import Crop
from prepose.data.dataset import dataset_of
from prepose.errors import DataError
from prepose.predict.lift import Cameras, image_from_crop, lift


@pytest.mark.parametrize("flip", [False, True])
def test_a_crops_joints_come_back_to_the_image(flip):
    generator = np.random.default_rng(0)
    joints_img = generator.uniform(0, 300, (1, 7, 3))
    crop = Crop((140.0, 90.0), 180.0, 64, rotation=0.6, flip=flip)
    crop_px = np.empty_like(joints_img)
    crop_px[..., :2] = joints_img[..., :2] @ crop.crop_from_img[:2, :2].T + crop.crop_from_img[:2, 2]
    crop_px[..., 2] = joints_img[..., 2] * 64 / 180
    np.testing.assert_allclose(image_from_crop(crop_px, crop.img_from_crop[None]), joints_img, atol=1e-9)


def test_lifting_inverts_projection_under_distortion():
    generator = np.random.default_rng(1)
    camera = Camera(
        K=np.array([[1145.0, 0, 512.5], [0, 1143.8, 515.5], [0, 0, 1]]),
        size_wh=(1000, 1002),
        distortion=np.array([-0.207, 0.248, -0.0014, -0.001, -0.003]),
    )
    poses = generator.normal(0, 350, (5, 16, 3)) + np.array([300.0, -200, 4500])
    root = poses[:, 0, 2]
    z = (poses[..., 2] - root[:, None]) * camera.focal / root[:, None]
    joints_img = np.concatenate([camera.project(poses), z[..., None]], axis=-1)
    np.testing.assert_allclose(lift(joints_img, camera, root), poses, atol=1e-6)


def test_a_pose_is_proportional_to_its_root_depth():
    joints_img = np.random.default_rng(2).uniform(0, 200, (2, 5, 3))
    camera = Camera(K=np.array([[300.0, 0, 99], [0, 310, 101], [0, 0, 1]]), size_wh=(200, 200))
    near, far = lift(joints_img, camera, np.array([1.0, 1.0])), lift(joints_img, camera, np.array([3.0, 5000.0]))
    np.testing.assert_allclose(far, near * np.array([3.0, 5000.0])[:, None, None])


def test_no_joint_lies_behind_the_camera():
    camera = Camera(K=np.array([[300.0, 0, 99], [0, 300, 99], [0, 0, 1]]), size_wh=(200, 200))
    joints_img = np.array([[[99.0, 99, 0], [150, 20, -299], [150, 20, -301], [150, 20, -9000]]])
    lifted = lift(joints_img, camera, np.array([4000.0]))
    assert lifted[0, :, 2] == pytest.approx([4000, 200, 200, 200])
    np.testing.assert_allclose(camera.project(lifted), joints_img[..., :2])


def test_every_sample_is_lifted_with_its_own_camera(people):
    samples = [*people.samples(7), *people.samples(2, with_camera=False)]
    order = np.random.default_rng(0).permutation(len(samples))
    dataset = dataset_of([samples[i] for i in order], skeleton=PREPOSE_27)
    joints_img = np.random.default_rng(3).uniform(50, 200, (9, 4, 3))
    depth = np.linspace(2000, 6000, 9)
    cameras = Cameras(dataset)
    lifted = cameras.lift(joints_img, depth)
    assert (~cameras.known).sum() == 2
    for i in range(9):
        camera = dataset[i].camera
        if camera is None:
            assert np.isnan(lifted[i]).all()
        else:
            np.testing.assert_allclose(lifted[i], lift(joints_img[i : i + 1], camera, depth[i : i + 1])[0])


def test_a_dataset_without_any_camera_lifts_nothing(people):
    cameras = Cameras(dataset_of(people.samples(2, with_camera=False), skeleton=PREPOSE_27))
    assert not cameras.known.any()
    assert np.isnan(cameras.lift(np.ones((2, 3, 3)), np.ones(2))).all()


def test_a_stored_matrix_that_is_no_cameras_is_refused(people):
    samples = list(people.dataset)
    camera = copy.copy(samples[4].camera)
    object.__setattr__(camera, "K", camera.K.T)  # as an earlier version let it into a store
    samples[4] = replace(samples[4], camera=camera)
    dataset = dataset_of(samples, skeleton=PREPOSE_27, name="lab", split="test")
    with pytest.raises(
        DataError, match=r"lab/test: the camera of 1 of 9 samples has a K whose last row .*sample 4: \["
    ):
        Cameras(dataset)
    with pytest.raises(DataError, match=r"row 4: camera 'studio-1': the last row of K must be 0 0 1"):
        dataset[4]
