"""Checkpoints: what is saved is what is loaded, and nothing else fits."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prepose.errors import DataError, SkeletonMismatch
from prepose.models.checkpoint import import_checkpoint, load_into, load_weights, save_weights
from prepose.models.person_detector import build_detector, save_detector
from prepose.models.pose_net import PoseNet, build_pose_net
from prepose.models.weights_file import read_weights, write_weights
from prepose.specs.model import ModelSpec

SPEC = ModelSpec(backbone="small-0.7m", decoder="light", size=64)


def net_of(*, seed: int = 0, **changes: object) -> PoseNet:
    return build_pose_net(SPEC.model_copy(update=changes), seed=seed)


def same(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    here, there = first.state_dict(), second.state_dict()
    return here.keys() == there.keys() and all(torch.equal(here[name], there[name]) for name in here)


@pytest.mark.parametrize("readout", ["integral", "argmax"])
def test_a_saved_network_predicts_the_same(tmp_path, readout: str) -> None:
    net = net_of(seed=3, readout=readout).eval()
    net.train()(torch.rand(4, 3, 64, 64) * 255)  # statistics that differ from the first ones
    save_weights(net, tmp_path)
    loaded = load_weights(tmp_path, skeleton="mpii-16")
    assert loaded.spec == net.spec and same(loaded, net)
    image = torch.rand(2, 3, 64, 64) * 255
    assert torch.equal(loaded.eval()(image).joints_crop, net.eval()(image).joints_crop)


def test_weights_are_not_fetched_again_when_a_checkpoint_is_loaded(tmp_path) -> None:
    net = net_of()
    net.spec = net.spec.model_copy(update={"weights": "/gone/since"})
    save_weights(net, tmp_path)
    assert load_weights(tmp_path).spec.weights == "/gone/since"


def test_another_skeleton_is_refused(tmp_path) -> None:
    save_weights(net_of(skeleton="h36m-17"), tmp_path)
    with pytest.raises(SkeletonMismatch, match="trained for skeleton h36m-17, not mpii-16"):
        load_weights(tmp_path, skeleton="mpii-16")
    with pytest.raises(SkeletonMismatch, match="17 joints of skeleton h36m-17, but the network has 16 of mpii-16"):
        load_into(net_of(), tmp_path)


def test_a_skeleton_that_has_changed_is_refused(tmp_path) -> None:
    path = save_weights(net_of(), tmp_path)
    weights = read_weights(path)
    write_weights(replace(weights, joints=("tail", *weights.joints[1:])), path)
    with pytest.raises(SkeletonMismatch, match="skeleton mpii-16 had the joints tail, r_knee"):
        load_weights(path)


def test_a_specification_that_cannot_be_understood_is_refused(tmp_path) -> None:
    path = save_weights(net_of(), tmp_path)
    weights = read_weights(path)
    write_weights(replace(weights, spec={**weights.spec, "backbone": "resnet-19"}), path)
    with pytest.raises(DataError, match=r"specification field backbone: .*no backbone is named 'resnet-19'"):
        load_weights(path)


def test_missing_tensors_are_named(tmp_path) -> None:
    path = save_weights(net_of(), tmp_path)
    weights = read_weights(path)
    tensors = {name: tensor for name, tensor in weights.tensors.items() if name != "depth_head.bias"}
    write_weights(replace(weights, tensors=tensors), path)
    with pytest.raises(DataError, match=r"missing depth_head\.bias"):
        load_weights(path)


def test_a_stage_starts_from_all_of_another_network(tmp_path) -> None:
    source, net = net_of(seed=1), net_of(seed=2)
    load_into(net, save_weights(source, tmp_path))
    assert same(net, source)


def test_a_stage_starts_from_the_trunk_of_another_network(tmp_path) -> None:
    source, net, untouched = net_of(seed=1, skeleton="h36m-17"), net_of(seed=2), net_of(seed=2)
    load_into(net, save_weights(source, tmp_path), part="trunk")
    assert same(net.trunk, source.trunk)
    assert same(net.decoder, untouched.decoder) and same(net.heatmap_head, untouched.heatmap_head)


def test_a_trunk_of_another_form_is_refused(tmp_path) -> None:
    save_weights(net_of(backbone="small-1.6m"), tmp_path)
    with pytest.raises(DataError, match=r"do not fit the network: .*of another shape"):
        load_into(net_of(), tmp_path, part="trunk")


def test_a_person_detector_is_no_pose_network(tmp_path) -> None:
    file = save_detector(build_detector("random"), tmp_path / "people.safetensors")
    with pytest.raises(DataError, match="person detector's, not a pose network's; give them by --detector"):
        load_weights(file)


VECTORS = Path(__file__).parents[1] / "vectors"


def formula_tensor(k: int, name: str, shape: list[int]) -> torch.Tensor:
    """The value of the k-th tensor, by the rule that the vectors' file states."""
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    i = np.arange(int(np.prod(shape)), dtype=np.float64)
    if name.endswith("running_var"):
        values = 1 + 0.5 * np.abs(np.sin(0.37 * i + 0.1 * k))
    elif name.endswith(("running_mean", "bias")):
        values = 0.05 * np.sin(0.53 * i + 0.2 * k)
    elif len(shape) == 1:
        values = 1 + 0.1 * np.cos(0.41 * i + 0.3 * k)
    else:
        fan = shape[0] * 4 if name.startswith("deconv_layers") else i.size // shape[0]
        values = np.sin(0.71 * i + 0.013 * ((i * i) % 97) + 0.17 * k) * np.sqrt(2 / fan)
    return torch.from_numpy(values.reshape(shape).astype(np.float32))


def legacy_state(case: dict) -> dict[str, torch.Tensor]:
    return {name: formula_tensor(k, name, shape) for k, (name, shape) in enumerate(case["keys"])}


def legacy_input() -> torch.Tensor:
    """Normalised pixels as the reference sees them: BGR."""
    i = np.arange(3 * 256 * 256, dtype=np.float64)
    return torch.from_numpy((np.sin(0.003 * i) + np.cos(0.0007 * i)).astype(np.float32)).view(1, 3, 256, 256)


@pytest.mark.parametrize(("depth", "prefix"), [("18", ""), pytest.param("50", "module.", marks=pytest.mark.slow)])
def test_the_maps_of_a_legacy_checkpoint_are_the_references(tmp_path, depth: str, prefix: str) -> None:
    case = json.loads((VECTORS / f"pose_resnet{depth}.json").read_text())
    state = {prefix + name: tensor for name, tensor in legacy_state(case).items()}
    torch.save({"epoch": 7, "state_dict": state, "optimizer": {"lr": 1e-3}}, tmp_path / "model.pth")
    net = load_weights(tmp_path / "model.pth").eval()
    assert net.spec.backbone == f"resnet-{depth}"
    assert sum(parameter.numel() for parameter in net.parameters()) == case["parameters"]
    with torch.no_grad():
        maps = net.maps(legacy_input().flip(1))
    for found, expected in zip(maps, (case["output"]["hm"], case["output"]["depth"]), strict=True):
        assert list(found.shape) == expected["shape"]
        assert found.mean().item() == pytest.approx(expected["mean"], abs=1e-6)
        assert found.std().item() == pytest.approx(expected["std"], abs=1e-6)
        assert found.flatten(2).argmax(-1)[0].tolist() == expected["argmax_cell_of_each_joint"]
        for joint, row, column, value in expected["samples"]:
            assert found[0, joint, row, column].item() == pytest.approx(value, abs=1e-6)


@pytest.fixture(scope="module")
def legacy_net(tmp_path_factory) -> PoseNet:
    case = json.loads((VECTORS / "pose_resnet18.json").read_text())
    path = tmp_path_factory.mktemp("legacy") / "model.pth"
    torch.save(legacy_state(case), path)
    return load_weights(path)


def test_rgb_pixels_become_what_the_reference_made_of_bgr_ones(legacy_net: PoseNet) -> None:
    rgb = torch.randint(0, 256, (1, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    theirs = rgb.flip(1).float() / 256  # BGR; then the statistics of RGB
    theirs = (theirs - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[
        :, None, None
    ]
    torch.testing.assert_close(legacy_net.pixels(rgb), theirs.flip(1))
    case = json.loads((VECTORS / "pose_resnet18.json").read_text())
    stem = legacy_net.trunk.resnet.embedder.embedder.convolution.weight
    torch.testing.assert_close(stem.flip(1), legacy_state({"keys": case["keys"][:1]})["conv1.weight"])


def test_a_checkpoint_without_its_heads_is_refused(tmp_path) -> None:
    case = json.loads((VECTORS / "pose_resnet18.json").read_text())
    state = {name: tensor for name, tensor in legacy_state(case).items() if not name.startswith("depth")}
    torch.save({"state_dict": state}, tmp_path / "model.pth")
    with pytest.raises(DataError, match=r"missing depth_head\.weight, depth_head\.bias"):
        load_weights(tmp_path / "model.pth")


def test_only_the_counters_of_batch_norm_may_be_missing(tmp_path) -> None:
    case = json.loads((VECTORS / "pose_resnet18.json").read_text())
    state = {name: tensor for name, tensor in legacy_state(case).items() if not name.endswith("num_batches_tracked")}
    torch.save({"state_dict": state}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.save({"state_dict": legacy_state(case)}, tmp_path / "new.pth")
    old, new = load_weights(tmp_path / "old.pth").state_dict(), load_weights(tmp_path / "new.pth").state_dict()
    assert all(torch.equal(old[name], new[name]) for name in new)
    del state["layer1.0.bn1.running_var"]
    torch.save({"state_dict": state}, tmp_path / "torn.pth")
    with pytest.raises(DataError, match=r"missing .*stages\.0\.layers\.0\.layer\.0\.normalization\.running_var$"):
        load_weights(tmp_path / "torn.pth")


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return legacy_state(json.loads((VECTORS / "pose_resnet18.json").read_text()))


def test_simple_baseline_becomes_a_weights_file_whose_depth_is_flat(tmp_path, state) -> None:
    theirs = {name.replace("hm.", "final_layer."): x for name, x in state.items() if not name.startswith("depth.")}
    torch.save(theirs, tmp_path / "a.pth.tar")
    found = import_checkpoint(tmp_path / "a.pth.tar", tmp_path / "out", size=64, readout="argmax-cell")
    assert "SimpleBaseline: resnet-18, mpii-16, 64 px" in str(found) and "depth_head (untrained" in str(found)
    net = load_weights(tmp_path / "out").eval()
    assert (net.spec.size, net.spec.readout, net.ledger.untrained) == (64, "argmax-cell", ("depth_head",))
    with torch.no_grad():
        joints = net(torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)).joints_crop
    assert not joints[..., 2].any() and joints[..., :2].std() > 1
    with pytest.raises(DataError, match=r"out/weights\.safetensors: exists"):
        import_checkpoint(tmp_path / "a.pth.tar", tmp_path / "out")


def test_a_torchvision_resnet_is_where_a_training_starts_and_predicts_nothing(tmp_path, state) -> None:
    theirs = {name: x for name, x in state.items() if not name.startswith(("hm", "depth", "deconv"))}
    torch.save(theirs | {"fc.bias": torch.zeros(3)}, tmp_path / "resnet18.pth")
    file = tmp_path / "b.safetensors"
    text = str(import_checkpoint(tmp_path / "resnet18.pth", file))
    assert "resnet-18, a backbone alone" in text and "left out: fc.bias (the classifier)" in text
    net = build_pose_net(ModelSpec(weights=str(file), size=64))
    assert torch.equal(net.trunk.resnet.embedder.embedder.convolution.weight, state["conv1.weight"])
    assert "resnet18.pth (torchvision's ResNets)" in str(net.ledger)
    for use in (load_weights, lambda path: load_into(net, path)):
        with pytest.raises(DataError, match=r"hold a backbone alone, .* --set model\.weights=.*b\.safetensors"):
            use(file)


def test_tensors_of_another_shape_are_refused_and_nothing_is_written(tmp_path, state) -> None:
    wide = {name: x for name, x in state.items() if not name.startswith(("hm", "depth", "deconv"))}
    wide["layer1.0.conv1.weight"] = torch.ones(128, 64, 3, 3)
    torch.save(wide, tmp_path / "wide.pth")
    with pytest.raises(DataError, match=r"of another shape trunk\.resnet\.encoder\.stages\.0"):
        import_checkpoint(tmp_path / "wide.pth", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()
