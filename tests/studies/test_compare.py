import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from fakes_evaluation import drawn_evaluation
from prepose.errors import DataError
from prepose.metrics.evaluation_files import load_evaluation, save_evaluation
from prepose.studies.compare import compare_evaluations, compare_runs, print_comparison, write_comparison_page


def evaluation(noise_mm=50.0, seed=1, subjects=None, **changes):
    """The same people and truth for every seed and noise; only the predictions differ."""
    truth = drawn_evaluation(seed=0)
    noise = np.random.default_rng(seed).normal(0, noise_mm, truth.prediction_mm.shape)
    made = replace(truth, prediction_mm=(np.nan_to_num(truth.truth_mm) + noise).astype(np.float32), weights=str(seed))
    return replace(made, subjects=subjects or tuple(f"S{i % 10}" for i in range(len(made))), **changes)


def test_a_worse_network_is_seen_paired_and_by_every_group():
    found = compare_evaluations({"base": evaluation(50, 1), "worse": evaluation(80, 2), "alike": evaluation(50, 3)})
    worse, alike = found.headlines
    assert (worse.network, worse.verdict, alike.verdict) == ("worse", "worse", "no difference shown")
    assert worse.difference == pytest.approx(worse.mean - worse.baseline_mean) and worse.difference in worse.interval
    kinds = {each.kind for each in found.differences}
    assert kinds == {"overall", "joint", "state", "hidden", "action"}
    joints = [each for each in found.differences if each.kind == "joint" and each.network == "worse"]
    assert np.mean([each.difference for each in joints if each.label != "pelvis"]) > 20


def test_the_interval_is_the_paired_t_test_over_people():
    """With people of one size the difference is the mean of the people's differences."""
    one, other = (evaluation(noise, seed) for noise, seed in ((50, 1), (52, 2)))
    full = [
        replace(each, truth_mm=np.nan_to_num(each.truth_mm), truth_img=np.nan_to_num(each.truth_img))
        for each in (one, other)
    ]
    found = compare_evaluations({"a": full[0], "b": full[1]}).headlines[0]
    person = np.array([int(name[1:]) for name in one.subjects])
    errors = [np.array([each.tables["mpjpe_mm"][person == k].mean() for k in range(10)]) for each in full]
    test = stats.ttest_rel(errors[1], errors[0])
    assert found.p_value == pytest.approx(test.pvalue, rel=1e-6)
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(test.confidence_interval()), rel=1e-5)


def test_two_networks_are_corrected_for_being_two():
    first = evaluation(50, 1)
    alone = compare_evaluations({"a": first, "b": evaluation(53, 2)}).headlines[0]
    both = compare_evaluations({"a": first, "b": evaluation(53, 2), "c": evaluation(50, 3)}).headlines[0]
    assert both.p_value == pytest.approx(min(1, 2 * alone.p_value))
    assert both.interval == alone.interval


def _other_truth(one):
    truth = one.truth_mm.copy()
    truth[3] += 1
    return replace(one, truth_mm=truth)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda e: replace(e, dataset="wild"), r"b cannot be compared with a: dataset is 'wild' there and 'lab' here"),
        (
            lambda e: replace(e, protocol=replace(e.protocol, flip_test=not e.protocol.flip_test)),
            "protocol flip_test is",
        ),
        (lambda e: replace(e, protocol=replace(e.protocol, scale="mean-person")), "protocol scale is"),
        (lambda e: replace(e, index=e.index + 1), "other samples of the split"),
        (_other_truth, r"ground truth \(truth_mm\) of sample 3 differs"),
    ],
)
def test_what_was_not_measured_alike_is_refused(change, told):
    with pytest.raises(DataError, match=told):
        compare_evaluations({"a": evaluation(50, 1), "b": change(evaluation(50, 2))})


def test_one_network_is_nothing_to_compare():
    with pytest.raises(DataError, match="two networks or more to compare, found 1"):
        compare_evaluations({"a": evaluation()})


def test_notes_say_what_one_training_cannot_and_what_is_not_scored():
    short = evaluation(50, 2)
    gone = short.prediction_mm.copy()
    gone[5:8], missing = np.nan, short.prediction_img.copy()
    missing[5:8] = np.nan
    found = compare_evaluations(
        {"a": evaluation(50, 1), "b": replace(short, prediction_mm=gone, prediction_img=missing)}
    )
    assert "One training of each" in found.notes[0] and "Not all networks are scored on the same" in found.notes[1]
    assert any("same weights" in note for note in compare_evaluations({"a": evaluation(), "b": evaluation()}).notes)


def test_it_is_told_as_text_json_frame_and_page(tmp_path):
    found = compare_evaluations({"base[red]": evaluation(50, 1), "<b>worse</b>": evaluation(80, 2)})
    console = Console(record=True, width=80, file=io.StringIO())
    print_comparison(found, console)
    text = console.export_text()
    assert "base[red]" in text and "+" in text and max(map(len, text.splitlines())) <= 80
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told["baseline"] == "base[red]" and len(told["differences"]) == len(found.differences)
    assert "worse" in repr(found) and len(repr(found)) < 200
    page = write_comparison_page(found, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<b>worse</b>" not in page and "&lt;b&gt;worse" in page and "<script" not in page


def test_one_row_a_number_in_a_frame():
    pandas = pytest.importorskip("pandas")
    frame = compare_evaluations({"a": evaluation(50, 1), "b": evaluation(80, 2)}).to_dataframe()
    assert isinstance(frame, pandas.DataFrame) and {"network", "kind", "label", "low", "high", "verdict"} <= set(frame)


def test_saved_evaluations_of_runs_are_found_and_compared(comparison):
    runs = [comparison.run("only-3d", 0), comparison.run("mixed", 0)]
    store = comparison.folder / "stores" / "wild"
    found = compare_runs(runs, store)
    assert (found.baseline, found.networks, found.dataset) == (runs[0].name, (runs[1].name,), "wild")
    files = [run / "evaluations" / "wild.json" for run in runs]
    by_file = compare_runs(files, store)
    assert by_file.differences[0].difference == found.differences[0].difference
    assert by_file.baseline == f"{runs[0].name}/evaluations/wild.json"


def test_several_evaluations_in_common_must_be_chosen_from(own_comparison, comparison):
    runs = [own_comparison / "runs" / comparison.run(arm, 0).name for arm in ("only-3d", "mixed")]
    for run in runs:
        kept = load_evaluation(run / "evaluations" / "wild.json")
        save_evaluation(replace(kept, split="validation"), run / "evaluations", "again")
    store = own_comparison / "stores" / "wild"
    with pytest.raises(
        DataError, match=r"2 evaluations in common.*--split test --protocol true-root-depth; --split val"
    ):
        compare_runs(runs, store)
    assert compare_runs(runs, store, split="validation").split == "validation"
    with pytest.raises(DataError, match="is given twice"):
        compare_runs([runs[0], runs[0]], store)
