"""Tests for measuring steps."""

import math

import pytest

from fake_studies import at_once, small_study
from prepose.errors import RecipeError
from prepose.recipes.train import Machine
from prepose.specs.overrides import override
from prepose.studies.engines.local import Outcome, Resources
from prepose.studies.run import step_speed
from prepose.studies.run.step_speed import StepCost, measure_step, step_costs, step_key
from prepose.studies.trials import arms_of

CPU = Machine(accelerator="cpu", threads=1)


@pytest.fixture
def recipe():
    return arms_of(small_study())[0].recipe


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(step_speed, "WARM_UP", 1)
    monkeypatch.setattr(step_speed, "MEASURED", 2)


def test_only_what_costs_time_makes_another_kind(recipe):
    stage = recipe.stages[1]
    key = step_key(recipe, stage)
    for change in ("seed=4", "finetune.learning_rate=1", "finetune.samples=4", "sources.lab.store=x"):
        changed = override(recipe, [change])
        assert step_key(changed, changed.stages[1]) == key, change
    for change in ("batch_size=8", "model.size=96", "finetune.trained=heads", "precision=bf16", "ema_decay=0.9"):
        changed = override(recipe, [change])
        assert step_key(changed, changed.stages[1]) != key, change


@pytest.mark.slow
def test_each_kind_is_measured_on_real_steps(recipe, quick):
    only = arms_of(small_study())[1].recipe
    larger = override(only, ["batch_size=16"])
    found = step_costs([only, larger, only], machine=CPU, resources=Resources(1, 1), image_px=64, engine=at_once)
    # Which of the two is faster here depends on what else the machine does, and is not asked.
    assert set(found) == {step_key(each, each.stages[0]) for each in (only, larger)}
    for cost in found.values():
        assert 0 < cost.seconds < math.inf
        assert 1e8 < cost.peak_memory_bytes < 1e11 and cost.peak_device_memory_bytes is None


def test_a_step_takes_the_median_after_the_first_ones(recipe, monkeypatch):
    """The first steps warm up, and the slowest was disturbed: neither counts."""
    seen = []

    def run_at(each, out, *, machine):
        seen.append((each.stages[0].samples, each.log_every, machine.checkpoint_seconds))
        rates = [1.0] * step_speed.WARM_UP + [32.0, 16.0, 2.0, 40.0, 16.0, 16.0, 40.0, 4.0, 16.0]
        out.mkdir()
        (out / "log.csv").write_text("samples_per_second\n" + "".join(f"{rate}\n" for rate in rates))

    monkeypatch.setattr(step_speed, "run_recipe", run_at)
    batch_of_8 = override(recipe, ["batch_size=8"])
    found = measure_step(batch_of_8, batch_of_8.stages[0], CPU, 64)
    assert seen == [((step_speed.WARM_UP + step_speed.MEASURED) * 8, 8, 3600.0)]
    assert found.seconds == 8 / 16.0


def pretending(jobs, *, resources, tick, on_done):
    return {job.name: Outcome(StepCost(1.0 + number, 10 + number)) for number, job in enumerate(jobs)}


def test_as_many_are_measured_in_parallel_as_will_run(recipe):
    """Three kinds of stage on four places: two copies of each, whose mean counts."""
    found = step_costs([recipe], machine=CPU, resources=Resources(4, 1), image_px=64, engine=pretending)
    assert [cost.seconds for cost in found.values()] == [2.5, 3.5, 4.5]
    assert [cost.peak_memory_bytes for cost in found.values()] == [13, 14, 15]


@pytest.mark.slow
def test_a_step_that_cannot_be_done_is_told_with_its_stage(recipe, quick):
    diverging = override(recipe, ["*.learning_rate=1e9", "clip_norm=null"])
    with pytest.raises(RecipeError, match=r"^pretrain of pretrained \(.*\): .*no longer finite"):
        step_costs([diverging], machine=CPU, resources=Resources(1, 1), image_px=64, engine=at_once)
