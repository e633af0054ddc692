"""torch and ONNX Runtime fulfil one contract, and an exported network's poses are the network's."""

import numpy as np
import pytest

from prepose.models.export import with_facts
from prepose.predict.onnx_network import load_onnx_network
from prepose.predict.predictor import Predictor
from prepose.predict.torch_network import load_torch_network


@pytest.fixture(scope="module")
def exported(to_onnx_once, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "net.onnx"
    path.write_bytes(with_facts(*to_onnx_once))
    return path


def test_both_run_the_same_network(weights, exported, photograph):
    by_torch, by_onnx = load_torch_network(weights), load_onnx_network(exported)
    assert by_onnx.weights == f"{by_torch.weights}-onnx"
    for name in ("spec", "skeleton", "ledger", "device"):
        assert getattr(by_onnx, name) == getattr(by_torch, name)
    crops = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64), np.uint8)
    for one, other in zip(by_torch.run(crops, True), by_onnx.run(crops, True), strict=True):
        assert one.dtype == other.dtype == np.float32
        np.testing.assert_allclose(one, other, atol=0.01)
    people = [Predictor.load(path).predict(photograph)[0] for path in (weights, exported)]
    np.testing.assert_allclose(people[0].joints_img, people[1].joints_img, atol=0.05)
