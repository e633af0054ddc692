"""The weights file: safetensors, with a JSON header that says which network the tensors belong to.

One file holds both, so that it can be written aside and renamed as a whole: a reader never meets half a checkpoint.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from prepose.errors import DataError
from prepose.files import write_whole
from prepose.specs.error_calibration import ErrorCalibration
from prepose.specs.fields import from_json
from prepose.specs.ledger import Ledger

FORMAT = "prepose-weights"
VERSION = 1
FILE_NAME = "weights.safetensors"
ADVICE = "copy or train it again"
Part = TypeVar("Part", bound=BaseModel)


@dataclass(frozen=True)
class Weights:
    """What a weights file holds.

    Attributes:
        spec: The model's specification, as JSON data.
        joints: The names of the joints, in the order of the maps.
        tensors: Tensors by their names in the network.
        ledger: Which data they come from; None where the file does not say.
        calibration: What the network's confidence says of its errors; None where the file does not say.
    """

    spec: Mapping[str, Any]
    joints: tuple[str, ...]
    tensors: Mapping[str, Tensor]
    ledger: Ledger | None = None
    calibration: ErrorCalibration | None = None


def file_of(path: Path) -> Path:
    """The weights file that a path means: itself, or the one in a folder."""
    return path if path.suffix == ".safetensors" or path.is_file() else path / FILE_NAME


def is_weights_file(path: Path) -> bool:
    """Whether the path is a safetensors file, or a folder with a weights file of this project."""
    return file_of(path).is_file()


def write_weights(weights: Weights, path: Path) -> Path:
    """Write the file aside, flush it to the disk and rename it; returns where it is."""
    return write_whole(file_of(path), weights_bytes(weights))


def weights_bytes(weights: Weights) -> bytes:
    """The content of the file."""
    header = {"format": FORMAT, "version": VERSION, "spec": dict(weights.spec), "joints": list(weights.joints)}
    if weights.ledger is not None:
        header["ledger"] = weights.ledger.model_dump(mode="json")
    if weights.calibration is not None:
        header["calibration"] = weights.calibration.model_dump(mode="json")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.tensors.items()}
    return save(tensors, metadata={"prepose": json.dumps(header)})


def read_weights(path: Path) -> Weights:
    """Read a weights file.

    Raises:
        DataError: the file is missing, truncated, not a weights file, or of another version.
    """
    source = file_of(path)
    if not source.is_file():
        raise DataError(f"weights {source}: no such file; give a weights file or a folder that holds {FILE_NAME}")
    try:
        with safe_open(source, framework="pt") as file:
            header = _header(file.metadata(), source)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise DataError(f"weights {source}: truncated or not a safetensors file ({error}); {ADVICE}") from None
    ledger = _part(header, "ledger", Ledger, source)
    calibration = _part(header, "calibration", ErrorCalibration, source)
    return Weights(header["spec"], tuple(header["joints"]), tensors, ledger, calibration)


def _part(header: Mapping[str, Any], name: str, kind: type[Part], source: Path) -> Part | None:
    """A part of the header; None where it has none, as files of earlier versions."""
    if name not in header:
        return None
    try:
        return from_json(kind, header[name])
    except ValueError as error:
        raise DataError(f"weights {source}: the header's {name} is damaged ({error}); {ADVICE}") from None


def _header(metadata: Mapping[str, str] | None, source: Path) -> dict[str, Any]:
    if not metadata or "prepose" not in metadata:
        raise DataError(
            f"weights {source}: a safetensors file, but not one that prepose wrote; it has no prepose header"
        )
    try:
        header = json.loads(metadata["prepose"])
        found = f"{header['format']} version {header['version']}"
    except (ValueError, LookupError, TypeError, RecursionError):
        header, found = {}, "a broken header"
    if found != f"{FORMAT} version {VERSION}":
        raise DataError(
            f"weights {source}: {found}, but this prepose reads {FORMAT} version {VERSION}; use the one that wrote it"
        )
    spec, joints = header.get("spec"), header.get("joints")
    if not isinstance(spec, dict):
        raise DataError(f"weights {source}: the header's spec is {_kind(spec)}, expected an object; {ADVICE}")
    if not isinstance(joints, list) or not all(isinstance(joint, str) for joint in joints):
        raise DataError(
            f"weights {source}: the header's joints are {_kind(joints)}, expected a list of names; {ADVICE}"
        )
    return header


def _kind(value: Any) -> str:
    if value is None:
        return "missing"
    return "a list of other things" if isinstance(value, list) else f"a {type(value).__name__}"


def weights_digest(net: nn.Module) -> str:
    """A short digest of every number of a network: the same weights, the same digest, wherever they lie."""
    digest = hashlib.sha256()
    for name, tensor in sorted(net.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def load_state(module: nn.Module, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Copy tensors into a module, all of them and nothing else.

    Raises:
        DataError: tensors are missing, unexpected, of another shape or kind, or not finite; the message names them.
    """
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in tensors]
    unexpected = [name for name in tensors if name not in wanted]
    reshaped = [
        f"{name} {tuple(tensors[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in tensors and tensors[name].shape != tensor.shape
    ]
    faults = [
        f"{what} {', '.join(names[:4])}{f' and {len(names) - 4} more' if len(names) > 4 else ''}"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", reshaped))
        if names
    ]
    if faults:
        raise DataError(f"weights {source}: they do not fit the network: {'; '.join(faults)}")
    for name, tensor in tensors.items():
        _check_numbers(name, tensor, wanted[name], source)
    with torch.no_grad():
        module.load_state_dict(dict(tensors))


def _check_numbers(name: str, tensor: Tensor, wanted: Tensor, source: Path) -> None:
    if tensor.is_complex() or tensor.is_floating_point() != wanted.is_floating_point():
        raise DataError(f"weights {source}: {name} is of {tensor.dtype}, expected {wanted.dtype}; {ADVICE}")
    broken = int((~tensor.isfinite()).sum())
    if broken:
        raise DataError(
            f"weights {source}: {name} is not finite in {broken} of {tensor.numel()} numbers; its training diverged or "
            "its weights are damaged"
        )
