import json
from dataclasses import replace

import numpy as np
import pytest

from fakes import fake_samples
from prepose.body.skeletons import MPII_16
from prepose.data.picture import encode_jpeg
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.errors import DataError
from prepose.predict import detectors
from prepose.predict.detectors import Detections, detect_all, detected_by, detector_named, scores_of
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


def seen(*rows):
    return Detections(
        np.array([row[:4] for row in rows], float).reshape(-1, 4), np.array([row[4] for row in rows], float)
    )


PEOPLE = np.array([[0.0, 0, 10, 20], [50, 0, 10, 20]])


def test_a_person_counts_once_and_needs_half_the_overlap():
    # Right, the same person again, nobody, and one shifted by a third (overlap one half) and by more.
    found = seen((0, 0, 10, 20, 0.9), (1, 0, 10, 20, 0.8), (80, 0, 10, 20, 0.7), (50, 0, 10, 40, 0.6))
    scores = scores_of([found], [PEOPLE])
    assert (scores.images, scores.people, scores.boxes) == (1, 2, 4)
    assert scores.recall == 1 and scores.precision == 0.5
    # Precision 1 up to the first person, 2/4 at the second.
    assert scores.average_precision == pytest.approx(0.5 * 1 + 0.5 * 0.5)
    worse = scores_of([seen((0, 0, 10, 20, 0.9), (50, 0, 10, 41, 0.6))], [PEOPLE])
    assert worse.recall == 0.5 and worse.average_precision == 0.5


def test_boxes_below_the_threshold_count_for_the_curve_alone():
    scores = scores_of([seen((0, 0, 10, 20, 0.9), (50, 0, 10, 20, 0.2))], [PEOPLE], least_score=0.5)
    assert (scores.boxes, scores.recall, scores.precision, scores.recall_at_any) == (1, 0.5, 1, 1)


def test_images_without_people_or_boxes():
    nothing = scores_of([seen()], [PEOPLE])
    assert nothing.recall == 0 and np.isnan(nothing.precision) and nothing.average_precision == 0
    empty = scores_of([seen((0, 0, 10, 20, 0.9))], [np.zeros((0, 4))])
    assert empty.precision == 0 and np.isnan(empty.recall)


def test_samples_that_share_an_image_are_its_people(tmp_path):
    one, two, three = fake_samples(3, MPII_16, np.random.default_rng(0))
    other = encode_jpeg(np.zeros((96, 128, 3), np.uint8))
    samples = [one, two, replace(three, image=other)]
    write_store(tmp_path, StoreDescription("some", MPII_16), "test", samples)
    detections, people = detect_all(lambda image: seen(), open_store(tmp_path, "test"))
    assert [len(boxes) for boxes in people] == [2, 1] and len(detections) == 2
