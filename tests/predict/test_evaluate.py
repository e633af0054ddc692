import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from prepose.body.skeletons import PREPOSE_27
from prepose.data.dataset import dataset_of
from prepose.errors import DataError
from prepose.metrics.protocols import get_protocol
from prepose.models.pose_net import PoseOutput, build_pose_net
from prepose.predict import evaluate as module
from prepose.predict.evaluate import evaluate, weights_digest
from prepose.specs.model import ModelSpec

PROTOCOL = get_protocol("true-root-depth")


@pytest.fixture(scope="module")
def net():
    return build_pose_net(ModelSpec(backbone="small-0.7m", decoder="light", size=64), seed=0)


def perfect_network(people, dataset, batch_size):
    """What stands in for the network: the truth of the samples in the order in which they are asked for."""
    joints = torch.from_numpy(people.perfect(dataset).joints_crop)
    batches = iter(joints.split(batch_size))
    asked = []

    def run_network(net, image, *, flip_test, precision):
        found = next(batches)
        assert len(found) == len(image)
        asked.append((flip_test, precision))
        maps = torch.zeros(len(found), 16, 2, 2)
        return PoseOutput(maps, maps, found.float(), torch.ones(len(found), 16))

    return run_network, asked


@pytest.mark.parametrize("stride", [1, 2])
def test_the_truth_scores_zero_through_the_whole_chain(people, net, monkeypatch, stride):
    protocol = replace(PROTOCOL, stride=stride)
    part = people.dataset.select(np.arange(0, 9, stride))
    run_network, asked = perfect_network(people, part, 4)
    monkeypatch.setattr(module, "run_network", run_network)
    evaluation = evaluate(net, people.dataset, protocol, batch_size=4)
    assert evaluation.overall()["mpjpe_mm"] == pytest.approx(0, abs=0.05)
    assert evaluation.overall()["error_px"] == pytest.approx(0, abs=0.01)
    assert evaluation.index.tolist() == list(range(0, 9, stride))
    assert set(asked) == {(True, "fp32")}


def test_the_size_of_the_batches_plays_no_part(people, net):
    one, four = (evaluate(net, people.dataset, PROTOCOL, batch_size=size) for size in (1, 4))
    np.testing.assert_allclose(one.prediction_mm, four.prediction_mm, rtol=1e-3, atol=0.5)
    assert one.weights == four.weights == weights_digest(net)


def test_the_flip_test_is_recorded_as_it_was_done(people, net):
    plain = evaluate(net, people.dataset, PROTOCOL, flip_test=False)
    assert plain.protocol == replace(PROTOCOL, flip_test=False)
    flipped = evaluate(net, people.dataset, PROTOCOL)
    assert flipped.protocol == PROTOCOL
    assert np.abs(plain.prediction_img - flipped.prediction_img).max() > 1e-3


def test_the_network_is_left_as_it_was(people, net):
    before = copy.deepcopy(net.state_dict())
    for training in (True, False):
        net.train(training)
        evaluate(net, people.dataset, PROTOCOL, flip_test=False)
        assert net.training is training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_an_error_leaves_the_network_as_it_was_too(people, net, monkeypatch):
    def fail(*_args, **_named):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(module, "run_network", fail)
    net.train()
    with pytest.raises(RuntimeError, match="out of memory"):
        evaluate(net, people.dataset, PROTOCOL)
    assert net.training


def test_progress_is_told(people, net):
    told = []
    evaluate(net, people.dataset, PROTOCOL, batch_size=4, flip_test=False, progress=lambda *at: told.append(at))
    assert told == [(4, 9), (8, 9), (9, 9)]


def test_bf16_is_near_fp32_and_recorded(people, net):
    single = evaluate(net, people.dataset, PROTOCOL, flip_test=False)
    half = evaluate(net, people.dataset, PROTOCOL, flip_test=False, precision="bf16")
    assert half.facts["precision"] == "bf16"
    assert half.prediction_img.dtype == np.float32
    assert np.abs(half.prediction_img - single.prediction_img).max() < 10


def test_an_empty_dataset_is_said(people, net):
    with pytest.raises(DataError, match="lab/test: has no sample to evaluate"):
        evaluate(net, people.dataset.select([]), PROTOCOL)


def test_what_does_not_fit_is_said_before_the_network_runs(people, net, monkeypatch):
    monkeypatch.setattr(module, "run_network", None)
    with pytest.raises(DataError, match="lab/test: the protocol mpii-pckh-50 is made for mpii"):
        evaluate(net, people.dataset, get_protocol("mpii-pckh-50"))
    blind = dataset_of(people.samples(3, with_camera=False), skeleton=PREPOSE_27, name="field", split="val")
    with pytest.raises(DataError, match="3 of 3 samples have 3D joints but no camera"):
        evaluate(net, blind, PROTOCOL)


def test_a_diverged_network_is_said(people, net):
    broken = copy.deepcopy(net)
    with torch.no_grad():
        broken.heatmap_head.weight.fill_(float("nan"))
    with pytest.raises(DataError, match="joints are not finite for 9 of 9 samples"):
        evaluate(broken, people.dataset, PROTOCOL, flip_test=False)


def test_a_2d_dataset_gives_the_measures_in_the_image(people, net):
    samples = [replace(s, joints_cam=np.full((27, 3), np.nan)) for s in people.samples(3, with_camera=False)]
    overall = evaluate(net, dataset_of(samples, skeleton=PREPOSE_27), PROTOCOL, flip_test=False).overall()
    assert np.isnan(overall["mpjpe_mm"])
    assert 0 <= overall["pck2d"] <= 1
    assert overall["error_px"] > 0


def test_the_digest_is_of_every_number(net):
    changed = copy.deepcopy(net)
    assert weights_digest(changed) == weights_digest(net)
    with torch.no_grad():
        next(changed.parameters()).view(-1)[0] += 1e-6
    assert weights_digest(changed) != weights_digest(net)
    assert weights_digest(copy.deepcopy(net).half()) != weights_digest(net)


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "hpu"])
def test_a_device_that_is_not_there_is_named_in_one_line(people, net, device):
    with pytest.raises(DataError, match=f"^device '{device}' cannot be used here .*; use cpu") as raised:
        evaluate(net, people.dataset, PROTOCOL, device=device)
    assert len(str(raised.value)) < 300
    assert next(net.parameters()).device.type == "cpu"
