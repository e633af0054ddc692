"""Tests for forecasts: figures follow from what is measured, and nothing is kept."""

import io
import json
import math

import pytest
from rich.console import Console

from fake_studies import at_once, small_study
from prepose.errors import RecipeError
from prepose.recipes.budget import stage_cost
from prepose.recipes.train import Machine
from prepose.specs.overrides import override
from prepose.studies.engines.local import Outcome, Resources
from prepose.studies.run import dry_run
from prepose.studies.run.dry_run import StepCost, forecast, measure_step, print_forecast, step_costs, step_key
from prepose.studies.run.planning import RunSettings
from prepose.studies.trials import arms_of

SETTINGS = RunSettings(jobs=2, threads=1, accelerator="cpu")


def one_second_a_step(jobs, *, resources, tick, on_done):
    return {job.name: Outcome(StepCost(1.0, 10**9)) for job in jobs}


@pytest.fixture
def found(tmp_path):
    return forecast(small_study(), tmp_path / "out", settings=SETTINGS, engine=one_second_a_step)


def test_a_trial_takes_its_steps_its_validations_and_its_sets(found):
    only = found.arms[1]
    recipe = arms_of(small_study())[1].recipe
    [stage] = recipe.stages
    # 20 steps; one validation of 8 samples, 2 sets of 8 with their mirror images, 4 samples to a step.
    a_pass = found.seconds and 1.0 / 4 / (
        stage_cost(recipe.model, stage).training / stage_cost(recipe.model, stage).forward
    )
    assert only.seconds == pytest.approx(20 + (8 + 32) * a_pass, rel=0.01)
    assert only.images == 80 and only.train_flops == only.counted_flops > 1e9


def test_the_whole_is_shared_by_the_places(found, tmp_path):
    assert found.seconds == pytest.approx(sum(2 * arm.seconds for arm in found.arms) / 2)
    assert found.samples_to_draw == 64 and len(found.trials) == 4
    assert not any(trial["done"] for trial in found.trials) and not list(tmp_path.iterdir())


def test_memory_is_what_was_measured_and_the_cache_of_images(tmp_path):
    many = {"world": "lab", "counts": {"train": 30_000, "validation": 8, "test": 8}, "size": 64}
    stores = {"wild": small_study().stores["wild"].model_dump(), "lab": many}
    found = forecast(small_study(stores=stores), tmp_path, settings=SETTINGS, engine=one_second_a_step)
    assert found.arms[1].memory_bytes == pytest.approx(1e9 + (30_000 - 64) * 64 * 64 * 3)
    much = stores | {"lab": many | {"size": 256}}
    found = forecast(small_study(stores=much), tmp_path, settings=SETTINGS, engine=one_second_a_step)
    assert found.arms[1].memory_bytes == 1e9 + 512 * 2**20


def test_it_is_printed_and_goes_through_json(found):
    console = Console(file=io.StringIO(), width=160)
    print_forecast(found, console)
    text = console.file.getvalue()
    assert "small: 2 arms x 2 seeds" in text and "pretrained" in text and "0.75 M" in text
    assert "4 trials, 0 done; 2 in parallel on cpu, 1 thread each: about" in text and "counted" not in text
    assert "after 64 samples are rendered" in text and "Memory: the peak" in text
    again = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert [arm["arm"] for arm in again["arms"]] == ["pretrained", "only-3d"] and len(again["trials"]) == 4


CPU = Machine(accelerator="cpu", threads=1)


@pytest.fixture
def recipe():
    return arms_of(small_study())[0].recipe


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(dry_run, "WARM_UP", 1)
    monkeypatch.setattr(dry_run, "MEASURED", 2)


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
        rates = [1.0] * dry_run.WARM_UP + [32.0, 16.0, 2.0, 40.0, 16.0, 16.0, 40.0, 4.0, 16.0]
        out.mkdir()
        (out / "log.csv").write_text("samples_per_second\n" + "".join(f"{rate}\n" for rate in rates))

    monkeypatch.setattr(dry_run, "run_recipe", run_at)
    batch_of_8 = override(recipe, ["batch_size=8"])
    found = measure_step(batch_of_8, batch_of_8.stages[0], CPU, 64)
    assert seen == [((dry_run.WARM_UP + dry_run.MEASURED) * 8, 8, 3600.0)]
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
