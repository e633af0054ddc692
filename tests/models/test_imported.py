"""Checkpoints of four code bases: what is mapped, left out and added, and how their pixels are kept."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from fakes_checkpoints import state_of_resnet_18, state_of_simple_baseline
from prepose.errors import DataError
from prepose.models.imported import read_imported

STEM = "trunk.resnet.embedder.embedder."
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def saved(path, state, **beside):
    torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}, **beside}, path)
    return path


def published():
    heads = {f"{head}.{part}": torch.ones(16) for head in ("hm", "depth") for part in ("weight", "bias")}
    return state_of_resnet_18() | heads


def test_the_published_code_reads_bgr_divided_by_256(tmp_path):
    found = read_imported(saved(tmp_path / "a.pth", published(), epoch=np.int64(3), optimizer={"lr": 1e-3}))
    tensors, stem = found.weights.tensors, state_of_resnet_18()["conv1.weight"]
    assert torch.equal(tensors[f"{STEM}convolution.weight"], stem.flip(1))
    torch.testing.assert_close(tensors["pixels.mean"], 256 * MEAN.flip(0))
    torch.testing.assert_close(tensors["pixels.std"], 256 * STD.flip(0))
    assert found.mapped["hm.bias"] == "heatmap_head.bias" and found.beside == ("epoch", "optimizer")
    assert list(found.added) == [f"{STEM}normalization.num_batches_tracked"] and not found.left_out
    assert str(found.weights.ledger) == "not recorded for a.pth (the published code of arXiv 2604.22830)"


@pytest.mark.parametrize(("joints", "skeleton"), [(16, "mpii-16"), (17, "coco-17")])
def test_simple_baseline_has_no_depth_and_says_so(tmp_path, joints, skeleton):
    found = read_imported(saved(tmp_path / "a.pth.tar", state_of_simple_baseline(joints)))
    tensors = found.weights.tensors
    torch.testing.assert_close(tensors["pixels.mean"], 255 * MEAN.flip(0))
    assert found.weights.spec == {"backbone": "resnet-18", "readout": "argmax", "skeleton": skeleton}
    assert len(found.weights.joints) == joints and tensors["heatmap_head.bias"].sum() == joints
    assert not tensors["depth_head.weight"].any() and tensors["depth_head.weight"].shape == (joints, 2, 1, 1)
    assert found.weights.ledger.untrained == ("depth_head",) and "untrained: depth_head" in str(found.weights.ledger)


def test_heat_maps_of_unknown_joints_need_their_skeleton_named(tmp_path):
    path = saved(tmp_path / "a.pth", state_of_simple_baseline(14))
    with pytest.raises(DataError, match="14 heat maps, and which joints"):
        read_imported(path)
    assert read_imported(path, skeleton="lsp-14").weights.spec["skeleton"] == "lsp-14"
    with pytest.raises(DataError, match="14 heat maps, but skeleton h36m-17 has 17"):
        read_imported(path, skeleton="h36m-17")


def test_a_torchvision_resnet_is_a_backbone_that_reads_rgb(tmp_path):
    state = state_of_resnet_18() | {"fc.weight": torch.ones(1), "fc.bias": torch.ones(1)}
    found = read_imported(saved(tmp_path / "a.pth", state))
    tensors = found.weights.tensors
    assert all(name.startswith(("trunk.", "pixels.")) for name in tensors)
    assert torch.equal(tensors[f"{STEM}convolution.weight"], state["conv1.weight"])
    torch.testing.assert_close(tensors["pixels.std"], 255 * STD)
    assert found.left_out == {"fc.weight": "the classifier", "fc.bias": "the classifier"}
    assert {*found.mapped, *found.left_out} == {*state}
    turned = read_imported(tmp_path / "a.pth", pixels="bgr-255").weights.tensors
    torch.testing.assert_close(turned["pixels.std"], 255 * STD.flip(0))
    with pytest.raises(DataError, match="a backbone alone"):
        read_imported(tmp_path / "a.pth", skeleton="mpii-16")
    with pytest.raises(DataError, match="did you mean 'bgr-256'"):
        read_imported(tmp_path / "a.pth", pixels="bgr-25")


@pytest.mark.parametrize("prefix", ["resnet.", ""], ids=["with its classifier", "the backbone"])
def test_a_resnet_of_transformers_is_read_from_its_folder(tmp_path, prefix):
    names = ["embedder.embedder.convolution.weight"]
    names += [f"encoder.stages.{s}.layers.{b}.layer.0.convolution.weight" for s in range(4) for b in range(2)]
    state = {prefix + name: torch.ones(2, 3, 1, 1) for name in names} | {"classifier.1.bias": torch.ones(3)}
    save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": [0.5, 0.5, 0.5], "image_std": [1, 1, 1]})
    )
    found = read_imported(tmp_path)
    assert found.weights.spec["backbone"] == "resnet-18" and len(found.mapped) == 9
    assert list(found.left_out) == ["classifier.1.bias"]
    assert found.weights.tensors["pixels.mean"].tolist() == [127.5] * 3
    (tmp_path / "config.json").write_text('{"downsample_in_bottleneck": true}')
    with pytest.raises(DataError, match="says downsample_in_bottleneck"):
        read_imported(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("preprocessor_config.json", '{"image_mean": [1, 2]}', r"image_mean or image_std is '\[1, 2\]', expected 3"),
        ("model.safetensors", "x", "truncated or not a safetensors file"),
    ],
)
def test_a_damaged_folder_is_refused(tmp_path, name, content, told):
    save_file(state_of_resnet_18(), tmp_path / "model.safetensors")
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=told):
        read_imported(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"a folder without model\.safetensors or pytorch_model\.bin"):
        read_imported(tmp_path)
