"""Which network is meant: a run's, a weights file's, or one that ships with prepose. Needs no torch."""

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path

from prepose.errors import DataError, nearest
from prepose.models.export_facts import ENDING as EXPORTED
from prepose.models.hub import hub_weights, means_hub

# One safetensors file each; docs/networks.md has their cards.
FOLDER = Path(__file__).parents[1] / "networks"
DEFAULT = "lite0-synthetic"

# A run's weights, best first; `recipes/run.py` writes them there.
RUN_WEIGHTS = ("weights/best.safetensors", "weights/last.safetensors", "weights.safetensors")
WEIGHTS_ENDINGS = (".safetensors", EXPORTED, ".pth", ".pt", ".tar")


def shipped_networks() -> Mapping[str, Path]:
    """Name -> weights file of the networks that ship."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.safetensors"))}


def find_weights(path: Path) -> Path:
    """The weights file that a run's folder, a folder with weights, a weights file, an exported model or a name means.

    `hf:OWNER/NAME` is a network on the Hugging Face hub, see `models.hub`.

    Raises:
        DataError: there is nothing, or a run that has no weights yet.
        RecipeError: the hub cannot be reached.
    """
    if means_hub(path):
        return hub_weights(str(path))
    if path.is_file():
        return path
    if not path.exists():
        shipped = shipped_networks()
        if str(path) in shipped:
            return shipped[str(path)]
        raise DataError(
            f"{path}: there is no such run or weights file{nearest(str(path), shipped)}; networks that ship: "
            f"{', '.join(shipped) or 'none'}"
        )
    for name in RUN_WEIGHTS:
        if (path / name).is_file():
            return path / name
    if (path / "recipe.json").is_file():
        raise DataError(f"{path}: the run has no weights yet (weights/ is empty); resume it with --resume")
    raise DataError(f"{path}: is neither a run nor a folder with weights; give what `prepose train --out` wrote")


def means_network(word: str) -> bool:
    """Whether a word means a network: it ships, is shared, ends as weights do, or is a run's folder."""
    path = Path(word).expanduser()
    return (
        word in shipped_networks()
        or means_hub(word)
        or path.suffix.lower() in WEIGHTS_ENDINGS
        or (path / "recipe.json").is_file()
        or any((path / name).is_file() for name in RUN_WEIGHTS)
    )


def network_and_inputs(words: Sequence[str]) -> tuple[Path, list[str]]:
    """The network and the inputs of `prepose predict [NETWORK] INPUT...`; without a network, the one that ships.

    Raises:
        DataError: there is no input, or the first word is neither a network nor there: a mistyped network must not
            become another one.
    """
    named = bool(words) and means_network(words[0])
    if words and words[0] in (path.stem for path in (FOLDER / "detectors").glob("*.safetensors")):
        raise DataError(f"{words[0]}: is a person detector; give it as --detector {words[0]}")
    if words and not named and not glob.has_magic(words[0]) and not Path(words[0]).expanduser().exists():
        shipped = shipped_networks()
        raise DataError(
            f"{words[0]}: no such image, video or folder, and no run, weights file or network that ships"
            f"{nearest(words[0], shipped)} ({', '.join(shipped) or 'none ship'})"
        )
    inputs = list(words[1:] if named else words)
    if not inputs:
        raise DataError(
            f"{words[0]}: is a network; name one or more images, videos or folders after it"
            if named
            else "there is no image to predict; name one or more images, videos or folders"
        )
    return Path(words[0] if named else DEFAULT), inputs
