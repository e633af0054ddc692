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
    Energy,
    EvaluationCost,
    ProcessCost,
    costs_of,
    device_name,
    energy_used,
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


@pytest.fixture
def processors(tmp_path, monkeypatch):
    """Two processors, one with a part that must not be counted twice."""
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "max_energy_range_uj").write_text("100000000\n")
        (tmp_path / name / "energy_uj").write_text("90000000\n")
    monkeypatch.setattr(trial_costs, "POWERCAP", tmp_path)
    return tmp_path


def test_what_processors_used_is_added_up_over_the_end_of_a_counter(processors):
    with energy_used(cuda=False) as used:
        (processors / "intel-rapl:0" / "energy_uj").write_text("95000000\n")
        (processors / "intel-rapl:1" / "energy_uj").write_text("2000000\n")
        (processors / "intel-rapl:0:0" / "energy_uj").write_text("99000000\n")
    assert used.source == "rapl" and used.joules == pytest.approx(5 + 12)


def test_a_counter_that_fails_on_the_way_spoils_the_sum(processors):
    with energy_used(cuda=False) as used:
        (processors / "intel-rapl:1" / "energy_uj").unlink()
    assert used == Energy(None, None)


def test_counters_are_read_now_and_then(processors, monkeypatch):
    """One that starts again several times would otherwise be read too seldom."""
    monkeypatch.setattr(trial_costs, "SAMPLE_SECONDS", 0.01)
    path = processors / "intel-rapl:0" / "energy_uj"
    with energy_used(cuda=False) as used:
        for reading, total in ((95, 5), (10, 20), (60, 70), (5, 115)):
            # At once, as the kernel does it.
            path.with_suffix(".new").write_text(f"{reading}000000\n")
            path.with_suffix(".new").replace(path)
            for _ in range(500):
                if used.joules == pytest.approx(total):
                    break
                trial_costs.threading.Event().wait(0.01)
    assert used.joules == pytest.approx(115)


def test_where_no_device_tells_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(trial_costs, "POWERCAP", tmp_path)
    with energy_used(cuda=False) as used:
        pass
    assert used == Energy(None, None)


def test_a_counter_that_may_not_be_read_says_nothing(processors):
    (processors / "intel-rapl:1" / "energy_uj").unlink()
    with energy_used(cuda=False) as used:
        pass
    assert used == Energy(None, None)
