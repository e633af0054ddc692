"""Which files are weights of prepose, and which checkpoints of other code bases. Nothing in either is executed."""

from pathlib import Path

from prepose.errors import DataError
from prepose.models.export_facts import is_exported
from prepose.models.hub import means_hub
from prepose.models.imported import read_imported
from prepose.models.weights_file import Weights, read_weights

SUFFIXES = (".pth", ".pt", ".tar")


def is_legacy_file(path: Path) -> bool:
    """Whether a path means a checkpoint to import: a file, there or not, that is not one of prepose's own."""
    if means_hub(path) or is_exported(path):
        return False
    return path.suffix != ".safetensors" and (path.is_file() or (path.suffix in SUFFIXES and not path.is_dir()))


def read_any_weights(path: Path) -> Weights:
    """Weights of prepose (a file, or a folder that holds one), or of a checkpoint of another code base.

    Raises:
        DataError: the file is missing, unsafe, damaged, foreign, or an exported model.
    """
    if is_exported(path):
        raise DataError(
            f"weights {path}: is an exported model, which predicts alone; give the run or weights file that it was "
            "exported from"
        )
    return read_legacy(path) if is_legacy_file(path) else read_weights(path)


def read_legacy(path: Path) -> Weights:
    """The weights of a checkpoint of another code base; `imported.read_imported` says what is converted.

    Raises:
        DataError: the file is missing, unsafe, or not such a checkpoint.
    """
    return read_imported(path).weights
