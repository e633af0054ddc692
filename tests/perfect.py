"""What a network that knows the truth would say of a dataset, in the dataset's own skeleton."""

import numpy as np

from prepose.camera.crop import crop_of_box
from prepose.data.dataset import PoseDataset
from prepose.data.target import image_targets
from prepose.predict.score import CropPredictions

SIZE = 128


def perfect_predictions(dataset: PoseDataset) -> CropPredictions:
    """The truth in crop px, through each sample's own crop."""
    targets = image_targets(dataset, dataset.skeleton).astype(float)
    crops = [crop_of_box(box, SIZE) for box in dataset.array("box_xywh")]
    matrices = np.stack([crop.crop_from_img for crop in crops])
    joints = np.empty_like(targets)
    joints[..., :2] = targets[..., :2] @ matrices[:, :2, :2].transpose(0, 2, 1) + matrices[:, None, :2, 2]
    joints[..., 2] = targets[..., 2] * np.array([SIZE / crop.side for crop in crops])[:, None]
    return CropPredictions(
        skeleton=dataset.skeleton,
        joints_crop=joints,
        confidence=np.ones(joints.shape[:2]),
        img_from_crop=np.stack([crop.img_from_crop for crop in crops]),
        index=np.arange(len(dataset)),
        weights="perfect",
    )
