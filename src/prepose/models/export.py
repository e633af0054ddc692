"""Networks for use elsewhere: ONNX, `torch.export` and half-size weights files, each checked against the network.

An exported model takes RGB crops, uint8 (B, 3, S, S), and returns `joints_crop` (B, J, 3), px with z relative to the
root, and `confidence` (B, J): pixel statistics, decoding and the flip test are inside.
"""

import json
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from prepose.errors import DataError, RecipeError
from prepose.files import write_whole
from prepose.models.flip_test import predict_flipped
from prepose.models.pose_net import PoseNet
from prepose.models.weights_file import FORMAT, VERSION, Weights, write_weights

EXTRA = "onnx"
# A person of 1.8 m fills about 0.7 of the crop, so that 0.1 mm are some 4e-5 of its side.
LARGEST_PX = 0.01
LARGEST_Z_OF_SIDE = 0.1 / 2500
OUTPUTS = ("joints_crop", "confidence")


@dataclass(frozen=True)
class Exported:
    """An exported network and how near it is to the original, over random crops.

    Attributes:
        path: The file.
        flip_test: Whether the mirror image is predicted too.
        largest_px: The largest difference of x or y, crop px.
        largest_z_px: The largest difference of the relative depth, crop px.
        megabytes: The file's size.
    """

    path: Path
    flip_test: bool
    largest_px: float
    largest_z_px: float
    megabytes: float


class _Whole(nn.Module):
    """The network with everything about it: what is exported."""

    def __init__(self, net: PoseNet, *, flip_test: bool) -> None:
        super().__init__()
        self.net, self.flip_test = net, flip_test

    def forward(self, image: UInt8[Tensor, "B 3 S S"]) -> tuple[Tensor, Tensor]:
        """Joints and confidence of crops."""
        output = predict_flipped(self.net, image) if self.flip_test else self.net(image)
        return output.joints_crop, output.confidence


def export_net(net: PoseNet, path: Path, format_name: str, *, flip_test: bool = True) -> Exported:
    """Write a network in another form, and refuse the file where it computes other joints.

    Args:
        net: The network.
        path: The file to write.
        format_name: A name of `FORMATS`.
        flip_test: Whether the exported model predicts the mirror image too (twice the time, a little more exact); a
            weights file leaves that to its user.

    Raises:
        RecipeError: the format is unknown, or its packages are not installed.
        DataError: the exported model's joints differ by more than 0.01 px, or 0.1 mm in depth.
    """
    if format_name not in FORMATS:
        raise RecipeError(f"export format {format_name!r}: expected one of {', '.join(FORMATS)}")
    net = net.eval().float().cpu()
    with torch.no_grad(), warnings.catch_warnings(), _quiet():
        content, run = FORMATS[format_name](_Whole(net, flip_test=flip_test), _facts(net, flip_test=flip_test))
    largest_px, largest_z = _difference(net, run, flip_test=flip_test)
    limit_z = LARGEST_Z_OF_SIDE * net.spec.size
    # Half-size weights are rounded on purpose; what that changes is told, not refused.
    if format_name != "half" and (largest_px > LARGEST_PX or largest_z > limit_z):
        raise DataError(
            f"{path}: the exported model's joints differ from the network's by up to {largest_px:.2g} px and "
            f"{largest_z:.2g} px in depth; {LARGEST_PX} and {limit_z:.2g} are allowed; nothing is written"
        )
    write_whole(path, content)
    return Exported(path, flip_test, largest_px, largest_z, len(content) / 1e6)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes about its own future and about packages that are not needed off the screen."""
    warnings.simplefilter("ignore")
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _facts(net: PoseNet, *, flip_test: bool) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "spec": net.spec.model_dump(mode="json"),
        "joints": list(net.skeleton.joints),
        "flip_test": flip_test,
        "ledger": None if net.ledger is None else net.ledger.model_dump(mode="json"),
        "calibration": None if net.calibration is None else net.calibration.model_dump(mode="json"),
    }


Run = Callable[[UInt8[np.ndarray, "B 3 S S"]], Float[np.ndarray, "B J 3"]]


def _difference(net: PoseNet, run: Run, *, flip_test: bool) -> tuple[float, float]:
    """The largest difference in x and y, and in z, over a few crops of smooth noise, one and several at once."""
    generator = np.random.default_rng(0)
    size = net.spec.size
    coarse = torch.from_numpy(generator.integers(0, 256, (5, 3, 8, 8), np.uint8)).float()
    smooth = nn.functional.interpolate(coarse, size=(size, size), mode="bilinear").clamp(0, 255)
    images = smooth.round().to(torch.uint8)
    with torch.no_grad():
        wanted = _Whole(net, flip_test=flip_test)(images)[0].numpy()
    found = np.concatenate([run(images[:1].numpy()), run(images[1:].numpy())])
    apart = np.abs(found - wanted)
    return float(apart[..., :2].max()), float(apart[..., 2].max())


def _as_onnx(whole: _Whole, facts: Mapping[str, Any]) -> tuple[bytes, Run]:
    onnx, onnxruntime = _packages()
    size = whole.net.spec.size
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        torch.onnx.export(
            whole,
            (torch.zeros(2, 3, size, size, dtype=torch.uint8),),
            str(file),
            input_names=["image"],
            output_names=list(OUTPUTS),
            dynamic_shapes={"image": {0: torch.export.Dim("batch", min=1)}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        model = onnx.load(file)
    onnx.helper.set_model_props(model, {"prepose": json.dumps(facts)})
    content = model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return content, lambda image: session.run([OUTPUTS[0]], {"image": image})[0]


def _as_pt2(whole: _Whole, facts: Mapping[str, Any]) -> tuple[bytes, Run]:
    size = whole.net.spec.size
    program = torch.export.export(
        whole,
        (torch.zeros(2, 3, size, size, dtype=torch.uint8),),
        dynamic_shapes={"image": {0: torch.export.Dim("batch", min=1)}},
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.pt2"
        torch.export.save(program, file, extra_files={"prepose.json": json.dumps(facts)})
        content = file.read_bytes()
        loaded = torch.export.load(file).module()
    return content, lambda image: loaded(torch.from_numpy(image))[0].detach().numpy()


def _as_half(whole: _Whole, facts: Mapping[str, Any]) -> tuple[bytes, Run]:
    """A weights file of prepose whose numbers have 16 bits."""
    net = whole.net
    halves = {name: _halved(tensor) for name, tensor in net.state_dict().items()}
    with tempfile.TemporaryDirectory() as folder:
        weights = Weights(facts["spec"], net.skeleton.joints, halves, net.ledger, net.calibration)
        content = write_weights(weights, Path(folder) / "weights.safetensors").read_bytes()
    rounded = PoseNet(net.spec).eval()
    rounded.load_state_dict(halves)
    other = _Whole(rounded, flip_test=whole.flip_test)

    @torch.no_grad()
    def run(image: UInt8[np.ndarray, "B 3 S S"]) -> Float[np.ndarray, "B J 3"]:
        return other(torch.from_numpy(image))[0].numpy()

    return content, run


def _halved(tensor: Tensor) -> Tensor:
    # Variances of some channels are below what float16 can tell from nothing, or above its largest number.
    if not tensor.is_floating_point() or tensor.ndim <= 1:
        return tensor
    return tensor.half()


FORMATS: Mapping[str, Callable[[_Whole, Mapping[str, Any]], tuple[bytes, Run]]] = MappingProxyType(
    {"onnx": _as_onnx, "pt2": _as_pt2, "half": _as_half}
)


def _packages() -> tuple[Any, Any]:
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 - the exporter needs it
    except ImportError as error:
        raise RecipeError(f"export to ONNX needs {error.name}; run `pip install 'prepose[{EXTRA}]'`") from error
    return onnx, onnxruntime
