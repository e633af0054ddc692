"""People in front of real-looking cameras, as a dataset with pictures, and what a perfect network would say of it."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from prepose.body.skeleton import joint_map
from prepose.body.skeletons import MPII_16, PREPOSE_27
from prepose.camera.camera import Camera
from prepose.camera.crop import Crop, crop_of_box
from prepose.data.dataset import PoseDataset, dataset_of
from prepose.data.sample import JointState, PoseSample
from prepose.data.target import image_targets
from prepose.predict.score import CropPredictions
from prepose.synthetic.rig import draw_proportions

SIZE = 64


def rotation(generator):
    q, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def cameras(generator):
    """Cameras like a motion-capture studio's (lens distortion, two focal lengths, shifted centre), and a phone's."""
    lens = np.array([-0.2071, 0.2478, -0.00142, -0.00098, -0.0031])
    studio = [
        Camera(
            K=np.array([[286.3 + i, 0, 128.1 + 3 * i], [0, 285.9, 128.9], [0, 0, 1]]),
            size_wh=(256, 256),
            rotation=rotation(generator),
            translation=np.array([100.0, -200.0, 4000.0]),
            distortion=lens,
            name=f"studio-{i}",
        )
        for i in range(2)
    ]
    phone = Camera(K=np.array([[400.0, 0, 119.5], [0, 400.0, 159.5], [0, 0, 1]]), size_wh=(240, 320))
    return [*studio, phone]


def person(generator, camera):
    """A bent and turned rest pose, mm, off the camera's axis."""
    rest = draw_proportions(generator).rest @ rotation(generator).T
    bent = rest + generator.normal(0, 40, rest.shape)
    return bent + np.array([generator.uniform(-700, 700), generator.uniform(-400, 400), generator.uniform(4200, 6500)])


def picture(size_wh, generator):
    width, height = size_wh
    return cv2.imencode(".png", generator.integers(0, 255, (height, width, 3), dtype=np.uint8))[1].tobytes()


def make_samples(num_samples, *, seed=0, with_camera=True):
    generator = np.random.default_rng(seed)
    known = cameras(generator)
    samples = []
    for number in range(num_samples):
        camera = known[number % len(known)]
        joints_cam = person(generator, camera)
        joints_img = camera.project(joints_cam)
        low, high = joints_img.min(axis=0), joints_img.max(axis=0)
        # Annotators' boxes: not centred on the person, and of other shapes than the crop.
        box = np.array([*(low - generator.uniform(2, 20, 2)), *(high - low + generator.uniform(20, 40, 2))])
        samples.append(
            PoseSample(
                image=picture(camera.size_wh, generator),
                skeleton=PREPOSE_27,
                box_xywh=box,
                joints_img=joints_img,
                joints_cam=joints_cam,
                states=generator.choice([1, 3, 4, 5], len(PREPOSE_27)).astype(np.uint8),
                camera=camera if with_camera else None,
                subject=f"S{number % 2}",
                action=("walking", "sitting")[number % 2],
            )
        )
    return samples


def perfect_predictions(dataset: PoseDataset, *, rotation_rad=0.0, flip=False, index=None) -> CropPredictions:
    """The truth of mpii-16 in crop px, in crops that may be turned and mirrored."""
    index = np.arange(len(dataset)) if index is None else index
    targets = image_targets(dataset.select(index), MPII_16).astype(float)
    crops = []
    for box in dataset.array("box_xywh", index):
        plain = crop_of_box(box, SIZE)
        crops.append(Crop(plain.centre, plain.side, SIZE, rotation_rad, flip))
    matrices = np.stack([crop.crop_from_img for crop in crops])
    joints = np.empty_like(targets)
    joints[..., :2] = targets[..., :2] @ matrices[:, :2, :2].transpose(0, 2, 1) + matrices[:, None, :2, 2]
    joints[..., 2] = targets[..., 2] * np.array([SIZE / crop.side for crop in crops])[:, None]
    return CropPredictions(
        skeleton=MPII_16,
        joints_crop=joints,
        confidence=np.ones(joints.shape[:2]),
        img_from_crop=np.stack([crop.img_from_crop for crop in crops]),
        index=index,
        weights="perfect",
    )


@dataclass(frozen=True, eq=False)
class People:
    """The helpers of this room's tests, as one fixture: test files cannot import a conftest."""

    dataset: PoseDataset

    samples = staticmethod(make_samples)
    perfect = staticmethod(perfect_predictions)
    states = JointState

    def truth_mpii(self):
        return joint_map(PREPOSE_27, MPII_16).apply(self.dataset.array("joints_cam").astype(float))


@pytest.fixture
def people():
    return People(dataset_of(make_samples(9), skeleton=PREPOSE_27, name="lab", split="test"))


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A weights file of a small network with random weights that tell joints apart."""
    import torch

    from prepose.models.checkpoint import save_weights
    from prepose.models.pose_net import build_pose_net
    from prepose.specs.model import ModelSpec

    net = build_pose_net(ModelSpec(backbone="small-0.7m", decoder="light", size=SIZE), seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        # Fresh heads are nearly 0, which puts every joint into the middle of the crop.
        for head, spread in ((net.heatmap_head, 2.0), (net.depth_head, 0.003)):
            head.weight.copy_(torch.randn(head.weight.shape, generator=generator) * spread)
    return save_weights(net, tmp_path_factory.mktemp("net") / "small.safetensors")


@pytest.fixture(scope="session")
def to_onnx_once(weights):
    """That network's ONNX model with its facts; a test that changes it makes a copy."""
    from prepose.models.checkpoint import load_weights
    from prepose.models.export import to_onnx

    return to_onnx(load_weights(weights), flip_test=True)


@pytest.fixture(scope="session")
def photograph():
    """Pixels of a made-up photograph, 180 x 120."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 255, (6, 9, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (180, 120), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.fixture(scope="session")
def people_of():
    """`make_samples`, for fixtures of a module."""
    return make_samples
