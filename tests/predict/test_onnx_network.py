"""Exported models predict as any network does, without torch; foreign and damaged ones are refused in a line."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import prepose
from onnx_fakes import FACTS, SIZE, write_onnx
from prepose.body.skeletons import COCO_17, MPII_16
from prepose.errors import DataError, SkeletonMismatch
from prepose.models.checkpoint import load_weights
from prepose.models.export import export_detector
from prepose.models.export_facts import KEY
from prepose.models.person_detector import build_detector, load_detector, save_detector
from prepose.predict.detectors import detected_by, detector_named
from prepose.predict.frames import Frame
from prepose.predict.networks import find_weights
from prepose.predict.onnx_network import load_onnx_network
from prepose.predict.predictor import Predictor

ROOT = Path(prepose.__file__).parents[2]
MODULES = {"pillow": "PIL", "opencv-python-headless": "cv2", "pyyaml": "yaml", "lightning-fabric": "lightning_fabric"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_onnx(tmp_path_factory.mktemp("model") / "net.onnx")


def test_an_exported_model_predicts_people(model, photograph):
    predictor = prepose.load(str(model))
    assert repr(predictor) == "Predictor(small-0.3m, mpii-16, 32 px, weights 0123456789abcdef-onnx, on cpu)"
    person = predictor.predict(photograph)[0]
    assert (person.skeleton, person.trained_on) == (MPII_16, "no dataset; pretrained: imagenet")
    assert person.joints_cam.shape == (16, 3)
    assert np.isfinite(person.joints_cam).all()


def test_arrays_of_any_layout_are_read(model):
    network = load_onnx_network(model, threads=1)
    crops = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), np.uint8)
    found = network.run(crops.transpose(0, 3, 1, 2), True)
    wanted = network.run(np.ascontiguousarray(crops.transpose(0, 3, 1, 2)), True)
    np.testing.assert_array_equal(found.joints_crop, wanted.joints_crop)
    assert found.joints_crop.shape == (2, 16, 3)
    assert found.confidence.shape == (2, 16)


def test_the_flip_test_is_the_exported_one(tmp_path, photograph):
    facts = FACTS.model_copy(update={"flip_test": False})
    plain = write_onnx(tmp_path / "plain.onnx", {KEY: facts.model_dump_json()})
    predictor = Predictor.load(plain)
    assert not predictor.flip_test
    assert len(predictor.predict(photograph)) == 1
    with pytest.raises(DataError, match=r"exported without the flip test; export it again with --flip-test"):
        load_onnx_network(plain).run(np.zeros((1, 3, SIZE, SIZE), np.uint8), True)


def changed(**fields):
    return {KEY: json.dumps({**FACTS.model_dump(mode="json"), **fields})}


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({}, "not one that prepose exported"),
        ({KEY: "{"}, "broken metadata, but this prepose reads prepose-export version 1"),
        ({KEY: "[1]"}, "broken metadata"),
        (changed(version=2), "prepose-export version 2, but this prepose reads prepose-export version 1; export"),
        (changed(format="prepose-weights"), "prepose-weights version 1, but"),
        (changed(spec={"backbone": "vgg"}), "metadata field spec.backbone"),
        (changed(weights=None), "metadata field weights"),
    ],
)
def test_a_foreign_model_or_one_of_another_version_is_said_in_a_line(tmp_path, metadata, said):
    with pytest.raises(DataError, match=re.escape(said)) as told:
        load_onnx_network(write_onnx(tmp_path / "other.onnx", metadata))
    assert str(told.value).startswith(f"{tmp_path}/other.onnx: ")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"spec": {**FACTS.spec.model_dump(), "size": 64}},
            "image has the shape 3 x 32 x 32 a person, but",
        ),
        (
            {"spec": {**FACTS.spec.model_dump(), "skeleton": "coco-17"}, "joints": COCO_17.joints},
            "joints_crop has the shape 16 x 3 a person, but the metadata are of a model of 32 px with 17 joints, 17 x",
        ),
    ],
)
def test_the_metadata_of_another_model_are_refused_before_it_runs(tmp_path, fields, said):
    with pytest.raises(DataError, match=re.escape(said)):
        load_onnx_network(write_onnx(tmp_path / "other.onnx", changed(**fields)))


def test_what_stops_a_model_while_it_runs_is_one_line(model, monkeypatch):
    monkeypatch.setattr("prepose.predict.onnx_network._check_shapes", lambda *_: None)
    with pytest.raises(DataError, match=r"net\.onnx: the model cannot be run \(.*; export the network again") as told:
        load_onnx_network(model).run(np.zeros((1, 3, 2 * SIZE, 2 * SIZE), np.uint8), True)
    assert "\n" not in str(told.value)


def test_a_skeleton_that_has_changed_since_is_said(tmp_path):
    other = write_onnx(tmp_path / "other.onnx", changed(joints=["nose"]))
    with pytest.raises(SkeletonMismatch, match="had the joints nose when the model was exported"):
        load_onnx_network(other)


def test_what_is_no_model_is_said(model, tmp_path):
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(model.read_bytes()[:200])
    with pytest.raises(DataError, match=r"damaged\.onnx: truncated or not an ONNX model"):
        load_onnx_network(damaged)
    with pytest.raises(DataError, match=r"expected image and joints_crop, confidence"):
        load_onnx_network(write_onnx(tmp_path / "renamed.onnx", outputs=("a", "b")))
    with pytest.raises(DataError, match=r"there is no such run or weights file"):
        find_weights(tmp_path / "none.onnx")
    with pytest.raises(DataError, match=r"device 'mps' cannot be used here by ONNX Runtime; it has .*cpu"):
        load_onnx_network(model, "mps")


def test_an_exported_model_is_no_weights_file(model):
    with pytest.raises(DataError, match=r"is an exported model.*give the run or weights file"):
        load_weights(model)


def left_out() -> list[str]:
    """prepose's dependencies that the install command of docs/exports.md, for machines without torch, does not name."""
    said = re.search(r"pip install --no-deps prepose\npip install ([^#\n]+)", (ROOT / "docs/exports.md").read_text())
    assert said is not None
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = [re.match(r"[\w-]+", line)[0] for line in wanted]
    assert set(said[1].split()) <= {*names, "onnxruntime", "av"}
    return [MODULES.get(name, name) for name in names if name not in said[1].split()]


BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
from prepose.__main__ import main
sys.argv[0] = "prepose"
main()
"""


def run_without(blocked, *words):
    script = BLOCKED.format(blocked=set(blocked))
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, words)], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A person detector that found nothing out yet, exported, and the same detector as weights."""
    folder = tmp_path_factory.mktemp("people")
    net = build_detector("random", seed=2)
    # Everybody is surely everywhere, so that there are boxes to compare.
    torch.nn.init.normal_(net.centre[-1].weight, std=0.3, generator=torch.Generator().manual_seed(0))
    torch.nn.init.zeros_(net.centre[-1].bias)
    weights = save_detector(net, folder / "people.safetensors")
    export_detector(load_detector(weights), folder / "people.onnx")
    return folder / "people.onnx", weights


def test_an_exported_detector_sees_whom_the_detector_sees(people):
    generator = np.random.default_rng(0)
    exported, weights = (detector_named(str(path)) for path in people)
    for height, width in ((90, 200), (333, 120)):
        image = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        found, wanted = exported(image), weights(image)
        assert len(wanted.scores) > 0
        np.testing.assert_allclose(found.boxes_xywh, wanted.boxes_xywh, atol=1e-2)
        np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-4)


def test_a_detector_and_a_pose_network_are_told_apart(people, model, tmp_path):
    with pytest.raises(DataError, match=r"people\.onnx: a person detector.*--detector"):
        load_onnx_network(people[0])
    with pytest.raises(DataError, match=r"net\.onnx: is a pose network"):
        detector_named(str(model))
    foreign = write_onnx(tmp_path / "foreign.onnx", {})
    with pytest.raises(DataError, match=r"foreign\.onnx: is no person detector"):
        detector_named(str(foreign))


def test_people_are_found_without_torch(people, model, photograph, tmp_path):
    image = tmp_path / "a.png"
    Image.fromarray(photograph).save(image)
    words = ("predict", model, image, "--out", tmp_path / "out", "--score", "0.06", "--no-draw")
    done = run_without(left_out(), *words, "--detector", people[0])
    assert done.returncode == 0, done.stderr
    wanted = len(detected_by(detector_named(str(people[1])), 0.06)(Frame("a", 0, 0.0, photograph)))
    assert len((tmp_path / "out" / "poses.jsonl").read_text().splitlines()) == wanted > 0
    lost = run_without(left_out(), *words, "--detector", "lite0-people", "--overwrite")
    assert lost.returncode == 2 and "'lite0-people' needs torch" in lost.stderr and "prepose export" in lost.stderr


def test_predict_needs_no_torch_nor_what_the_docs_leave_out(model, photograph, tmp_path):
    blocked = left_out()
    assert {"torch", "transformers", "safetensors", "lightning_fabric"} <= set(blocked)
    image = tmp_path / "a.png"
    Image.fromarray(photograph).save(image)
    written = ("--format", "csv", "--format", "npz", "--export", "bvh,coco", "--angles")
    done = run_without(blocked, "predict", model, image, "--out", tmp_path / "out", *written)
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"poses.jsonl", "poses.csv", "poses.npz", "a_pose.png", "a_person1.bvh", "angles.csv"} <= names
    row = json.loads((tmp_path / "out" / "poses.jsonl").read_text())
    assert row["weights"] == "0123456789abcdef-onnx"
    none = run_without(blocked, "predict", image, "--out", tmp_path / "none")
    assert none.returncode == 2
    assert "torch is not installed" in none.stderr
    assert len(none.stderr.strip().splitlines()) == 3  # two are of the assumptions
