"""Published networks: a folder as `transformers` saves it, or a name on the Hugging Face hub."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError
from torch import Tensor

from prepose.errors import DataError, RecipeError, one_line
from prepose.files import read_object
from prepose.models.hub import ask_hub, is_folder

# Norms that `transformers` adds behind the stages, which no published file holds; they start as the identity.
ADDED_NORMS = "hidden_states_norms."


def read_published(source: str, name: str) -> dict[str, Any] | None:
    """The JSON object in a file of a folder or of the hub.

    Args:
        source: A folder, or OWNER/NAME on the hub, whose local cache is read first.
        name: The file.

    Returns:
        None where the folder or the hub's repository has no such file.

    Raises:
        RecipeError: there is no such folder, or the hub cannot be reached.
        DataError: the file is not a JSON object.
    """
    path = _published_file(source, name)
    return None if path is None else read_object(path, advice=f"download {source} again")


def _published_file(source: str, name: str) -> Path | None:
    if is_folder(source):
        path = Path(source) / name
        return path if path.is_file() else None
    cached = try_to_load_from_cache(source, name)
    if isinstance(cached, str):
        return Path(cached)
    if cached is not None:  # the mark of a file that the repository was found to lack
        return None
    _ask_hub(source)
    try:
        return Path(hf_hub_download(source, name))
    except EntryNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RecipeError(unreachable(source, error)) from error


def published_state(load: Callable[..., Any], source: str, name: str) -> dict[str, Tensor]:
    """The tensors of a published network.

    Args:
        load: `from_pretrained` of its class, with what is to be said beside `source`.
        source: A folder, or OWNER/NAME on the hub.
        name: The backbone's name, for messages.

    Raises:
        RecipeError: the hub cannot be reached.
        DataError: there are no weights, or tensors are missing.
    """
    try:
        net, info = _loaded(load, source)
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"weights {source}: cannot be read as {name}'s: {one_line(error, 300)}") from error
    # transformers fills what a file lacks with random numbers; here that is an error.
    lacking = sorted(key for key in info["missing_keys"] if not key.startswith(ADDED_NORMS))
    if lacking:
        raise DataError(f"weights {source}: {len(lacking)} tensors of {name} are missing, such as {lacking[0]}")
    state = net.state_dict()
    for key in info["missing_keys"]:
        state[key] = torch.full_like(state[key], 1.0 if key.endswith(".weight") else 0.0)
    return state


def _loaded(load: Callable[..., Any], source: str) -> Any:
    # transformers logs a table of what is missing and left over; what matters of it is an error here.
    log = logging.getLogger("transformers.modeling_utils")
    log.addFilter(_nothing)
    try:
        return _from_cache_or_hub(load, source)
    finally:
        log.removeFilter(_nothing)


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def _from_cache_or_hub(load: Callable[..., Any], source: str) -> Any:
    try:
        return load(source, output_loading_info=True, local_files_only=True)
    except OSError:
        if is_folder(source):
            raise
    _ask_hub(source)
    return load(source, output_loading_info=True)


def _ask_hub(source: str) -> None:
    """End in one line, and soon, where the hub cannot be reached."""
    try:
        ask_hub(hf_hub_url(source, "config.json"))
    except Exception as error:  # the client's own errors, which are of no one kind
        raise RecipeError(unreachable(source, error)) from error


def unreachable(source: str, error: BaseException) -> str:
    """What to do where the hub gives nothing."""
    return (
        f"{source} cannot be read, downloaded or found in the local cache ({one_line(error, 300)}); connect to the "
        "network, give the path of a downloaded folder, or choose another backbone or random weights"
    )
