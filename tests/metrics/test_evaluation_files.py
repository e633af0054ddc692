import json
import time
from dataclasses import replace

import numpy as np
import pytest

from prepose.body.skeletons import MPII_16
from prepose.errors import DataError
from prepose.metrics.evaluation import Evaluation, with_mean_pose
from prepose.metrics.evaluation_files import load_evaluation, plain, save_evaluation
from prepose.metrics.protocols import get_protocol


@pytest.fixture
def evaluation():
    generator = np.random.default_rng(0)
    count, joints = 5, len(MPII_16)

    def draw(*shape):
        return generator.normal(0, 100, shape).astype(np.float32)

    truth = draw(count, joints, 3)
    truth[1, 4] = np.nan
    made = Evaluation(
        protocol=replace(get_protocol("mean-person"), flip_test=False, joints=("l_knee", "pelvis")),
        dataset="wild", split="test", weights="0123", index=np.arange(count) * 2,
        subjects=("a", "", "ü", "a", "b"), actions=("walk",) * count,
        states=generator.integers(0, 2, (count, joints)).astype(np.uint8), state_names=("unknown", "visible"),
        boxes_xywh=np.ones((count, 4), np.float32), head_boxes_xywh=np.full((count, 4), np.nan, np.float32),
        confidence=draw(count, joints), prediction_img=draw(count, joints, 2), truth_img=draw(count, joints, 2),
        prediction_mm=draw(count, joints, 3), truth_mm=truth, root_depth_mm=draw(count),
        facts={"device": "cpu"},
    )  # fmt: skip
    return with_mean_pose(made, np.zeros((joints, 3)))


def test_what_is_saved_is_what_is_loaded(evaluation, tmp_path):
    path = save_evaluation(evaluation, tmp_path / "evaluations", "wild-test")
    loaded = load_evaluation(path)
    assert loaded.protocol == evaluation.protocol
    for name in ("dataset", "split", "weights", "subjects", "actions", "state_names", "facts"):
        assert getattr(loaded, name) == getattr(evaluation, name)
    assert set(loaded.arrays()) == set(evaluation.arrays())
    for name, array in evaluation.arrays().items():
        np.testing.assert_array_equal(loaded.arrays()[name], array)
        assert loaded.arrays()[name].dtype == array.dtype
    np.testing.assert_equal(loaded.overall(), evaluation.overall())
    np.testing.assert_equal(loaded.per_variant(), evaluation.per_variant())


def test_the_json_holds_the_summary_with_null_for_nan(evaluation, tmp_path):
    content = json.loads(save_evaluation(evaluation, tmp_path, "x").read_text())
    assert content["overall"] == plain(evaluation.overall())
    assert content["overall"]["pckh_50"] is None
    assert set(content["variants"]) == {"mean-pose"}
    assert content["protocol"]["name"] == "mean-person"


def test_saving_again_replaces_and_leaves_nothing_else(evaluation, tmp_path):
    save_evaluation(evaluation, tmp_path, "x")
    path = save_evaluation(replace(evaluation, weights="4567"), tmp_path, "x")
    assert load_evaluation(path).weights == "4567"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["x.json", "x.npz"]


def test_the_same_evaluation_is_the_same_bytes(evaluation, tmp_path, monkeypatch):
    first = save_evaluation(evaluation, tmp_path, "first").with_suffix(".npz").read_bytes()
    later = time.localtime(time.time() + 86400 * 400)
    monkeypatch.setattr("time.localtime", lambda *seconds: later)
    assert save_evaluation(evaluation, tmp_path, "second").with_suffix(".npz").read_bytes() == first


def test_a_missing_evaluation_is_said(tmp_path):
    with pytest.raises(DataError, match=r"none\.json: there is no such evaluation; run `prepose evaluate`"):
        load_evaluation(tmp_path / "none.json")


def test_arrays_of_another_evaluation_are_found_out(evaluation, tmp_path):
    path = save_evaluation(evaluation, tmp_path, "x")
    other = save_evaluation(replace(evaluation, root_depth_mm=np.zeros(5)), tmp_path, "y")
    other.with_suffix(".npz").replace(path.with_suffix(".npz"))
    with pytest.raises(DataError, match=r"x\.npz: does not belong to the \.json beside it"):
        load_evaluation(path)


def test_missing_arrays_are_said(evaluation, tmp_path):
    path = save_evaluation(evaluation, tmp_path, "x")
    path.with_suffix(".npz").unlink()
    with pytest.raises(DataError, match=r"x\.npz: the arrays of the evaluation cannot be read"):
        load_evaluation(path)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '"x"'])
def test_a_foreign_json_is_said(content, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"x\.json: not the description of an evaluation"):
        load_evaluation(path)


def edited(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


def test_another_version_is_said(evaluation, tmp_path):
    path = edited(save_evaluation(evaluation, tmp_path, "x"), format=99)
    with pytest.raises(DataError, match="evaluation format 99, this version reads 1"):
        load_evaluation(path)


def test_a_broken_protocol_is_said(evaluation, tmp_path):
    path = edited(save_evaluation(evaluation, tmp_path, "x"), protocol={"name": "x", "joints": []})
    with pytest.raises(DataError, match="not a protocol"):
        load_evaluation(path)


def test_an_array_too_few_is_said(evaluation, tmp_path):
    path = save_evaluation(evaluation, tmp_path, "x")
    import hashlib

    with np.load(path.with_suffix(".npz")) as archive:
        kept = {name: archive[name] for name in archive.files if name != "truth_mm"}
    np.savez(path.with_suffix(".npz"), **kept)
    edited(path, arrays_sha256=hashlib.sha256(path.with_suffix(".npz").read_bytes()).hexdigest())
    with pytest.raises(DataError, match="not a whole evaluation"):
        load_evaluation(path)


def test_a_pickle_is_never_run(evaluation, tmp_path):
    import hashlib

    path = save_evaluation(evaluation, tmp_path, "x")
    np.savez(path.with_suffix(".npz"), index=np.array([{"a": 1}], dtype=object))
    edited(path, arrays_sha256=hashlib.sha256(path.with_suffix(".npz").read_bytes()).hexdigest())
    with pytest.raises(DataError, match="not an archive of plain arrays"):
        load_evaluation(path)
