"""Checkpoints in the tar form of PyTorch before 0.2, read by the project's own pickle machine: nothing is executed.

The archive has three members. `storages` is a count, and for each storage a pickled (key, place, type) followed by its
length (8 bytes) and its numbers; then a pickled list of views. `tensors` is a count, and for each tensor a pickled
(key, storage key, type) followed by its axes, sizes, strides and offset. `pickle` is the object that was saved, in
which tensors are named by their keys.

Source: `torch.serialization`, which reads this form only where pickles may run anything.
"""

import struct
import tarfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
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
