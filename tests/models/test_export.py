"""Exported networks compute what the network computes, and say which network they are."""

import numpy as np
import pytest
import torch

from prepose.errors import DataError, RecipeError
from prepose.models import export
from prepose.models.checkpoint import load_weights
from prepose.models.export import export_net
from prepose.models.export_facts import facts_of
from prepose.models.pose_net import PoseNet, build_pose_net, predict_flipped
from prepose.models.weights_file import weights_digest
from prepose.specs.ledger import Ledger
from prepose.specs.model import ModelSpec


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def net() -> PoseNet:
    net = build_pose_net(ModelSpec(backbone="small-0.3m", decoder="light", size=32), seed=3).eval()
    net.ledger = Ledger(pretrained=("imagenet",))
    # Heads of a new network give even maps, whose joints hang on nothing.
    torch.nn.init.normal_(net.heatmap_head.weight, std=0.5, generator=torch.Generator().manual_seed(0))
    torch.nn.init.normal_(net.depth_head.weight, std=0.01, generator=torch.Generator().manual_seed(1))
    return net


def test_onnx_has_pixels_decoding_and_flip_test_inside(net: PoseNet, tmp_path, generator) -> None:
    runtime = pytest.importorskip("onnxruntime")
    done = export_net(net, tmp_path / "net.onnx", "onnx")
    session = runtime.InferenceSession(done.path, providers=["CPUExecutionProvider"])
    image = generator.integers(0, 256, (3, 3, 32, 32), np.uint8)
    joints, confidence = session.run(None, {"image": image})
    wanted = predict_flipped(net, torch.from_numpy(image))
    np.testing.assert_allclose(joints, wanted.joints_crop.numpy(), atol=2e-3)
    np.testing.assert_allclose(confidence, wanted.confidence.numpy(), atol=1e-4)
    facts = facts_of(session.get_modelmeta().custom_metadata_map, done.path)
    assert (facts.joints, facts.spec, facts.ledger) == (net.skeleton.joints, net.spec, net.ledger)
    assert (facts.weights, facts.flip_test, facts.precision) == (weights_digest(net), True, "float32")


def test_a_half_size_weights_file_is_a_weights_file(net: PoseNet, tmp_path, generator) -> None:
    done = export_net(net, tmp_path / "half.safetensors", "half")
    loaded = load_weights(done.path).eval()
    assert loaded.ledger == net.ledger
    image = torch.from_numpy(generator.integers(0, 256, (2, 3, 32, 32), np.uint8))
    with torch.no_grad():
        assert (loaded(image).joints_crop - net(image).joints_crop).abs().max() < 0.2
    whole = sum(tensor.numel() * tensor.element_size() for tensor in net.state_dict().values())
    assert done.megabytes < 0.6 * whole / 1e6


def test_an_export_that_computes_something_else_is_refused(net: PoseNet, tmp_path, monkeypatch) -> None:
    def wrong(whole, facts):
        return b"model", lambda image: np.zeros((len(image), 16, 3), np.float32)

    monkeypatch.setattr(export, "FORMATS", {"pt2": wrong})
    with pytest.raises(DataError, match=r"differ.*nothing is written"):
        export_net(net, tmp_path / "net.pt2", "pt2")
    assert not list(tmp_path.iterdir())


def test_a_network_whose_joints_are_not_finite_is_not_exported(tmp_path) -> None:
    diverged = build_pose_net(ModelSpec(backbone="small-0.3m", decoder="light", size=32))
    with torch.no_grad():
        for parameter in diverged.parameters():
            parameter.fill_(1e30)
    with pytest.raises(DataError, match=r"what the network says is not finite.*nothing is written"):
        export_net(diverged, tmp_path / "net.safetensors", "half")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("format_name", "ending"), [("onnx", ".onnx"), ("pt2", ".pt2"), ("half", ".safetensors")])
def test_a_name_that_the_file_would_not_be_read_by_is_refused(net: PoseNet, tmp_path, format_name, ending) -> None:
    with pytest.raises(DataError, match=rf"net\.other: the file must be called NAME\{ending}"):
        export_net(net, tmp_path / "net.other", format_name)
    assert not list(tmp_path.iterdir())


def test_an_unknown_format_is_refused(net: PoseNet, tmp_path) -> None:
    with pytest.raises(RecipeError, match="onnx, pt2, half"):
        export_net(net, tmp_path / "net", "tflite")
