"""A weights file's network, run by torch."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from prepose.models.checkpoint import load_weights
from prepose.models.pose_net import PoseNet
from prepose.models.weights_file import weights_digest
from prepose.predict.crop_network import CropJoints, CropNetwork
from prepose.predict.evaluate import run_network, usable_device


def load_torch_network(path: Path, device: str = "cpu") -> CropNetwork:
    """The network of a weights file or a checkpoint to import.

    Raises:
        DataError: the file cannot be read, or there is no such device.
    """
    return torch_network(load_weights(path), device)


def torch_network(net: PoseNet, device: str = "cpu") -> CropNetwork:
    """A network, moved to a device and set to evaluation: threads that predict at the same time find it there.

    Raises:
        DataError: there is no such device.
    """
    place = usable_device(device)
    net.to(place).eval()

    def run(crops: UInt8[np.ndarray, "B 3 S S"], flip_test: bool) -> CropJoints:  # noqa: FBT001 - the contract's order
        output = run_network(net, torch.from_numpy(crops).to(place), flip_test=flip_test)
        return CropJoints(output.joints_crop.float().cpu().numpy(), output.confidence.float().cpu().numpy())

    return CropNetwork(net.spec, net.ledger, weights_digest(net), device, run, net.calibration)
