import json

import numpy as np
import pytest

from fakes_comparison import SECONDS
from prepose.metrics.evaluation_files import load_evaluation
from prepose.recipes.budget import training_flops
from prepose.studies.quickstart.summary import summarise
from prepose.studies.results.study_results import read_study


@pytest.fixture(scope="module")
def report(comparison):
    return json.loads((comparison.folder / "report.json").read_text())


def test_the_report_has_the_documented_form(report):
    """What others read: the arms with their evaluations, the whole time, the machine."""
    assert {"arms", "seconds_total", "environment"} <= report.keys()
    for arm in report["arms"]:
        assert isinstance(arm["name"], str) and arm["seeds"] == [0, 1]
        assert isinstance(arm["train_flops"], float) and isinstance(arm["seconds"], float)
        assert isinstance(arm["images_seen"], int) and isinstance(arm["parameters"], int)
        assert set(arm["evaluations"]) == {"lab", "wild", "occluded"}
        for figures in arm["evaluations"].values():
            for measure in ("mpjpe_mm", "pa_mpjpe_mm", "pck2d"):
                assert set(figures[measure]) == {"mean", "std", "low", "high"}
    assert [arm["name"] for arm in report["arms"]] == ["only-3d", "mixed", "pretrain-finetune"]


def test_figures_are_means_and_spreads_over_the_seeds(report, comparison):
    for arm in report["arms"]:
        for name, figures in arm["evaluations"].items():
            seeds = [
                load_evaluation(comparison.run(arm["name"], seed) / "evaluations" / f"{name}.json").overall()
                for seed in (0, 1)
            ]
            for measure, found in figures.items():
                values = np.array([seed[measure] for seed in seeds])
                if np.isnan(values).any():
                    assert set(found.values()) == {None}
                else:
                    assert found["mean"] == pytest.approx(values.mean())
                    assert found["std"] == pytest.approx(values.std(ddof=1))


def test_costs_are_those_of_the_recipes_and_the_logs(report, comparison):
    for arm, recipe in zip(report["arms"], comparison.recipes.values(), strict=True):
        assert arm["train_flops"] == training_flops(recipe)
        assert arm["images_seen"] == recipe.samples
        assert arm["seconds"] == pytest.approx(10.5), "the mean of what the logs say"
        assert 5e5 < arm["parameters"] < 1e6
    assert report["seconds_total"] == sum(SECONDS.values())
    assert report["steps"] == ["synthesis: 12 s", "training and evaluation: 30 s"]


def test_curves_are_the_validations_of_the_log(report):
    assert [each["name"] for each in report["curves"]] == ["lab", "wild"]
    for arm in report["arms"]:
        assert len(arm["curves"]) == 2
        for seed in arm["curves"]:
            assert [point["mpjpe_mm"] for point in seed["lab"]] == [260, 220, 180, 140]
            assert [point["mpjpe_mm"] for point in seed["wild"]] == [360, 320, 280, 240]
            assert [point["images"] for point in seed["lab"]] == [
                arm["images_seen"] * part // 4 for part in (1, 2, 3, 4)
            ]
            assert [point["flops"] for point in seed["lab"]] == [0.25e12, 0.5e12, 0.75e12, 1e12]


def test_the_baselines_are_scored_on_every_set(report):
    assert set(report["baselines"]) == {"mean-pose", "true-2d-flat-depth"}
    for sets in report["baselines"].values():
        assert set(sets) == {"lab", "wild", "occluded"}
        assert all(row["mpjpe_mm"] > 0 for row in sets.values())


def test_the_command_gives_the_same_comparison_again(comparison):
    report = summarise(read_study(comparison.folder), SECONDS)
    assert report["command"] == f"prepose quickstart --quick --out {comparison.folder}"
    assert report["size"] == "quick"


def test_paths_are_relative_so_that_the_folder_can_be_moved(report, comparison):
    for run in (run for arm in report["arms"] for run in arm["runs"]):
        assert (comparison.folder / run / "recipe.json").is_file()
        assert not run.startswith("/")
    for each in (*report["sets"], *report["worlds"]):
        assert (comparison.folder / each["store"] / each["split"] / "split.json").is_file()


def test_the_environment_says_where_it_ran(report):
    assert {"prepose", "torch", "python", "cpu", "cpu_count", "git_commit", "date"} <= report["environment"].keys()
