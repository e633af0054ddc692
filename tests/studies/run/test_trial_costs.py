"""Tests for what a trial says that it cost."""

from dataclasses import asdict

import numpy as np
import pytest

from prepose.errors import RecipeError
from prepose.models.flops import count_flops, count_parameters
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.builtin_studies import STUDIES
from prepose.studies.run import trial_costs
from prepose.studies.run.conduct import run_study
from prepose.studies.run.dry_run import forecast
from prepose.studies.run.trial_costs import (
    EvaluationCost,
    ProcessCost,
    costs_of,
    device_name,
    forget_peak_memory,
    peak_memory_bytes,
)

HEAD = "samples,stage,train_flops,train_seconds,validation_flops,validation_seconds\n"
ROWS = "160,pretrain,1e9,1.5,,\n320,pretrain,2e9,3.5,1e8,0.5\n480,finetune,4e9,6.0,,\n640,finetune,6e9,9.25,3e8,1.25\n"
USED = ProcessCost("some cpu", 1, 2, 10**9, None, 12.5, "rapl")


def test_stages_are_told_apart_and_add_up(tmp_path):
    (tmp_path / "log.csv").write_text(HEAD + ROWS)
    recipe = RECIPES["mixed"]()
    evaluations = {"lab": EvaluationCost("k", 8, 16e6, 0.5), "wild": EvaluationCost("l", 4, 8e6, 0.25)}
    costs = costs_of(recipe, tmp_path, counted_flops=5e9, evaluations=evaluations, used=USED, wall_seconds=12.0)
    assert costs["stages"] == {
        "pretrain": {"samples": 320, "train_flops": 2e9, "train_seconds": 3.5},
        "finetune": {"samples": 320, "train_flops": 4e9, "train_seconds": 5.75},
    }
    assert (costs["train_flops"], costs["train_seconds"], costs["images_seen"]) == (6e9, 9.25, 640)
    assert (costs["validation_flops"], costs["validation_seconds"]) == (3e8, 1.25)
    assert (costs["evaluation_flops"], costs["evaluation_seconds"]) == (24e6, 0.75)
    assert costs["evaluations"]["lab"] == asdict(evaluations["lab"])
    assert costs["parameters"] == count_parameters(recipe.model)
    assert costs["forward_flops"] == count_flops(recipe.model).forward
    assert (costs["energy_joules"], costs["energy_source"], costs["counted_flops"]) == (12.5, "rapl", 5e9)
    assert "peak_device_memory_bytes" not in costs


def test_the_peak_is_that_of_the_work_since_it_was_forgotten():
    size = 300 * 2**20
    block = np.ones(size, np.uint8)
    high = peak_memory_bytes()
    del block
    forget_peak_memory(cuda=False)
    low = peak_memory_bytes()
    if low == high:
        pytest.skip("this system does not let a process forget its peak")
    assert high - low > 0.8 * size
    block = np.ones(size, np.uint8)
    assert peak_memory_bytes() - low > 0.8 * size and block[-1] == 1


def test_a_system_without_getrusage_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    """As Windows is."""
    monkeypatch.setattr(trial_costs, "resource", None)
    study = STUDIES["pretraining"]("cpu")
    for begin in (run_study, forecast):
        with pytest.raises(RecipeError, match="getrusage"):
            begin(study, tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_the_device_has_a_name():
    assert device_name(cuda=False)
