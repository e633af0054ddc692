"""Networks for use elsewhere: ONNX, `torch.export` and half-size weights files, each checked against the network.

An exported model takes RGB crops, uint8 (B, 3, S, S), and returns `joints_crop` (B, J, 3), px with z relative to the
root, and `confidence` (B, J): pixel statistics, decoding and the flip test are inside.
"""

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
from prepose.models.detector_maps import KEY as DETECTOR_KEY
from prepose.models.detector_maps import MULTIPLE, SIDE, DetectorFacts
from prepose.models.detector_maps import OUTPUTS as DETECTOR_OUTPUTS
from prepose.models.export_facts import ENDING, INPUT, KEY, OUTPUTS, AccuracyLost, ExportFacts, check_ending
from prepose.models.person_detector import PersonDetector
from prepose.models.pose_net import PoseNet, mirror_maps, predict_flipped
from prepose.models.weights_file import Weights, weights_bytes, weights_digest

EXTRA = "onnx"
# A person of 1.8 m fills about 0.7 of the crop, so that 0.1 mm are some 4e-5 of its side.
LARGEST_PX = 0.01
LARGEST_Z_OF_SIDE = 0.1 / 2500
NOT_FINITE = "what the network says is not finite; its training diverged or its weights are damaged; nothing is written"


@dataclass(frozen=True)
class Exported:
    """An exported network and how near it is to the original, over random crops.

    Attributes:
        path: The file.
        flip_test: Whether the mirror image is predicted too.
        largest_px: The largest difference of x or y, crop px.
        largest_z_px: The largest difference of the relative depth, crop px.
        megabytes: The file's size.
        accuracy_lost: What fewer bits cost, over images of people; None where nothing was rounded.
    """

    path: Path
    flip_test: bool
    largest_px: float
    largest_z_px: float
    megabytes: float
    accuracy_lost: AccuracyLost | None = None

    def __str__(self) -> str:
        """One line."""
        found = self.accuracy_lost or (
            f"joints differ from the network's by at most {self.largest_px:.1g} px, {self.largest_z_px:.1g} px in depth"
        )
        return f"{self.path}: {self.megabytes:.1f} MB; {found}"


@dataclass(frozen=True)
class ExportedDetector:
    """An exported person detector and how near it is to the original, over images of noise.

    Attributes:
        path: The file.
        largest_px: The largest difference of a box's side, px of the image that the detector sees.
        megabytes: The file's size.
    """

    path: Path
    largest_px: float
    megabytes: float

    def __str__(self) -> str:
        """One line."""
        size, apart = f"{self.megabytes:.1f} MB", f"at most {self.largest_px:.1g} px"
        return f"{self.path}: {size}; boxes differ from the detector's by {apart}"


class _Whole(nn.Module):
    """The network with everything about it: what is exported."""

    def __init__(self, net: PoseNet, *, flip_test: bool) -> None:
        super().__init__()
        self.net, self.flip_test = net, flip_test

    def forward(self, image: UInt8[Tensor, "B 3 S S"]) -> tuple[Tensor, Tensor]:
        """Joints and confidence of crops."""
        if not self.flip_test:
            output = self.net(image)
            return output.joints_crop, output.confidence
        # As `predict_flipped`, with both images in one batch: the model holds every layer once.
        both = self.net.maps(self.net.pixels(torch.cat([image, image.flip(-1)])))
        count = image.shape[0]  # not `len`, which would fix it in the exported model
        heatmaps, depth_maps = ((maps[:count] + mirror_maps(maps[count:], self.net.skeleton)) / 2 for maps in both)
        output = self.net.read_out(heatmaps, depth_maps)
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
    check_ending(path, ENDINGS[format_name])
    net = net.eval().float().cpu()
    with torch.no_grad(), quiet():
        content, run = FORMATS[format_name](_Whole(net, flip_test=flip_test), _facts(net, flip_test=flip_test))
    largest_px, largest_z = _difference(net, run, flip_test=flip_test)
    if not np.isfinite([largest_px, largest_z]).all():
        raise DataError(f"{path}: {NOT_FINITE}")
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
def quiet() -> Iterator[None]:
    """Keep the exporter's notes about its own future and about packages that are not needed off the screen."""
    logs = [logging.getLogger(name) for name in ("torch.onnx", "root")]
    before = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for log, level in zip(logs, before, strict=True):
            log.setLevel(level)


def _facts(net: PoseNet, *, flip_test: bool) -> ExportFacts:
    return ExportFacts(
        spec=net.spec,
        joints=net.skeleton.joints,
        flip_test=flip_test,
        weights=weights_digest(net),
        ledger=net.ledger,
        calibration=net.calibration,
    )


Run = Callable[[UInt8[np.ndarray, "B 3 S S"]], Float[np.ndarray, "B J 3"]]


def _difference(net: PoseNet, run: Run, *, flip_test: bool) -> tuple[float, float]:
    """The largest difference in x and y, and in z, over a few crops of smooth noise, one and several at once."""
    generator = np.random.default_rng(0)
    size = net.spec.size
    coarse = torch.from_numpy(generator.integers(0, 256, (5, 3, 8, 8), np.uint8)).float()
    smooth = nn.functional.interpolate(coarse, size=(size, size), mode="bilinear").clamp(0, 255)
    images = smooth.round().to(torch.uint8)
    with torch.no_grad():
        wanted = (predict_flipped(net, images) if flip_test else net(images)).joints_crop.numpy()
    found = np.concatenate([run(images[:1].numpy()), run(images[1:].numpy())])
    apart = np.abs(found - wanted)
    return float(apart[..., :2].max()), float(apart[..., 2].max())


def to_onnx(net: PoseNet, *, flip_test: bool) -> tuple[Any, ExportFacts]:
    """The network as an ONNX model (float32, without metadata), and the facts that belong into its metadata.

    Raises:
        RecipeError: the packages for it are not installed.
    """
    with torch.no_grad(), quiet():
        net = net.eval().float().cpu()
        return _onnx_model(_Whole(net, flip_test=flip_test)), _facts(net, flip_test=flip_test)


def with_facts(model: Any, facts: ExportFacts) -> bytes:
    """The content of an ONNX file, with the facts in its metadata."""
    onnx, _ = export_packages()
    onnx.helper.set_model_props(model, {KEY: facts.model_dump_json()})
    return model.SerializeToString()


def onnx_session(model: Any) -> Any:
    """An ONNX model, or the content of its file, ready to run on the CPU."""
    _, onnxruntime = export_packages()
    content = model if isinstance(model, bytes) else model.SerializeToString()
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def _onnx_model(whole: _Whole) -> Any:
    onnx, _ = export_packages()
    size = whole.net.spec.size
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        torch.onnx.export(
            whole,
            (torch.zeros(2, 3, size, size, dtype=torch.uint8),),
            str(file),
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_shapes={"image": {0: torch.export.Dim("batch", min=1)}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        return onnx.load(file)


def export_detector(net: PersonDetector, path: Path) -> ExportedDetector:
    """Write a person detector as an ONNX model: one image of any sides that are multiples of 32 px.

    Raises:
        RecipeError: the packages for it are not installed.
        DataError: the name does not end in .onnx, or the model's boxes or scores differ.
    """
    check_ending(path)
    onnx, _ = export_packages()
    net = net.eval().float().cpu()
    sides = {axis: MULTIPLE * torch.export.Dim(name, min=1, max=64) for axis, name in ((2, "rows"), (3, "columns"))}
    with tempfile.TemporaryDirectory() as folder, torch.no_grad(), quiet():
        file = Path(folder) / "model.onnx"
        torch.onnx.export(
            net,
            (torch.zeros(1, 3, SIDE, SIDE - MULTIPLE, dtype=torch.uint8),),
            str(file),
            input_names=[INPUT],
            output_names=list(DETECTOR_OUTPUTS),
            dynamic_shapes={"image": sides},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        model = onnx.load(file)
    facts = DetectorFacts(weights=weights_digest(net), ledger=net.ledger)
    onnx.helper.set_model_props(model, {DETECTOR_KEY: facts.model_dump_json()})
    content = model.SerializeToString()
    session, generator, apart = onnx_session(content), np.random.default_rng(0), np.zeros(2)
    for height, width in ((SIDE, SIDE // 2), (MULTIPLE, SIDE)):
        image = generator.integers(0, 256, (1, 3, height, width), np.uint8)
        with torch.no_grad():
            wanted = net(torch.from_numpy(image))
        found = session.run(list(DETECTOR_OUTPUTS), {INPUT: image})
        apart = np.maximum(apart, [np.abs(one - two.numpy()).max() for one, two in zip(found, wanted, strict=True)])
    if not np.isfinite(apart).all():
        raise DataError(f"{path}: {NOT_FINITE}")
    if apart.max() > LARGEST_PX:
        raise DataError(
            f"{path}: the exported model differs from the detector by up to {apart[0]:.2g} in its logits and "
            f"{apart[1]:.2g} px in its boxes; {LARGEST_PX} is allowed; nothing is written"
        )
    write_whole(path, content)
    return ExportedDetector(path, float(apart[1]), len(content) / 1e6)


def _as_onnx(whole: _Whole, facts: ExportFacts) -> tuple[bytes, Run]:
    content = with_facts(_onnx_model(whole), facts)
    session = onnx_session(content)
    return content, lambda image: session.run([OUTPUTS[0]], {INPUT: image})[0]


def _as_pt2(whole: _Whole, facts: ExportFacts) -> tuple[bytes, Run]:
    size = whole.net.spec.size
    program = torch.export.export(
        whole,
        (torch.zeros(2, 3, size, size, dtype=torch.uint8),),
        dynamic_shapes={"image": {0: torch.export.Dim("batch", min=1)}},
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.pt2"
        torch.export.save(program, file, extra_files={f"{KEY}.json": facts.model_dump_json()})
        content = file.read_bytes()
        loaded = torch.export.load(file).module()
    return content, lambda image: loaded(torch.from_numpy(image))[0].detach().numpy()


def _as_half(whole: _Whole, facts: ExportFacts) -> tuple[bytes, Run]:
    """A weights file of prepose whose numbers have 16 bits."""
    net = whole.net
    halves = {name: _halved(tensor) for name, tensor in net.state_dict().items()}
    content = weights_bytes(Weights(net.spec.model_dump(), net.skeleton.joints, halves, net.ledger, net.calibration))
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


FORMATS: Mapping[str, Callable[[_Whole, ExportFacts], tuple[bytes, Run]]] = MappingProxyType(
    {"onnx": _as_onnx, "pt2": _as_pt2, "half": _as_half}
)


# As `prepose predict` knows them; torch.export.load takes its own alone.
ENDINGS = MappingProxyType({"onnx": ENDING, "pt2": ".pt2", "half": ".safetensors"})


def export_packages() -> tuple[Any, Any]:
    """The packages onnx and onnxruntime.

    Raises:
        RecipeError: they, or what the exporter needs beside them, are not installed.
    """
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 - the exporter needs it
    except ImportError as error:
        raise RecipeError(f"export to ONNX needs {error.name}; run `pip install 'prepose[{EXTRA}]'`") from error
    return onnx, onnxruntime
