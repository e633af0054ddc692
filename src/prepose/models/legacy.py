"""Import of checkpoints of other code bases: as networks, and as weights files of prepose."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from prepose.errors import DataError
from prepose.files import output_file
from prepose.models.checkpoint import net_of, spec_of
from prepose.models.imported import Imported, read_imported
from prepose.models.legacy_file import read_legacy
from prepose.models.pose_net import PoseNet, constructed, fill_trunk
from prepose.models.weights_file import file_of, write_weights

# Names that no folder has, and that other readers would not know a weights file of prepose by.
_FOREIGN = (".pth", ".pt", ".pt2", ".tar", ".bin", ".onnx")


def load_legacy(path: Path) -> PoseNet:
    """The network of a checkpoint of another code base; `imported.read_imported` says what is converted.

    Args:
        path: A file with a `state_dict`. Nothing in it is executed.

    Raises:
        DataError: the file is missing, unsafe, not such a checkpoint, or holds a backbone alone.
    """
    return net_of(read_legacy(path), path)


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
