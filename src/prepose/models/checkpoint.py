"""Save and load a network's weights; start a network from another one's, or import another code base's."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from prepose.body.skeletons import SKELETONS
from prepose.errors import DataError, SkeletonMismatch
from prepose.files import output_file
from prepose.models.imported import Imported, read_imported
from prepose.models.legacy_file import read_any_weights
from prepose.models.pose_net import TRUNK_PARTS, PoseNet, check_set, constructed, fill_trunk, load_trunk
from prepose.models.weights_file import Weights, file_of, load_state, write_weights
from prepose.specs.fields import from_json
from prepose.specs.ledger import Ledger
from prepose.specs.model import ModelSpec

# Names that no folder has, and that other readers would not know a weights file of prepose by.
_FOREIGN = (".pth", ".pt", ".pt2", ".tar", ".bin", ".onnx")


def save_weights(net: PoseNet, path: Path) -> Path:
    """Write the weights and the specification, whole or not at all.

    Args:
        net: The network.
        path: A `.safetensors` file, or a folder that will hold `weights.safetensors`.

    Returns:
        The file.
    """
    spec = net.spec.model_dump()
    return write_weights(Weights(spec, net.skeleton.joints, net.state_dict(), net.ledger, net.calibration), path)


def load_weights(path: Path, *, skeleton: str | None = None) -> PoseNet:
    """The network of a weights file (or of a folder that holds one), or of a checkpoint of another code base.

    Args:
        path: The file or folder.
        skeleton: The name of the skeleton that the network must have; None for any.

    Raises:
        DataError: the file is missing, truncated, foreign, not finite, or its tensors do not fit its specification.
        SkeletonMismatch: the network has another skeleton, or the skeleton of that name has changed since.
    """
    net = net_of(read_any_weights(path), path)
    if skeleton is not None and net.spec.skeleton != skeleton:
        raise SkeletonMismatch(
            f"weights {path}: the network was trained for skeleton {net.spec.skeleton}, not {skeleton}"
        )
    return net


def net_of(weights: Weights, path: Path) -> PoseNet:
    """The network that weights belong to.

    Args:
        weights: What a file holds.
        path: The file, for messages.

    Raises:
        DataError: the tensors are not finite, or do not fit the specification.
        SkeletonMismatch: the skeleton has other joints now than when the network was trained.
    """
    spec = spec_of(weights, path)
    _check_joints(weights, spec, path)
    _check_whole(weights, path)
    net = constructed(spec)
    load_state(net, weights.tensors, path)
    check_set(net)
    net.ledger, net.calibration = weights.ledger, weights.calibration
    return net


def load_into(net: PoseNet, path: Path, *, part: Literal["all", "trunk"] = "all") -> None:
    """Fill a network, or its trunk alone, from the weights file of another.

    Raises:
        DataError: the file cannot be read or its tensors do not fit the network.
        SkeletonMismatch: all is wanted, but the joints differ.
    """
    if part == "trunk":
        load_trunk(net, path)
        return
    weights = read_any_weights(path)
    if weights.joints != net.skeleton.joints:
        raise SkeletonMismatch(
            f"weights {path}: {len(weights.joints)} joints of skeleton {weights.spec.get('skeleton')}, but the network "
            f"has {len(net.skeleton)} of {net.spec.skeleton}; take the trunk alone, or train in the same skeleton"
        )
    _check_whole(weights, path)
    load_state(net, weights.tensors, path)
    # It will be trained: what was measured of these weights will not hold.
    net.ledger, net.calibration = weights.ledger or Ledger(unrecorded=(str(path),)), None


def spec_of(weights: Weights, path: Path) -> ModelSpec:
    """The specification of weights.

    Raises:
        DataError: it is not valid.
    """
    try:
        return from_json(ModelSpec, weights.spec)
    except ValueError as error:
        if "detector" in weights.spec:
            raise DataError(
                f"weights {path}: are a person detector's, not a pose network's; give them by --detector"
            ) from None
        raise DataError(f"weights {path}: specification field {error}") from None


def _check_whole(weights: Weights, path: Path) -> None:
    if all(name.startswith(TRUNK_PARTS) for name in weights.tensors):
        raise DataError(
            f"weights {path}: hold a backbone alone, without decoder and heat maps; start a training from it: "
            f"`prepose train RECIPE --set model.weights={path} --set model.backbone={weights.spec.get('backbone')}`"
        )


def _check_joints(weights: Weights, spec: ModelSpec, path: Path) -> None:
    if weights.joints != SKELETONS[spec.skeleton].joints:
        raise SkeletonMismatch(
            f"weights {path}: skeleton {spec.skeleton} had the joints {', '.join(weights.joints)} when it was trained; "
            "it is another one now"
        )


def import_checkpoint(
    path: Path,
    out: Path,
    *,
    skeleton: str | None = None,
    size: int = 256,
    pixels: str | None = None,
    readout: str = "argmax",
) -> Imported:
    """Write the checkpoint of another code base as a weights file of prepose.

    A network with heat maps becomes a network. A backbone becomes a file of a backbone alone, which predicts nothing:
    it is what `model.weights` of a recipe starts from.

    Args:
        path: See `imported.read_imported`.
        out: A `.safetensors` file, or a folder that will hold `weights.safetensors`.
        skeleton: See `imported.read_imported`.
        size: Side of the crops, px; these networks read any multiple of 32, and are best at what they were trained on.
        pixels: See `imported.read_imported`.
        readout: How its heat maps are read: `argmax`, or as published, `argmax-cell`.

    Returns:
        What was mapped, left out and added.

    Raises:
        DataError: the checkpoint cannot be imported, its tensors do not fit the network, or the file exists.
    """
    if out.suffix in _FOREIGN:
        raise DataError(f"--out {out}: expected a file whose name ends in .safetensors, or a folder for it")
    target = file_of(out)
    with output_file(target):
        found = read_imported(path, skeleton=skeleton, pixels=pixels)
        changes: dict[str, Any] = {"size": size, "readout": readout} if found.family.whole else {}
        weights = replace(found.weights, spec={**found.weights.spec, **changes})
        if found.family.whole:
            net_of(weights, path)
        else:
            fill_trunk(constructed(spec_of(weights, path)), weights, path)
        write_weights(weights, target)
    return replace(found, weights=weights)
