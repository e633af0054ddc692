import json
from dataclasses import replace

import numpy as np
import pytest

from fakes_study import PROTOCOL, Fake, fake_evaluation
from prepose.errors import DataError
from prepose.metrics.evaluation_files import save_evaluation
from prepose.studies.results import reduced as room
from prepose.studies.results.reduced import keep_reduction, reduce_evaluation, reduced_of
from prepose.studies.statistics.scores import ArmScores


@pytest.fixture(scope="module")
def evaluation():
    return fake_evaluation("lab", PROTOCOL, Fake(), noise=40, generator=np.random.default_rng(0), dataset="lab")


def mean(pair):
    return ArmScores("", (0,), pair[0][None], pair[1][None]).seed_means[0]


@pytest.mark.parametrize("averaging", ["joints", "samples", "actions"])
def test_sums_give_back_the_evaluations_figures(evaluation, averaging):
    evaluation = replace(evaluation, protocol=replace(evaluation.protocol, averaging=averaging))
    found, overall = reduce_evaluation(evaluation), evaluation.overall()
    assert {name for name, value in overall.items() if not np.isnan(value)} == set(found.sums["measures"])
    for name, pair in found.sums["measures"].items():
        assert mean(pair) == pytest.approx(overall[name], rel=1e-6), name
    for name, row in evaluation.per_variant().items():
        assert mean(found.sums["variants"][name]) == pytest.approx(row["mpjpe_mm"], rel=1e-6)


def test_the_parts_add_up_to_the_error(evaluation):
    found, overall = reduce_evaluation(evaluation), evaluation.overall()
    parts = {name: mean(pair) for name, pair in found.sums["parts"].items()}
    assert sum(parts.values()) == pytest.approx(overall["mpjpe_mm"], rel=1e-6)
    assert parts["rest"] == pytest.approx(overall["pa_mpjpe_mm"], rel=1e-6)
    assert parts["scale"] == pytest.approx(overall["mpjpe_mm"] - overall["n_mpjpe_mm"], rel=1e-4)


def test_facts_say_what_was_measured(evaluation):
    facts = reduce_evaluation(evaluation).facts
    assert (facts["num_samples"], facts["num_subjects"]) == (48, 8)
    assert facts["clusters"] == {"count": 8, "kind": "subjects", "text": "8 subjects"}
    assert facts["group_measure"] == "mpjpe_mm"
    nudged = evaluation.truth_mm.copy()
    nudged[3, 4, 0] += 1
    assert facts["samples"] != reduce_evaluation(replace(evaluation, truth_mm=nudged)).facts["samples"]


def test_one_scored_person_makes_no_spread_over_people(evaluation):
    truth_mm, truth_img = evaluation.truth_mm.copy(), evaluation.truth_img.copy()
    others = np.array(evaluation.subjects) != "person 0"
    truth_mm[others], truth_img[others] = np.nan, np.nan
    facts = reduce_evaluation(replace(evaluation, truth_mm=truth_mm, truth_img=truth_img)).facts
    assert facts["clusters"]["kind"] == "samples"


def test_without_truth_in_3d_the_image_is_left(evaluation):
    found = reduce_evaluation(replace(evaluation, truth_mm=np.full_like(evaluation.truth_mm, np.nan)))
    assert found.sums["parts"] == found.sums["variants"] == {}
    assert "error_px" in found.sums["measures"] and "mpjpe_mm" not in found.sums["measures"]


def saved(evaluation, folder):
    path = save_evaluation(evaluation, folder, "lab")
    return path, json.loads(path.read_text())["arrays_sha256"]


def same(one, other):
    assert one.facts == other.facts
    for kind, rows in other.sums.items():
        assert set(one.sums[kind]) == set(rows)
        for name, pair in rows.items():
            np.testing.assert_array_equal(one.sums[kind][name], pair)


def test_a_reduction_is_made_once_and_kept(evaluation, tmp_path, monkeypatch):
    path, digest = saved(evaluation, tmp_path)
    first = reduced_of(path, digest)
    same(first, reduce_evaluation(evaluation))
    monkeypatch.setattr(room, "load_evaluation", lambda _: pytest.fail("the arrays were read again"))
    same(reduced_of(path, digest), first)


def test_a_reduction_can_be_kept_when_the_evaluation_is_saved(evaluation, tmp_path, monkeypatch):
    path, digest = saved(evaluation, tmp_path)
    keep_reduction(path)
    monkeypatch.setattr(room, "load_evaluation", lambda _: pytest.fail("the arrays were read again"))
    same(reduced_of(path, digest), reduce_evaluation(evaluation))


def test_an_evaluation_of_one_sample_is_left_for_the_report_to_refuse(tmp_path):
    one = fake_evaluation("lab", PROTOCOL, Fake(samples=1), noise=9, generator=np.random.default_rng(0), dataset="lab")
    path, digest = saved(one, tmp_path)
    keep_reduction(path)
    assert not path.with_suffix(".sums.npz").exists()
    with pytest.raises(ValueError, match="1 sample"):
        reduced_of(path, digest)


def test_another_evaluation_is_reduced_anew(evaluation, tmp_path):
    path, digest = saved(evaluation, tmp_path)
    reduced_of(path, digest)
    worse = replace(evaluation, prediction_mm=evaluation.prediction_mm * np.float32(1.1))
    path, other = saved(worse, tmp_path)
    assert other != digest
    same(reduced_of(path, other), reduce_evaluation(worse))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04half"])
def test_a_damaged_reduction_is_made_anew(evaluation, tmp_path, content):
    path, digest = saved(evaluation, tmp_path)
    (tmp_path / "lab.sums.npz").write_bytes(content)
    same(reduced_of(path, digest), reduce_evaluation(evaluation))


def test_a_damaged_evaluation_is_named(evaluation, tmp_path):
    path, digest = saved(evaluation, tmp_path)
    (tmp_path / "lab.npz").write_bytes(b"")
    with pytest.raises(DataError, match=r"lab\.npz: does not belong to the \.json beside it"):
        reduced_of(path, digest)
