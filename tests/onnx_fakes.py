"""A small ONNX model in the form of an exported network, made without torch's exporter, which takes seconds."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from prepose.body.skeletons import MPII_16
from prepose.models.export_facts import INPUT, KEY, OUTPUTS, ExportFacts
from prepose.specs.ledger import Ledger
from prepose.specs.model import ModelSpec

SIZE = 32
FACTS = ExportFacts(
    spec=ModelSpec(backbone="small-0.3m", decoder="light", size=SIZE),
    joints=MPII_16.joints,
    flip_test=True,
    weights="0123456789abcdef",
    ledger=Ledger(pretrained=("imagenet",)),
)


def write_onnx(path: Path, metadata: dict[str, str] | None = None, outputs: tuple[str, ...] = OUTPUTS) -> Path:
    """A model whose joints hang on the mean colour of the crop.

    Args:
        path: The file.
        metadata: The model's metadata; None for those of `FACTS`.
        outputs: The names of the outputs.
    """
    generator, count = np.random.default_rng(0), len(MPII_16)
    numbers = {
        "axes": np.array([2, 3]),
        "joint_weights": generator.uniform(0, SIZE / 400, (3, count * 3)).astype(np.float32),
        "confidence_weights": generator.normal(0, 0.01, (3, count)).astype(np.float32),
        "joint_shape": np.array([-1, count, 3]),
    }
    nodes = [
        helper.make_node("Cast", [INPUT], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels", "axes"], ["colour"], keepdims=0),
        helper.make_node("MatMul", ["colour", "joint_weights"], ["flat"]),
        helper.make_node("Reshape", ["flat", "joint_shape"], [outputs[0]]),
        helper.make_node("MatMul", ["colour", "confidence_weights"], ["raw"]),
        helper.make_node("Sigmoid", ["raw"], [outputs[1]]),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["batch", 3, SIZE, SIZE])],
        [
            helper.make_tensor_value_info(outputs[0], TensorProto.FLOAT, ["batch", count, 3]),
            helper.make_tensor_value_info(outputs[1], TensorProto.FLOAT, ["batch", count]),
        ],
        [numpy_helper.from_array(value, name) for name, value in numbers.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {KEY: FACTS.model_dump_json()} if metadata is None else metadata)
    onnx.save(model, path)
    return path
