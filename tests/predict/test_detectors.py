import json

import numpy as np
import pytest

from prepose.errors import DataError
from prepose.predict import detectors
from prepose.predict.detectors import Detections, detected_by, detector_named
from prepose.predict.frames import Frame
from prepose.predict.networks import network_and_inputs


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """The folder of a detection transformer with random weights, as `transformers` saves it."""
    import torch
    from transformers import RTDetrConfig, RTDetrForObjectDetection, RTDetrResNetConfig
    from transformers.models.rt_detr.image_processing_pil_rt_detr import RTDetrImageProcessorPil

    backbone = RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8] * 4, depths=[1] * 4, layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = RTDetrConfig(
        backbone_config=backbone, encoder_hidden_dim=16, encoder_in_channels=[8] * 3, encoder_layers=1,
        encoder_ffn_dim=16, encoder_attention_heads=2, d_model=16, num_queries=12, decoder_in_channels=[16] * 3,
        decoder_ffn_dim=16, decoder_layers=1, decoder_attention_heads=2, num_denoising=0,
        id2label={0: "dog", 1: "Person"}, label2id={"dog": 0, "Person": 1},
    )  # fmt: skip
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("detector")
    RTDetrForObjectDetection(config).save_pretrained(folder)
    RTDetrImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def frame(width=180, height=120):
    return Frame("a.jpg", 0, 0.0, np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8))


@pytest.mark.slow
def test_a_model_of_transformers_finds_people_offline(tiny_model):
    detector = detector_named(str(tiny_model))
    found = detector(frame().pixels)
    assert 0 < len(found.scores) < 12, "the dogs are left out"
    assert found.boxes_xywh.shape == (len(found.scores), 4)
    assert (found.scores > 0).all() and (found.scores < 1).all()
    people = detected_by(detector, float(np.median(found.scores)))(frame())
    assert 0 < len(people) < len(found.scores)
    assert detector_named(str(tiny_model)) is detector, "it is loaded once"


@pytest.mark.slow
def test_a_model_that_knows_no_person_is_said(tiny_model, tmp_path):
    for path in tiny_model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config["id2label"]["1"] = "cat"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="knows no class 'person', only dog, cat"):
        detector_named(str(tmp_path))


def test_a_detector_that_is_not_there_is_said(tmp_path):
    with pytest.raises(DataError, match=r"detector 'no such/detector at all' .*no such folder here"):
        detector_named("no such/detector at all")
    with pytest.raises(DataError, match="cannot be loaded"):
        detector_named(str(tmp_path))


def test_a_pose_network_is_no_detector_nor_the_other_way_round():
    with pytest.raises(DataError, match="'lite0-synthetic': is a pose network"):
        detector_named("lite0-synthetic")
    with pytest.raises(DataError, match="--detector lite0-people"):
        network_and_inputs(["lite0-people", "photo.jpg"])


def test_detectors_that_ship_are_chosen_by_name(monkeypatch):
    own = lambda image: Detections(np.zeros((0, 4)), np.zeros(0))  # noqa: E731
    monkeypatch.setattr(detectors, "BUILT_IN", {"own": lambda device: own})
    detector_named.cache_clear()
    assert detector_named("own") is own


def test_people_come_surest_first_and_within_the_image():
    boxes = np.array([[-10.0, 10, 50, 200], [50, 50, 40, 40], [170, 0, 100, 100], [5, 5, 2, 90], [900, 0, 50, 50]])
    seen = Detections(boxes, np.array([0.7, 0.9, 0.2, 0.8, 0.8]))
    people = detected_by(lambda image: seen, 0.5)(frame())
    assert [each.box_xywh.tolist() for each in people] == [[50, 50, 40, 40], [0, 10, 40, 110]]
    assert all(each.person is None for each in people)
