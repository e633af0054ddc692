import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from prepose.body.pose import mirror
from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import COCO_17, H36M_17, LSP_14, MPI_INF_3DHP_17, MPII_16, PREPOSE_27
from prepose.camera.camera import Camera
from prepose.camera.crop import Crop, transform
from prepose.data.dataset import dataset_of
from prepose.data.sample import PoseSample
from prepose.data.target import LabelUse, image_targets, label_use, lift, px_per_mm

# The lens of Human3.6M's camera 54138969 on a picture of 1000 x 1000 px.
LENS = np.array(
    [-0.207098910824901, 0.247775183068982, -0.00142447157470321, -0.000975698859470499, -0.00307515035078854]
)


def a_camera(distortion=LENS):
    K = np.array([[1145.05, 0, 512.54], [0, 1143.78, 515.45], [0, 0, 1]])
    return Camera(K=K, size_wh=(1000, 1000), distortion=distortion)


def a_pose(skeleton, seed=0, at=(200.0, -150.0, 4000.0)):
    return np.random.default_rng(seed).normal(size=(len(skeleton), 3)) * 300 + np.array(at)


def a_sample(skeleton=PREPOSE_27, *, camera=None, joints_cam=None, joints_img=None, keep_camera=True):
    camera = a_camera() if camera is None else camera
    joints_cam = a_pose(skeleton) if joints_cam is None else joints_cam
    joints_img = camera.project(joints_cam) if joints_img is None else joints_img
    return PoseSample(
        image=b"",
        skeleton=skeleton,
        box_xywh=np.array([0.0, 0, 1000, 1000]),
        joints_img=joints_img,
        joints_cam=joints_cam,
        states=np.zeros(len(skeleton), np.uint8),
        camera=camera if keep_camera else None,
    )


def targets_of(*samples, skeleton=MPII_16):
    return image_targets(dataset_of(samples, skeleton=samples[0].skeleton), skeleton)


@pytest.mark.parametrize("distortion", [np.zeros(5), LENS], ids=["pinhole", "real lens"])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("skeleton", [MPII_16, H36M_17], ids=lambda s: s.name)
def test_targets_and_the_true_root_depth_give_back_the_exact_pose(distortion, flip, skeleton):
    camera = a_camera(distortion)
    pose = a_pose(skeleton)
    pose_img = camera.project(pose)
    crop = Crop((520.0, 480.0), 900.0, 256, rotation=0.3, flip=flip)
    targets = targets_of(a_sample(skeleton, camera=camera, joints_cam=pose), skeleton=skeleton)
    joints, has_2d, has_3d = lift(targets, [crop], skeleton)
    assert has_3d.sum() > 12
    assert (has_2d == has_3d).all()

    seen = joints[0].astype(float)[skeleton.mirror] if flip else joints[0].astype(float)
    labelled = has_3d[0][skeleton.mirror] if flip else has_3d[0]
    root_z = pose[skeleton.root_index, 2]
    k = camera.focal / root_z * crop.size / crop.side
    points_img = transform(crop.img_from_crop, seen[:, :2])
    np.testing.assert_allclose(points_img[labelled], pose_img[labelled], atol=1e-3)
    returned = camera.back_project(points_img, root_z + seen[:, 2] / k)
    np.testing.assert_allclose(returned[labelled], pose[labelled], atol=0.02)


@pytest.mark.parametrize(("distortion", "atol"), [(np.zeros(5), 1e-3), (LENS, 0.05)], ids=["pinhole", "real lens"])
def test_a_midpoint_is_where_the_camera_sees_it(distortion, atol):
    camera, pose = a_camera(distortion), a_pose(MPI_INF_3DHP_17)
    ends = [MPI_INF_3DHP_17.index(name) for name in ("l_shoulder", "r_shoulder")]
    pose[ends] = np.array([[-150.0, -500, 3900], [90, -520, 4150]])
    sample = a_sample(MPI_INF_3DHP_17, camera=camera, joints_cam=pose)
    thorax = MPII_16.index("thorax")
    seen = camera.project(pose[ends].mean(axis=0, keepdims=True))[0]
    np.testing.assert_allclose(targets_of(sample)[0, thorax, :2], seen, atol=atol)
    # Without depth there is nothing better than the middle of the images, which lies elsewhere.
    without = a_sample(MPI_INF_3DHP_17, joints_img=sample.joints_img, joints_cam=np.full_like(pose, np.nan))
    middle = sample.joints_img[ends].mean(axis=0)
    np.testing.assert_allclose(targets_of(without)[0, thorax, :2], middle, atol=1e-3)
    assert np.linalg.norm(middle - seen) > 0.5
    sample.joints_img[ends[0]] = np.nan
    assert np.isnan(targets_of(sample)[0, thorax, :2]).all()


@pytest.mark.parametrize("degrees", [-75, 20, 130])
def test_turning_the_crop_is_turning_the_camera_about_its_axis(degrees):
    """The turned crop of one camera shows, in x, y and z, what the plain crop of the turned camera does."""
    focal, middle = 800.0, 499.5
    K = np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1]])
    camera = Camera(K=K, size_wh=(1000, 1000))
    pose = a_pose(MPII_16, at=(0.0, 0.0, 3500.0))
    turned = pose @ Rotation.from_euler("z", degrees, degrees=True).as_matrix().T
    plain, about_axis = (
        Crop((middle, middle), 800.0, 128),
        Crop((middle, middle), 800.0, 128, rotation=np.radians(degrees)),
    )
    one = lift(targets_of(a_sample(MPII_16, camera=camera, joints_cam=pose)), [about_axis], MPII_16, margin=1e4)
    other = lift(targets_of(a_sample(MPII_16, camera=camera, joints_cam=turned)), [plain], MPII_16, margin=1e4)
    np.testing.assert_allclose(one[0], other[0], atol=1e-3)
    assert one[2].all()
    assert other[2].all()


def test_mirroring_the_crop_is_mirroring_the_world():
    middle = 499.5
    K = np.array([[800.0, 0, middle], [0, 800.0, middle], [0, 0, 1]])
    camera = Camera(K=K, size_wh=(1000, 1000))
    pose = a_pose(MPII_16, at=(150.0, 0.0, 3500.0))
    plain, flipped = Crop((middle, middle), 900.0, 128), Crop((middle, middle), 900.0, 128, flip=True)
    one = lift(targets_of(a_sample(MPII_16, camera=camera, joints_cam=pose)), [flipped], MPII_16, margin=1e4)
    other = lift(
        targets_of(a_sample(MPII_16, camera=camera, joints_cam=mirror(pose, MPII_16))), [plain], MPII_16, margin=1e4
    )
    np.testing.assert_allclose(one[0], other[0], atol=1e-3)


def test_depth_has_the_unit_of_x_and_y():
    """A short limb in the image plane and the same limb along the axis are equally long in the crop."""
    K = np.array([[1000.0, 0, 500], [0, 1000.0, 500], [0, 0, 1]])
    pose = np.tile([0, 0, 4000.0], (16, 1))
    pose[0], pose[1] = [10, 0, 4000], [0, 0, 4010]
    targets = targets_of(a_sample(MPII_16, camera=Camera(K=K, size_wh=(1000, 1000)), joints_cam=pose))
    joints, _, _ = lift(targets, [Crop((500.0, 500.0), 400.0, 256)], MPII_16)
    across, along = joints[0, 0] - joints[0, MPII_16.root_index], joints[0, 1] - joints[0, MPII_16.root_index]
    assert across[0] == pytest.approx(10 * 1000 / 4000 * 256 / 400, rel=1e-4)
    assert along[2] == pytest.approx(across[0], rel=1e-4)


def test_only_true_labels_become_targets():
    found = targets_of(a_sample(PREPOSE_27), skeleton=H36M_17)
    unlabelled = [H36M_17.joints[i] for i in np.flatnonzero(np.isnan(found[0]).any(axis=1))]
    assert unlabelled == ["nose_neck"]
    coco = a_sample(COCO_17, joints_cam=np.full((17, 3), np.nan), joints_img=np.full((17, 2), 500.0))
    found = targets_of(coco)
    labelled = {MPII_16.joints[i] for i in np.flatnonzero(~np.isnan(found[0, :, 0]))}
    assert labelled == {"thorax"} | {f"{s}_{j}" for s in "lr" for j in ("knee", "ankle", "shoulder", "elbow", "wrist")}
    assert np.isnan(found[..., 2]).all()


def test_a_midpoint_needs_both_its_ends():
    joints_img = np.random.default_rng(0).uniform(100, 900, (14, 2))
    joints_img[LSP_14.index("l_hip")] = np.nan
    sample = a_sample(LSP_14, joints_cam=np.full((14, 3), np.nan), joints_img=joints_img, keep_camera=False)
    found = targets_of(sample)[0]
    assert np.isnan(found[MPII_16.index("pelvis")]).all()
    shoulders = joints_img[[LSP_14.index("l_shoulder"), LSP_14.index("r_shoulder")]]
    np.testing.assert_allclose(found[MPII_16.index("thorax"), :2], shoulders.mean(axis=0), rtol=1e-6)


def test_no_depth_without_the_root_and_none_behind_the_camera():
    rootless = a_pose(MPII_16)
    rootless[MPII_16.root_index] = np.nan
    relative = a_pose(MPII_16) - a_pose(MPII_16)[MPII_16.root_index]
    image = a_camera().project(a_pose(MPII_16))
    found = targets_of(
        a_sample(MPII_16, joints_cam=rootless, joints_img=image),
        a_sample(MPII_16, joints_cam=relative, joints_img=image),
        a_sample(MPII_16),
    )
    assert np.isnan(found[:2, :, 2]).all()
    assert np.isfinite(found[2]).all()
    assert np.isfinite(found[..., :2]).all()


def test_a_skeleton_without_a_root_has_2d_targets_only():
    found = targets_of(a_sample(PREPOSE_27), skeleton=LSP_14)
    assert np.isnan(found[..., 2]).all()
    assert np.isfinite(found[0, LSP_14.index("l_knee"), :2]).all()


def test_without_a_camera_the_scale_is_that_of_the_image():
    """Exact for a picture taken from far away: image = k * pose + shift."""
    pose = a_pose(MPII_16) - [200, -150, 4000]
    image = 0.21 * pose[:, :2] + [480, 510]
    found = targets_of(a_sample(MPII_16, joints_cam=pose, joints_img=image, keep_camera=False))[0]
    np.testing.assert_allclose(found[:, 2], 0.21 * (pose[:, 2] - pose[MPII_16.root_index, 2]), rtol=1e-4, atol=1e-4)


def test_the_fitted_scale_comes_near_the_calibrated_one():
    with_camera, without = (targets_of(a_sample(MPII_16, keep_camera=keep))[0, :, 2] for keep in (True, False))
    np.testing.assert_allclose(without, with_camera, rtol=0.15)
    assert not np.allclose(without, with_camera, rtol=1e-4)


UNKNOWN = {
    "one joint": (np.array([[[1.0, 2]]]), np.array([[[10.0, 20, 30]]])),
    "one place": (np.ones((1, 4, 2)), np.ones((1, 4, 3))),
    "no joint": (np.full((1, 4, 2), np.nan), np.ones((1, 4, 3))),
    "mirrored": (-np.eye(4, 2)[None], 100 * np.eye(4, 3)[None]),
}


@pytest.mark.parametrize(("joints_img", "joints_cam"), UNKNOWN.values(), ids=UNKNOWN)
def test_the_scale_of_what_has_none_is_unknown(joints_img, joints_cam):
    nan = np.full(1, np.nan)
    assert np.isnan(px_per_mm(joints_img, joints_cam, root_z=nan, focal=nan)).all()


def test_joints_outside_the_crop_are_masked_and_zero():
    joints_img = np.full((16, 2), 500.0)
    joints_img[0], joints_img[1], joints_img[2] = [390, 500], [500, 601], [600.4, 500]
    targets = targets_of(a_sample(MPII_16, joints_img=joints_img))
    crop = Crop((500.0, 500.0), 200.0, 100)
    joints, has_2d, has_3d = lift(targets, [crop], MPII_16)
    assert has_2d[0, :3].tolist() == [False, False, False]
    assert has_2d[0, 3:].all()
    assert (has_3d == has_2d).all()
    assert (joints[0, :3] == 0).all()
    wider, has_2d, _ = lift(targets, [crop], MPII_16, margin=1.0)
    assert has_2d[0, :3].tolist() == [False, True, True]
    np.testing.assert_allclose(wider[0, 2, :2], [99.7, 49.5], atol=1e-4)


def test_a_flip_moves_the_mask_with_the_joint():
    joints_img = np.full((16, 2), 500.0)
    joints_img[MPII_16.index("l_wrist")] = np.nan
    targets = targets_of(a_sample(MPII_16, joints_img=joints_img))
    crops = [Crop((500.0, 500.0), 200.0, 100, flip=flip) for flip in (False, True)]
    _, has_2d, has_3d = lift(np.repeat(targets, 2, axis=0), crops, MPII_16)
    for mask in (has_2d, has_3d):
        assert np.flatnonzero(~mask[0]).tolist() == [MPII_16.index("l_wrist")]
        assert np.flatnonzero(~mask[1]).tolist() == [MPII_16.index("r_wrist")]


def test_large_datasets_are_mapped_in_parts_alike(monkeypatch):
    samples = [a_sample(MPII_16, joints_cam=a_pose(MPII_16, seed)) for seed in range(7)]
    whole = targets_of(*samples)
    monkeypatch.setattr("prepose.data.target._CHUNK", 3)
    np.testing.assert_array_equal(targets_of(*samples), whole)


def test_labels_that_a_skeleton_cannot_use_are_counted():
    joints = np.arange(17 * 2, dtype=float).reshape(17, 2)
    partly = joints.copy()
    partly[:4] = np.nan
    samples = [a_sample(COCO_17, joints_img=one, joints_cam=np.full((17, 3), np.nan)) for one in (joints, partly)]
    use = label_use(dataset_of(samples, skeleton=COCO_17), MPII_16)
    # Shoulders, elbows, wrists, knees and ankles; hips are defined otherwise, the face is not there.
    assert use == LabelUse(30, 20, ("nose", "l_eye", "r_eye", "l_ear", "r_ear", "l_hip", "r_hip"))
    assert label_use(dataset_of(samples, skeleton=COCO_17), COCO_17) == LabelUse(30, 30, ())
    # A pelvis is the middle of the hips by definition: these two serve it though the target has no hips.
    below = Skeleton("two", ("pelvis", "l_knee", "r_knee"), (), "pelvis")
    assert label_use(dataset_of([a_sample(LSP_14)], skeleton=LSP_14), below).used == 4
