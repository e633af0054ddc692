"""Models of 8 and 16 bits: which images, what is lost, and that the file says so."""

import copy

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from prepose.body.skeletons import MPII_16, PREPOSE_27
from prepose.data.store import StoreDescription, write_store
from prepose.errors import DataError, RecipeError
from prepose.models.checkpoint import load_weights
from prepose.models.export_facts import AccuracyLost, facts_of
from prepose.predict import reduced_precision
from prepose.predict.predictor import Predictor
from prepose.predict.reduced_precision import (
    People,
    accuracy_lost,
    export_any,
    export_reduced,
    people_drawn,
    people_of_store,
)
from prepose.predict.torch_network import torch_network

SIZE = 64


@pytest.fixture(scope="module")
def net(weights):
    return load_weights(weights)


@pytest.fixture(scope="module")
def crowd(photograph):
    """Parts of a made-up photograph: half of them calibrate, half measure."""
    parts = [photograph[y : y + SIZE, x : x + SIZE] for y in (0, 40) for x in range(0, 100, 13)]
    return People("parts of a photo", np.stack(parts).transpose(0, 3, 1, 2))


@pytest.fixture
def exported(to_onnx_once, monkeypatch):
    """torch's exporter takes seconds; its model is changed in place."""
    monkeypatch.setattr(reduced_precision, "to_onnx", lambda net, *, flip_test: copy.deepcopy(to_onnx_once))


def stored(model, *kinds):
    return sum(np.prod(each.dims) for each in model.graph.initializer if each.data_type in kinds)


@pytest.mark.parametrize(
    ("format_name", "precision", "kind", "most_px"),
    [("int8", "int8", TensorProto.INT8, 4.0), ("fp16", "float16", TensorProto.FLOAT16, 0.2)],
)
def test_what_fewer_bits_cost_is_measured_and_kept(
    exported, net, crowd, photograph, tmp_path, format_name, precision, kind, most_px
):
    done = export_reduced(net, tmp_path / "net.onnx", format_name, crowd)
    model = onnx.load(done.path)
    facts = facts_of({each.key: each.value for each in model.metadata_props}, done.path)
    lost = facts.accuracy_lost
    assert (facts.precision, lost, lost.count) == (precision, done.accuracy_lost, 8)
    assert stored(model, kind) > 10 * stored(model, TensorProto.FLOAT)
    predictor = Predictor.load(done.path)
    assert predictor.weights == f"{facts.weights}-onnx-{precision}"
    assert len(predictor.predict(photograph)) == 1
    wanted = torch_network(net).run(crowd.crops[8:], True).joints_crop
    found = predictor.net.run(crowd.crops[8:], True).joints_crop
    apart = np.linalg.norm((found - wanted)[..., :2], axis=-1)
    assert lost.mean_px == pytest.approx(apart.mean(), abs=0.01)
    assert 0 < lost.mean_px < most_px
    assert "joints move by" in str(done)


def test_accuracy_is_in_px_and_in_mm_about_the_root(net):
    joints = np.random.default_rng(0).uniform(10, 50, (3, 16, 3))
    assert accuracy_lost(joints, joints, net, "none").mean_mm == 0
    shifted = joints + np.array([3.0, 4.0, 0.0])
    lost = accuracy_lost(joints, shifted, net, "some")
    assert (lost.mean_px, lost.p95_px) == (pytest.approx(5), pytest.approx(5))
    # Seen by a camera, a shifted person is the same person turned a little.
    one = joints.copy()
    one[:, 0, 0] += 5
    assert 0 < lost.mean_mm < 5 * accuracy_lost(joints, one, net, "one").p95_mm
    one_place = np.zeros((3, 16, 3))
    with pytest.raises(DataError, match="puts all joints into one place"):
        accuracy_lost(joints, one_place, net, "none")


def test_the_images_of_a_store_are_spread_over_its_validation_split(people, tmp_path):
    samples = people.samples(6)
    for split, chosen in (("train", samples[:2]), ("validation", samples)):
        write_store(tmp_path / "lab", StoreDescription("lab", PREPOSE_27), split, chosen, total=len(chosen))
    found = people_of_store(tmp_path / "lab", 32, 3)
    assert found.name == "lab/validation"
    assert found.crops.shape == (3, 3, 32, 32)
    assert len(people_of_store(tmp_path / "lab", 32).crops) == 6
    write_store(tmp_path / "one", StoreDescription("one", PREPOSE_27), "test", samples[:1], total=1)
    with pytest.raises(DataError, match=r"one: split test has 1 sample with a box; 2 or more are needed"):
        people_of_store(tmp_path / "one", 32)


def test_synthetic_people_are_drawn_where_there_is_no_store():
    pytest.importorskip("embreex")
    drawn = people_drawn(32, 2)
    assert drawn.crops.shape == (2, 3, 32, 32)
    assert drawn.crops.dtype == np.uint8
    assert "wild" in drawn.name
    assert drawn.crops.std() > 10


def test_what_cannot_be_exported_is_refused_before_images_are_made(net, tmp_path):
    with pytest.raises(RecipeError, match=r"export format is named 'int4'.*fp16"):
        export_any(net, tmp_path / "net.onnx", "int4")
    with pytest.raises(RecipeError, match="--calibrate belongs to int8 and fp16; onnx needs no images"):
        export_any(net, tmp_path / "net.onnx", "onnx", calibrate=tmp_path)
    for format_name in ("onnx", "int8"):
        with pytest.raises(DataError, match=r"net\.bin: the file must be called NAME\.onnx"):
            export_any(net, tmp_path / "net.bin", format_name)
    with pytest.raises(DataError, match=r"none"):
        export_any(net, tmp_path / "net.onnx", "int8", calibrate=tmp_path / "none")
    assert not list(tmp_path.iterdir())
    assert MPII_16.name == net.spec.skeleton


def test_the_accuracy_is_one_line():
    lost = AccuracyLost(images="some", count=1000, mean_px=0.374, p95_px=1.07, mean_mm=10.1, p95_mm=26.0)
    assert str(lost) == (
        "1,000 images (some): joints move by 0.37 px of the crop on average (95 %: below 1.1 px), relative to the root "
        "by 10 mm (95 %: below 26 mm)"
    )
