"""Checkpoints: what is saved is what is loaded, and nothing else fits."""

from dataclasses import replace

import pytest
import torch

from prepose.errors import DataError, SkeletonMismatch
from prepose.models.checkpoint import load_into, load_weights, save_weights
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
