"""Exported models of fewer bits, int8 and float16, and what that costs in accuracy.

int8: weights and activations of the convolutions in 8 bits (static, per channel, calibrated on images of people). The
pixel statistics, the two heads and all after them stay float32: joints are expectations over maps, which need more
than 256 levels. float16: the same part in 16 bits.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from prepose.body.pose import root_relative
from prepose.camera.crop import crop_of_box
from prepose.data.dataset import PoseDataset
from prepose.data.store import open_store, store_splits
from prepose.errors import DataError, RecipeError, unknown_name
from prepose.files import write_whole
from prepose.metrics.protocols import MEAN_PERSON_BONE_SUM_MM
from prepose.models.export import (
    FORMATS,
    Exported,
    export_net,
    export_packages,
    onnx_session,
    quiet,
    to_onnx,
    with_facts,
)
from prepose.models.export_facts import INPUT, OUTPUTS, AccuracyLost, check_ending
from prepose.models.pose_net import PoseNet
from prepose.predict.camera_choice import assumed_camera
from prepose.predict.lift import depth_by_bone_sum, lift

# Half of the images calibrate, the other half measure.
IMAGES = 128
BATCH = 8
WORLD = "wild"
DRAWN_SIZE = 256  # px; side of the synthetic images
HEADS = ("heatmap_head.weight", "depth_head.weight")


@dataclass(frozen=True, eq=False)
class People:
    """Crops of people to calibrate and measure on.

    Attributes:
        name: Where they are from, in words.
        crops: RGB.
    """

    name: str
    crops: UInt8[np.ndarray, "N 3 S S"]


def people_of_store(folder: Path, size: int, count: int = IMAGES) -> People:
    """Crops of people spread evenly over a store's split: `validation` where there is one, else `train`, else any.

    Raises:
        DataError: there is no such store, it is damaged, or fewer than two samples have a box.
    """
    there = store_splits(folder)
    split = next((each for each in ("validation", "train") if each in there), there[0])
    dataset = open_store(folder, split)
    boxes = dataset.array("box_xywh")
    usable = np.flatnonzero(np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > 0).all(axis=1))
    if len(usable) < 2:
        there = f"{len(usable)} sample{'' if len(usable) == 1 else 's'} with a box"
        raise DataError(f"{folder}: split {split} has {there}; 2 or more are needed")
    rows = usable[np.unique(np.linspace(0, len(usable) - 1, min(count, len(usable))).astype(int))]
    return People(f"{dataset.name}/{split}", _crops(dataset, rows, size))


def people_drawn(size: int, count: int = IMAGES) -> People:
    """Crops of synthetic people of the world `wild` who are in none of the stores that networks are tested on."""
    from prepose.synthetic.worlds import draw_sample, find_world

    world = find_world(WORLD)
    samples = (draw_sample(world, "validation", 0, index, DRAWN_SIZE) for index in range(count))
    crops = [crop_of_box(sample.box_xywh, size).read(sample.pixels()) for sample in samples]
    return People(f"synthetic world {WORLD}, validation people", np.stack(crops).transpose(0, 3, 1, 2))


def _crops(dataset: PoseDataset, rows: np.ndarray, size: int) -> UInt8[np.ndarray, "N 3 S S"]:
    samples = (dataset[int(row)] for row in rows)
    crops = [crop_of_box(sample.box_xywh, size).read(sample.pixels()) for sample in samples]
    return np.stack(crops).transpose(0, 3, 1, 2)


def export_any(
    net: PoseNet, path: Path, format_name: str, *, flip_test: bool = True, calibrate: Path | None = None
) -> Exported:
    """Write a network in any format.

    Args:
        net: The network.
        path: The file to write.
        format_name: A name of `models.export.FORMATS` or of `REDUCED`.
        flip_test: Whether the model predicts the mirror image too.
        calibrate: For the formats of `REDUCED`, the store whose images are used; None for synthetic people.

    Raises:
        RecipeError: the format is unknown, or packages for it are not installed.
        DataError: the store cannot be used, or the model is not what the network is.
    """
    known = (*FORMATS, *REDUCED)
    if format_name not in known:
        raise RecipeError(unknown_name("export format", format_name, known))
    if format_name in FORMATS:
        if calibrate is not None:
            raise RecipeError(f"--calibrate belongs to {' and '.join(REDUCED)}; {format_name} needs no images")
        return export_net(net, path, format_name, flip_test=flip_test)
    # What would be refused later is refused before the images are made.
    export_packages()
    check_ending(path)
    size = net.spec.size
    people = people_drawn(size) if calibrate is None else people_of_store(calibrate, size)
    return export_reduced(net, path, format_name, people, flip_test=flip_test)


def export_reduced(net: PoseNet, path: Path, format_name: str, people: People, *, flip_test: bool = True) -> Exported:
    """Write a network as an ONNX model of fewer bits, with the accuracy that this cost in its metadata.

    Args:
        net: The network.
        path: The `.onnx` file to write.
        format_name: A name of `REDUCED`.
        people: The first half calibrates (int8), the second half measures.
        flip_test: Whether the model predicts the mirror image too.

    Raises:
        RecipeError: packages for it are not installed.
        DataError: the file's name does not end in .onnx, or the joints are not finite or no pose.
    """
    check_ending(path)
    half = len(people.crops) // 2
    with quiet():
        whole, facts = to_onnx(net, flip_test=flip_test)
        precision, reduce = REDUCED[format_name]
        model = reduce(whole, people.crops[:half])
    wanted, found = (_joints(each, people.crops[half:]) for each in (whole, model))
    lost = accuracy_lost(wanted, found, net, people.name)
    content = with_facts(model, facts.model_copy(update={"precision": precision, "accuracy_lost": lost}))
    write_whole(path, content)
    # The largest differences are over other images than those of the exact formats.
    largest = np.abs(found - wanted)
    return Exported(
        path, flip_test, float(largest[..., :2].max()), float(largest[..., 2].max()), len(content) / 1e6, lost
    )


def accuracy_lost(
    wanted: Float[np.ndarray, "N J 3"], found: Float[np.ndarray, "N J 3"], net: PoseNet, images: str
) -> AccuracyLost:
    """How far joints are from those of the network, in crop px and, for a person of mean size, in mm.

    Args:
        wanted: The network's joints, crop px.
        found: The joints of the model of fewer bits.
        net: The network.
        images: Which images, in words.
    """
    px = np.linalg.norm(found[..., :2] - wanted[..., :2], axis=-1)
    mm = np.linalg.norm(_root_relative_mm(found, net) - _root_relative_mm(wanted, net), axis=-1)
    return AccuracyLost(
        images=images,
        count=len(wanted),
        mean_px=float(px.mean()),
        p95_px=float(np.percentile(px, 95)),
        mean_mm=float(mm.mean()),
        p95_mm=float(np.percentile(mm, 95)),
    )


def _root_relative_mm(joints_crop: Float[np.ndarray, "N J 3"], net: PoseNet) -> Float[np.ndarray, "N J 3"]:
    """As `prepose predict` lifts them, each crop an image of its own."""
    camera, _ = assumed_camera((net.spec.size, net.spec.size))
    unit = lift(joints_crop.astype(float), camera, np.ones(len(joints_crop)))
    joints = unit * depth_by_bone_sum(unit, net.skeleton, MEAN_PERSON_BONE_SUM_MM)[:, None, None]
    if not np.isfinite(joints).all():
        raise DataError("the network puts all joints into one place, or not to finite ones; it is not trained")
    return root_relative(joints, net.skeleton)


def _joints(model: Any, crops: UInt8[np.ndarray, "N 3 S S"]) -> Float[np.ndarray, "N J 3"]:
    session = onnx_session(model)
    return np.concatenate([session.run([OUTPUTS[0]], {INPUT: each})[0] for each in _batches(crops)])


def _batches(crops: UInt8[np.ndarray, "N 3 S S"]) -> list[np.ndarray]:
    return [np.ascontiguousarray(crops[first : first + BATCH]) for first in range(0, len(crops), BATCH)]


def _after_heads(model: Any) -> list[str]:
    """The names of the heads and of every node after them."""
    reached: set[str] = set()
    names = []
    for node in model.graph.node:  # in topological order
        if any(name in reached or name.endswith(HEADS) for name in node.input):
            reached.update(node.output)
            names.append(node.name)
    return names


def _int8(model: Any, crops: UInt8[np.ndarray, "N 3 S S"]) -> Any:
    onnx, _ = export_packages()
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        """The batches, as the calibrator asks for them."""

        def __init__(self) -> None:
            self._batches: Iterator[np.ndarray] = iter(_batches(crops))

        def get_next(self) -> dict[str, np.ndarray] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
            batch = next(self._batches, None)
            return None if batch is None else {INPUT: batch}

    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, before)
        quantize_static(
            before,
            after,
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Clip", "Relu", "Add", "Resize", "MaxPool"],
            per_channel=True,
            # Seven bits of weights would lose more than twice the accuracy; x86 without VNNI needs them for exact sums.
            reduce_range=False,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_after_heads(model),
        )
        return onnx.load(after)


def _float16(model: Any, _: UInt8[np.ndarray, "N 3 S S"]) -> Any:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return convert_float_to_float16(model, keep_io_types=True, node_block_list=_after_heads(model))


# Name of the format -> the precision that the metadata say, and what makes it.
REDUCED: Mapping[str, tuple[str, Callable[[Any, UInt8[np.ndarray, "N 3 S S"]], Any]]] = MappingProxyType(
    {"int8": ("int8", _int8), "fp16": ("float16", _float16)}
)
