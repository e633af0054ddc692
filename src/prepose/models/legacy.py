"""Import of `.pth` checkpoints of the reference code base as networks."""

from pathlib import Path

from prepose.models.checkpoint import net_of
from prepose.models.legacy_file import read_legacy
from prepose.models.pose_net import PoseNet


def load_legacy(path: Path) -> PoseNet:
    """The network of a checkpoint of the reference code base; `read_legacy` says what is converted.

    Args:
        path: A file with a `state_dict`. Nothing in it is executed.

    Raises:
        DataError: the file is missing, unsafe, or not such a checkpoint.
    """
    return net_of(read_legacy(path), path)
