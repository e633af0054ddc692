"""Tests for forecasts: figures follow from what is measured, and nothing is kept."""

import io
import json

import pytest
from rich.console import Console

from fake_studies import small_study
from prepose.recipes.budget import stage_cost
from prepose.studies.engines.local import Outcome
from prepose.studies.run.dry_run import forecast, print_forecast
from prepose.studies.run.planning import RunSettings
from prepose.studies.run.step_speed import StepCost
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
