"""Tests for planning: lengths, and what each trial may use."""

import json
from dataclasses import replace

import pytest

from fake_studies import small_study
from prepose.errors import RecipeError
from prepose.specs.reading import study_from
from prepose.studies.engines.local import cores
from prepose.studies.run import planning as study_planning
from prepose.studies.run.folder import keep_plan
from prepose.studies.run.planning import RunSettings, default_jobs, image_px, plan_study
from prepose.studies.run.step_speed import step_key
from prepose.studies.trials import arms_of

CPU = RunSettings(jobs=2, accelerator="cpu")


def test_a_plan_says_how_long_trials_are_and_what_they_may_use(tmp_path):
    planned = plan_study(small_study(), tmp_path, settings=CPU)
    assert [trial.recipe.samples for trial in planned.trials] == [80] * 4
    assert (planned.resources.at_once, planned.side_by_side) == (2, 2)
    assert planned.machine.threads == planned.resources.threads == max(1, cores() // 2)


def test_threads_and_device_stay_what_they_were(tmp_path):
    first = plan_study(small_study(), tmp_path, settings=replace(CPU, threads=3))
    keep_plan(tmp_path, first.as_json(), extend=False)
    assert json.loads((tmp_path / "plan.json").read_text())["machine"] == {"accelerator": "cpu", "threads": 3}
    later = plan_study(small_study(), tmp_path, settings=RunSettings(jobs=1))
    assert (later.machine.threads, later.machine.accelerator, later.resources.at_once) == (3, "cpu", 1)
    other = plan_study(small_study(), tmp_path, settings=RunSettings(jobs=1, threads=2))
    assert other.machine.threads == 2


def test_a_scale_reaches_the_trials(tmp_path):
    planned = plan_study(small_study(), tmp_path, settings=replace(CPU, budget_scale=0.5))
    assert {trial.recipe.samples for trial in planned.trials} == {40}


def test_a_trial_on_a_gpu_makes_its_batches_beside(tmp_path, monkeypatch):
    monkeypatch.setattr(study_planning, "found_accelerator", lambda: "cuda")
    planned = plan_study(small_study(), tmp_path, settings=RunSettings(jobs=4, threads=2, gpus=0.25))
    assert (planned.machine.accelerator, planned.machine.workers, planned.resources.gpus) == ("cuda", 2, 0.25)


def test_jobs_are_as_many_as_cores_while_memory_lasts(monkeypatch):
    monkeypatch.setattr(study_planning, "cores", lambda: 1000)
    assert 1 <= default_jobs(cuda=False) < 1000
    monkeypatch.setattr(study_planning, "cores", lambda: 1)
    assert default_jobs(cuda=False) == 1


def test_arms_are_planned_once(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(study_planning, "arms_of", lambda study: calls.append(study) or arms_of(study))
    plan_study(small_study(), tmp_path, settings=CPU)
    assert len(calls) == 1
    with pytest.raises(RecipeError, match=r"arm 'pretrained': .*'nonsense'"):
        plan_study(small_study(changes=["nonsense=1"]), tmp_path, settings=CPU)
    with pytest.raises(RecipeError, match=r"rule: found 'seconds', expected 'flops', 'images' or 'none'"):
        study_from(small_study().model_dump(mode="json") | {"budget": {"rule": "seconds", "amount": 20}}, "study.json")


def test_images_are_as_large_as_the_largest_store_that_is_read(tmp_path):
    stores = small_study().model_dump()["stores"]
    planned = plan_study(small_study(), tmp_path, settings=CPU)
    recipe = planned.arms[0].recipe
    assert image_px(planned.study, recipe) == 64
    assert image_px(small_study(stores=stores | {"wild": {"path": "x"}}), recipe) == 256
    assert len({step_key(recipe, stage) for stage in recipe.stages}) == 3
