"""Checkpoints of other code bases, as small as their forms allow."""

import io
import pickle
import struct
import tarfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch


def state_of_resnet_18() -> dict[str, torch.Tensor]:
    """The names that tell a ResNet-18, on tensors of a few numbers."""
    blocks = [f"layer{stage}.{block}.conv1.weight" for stage in range(1, 5) for block in range(2)]
    stem = torch.arange(6.0).view(2, 3, 1, 1)
    return {"conv1.weight": stem, "bn1.running_mean": torch.zeros(2)} | {name: torch.ones(1) for name in blocks}


def state_of_simple_baseline(joints: int = 16) -> dict[str, torch.Tensor]:
    """The same with the decoder and heat maps of SimpleBaseline."""
    heads = {"final_layer.weight": torch.ones(joints, 2, 1, 1), "final_layer.bias": torch.ones(joints)}
    return state_of_resnet_18() | {"deconv_layers.0.weight": torch.ones(1)} | heads


class _Pickler(pickle._Pickler):  # the only pickler whose parts can be replaced
    """Writes PyTorch's types and tensors as its first versions did."""

    def persistent_id(self, obj: Any) -> str | None:
        return str(id(obj)) if isinstance(obj, torch.Tensor) else None

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if obj is torch.FloatStorage or obj is torch.FloatTensor:
            self.write(f"ctorch\n{obj.__name__}\n".encode())
        else:
            super().save(obj, save_persistent_id)


def _pickled(value: Any) -> bytes:
    stream = io.BytesIO()
    _Pickler(stream, 2).dump(value)
    return stream.getvalue()


def write_tar_form(path: Path, content: dict[str, Any], tensors: list[torch.Tensor]) -> None:
    """A checkpoint as PyTorch before 0.2 wrote it; each tensor has a view of a storage that is one number longer.

    Source: `torch.serialization.legacy_load`, which a test reads it back with.
    """
    storages, views, described = _pickled(len(tensors)), [], _pickled(len(tensors))
    for tensor in tensors:
        root, view, count = 2 * id(tensor), 2 * id(tensor) + 1, tensor.numel()
        storages += _pickled((root, "cpu", torch.FloatStorage)) + struct.pack("<q", count + 1)
        storages += torch.cat([torch.tensor([99.0]), tensor.flatten()]).numpy().tobytes()
        views.append((view, root, 1, count))
        described += _pickled((id(tensor), view, torch.FloatTensor)) + struct.pack("<ii", tensor.ndim, 0)
        described += struct.pack(f"<{2 * tensor.ndim + 1}q", *tensor.shape, *tensor.contiguous().stride(), 0)
    members = {"storages": storages + _pickled(views), "tensors": described, "pickle": _pickled(content)}
    with tarfile.open(path, "w:") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def write_state_in_tar_form(path: Path, state: dict[str, torch.Tensor]) -> None:
    write_tar_form(path, {"epoch": 3, "state_dict": OrderedDict(state)}, list(state.values()))
