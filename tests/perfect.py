"""What a network that knows the truth would say of a dataset, as predictions and as a network."""

import numpy as np
import torch
from torch import Tensor

from prepose.body.skeleton import Skeleton, joint_map
from prepose.camera.crop import crop_of_box
from prepose.data.dataset import PoseDataset
from prepose.data.target import image_targets, px_per_mm
from prepose.models.pose_net import PoseNet, PoseOutput
from prepose.predict.score import CropPredictions
from prepose.specs.model import ModelSpec

SIZE = 128
# Where nothing places a pose in its picture: px per mm of a pose put into the middle of its box.
UNPLACED_SCALE = 0.05


def perfect_predictions(
    dataset: PoseDataset, skeleton: Skeleton | None = None, *, size: int = SIZE, reached: bool = False
) -> CropPredictions:
    """The truth in crop px, through each sample's own crop, in a skeleton (without one: the dataset's own).

    A joint that is not truly labelled is said to be where the dataset has its neighbour, or else in the box's middle: a
    network says something of every joint.

    Args:
        dataset: The samples.
        skeleton: Of the network.
        size: Side of the crops, px.
        reached: Whether 3D joints that have no place in the picture are put where the camera shows them, or where there
            is neither camera nor place, in the middle of the box without perspective.
    """
    skeleton = dataset.skeleton if skeleton is None else skeleton
    targets = _all_places(dataset, skeleton) if reached else image_targets(dataset, skeleton).astype(float)
    crops = [crop_of_box(box, size) for box in dataset.array("box_xywh")]
    matrices = np.stack([crop.crop_from_img for crop in crops])
    joints = np.empty_like(targets)
    joints[..., :2] = targets[..., :2] @ matrices[:, :2, :2].transpose(0, 2, 1) + matrices[:, None, :2, 2]
    joints[..., 2] = targets[..., 2] * np.array([size / crop.side for crop in crops])[:, None]
    return CropPredictions(
        skeleton=skeleton,
        joints_crop=joints,
        confidence=np.ones(joints.shape[:2]),
        img_from_crop=np.stack([crop.img_from_crop for crop in crops]),
        index=np.arange(len(dataset)),
        weights="perfect",
    )


def _all_places(dataset: PoseDataset, skeleton: Skeleton) -> np.ndarray:
    """(N, J, 3) image px and relative depth of every joint, finite throughout; true wherever the dataset tells."""
    targets = image_targets(dataset, skeleton).astype(float)
    mapping = joint_map(dataset.skeleton, skeleton)
    near_img, near_cam = (mapping.apply(dataset.array(name).astype(float)) for name in ("joints_img", "joints_cam"))
    boxes = dataset.array("box_xywh").astype(float)
    middle = boxes[:, None, :2] + (boxes[:, None, 2:] - 1) / 2
    guesses = [near_img]
    if skeleton.root is not None:
        matrices = dataset.array("camera_K")
        from_root = near_cam - near_cam[:, [skeleton.root_index]]
        root_z, focal = near_cam[:, skeleton.root_index, 2], np.sqrt(matrices[:, 0, 0] * matrices[:, 1, 1])
        k = px_per_mm(near_img, near_cam, root_z=root_z, focal=focal)[:, None, None]
        k = np.where(np.isnan(k), UNPLACED_SCALE, k)
        depth = from_root[..., 2] * k[..., 0]
        targets[..., 2] = np.where(np.isnan(targets[..., 2]), depth, targets[..., 2])
        guesses += [_projected(dataset, near_cam), middle + k * from_root[..., :2]]
    for guess in (*guesses, middle):
        targets[..., :2] = np.where(np.isnan(targets[..., :2]), guess, targets[..., :2])
    return np.nan_to_num(targets)


def _projected(dataset: PoseDataset, joints_cam: np.ndarray) -> np.ndarray:
    """(N, J, 2) px as each sample's camera sees the joints; NaN without one."""
    cameras = [dataset[row].camera for row in range(len(dataset))]
    nowhere = np.full((*joints_cam.shape[1:2], 2), np.nan)
    pairs = zip(cameras, joints_cam, strict=True)
    return np.stack([nowhere if camera is None else camera.project(joints) for camera, joints in pairs])


class PerfectNet(PoseNet):
    """A network that knows the answers by heart, in the order in which they will be asked for.

    Args:
        dataset: The samples it will be shown, all of them and once.
        spec: What it passes for.
    """

    def __init__(self, dataset: PoseDataset, spec: ModelSpec) -> None:
        super().__init__(spec)
        answers = perfect_predictions(dataset, self.skeleton, size=spec.size, reached=True).joints_crop
        self.register_buffer("answers", torch.from_numpy(answers).float())
        self.said = 0

    def forward(self, image: Tensor) -> PoseOutput:
        joints = self.get_buffer("answers")[self.said : self.said + len(image)]
        assert len(joints) == len(image), "more pictures than answers"
        self.said += len(image)
        maps = torch.zeros(len(image), len(self.skeleton), 1, 1)
        return PoseOutput(maps, maps, joints, torch.ones(joints.shape[:2]))
