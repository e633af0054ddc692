"""The tensors in a file of PyTorch, `transformers` or torchvision. Nothing in a file is executed.

`torch.load(weights_only=True)` reads PyTorch's zip form and the one before it by an unpickler that builds tensors and
plain values alone; the tar form of PyTorch before 0.2, which it refuses, is read by the project's own pickle machine.

That archive has three members. `storages` is a count, and for each storage a pickled (key, place, type) followed by its
length (8 bytes) and its numbers; then a pickled list of views. `tensors` is a count, and for each tensor a pickled
(key, storage key, type) followed by its axes, sizes, strides and offset. `pickle` is the object that was saved, in
which tensors are named by their keys. Source: `torch.serialization`, which reads this form only where pickles may run
anything.
"""

import re
import struct
import tarfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from prepose.errors import DataError
from prepose.pickles.instructions import run
from prepose.pickles.machine import Machine
from prepose.pickles.names import Named, Refusal

MEMBERS = ("storages", "tensors", "pickle")
MOST_AXES = 16
TYPES: Mapping[str, np.dtype] = MappingProxyType(
    {
        "Half": np.dtype("<f2"),
        "Float": np.dtype("<f4"),
        "Double": np.dtype("<f8"),
        "Char": np.dtype("i1"),
        "Byte": np.dtype("u1"),
        "Short": np.dtype("<i2"),
        "Int": np.dtype("<i4"),
        "Long": np.dtype("<i8"),
    }
)


def is_tar_form(path: Path) -> bool:
    """Whether a file is a tar archive, whatever it is called: newer PyTorch writes other forms under `.pth.tar`."""
    return tarfile.is_tarfile(path)


def read_tar_form(path: Path) -> Any:
    """The object that was saved: plain values and tensors.

    Raises:
        DataError: the file is damaged, or holds something else; nothing in it is run.
        OSError: it cannot be read.
    """
    try:
        storages, tensors, pickle = _members(path)
        keyed: dict[int, Any] = _tensors_of(tensors, _storages_of(storages))
        return run(Machine(pickle, refer=lambda key: keyed[int(key)]))
    except Refusal as refusal:
        raise DataError(f"checkpoint {path}: unsafe: it {refusal}; save its state_dict alone") from None
    except OSError:
        raise
    # What a damaged program does to a stack machine is anybody's guess.
    except Exception as error:
        raise DataError(f"checkpoint {path}: its tar form is damaged ({type(error).__name__})") from None


def _members(path: Path) -> list[bytes]:
    size = path.stat().st_size
    with tarfile.open(path, "r:") as archive:
        found = []
        for name in MEMBERS:
            member = archive.getmember(name)
            file = archive.extractfile(member) if member.isreg() and not member.issparse() else None
            if file is None or member.size > size:
                raise ValueError(f"{name} is not a file")
            found.append(file.read())
    return found


def _storages_of(data: bytes) -> dict[int, np.ndarray]:
    # Of bytes, numpy makes arrays that cannot be written to.
    held = bytearray(data)
    count, at = _value(data, 0)
    storages: dict[int, np.ndarray] = {}
    for _ in range(count):
        (key, _place, kind), at = _value(data, at)
        (length,) = struct.unpack_from("<q", data, at)
        dtype = TYPES[kind.kind if isinstance(kind, Named) else kind]
        storages[int(key)] = np.frombuffer(held, dtype, length, at + 8)
        at += 8 + length * dtype.itemsize
    views, _ = _value(data, at)
    for key, root, offset, length in views:
        if not 0 <= offset <= offset + length <= len(storages[int(root)]):
            raise ValueError("a view leads out of its storage")
        storages[int(key)] = storages[int(root)][offset : offset + length]
    return storages


def _tensors_of(data: bytes, storages: Mapping[int, np.ndarray]) -> dict[int, Tensor]:
    count, at = _value(data, 0)
    tensors: dict[int, Tensor] = {}
    for _ in range(count):
        (key, storage, _kind), at = _value(data, at)
        (axes,) = struct.unpack_from("<i", data, at)
        if not 0 <= axes <= MOST_AXES:
            raise ValueError("an impossible number of axes")
        *numbers, offset = struct.unpack_from(f"<{2 * axes + 1}q", data, at + 8)
        at += 8 + 8 * (2 * axes + 1)
        sizes, strides = numbers[:axes], numbers[axes:]
        held = torch.empty(0) if storage is None else torch.from_numpy(storages[int(storage)])
        # torch refuses steps out of the storage.
        tensors[int(key)] = held.as_strided(sizes, strides, offset)
    return tensors


def _value(data: bytes, at: int) -> tuple[Any, int]:
    """The value of the pickle that begins at a place, and where it ends."""
    machine = Machine(data, at=at)
    value = run(machine)
    return value, machine.at + 1


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
