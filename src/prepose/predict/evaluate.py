"""A network over a dataset, in batches: its predictions, and their evaluation under a protocol.

With it, what reading joints from maps costs by itself: the error of a network whose maps are right.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from prepose.body.skeletons import get_skeleton
from prepose.camera.crop import borders, cell_from_crop, crop_of_box
from prepose.data.batch import PoseBatch, evaluation_batches
from prepose.data.dataset import PoseDataset
from prepose.data.target import image_targets
from prepose.errors import DataError
from prepose.loss_maps import gaussian_maps
from prepose.losses import DISTRIBUTION_SIGMA
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.protocols import Protocol
from prepose.models.heads import READOUTS, STRIDE
from prepose.models.pose_net import PoseNet, PoseOutput, predict_flipped
from prepose.models.weights_file import weights_digest
from prepose.predict.fit import check_fit
from prepose.predict.lift import image_from_crop
from prepose.predict.score import CropPredictions, score
from prepose.predict.sizing import root_relative_truth, sizing_of
from prepose.specs.ledger import trained_on
from prepose.specs.model import ModelSpec

Precision = Literal["fp32", "bf16"]
Progress = Callable[[int, int | None], None]


def evaluate(  # noqa: PLR0913 - the settings of one run of a network; all but the first three by keyword
    net: PoseNet,
    dataset: PoseDataset,
    protocol: Protocol,
    *,
    batch_size: int = 32,
    flip_test: bool | None = None,
    device: torch.device | str | None = None,
    precision: Precision = "fp32",
    workers: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Score a network on a dataset.

    The network is left as it was found (device, training mode); it is not told anything but the pictures.

    Args:
        net: The network.
        dataset: Samples with their truth; without any 3D truth only the measures in the image are made.
        protocol: How to score.
        batch_size: Crops at a time; the result does not depend on it (beyond rounding).
        flip_test: Other than the protocol says; the evaluation's protocol then says what was done.
        device: Where to run; None for where the network is.
        precision: "bf16" runs the network under autocast.
        workers: Threads that prepare batches ahead.
        progress: Called with (samples done, samples in all) after each batch.

    Raises:
        DataError: the dataset is empty, or protocol, dataset and network do not fit, both found before the network
            runs; its labels or pictures cannot be used, or the prediction is not finite.
    """
    if flip_test is not None:
        protocol = replace(protocol, flip_test=flip_test)
    index = np.arange(0, len(dataset), protocol.stride)
    if not len(index):
        raise DataError(f"{dataset.name}/{dataset.split}: has no sample to evaluate")
    part = dataset if protocol.stride == 1 else dataset.select(index)
    check_fit(protocol, part, net.skeleton)
    batches = evaluation_batches(
        part, size=net.spec.size, skeleton=net.skeleton, batch_size=batch_size, workers=workers
    )
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    done = 0
    with ready(net, device) as place:
        for batch in batches:
            output = run_network(net, batch.image.to(place), flip_test=protocol.flip_test, precision=precision)
            found.append(_arrays(output, batch))
            done += len(batch)
            if progress is not None:
                progress(done, len(part))
    joints_crop, confidence, img_from_crop = (np.concatenate(parts) for parts in zip(*found, strict=True))
    predictions = CropPredictions(
        net.skeleton, joints_crop, confidence, img_from_crop, index, weights_digest(net), net.calibration
    )
    facts = {"precision": precision, "device": str(place), "trained_on": trained_on(net.ledger)}
    if net.calibration is not None:
        facts["calibrated_on"] = str(net.calibration)
    return score(predictions, dataset, protocol, facts=facts)


def _arrays(output: PoseOutput, batch: PoseBatch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    joints, confidence = output.joints_crop.float().cpu().numpy(), output.confidence.float().cpu().numpy()
    return joints, confidence, batch.img_from_crop.cpu().numpy()


@contextmanager
def ready(net: PoseNet, device: torch.device | str | None) -> Iterator[torch.device]:
    """The network on the device and in evaluation mode; afterwards where and as it was.

    Raises:
        DataError: there is no such device.
    """
    home, training = next(net.parameters()).device, net.training
    place = home if device is None else usable_device(device)
    net.to(place).eval()
    try:
        yield place
    finally:
        net.to(home).train(training)


def usable_device(device: torch.device | str) -> torch.device:
    """The device of that name.

    Raises:
        DataError: there is no such device here.
    """
    try:
        # A device that torch knows by name may still not be there; only using it tells.
        return torch.zeros(1, device=device).device
    except (AssertionError, ImportError, RuntimeError) as error:
        # torch may be built without the device, not find it, or not know its name; each raises something else.
        reason = str(error).splitlines()[0].partition(". ")[0]
        raise DataError(
            f"device {str(device)!r} cannot be used here ({reason}); use cpu, or one that is there"
        ) from error


@torch.no_grad()
def run_network(net: PoseNet, image: torch.Tensor, *, flip_test: bool, precision: Precision = "fp32") -> PoseOutput:
    """One forward pass without gradients, with the mirror image where asked."""
    with torch.autocast(image.device.type, torch.bfloat16, enabled=precision == "bf16"):
        return predict_flipped(net, image) if flip_test else net(image)


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
