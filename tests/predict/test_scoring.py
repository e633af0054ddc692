import json
import shutil

import numpy as np
import pytest

from prepose.body.skeletons import PREPOSE_27
from prepose.data.store import StoreDescription, write_store
from prepose.errors import DataError
from prepose.metrics.evaluation_files import load_evaluation
from prepose.predict.scoring import evaluate_run


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
    assert evaluation.protocol.name == "true-root-depth" and evaluation.protocol.split == "test"
    kept = load_evaluation(run / "evaluations/lab-test-true-root-depth.json")
    np.testing.assert_array_equal(kept.prediction_mm, evaluation.prediction_mm)
    assert kept.overall()["mpjpe_mm"] == evaluation.overall()["mpjpe_mm"] > 0


def test_another_split_and_protocol_are_recorded_and_kept_apart(run, store):
    evaluate_run(run, store)
    evaluation = evaluate_run(run, store, split="train", protocol="optimal-scale")
    assert evaluation.split == evaluation.protocol.split == "train"
    assert sorted(path.name for path in (run / "evaluations").glob("*.json")) == [
        "lab-test-true-root-depth.json",
        "lab-train-optimal-scale.json",
    ]
    described = json.loads((run / "evaluations/lab-train-optimal-scale.json").read_text())
    assert described["protocol"]["split"] == "train"


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
