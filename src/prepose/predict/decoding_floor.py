"""What reading joints from maps costs by itself: the error of a network whose maps are right."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from prepose.body.skeletons import get_skeleton
from prepose.camera.crop import borders, cell_from_crop, crop_of_box
from prepose.data.dataset import PoseDataset
from prepose.data.target import image_targets
from prepose.loss_maps import gaussian_maps
from prepose.losses import DISTRIBUTION_SIGMA
from prepose.metrics.evaluation import Evaluation
from prepose.models.heads import READOUTS, STRIDE
from prepose.predict.lift import image_from_crop
from prepose.predict.sizing import root_relative_truth, sizing_of
from prepose.specs.model import ModelSpec

VARIANT = "decoding-floor"
BATCH = 256


def with_decoding_floor(evaluation: Evaluation, spec: ModelSpec, dataset: PoseDataset) -> Evaluation:
    """The evaluation with the variant `decoding-floor`: the truth drawn into the network's maps and read from them.

    Each joint's map is the one that training asks for (for the integral read-out a distribution about the joint, for
    the argmax ones a bump), its depth map has the true depth everywhere. What is left is what the crop cuts off and
    what the size of the maps and the read-out cost.

    Args:
        evaluation: Of a network of this kind on samples of the dataset.
        spec: The network's size, read-out and skeleton; its weights play no part.
        dataset: The dataset that was evaluated.
    """
    if not evaluation.has_3d:
        return evaluation
    truth, skeleton = dataset.select(evaluation.index), get_skeleton(spec.skeleton)
    targets = image_targets(truth, skeleton).astype(float)
    crops = [crop_of_box(box, spec.size) for box in truth.array("box_xywh")]
    matrices = np.stack([crop.crop_from_img for crop in crops])
    joints = np.empty_like(targets)
    joints[..., :2] = targets[..., :2] @ matrices[:, :2, :2].transpose(0, 2, 1) + matrices[:, None, :2, 2]
    joints[..., 2] = targets[..., 2] * np.array([crop.size / crop.side for crop in crops])[:, None]
    read = np.concatenate([_read(torch.from_numpy(part).float(), spec) for part in _batches(joints)])
    img_from_crop = np.stack([crop.img_from_crop for crop in crops])
    found = image_from_crop(read.astype(float), img_from_crop)
    truth_mm = root_relative_truth(truth, evaluation.protocol)
    pose, _ = sizing_of(truth, evaluation.protocol, skeleton).as_scored(found, truth_mm)
    return replace(evaluation, variants={**evaluation.variants, VARIANT: pose.astype(np.float32)})


def _batches(joints: Float[np.ndarray, "N J 3"]) -> list[np.ndarray]:
    return [joints[first : first + BATCH] for first in range(0, len(joints), BATCH)]


def _read(joints_crop: Float[Tensor, "B J 3"], spec: ModelSpec) -> np.ndarray:
    """Crop px to maps and back; NaN for what is not labelled."""
    unknown = joints_crop.isnan().any(-1, keepdim=True)
    joints_crop = joints_crop.nan_to_num()
    cells_from_px = cell_from_crop(STRIDE)
    cells = joints_crop[..., :2] * float(cells_from_px[0, 0]) + float(cells_from_px[0, 2])
    side = spec.size // STRIDE
    # A joint beyond the crop is drawn at its border: the maps have no other place for it.
    cells = cells.clamp(*borders(side))
    everywhere = torch.ones(cells.shape[:2], dtype=torch.bool)
    if spec.readout == "integral":
        heatmaps = gaussian_maps(cells, everywhere, side, DISTRIBUTION_SIGMA).clamp_min(1e-30).log()
    else:
        heatmaps = gaussian_maps(cells, everywhere, side)
    depth_maps = (joints_crop[..., 2] / spec.size)[..., None, None].expand_as(heatmaps)
    read = READOUTS[spec.readout](heatmaps, depth_maps, spec.size).joints_crop
    return torch.where(unknown, torch.nan, read).numpy()
