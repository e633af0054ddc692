"""The tensors in a file of PyTorch, `transformers` or torchvision. Nothing in a file is executed.

`torch.load(weights_only=True)` reads PyTorch's zip form and the one before it by an unpickler that builds tensors and
plain values alone; the tar form of PyTorch before 0.2, which it refuses, is read by `tar_file`.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from prepose.errors import DataError
from prepose.models.tar_file import is_tar_form, read_tar_form

LONGEST_NAME = 80
MODULE = "module."  # what DataParallel puts before each name
STATE = "state_dict"


class _Skipped:
    """Stands for NumPy's numbers beside the weights (an epoch, the best score): taken as they come, never made."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


# How NumPy 1 and 2 spell what pickles of their scalars, dtypes and arrays call.
_NUMPY_GLOBALS: list[Callable | tuple[Callable, str]] = [
    (_Skipped, name)
    for name in (
        "numpy.dtype",
        "numpy.ndarray",
        *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
    )
]


@dataclass(frozen=True)
class TorchFile:
    """What a file holds.

    Attributes:
        tensors: The tensors of its `state_dict`, by their names without `module.`.
        beside: What lies beside the `state_dict` and is not read: an epoch, an optimiser ...
    """

    tensors: Mapping[str, Tensor]
    beside: tuple[str, ...] = ()


def read_torch_file(path: Path) -> TorchFile:
    """The `state_dict` of a file that `torch.save` wrote in any of its three forms, or of a safetensors file.

    Raises:
        DataError: the file is missing, unsafe, damaged, or holds no `state_dict`.
    """
    if not path.is_file():
        raise DataError(f"checkpoint {path}: no such file")
    try:
        content = _content(path)
    except OSError as error:
        raise DataError(f"checkpoint {path}: cannot be read ({error.strerror or error})") from None
    state, beside = content, ()
    if isinstance(content, dict) and STATE in content:
        state, beside = content[STATE], tuple(shown(str(key), bare=True) for key in content if key != STATE)
    if not isinstance(state, dict) or not state or not all(_is_named_tensor(*item) for item in state.items()):
        raise DataError(f"checkpoint {path}: it holds no state_dict of tensors")
    tensors: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise DataError(f"checkpoint {path}: tensor {shown(name)} is larger than what the file holds of it")
        plain = name.removeprefix(MODULE)
        if plain in tensors:
            raise DataError(f"checkpoint {path}: two tensors are called {shown(plain)}")
        tensors[plain] = tensor.detach()
    return TorchFile(tensors, beside)


def _content(path: Path) -> Any:
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise DataError(f"checkpoint {path}: truncated or not a safetensors file ({error})") from None
    if is_tar_form(path):
        return read_tar_form(path)
    try:
        # The one line is ours: torch warns of pickle protocols and of types that it will drop.
        with warnings.catch_warnings(action="ignore"), torch.serialization.safe_globals(_NUMPY_GLOBALS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a broken pickle stream fails in the unpickler's own tables in many ways
        raise DataError(f"checkpoint {path}: {_reason(error)}") from None


def _is_named_tensor(name: Any, value: Any) -> bool:
    plain = isinstance(name, str) and isinstance(value, Tensor)
    return plain and value.layout is torch.strided and value.device.type == "cpu"


def _reason(error: Exception) -> str:
    """What torch found, without its advice on how to load the file all the same."""
    text = str(error)
    refused = re.search(r"GLOBAL (\S+)", text)
    if refused:
        return (
            f"unsafe: it holds {shown(refused[1])}, and only tensors, plain values and NumPy numbers are read; "
            "save its state_dict alone"
        )
    found = re.search(r"WeightsUnpickler error: (.+)", text)
    first = found[1] if found else "" if text.startswith("Weights only") else text.partition("\n")[0]
    detail = first.partition(". ")[0] or type(error).__name__
    return f"truncated, unsafe or not a PyTorch file ({ascii(detail)[1:-1][:LONGEST_NAME]})"


def shown(name: str, *, bare: bool = False) -> str:
    """A name from the file that no terminal acts on, in quotes or bare."""
    text = ascii(name) if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]!a}..."
    return text.replace("'", "") if bare else text
