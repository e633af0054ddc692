"""The verbs `score` and `protocols`."""

import json

import numpy as np
import pytest

from fakes import fake_samples
from prepose.body.skeletons import MPII_16
from prepose.data.store import StoreDescription, open_store, write_store


@pytest.fixture
def store(tmp_path):
    samples = [one for one in fake_samples(12, MPII_16, np.random.default_rng(0)) if one.camera is not None]
    write_store(tmp_path / "lab", StoreDescription("any", MPII_16), "test", samples, total=6)
    return tmp_path / "lab"


@pytest.fixture
def predictions(store, tmp_path):
    """Poses in metres, one person not found."""
    truth = open_store(store, "test").array("joints_cam") / 1000
    truth[2] = np.nan
    noisy = truth + np.random.default_rng(1).normal(0, 0.03, truth.shape)
    np.savez(tmp_path / "mine.npz", sample=np.arange(6), joints_cam=noisy, skeleton="mpii-16")
    return tmp_path / "mine.npz"


def test_predictions_are_scored_kept_and_compared(run, store, predictions, tmp_path):
    code, out, err = run("score", predictions, "--data", store, "--out", tmp_path / "kept")
    assert (code, err) == (0, "")
    text = " ".join(out.split())
    assert "any/test: 6 samples, true-root-depth, predictions of mine" in text
    assert "found 5 of 6 people (83.3 %)" in text and "1 of 6 labelled people have no prediction" in text
    assert "in m (inferred: a unit of its poses is" in text and "of all" in text and "of found" in text
    assert "kept in" in text and "flip test" not in text
    code, _, _ = run("score", predictions, "--data", store, "--out", tmp_path / "other", "--system", "other")
    code, out, _ = run("compare", tmp_path / "kept", tmp_path / "other", "--data", store)
    text = " ".join(out.split())
    assert code == 0 and "over joints that both predict" in text and "found 5 of 6 people" in text


def test_json_holds_of_all_and_of_found(run, store, predictions):
    code, out, _ = run("score", predictions, "--data", store, "--json", "--protocol", "optimal-scale")
    told = json.loads(out)
    assert code == 0 and told["found"]["people"] == 5
    assert told["found"]["of_found"]["mpjpe_mm"] < 60 < told["overall"]["mpjpe_mm"]
    assert told["facts"]["protocol_is"] == "asked for" and told["facts"]["system"] == "mine"


def test_bad_input_ends_in_one_line(refused, store, predictions, tmp_path):
    assert "no such file of predictions" in refused("score", tmp_path / "none.npz", "--data", store)
    assert "stated to be in mm" in refused("score", predictions, "--data", store, "--unit", "mm")
    assert "--unit" in refused("score", predictions, "--data", store, "--unit", "inch")
    assert "did you mean 'npz'" in refused("score", predictions, "--data", store, "--form", "npzz")
    assert "no protocol is named" in refused("score", predictions, "--data", store, "--protocol", "mpjpe")
    assert "scores joints in the image, which the predictions do not have; what can be scored" in refused(
        "score", predictions, "--data", store, "--protocol", "mpii-pckh-50"
    )
    assert not (tmp_path / "evaluations").exists()


def test_protocols_are_listed_shown_and_compared(run, store, predictions):
    assert "limbs-10-pa-mpjpe" in run("protocols")[1]
    assert "source" in run("protocols", "true-root-depth")[1]
    code, out, _ = run("protocols", "diff", "true-root-depth", "optimal-scale")
    assert code == 0 and "alike: joints" in out
    told = json.loads(run("protocols", "diff", "true-root-depth", "optimal-scale", "--json")[1])
    assert [each["name"] for each in told["differences"]] == ["scale"]
    words = ("protocols", "diff", "true-root-depth", "limbs-10-pa-mpjpe", "--predictions", predictions, "--data", store)
    code, out, _ = run(*words)
    assert code == 0 and "all together" in out and "alignment" in out
    told = json.loads(run(*words, "--json")[1])
    rows = {each["property"]: each for each in told["differences"]}
    assert rows["alignment"]["mean_of_orders"] < 0 and rows["approximations"]["switched_first"] is None
    total = told["value_second"] - told["value_first"]
    assert sum(each["mean_of_orders"] or 0 for each in rows.values()) == pytest.approx(total)


def test_a_saved_evaluation_is_read_as_predictions(run, store, predictions, tmp_path):
    run("score", predictions, "--data", store, "--out", tmp_path / "kept")
    kept = tmp_path / "kept" / "evaluations" / "any-test-true-root-depth.json"
    words = ("protocols", "diff", "true-root-depth", "mean-person", "--predictions", kept, "--data", store)
    code, out, _ = run(*words)
    assert code == 0 and "scale" in out


def test_what_is_no_question_about_protocols_is_refused(refused, store, predictions):
    assert "expected no name, one name, or diff A B" in refused("protocols", "diff", "true-root-depth")
    assert "expected no name, one name, or diff A B" in refused("protocols", "a", "b")
    assert "need two protocols" in refused("protocols", "true-root-depth", "--data", store)
    assert "belong together" in refused("protocols", "diff", "true-root-depth", "mean-person", "--data", store)
    words = ("protocols", "diff", "true-root-depth", "pck-box-10", "--predictions", predictions, "--data", store)
    assert "no mm lie between them" in refused(*words)
