"""Tests for measuring steps."""

import pytest

from fake_studies import at_once, small_study
from prepose.errors import RecipeError
from prepose.recipes.conduct import Machine
from prepose.recipes.overrides import override
from prepose.studies.engines.local import Outcome, Resources
from prepose.studies.run import step_speed
from prepose.studies.run.step_speed import StepCost, costs_from_plain, plain_costs, step_costs, step_key
from prepose.studies.trials import arms_of

CPU = Machine(accelerator="cpu", threads=1)


@pytest.fixture
def recipe():
    return arms_of(small_study())[0].recipe


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(step_speed, "MEASURED_SECONDS", 0.05)


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
    found = step_costs(
        [only, larger, only], known={}, machine=CPU, resources=Resources(1, 1), picture_px=64, engine=at_once
    )
    small, large = (found[step_key(each, each.stages[0])] for each in (only, larger))
    assert len(found) == 2 and 0 < small.seconds < large.seconds < 60
    assert 1e8 < small.peak_memory_bytes < 1e11 and small.peak_device_memory_bytes is None


def pretending(jobs, *, resources, tick, on_done):
    return {job.name: Outcome(StepCost(1.0 + number, 10 + number)) for number, job in enumerate(jobs)}


def test_as_many_are_measured_side_by_side_as_will_run(recipe):
    """Three kinds of stage on four places: two copies of each, whose mean counts."""
    found = step_costs([recipe], known={}, machine=CPU, resources=Resources(4, 1), picture_px=64, engine=pretending)
    assert [cost.seconds for cost in found.values()] == [2.5, 3.5, 4.5]
    assert [cost.peak_memory_bytes for cost in found.values()] == [13, 14, 15]


def test_what_is_known_is_not_measured_again(recipe):
    known = {step_key(recipe, stage): StepCost(9.0, 1) for stage in recipe.stages[:2]}
    found = step_costs([recipe], known=known, machine=CPU, resources=Resources(1, 1), picture_px=64, engine=pretending)
    assert [cost.seconds for cost in found.values()] == [9.0, 9.0, 1.0]
    assert costs_from_plain(plain_costs(found)) == found


@pytest.mark.slow
def test_a_step_that_cannot_be_done_is_told_with_its_stage(recipe, quick):
    diverging = override(recipe, ["*.learning_rate=1e30", "clip_norm=null"])
    with pytest.raises(RecipeError, match=r"^pretrain of pretrained \(.*\): .*no longer finite"):
        step_costs([diverging], known={}, machine=CPU, resources=Resources(1, 1), picture_px=64, engine=at_once)
