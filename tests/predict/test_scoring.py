import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest

from people_of_protocol import people_of
from prepose.body.skeletons import COCO_17, H36M_17, LSP_14, MPII_16, PREPOSE_27, SMPL_24
from prepose.data.store import StoreDescription, write_store
from prepose.errors import DataError
from prepose.metrics.evaluation_files import load_evaluation
from prepose.metrics.protocols import get_protocol, protocols_for
from prepose.predict.scoring import evaluate_run

PICTURE = cv2.imencode(".png", np.zeros((1000, 1000, 3), np.uint8))[1].tobytes()


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return tmp_path_factory.mktemp("scoring")


@pytest.fixture
def store(people, stores):
    """A store with the splits train and test, which have other people."""
    folder = stores / "lab"
    if not folder.exists():
        for seed, split in enumerate(("train", "test")):
            samples = people.samples(4, seed=seed)
            write_store(folder, StoreDescription("lab", PREPOSE_27), split, samples, total=4)
    return folder


@pytest.fixture
def run(weights, tmp_path):
    """What a training leaves that scoring looks at."""
    folder = tmp_path / "run"
    (folder / "weights").mkdir(parents=True)
    shutil.copy(weights, folder / "weights/best.safetensors")
    (folder / "recipe.json").write_text("{}")
    return folder


def test_the_protocols_own_split_is_scored_and_kept_beside_the_run(run, store):
    evaluation = evaluate_run(run, store)
    assert (evaluation.dataset, evaluation.split, len(evaluation)) == ("lab", "test", 4)
    assert evaluation.protocol.name == "worlds-mpjpe-true-root-depth" and evaluation.protocol.split == "test"
    kept = load_evaluation(run / "evaluations/lab-test-worlds-mpjpe-true-root-depth.json")
    np.testing.assert_array_equal(kept.prediction_mm, evaluation.prediction_mm)
    assert kept.overall()["mpjpe_mm"] == evaluation.overall()["mpjpe_mm"] > 0


def test_another_split_and_protocol_are_recorded_and_kept_apart(run, store):
    evaluate_run(run, store)
    evaluation = evaluate_run(run, store, split="train", protocol="optimal-scale")
    assert evaluation.split == evaluation.protocol.split == "train"
    assert sorted(path.name for path in (run / "evaluations").glob("*.json")) == [
        "lab-test-worlds-mpjpe-true-root-depth.json",
        "lab-train-optimal-scale.json",
    ]
    described = json.loads((run / "evaluations/lab-train-optimal-scale.json").read_text())
    assert described["protocol"]["split"] == "train"


def test_the_default_protocol_is_the_datasets_and_said(run, store):
    found = evaluate_run(run, store)
    assert found.facts["protocol_is"] == "the default of lab for a network of mpii-16"
    asked = evaluate_run(run, store, protocol="worlds-mpjpe-true-root-depth")
    assert asked.facts["protocol_is"] == "asked for"
    assert asked.headline == found.headline


@pytest.mark.parametrize(
    ("name", "skeleton", "with_3d", "default"),
    [
        ("h36m", H36M_17, True, "h36m-14-mpjpe-true-root-depth"),  # a network of mpii-16 lacks the other three
        ("3dpw", SMPL_24, True, "3dpw-14-pa-mpjpe"),
        ("lsp", LSP_14, False, "lsp-pck-20"),
        ("coco", COCO_17, False, "pck-box-10"),  # it has no eyes, and hips elsewhere
        ("custom", MPII_16, True, "true-root-depth"),
        ("custom", MPII_16, False, "pck-torso-20"),
    ],
)
def test_each_dataset_has_its_default(weights, tmp_path, name, skeleton, with_3d, default):
    row = get_protocol(default)
    samples = [
        replace(sample, image=PICTURE, **({} if with_3d else {"joints_cam": np.full((len(skeleton), 3), np.nan)}))
        for sample in people_of(row, skeleton=skeleton, count=2)
    ]
    write_store(tmp_path / "store", StoreDescription(name, skeleton), row.split, samples, total=2)
    evaluation = evaluate_run(weights, tmp_path / "store")
    assert evaluation.protocol.name == default
    choice, _, why = evaluation.facts["protocol_is"].partition(" (")
    assert choice == f"the default of {name} for a network of mpii-16"
    first = protocols_for(name)[0]
    assert why.startswith(f"the protocol {first.name} " if first != row else "")
    assert np.isfinite(evaluation.headline)


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        (
            "lsp-pck-20",
            "lab/test: the protocol lsp-pck-20 is made for lsp; use --protocol worlds-mpjpe-true-root-depth",
        ),
        ("pck-box-10", None),
    ],
)
def test_what_does_not_fit_is_refused_before_the_network_runs(run, store, monkeypatch, protocol, message):
    ran = []
    monkeypatch.setattr("prepose.predict.evaluate.run_network", lambda *_args, **_named: ran.append(1) or 1 / 0)
    if message is None:
        with pytest.raises(ZeroDivisionError):
            evaluate_run(run, store, protocol=protocol)
        assert ran, "this is where a network runs"
        return
    with pytest.raises(DataError, match=message):
        evaluate_run(run, store, protocol=protocol)
    assert not ran and not (run / "evaluations").exists()


def test_a_dataset_that_no_protocol_fits_is_said(weights, tmp_path):
    nothing = [
        replace(sample, joints_cam=np.full((16, 3), np.nan), joints_img=np.full((16, 2), np.nan))
        for sample in people_of(get_protocol("true-root-depth"), count=2)
    ]
    write_store(tmp_path / "store", StoreDescription("custom", MPII_16), "test", nothing, total=2)
    with pytest.raises(DataError, match=r"custom/test: the protocol true-root-depth needs 3D joints.*no protocol fits"):
        evaluate_run(weights, tmp_path / "store")


def test_a_weights_file_alone_is_scored_and_nothing_is_written(weights, store):
    before = set(weights.parent.rglob("*"))
    assert len(evaluate_run(weights, store)) == 4
    assert set(weights.parent.rglob("*")) == before


def test_a_run_and_its_weights_score_the_same(run, weights, store):
    one, other = evaluate_run(run, store), evaluate_run(weights, store)
    assert one.weights == other.weights
    np.testing.assert_array_equal(one.prediction_mm, other.prediction_mm)


def test_the_only_split_needs_no_name(weights, people, tmp_path):
    write_store(tmp_path / "lab", StoreDescription("lab", PREPOSE_27), "demo", people.samples(3), total=3)
    assert evaluate_run(weights, tmp_path / "lab").split == "demo"


def test_progress_is_told_to_the_last_sample(weights, store):
    told = []
    evaluate_run(weights, store, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (4, 4)


def test_which_of_many_splits_must_be_said(weights, people, tmp_path):
    for split in ("train", "validation"):
        write_store(tmp_path / "lab", StoreDescription("lab", PREPOSE_27), split, people.samples(2), total=2)
    with pytest.raises(DataError, match="has no split 'test'; name one of train, validation by --split"):
        evaluate_run(weights, tmp_path / "lab")


def test_what_is_wrong_is_found_before_the_weights_are_read(tmp_path, store):
    """The cheap checks come first: none of these needs a network."""
    with pytest.raises(DataError, match="no protocol is named 'best'"):
        evaluate_run(tmp_path, store, protocol="best")
    with pytest.raises(DataError, match="there is no such store"):
        evaluate_run(tmp_path, tmp_path / "nowhere")
    with pytest.raises(DataError, match="neither a run nor a folder with weights"):
        evaluate_run(tmp_path, store)


@pytest.mark.parametrize("protocol", [None, "pck-box-10"])
def test_a_network_that_the_datasets_own_protocol_does_not_fit_is_scored_on_its_split(weights, tmp_path, protocol):
    people = people_of(get_protocol("pck-box-10"), skeleton=COCO_17, count=2)
    samples = [replace(one, image=PICTURE, joints_cam=np.full((17, 3), np.nan)) for one in people]
    for split in ("train", "validation"):
        write_store(tmp_path / "store", StoreDescription("coco", COCO_17), split, samples, total=2)
    evaluation = evaluate_run(weights, tmp_path / "store", protocol=protocol)
    assert (evaluation.split, evaluation.protocol.name) == ("validation", "pck-box-10")
    why = "the default of coco for a network of mpii-16 (the protocol coco-oks-ap-given-boxes scores"
    assert evaluation.facts["protocol_is"].startswith(why if protocol is None else "asked for")
    assert evaluate_run(weights, tmp_path / "store", split="train").protocol.name == "pck-box-10"
