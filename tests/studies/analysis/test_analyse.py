import copy
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fakes_study import ENVIRONMENT, Fake, fake_study
from prepose.metrics.evaluation_files import load_evaluation
from prepose.studies.analysis.analyse import analyse
from prepose.studies.analysis.study_analysis import analysis_from, to_json
from prepose.studies.report.write import as_lines
from prepose.studies.results.study_results import read_study
from prepose.studies.statistics.interval import Interval

ROOT = Path(__file__).parents[3]


def test_an_analysis_goes_through_json_and_back(found, crossed_found, tmp_path):
    one_seed = analyse(read_study(fake_study(tmp_path / "study", Fake(seeds=(5,)))))
    for each in (found, crossed_found, one_seed):
        assert analysis_from(json.loads(json.dumps(to_json(each), allow_nan=False))) == each


def test_what_is_not_finite_is_null_and_an_open_end_comes_back(crossed_told):
    values = to_json({"interval": Interval(0.0, float("inf")), "seeds": (1, 2), "part": float("nan")})
    assert values == {"interval": {"low": 0.0, "high": None}, "seeds": [1, 2], "part": None}
    values = copy.deepcopy(crossed_told)
    values["compute"][0]["ratio"]["at_end"]["interval"] = {"low": None, "high": None}
    assert analysis_from(values).compute[0].ratio.at_end.interval == Interval(float("-inf"), float("inf"))


@pytest.mark.parametrize("path", sorted((ROOT / "results").glob("*/results.json")), ids=lambda path: path.parent.name)
def test_published_results_are_read_and_written_as_they_are(path):
    text = path.read_text(encoding="utf-8")
    assert as_lines(to_json(analysis_from(json.loads(text)))) == text


def test_every_figure_names_its_trials(found, studied):
    trials = {trial.id: trial for trial in found.trials}
    for each in found.sets:
        for arm, on_set in each.arms.items():
            assert [trials[name].arm for name in on_set.trials] == [arm] * 3
            for measure, row in on_set.measures.items():
                files = [studied / trials[name].folder / "evaluations" / f"{each.name}.json" for name in on_set.trials]
                wanted = [load_evaluation(path).overall()[measure] for path in files]
                np.testing.assert_allclose(row.seed_means, wanted, rtol=1e-6)
                assert row.mean == pytest.approx(np.mean(wanted), rel=1e-6)
                assert row.interval.low < row.mean < row.interval.high
    for comparison in found.comparisons:
        for test in comparison.tests:
            assert len(test.trials) == len(test.baseline_trials) == 3


def test_commit_machine_seeds_and_protocol_are_told(found):
    assert found.study.seeds == (0, 1, 2) and found.study.definition["name"] == "fake"
    for trial in found.trials:
        assert trial.environment.git_commit == ENVIRONMENT["git_commit"]
        assert trial.environment.cpu == ENVIRONMENT["cpu"]
    assert {each.protocol.name for each in found.sets} == {"true-root-depth"}
    assert all(each.resampled == "8 subjects" and each.num_samples == 48 for each in found.sets)


def test_what_is_not_done_is_told_and_cautioned(crossed_found):
    states = [trial.state for trial in crossed_found.trials]
    assert (states.count("done"), states.count("failed"), states.count("missing")) == (31, 1, 1)
    assert [line.split(":")[0] for line in crossed_found.caution] == [
        "Fewer than 3 seeds (2) carry no statistical conclusion",
        "Not all trials are finished",
    ]
    arm = next(arm for arm in crossed_found.arms if arm.name == "only-3d / lab-3d / half")
    assert (len(arm.trials), arm.seeds) == (3, (0, 1))


def test_costs_are_means_of_all_trials_or_none(found, own_study):
    assert [arm.costs.train_seconds for arm in found.arms] == [101.0, 101.0]
    assert [arm.costs.energy_joules for arm in found.arms] == [None, None]
    path = next(own_study.glob("trials/*/costs.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"energy_joules": 7.0}))
    arms = analyse(read_study(own_study)).arms
    assert [arm.costs.energy_joules for arm in arms] == [None, None], "one of three trials is no mean"


def test_the_planted_effect_is_found_and_the_missing_one_is_not(found):
    (comparison,) = found.comparisons
    verdicts = {test.set: test.result.adjusted_verdict for test in comparison.tests}
    assert verdicts == {"lab": "no difference shown", "wild": "better"}
    assert comparison.outcome == "holds in part" and "wild test" in comparison.answer


def test_the_same_folder_gives_the_same_figures(studied, found):
    assert analyse(read_study(studied)) == found


def test_groups_have_an_interval_over_seeds(found):
    row = found.sets[0].arms["only-3d"].groups["joint"]["l_wrist"]
    assert len(row.seed_means) == 3 and row.interval.low < row.mean < row.interval.high
    half = (row.interval.high - row.interval.low) / 2
    # 4.303: Student's t for two degrees of freedom.
    assert half == pytest.approx(4.30265 * np.std(row.seed_means, ddof=1) / np.sqrt(3), rel=1e-4)


def test_an_analysis_needs_no_torch():
    code = "import sys, prepose.studies.report.write; print([m for m in ('torch', 'transformers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
