"""Tests for planning: lengths, what each trial may use, and measured budgets that stay what they were."""

import json
from dataclasses import replace

import pytest

from fake_studies import small_study
from prepose.errors import RecipeError
from prepose.studies.engines.local import Outcome, cores
from prepose.studies.run import planning as study_planning
from prepose.studies.run.folder import keep_plan
from prepose.studies.run.planning import RunSettings, checked_arms, default_jobs, picture_px, plan_study
from prepose.studies.run.step_speed import StepCost, step_key
from prepose.studies.run.stores import store_folders

CPU = RunSettings(jobs=2, accelerator="cpu")


def no_engine(*_, **__):
    raise AssertionError("nothing needs to be measured")


def pretending(seconds):
    """An engine that pretends to have measured."""
    asked = []

    def engine(jobs, *, resources, tick, on_done):
        asked.extend(jobs)
        stage_of = {job.name: job.arguments[1].name for job in jobs}
        return {name: Outcome(StepCost(seconds[stage], 10**9)) for name, stage in stage_of.items()}

    return engine, asked


SECONDS = {"pretrain": 0.25, "finetune": 0.5, "geometry": 0.5, "only-3d": 0.5}


def test_flops_and_images_need_no_measurement(tmp_path):
    planned = plan_study(small_study(), tmp_path, settings=CPU, engine=no_engine)
    assert [trial.recipe.samples for trial in planned.trials] == [80] * 4
    assert (planned.resources.at_once, planned.side_by_side) == (2, 2)
    assert planned.machine.threads == planned.resources.threads == max(1, cores() // 2)
    assert "step_seconds" not in planned.as_json()


def test_a_budget_of_seconds_is_measured_once_for_each_folder(tmp_path):
    study = small_study(budget={"rule": "seconds", "amount": 20})
    engine, asked = pretending(SECONDS)
    planned = plan_study(study, tmp_path, settings=CPU, engine=engine)
    assert len(asked) == 4, "four kinds of stage"
    for arm in planned.arms:
        spent = sum(SECONDS[stage.name] * arm.recipe.steps(stage) for stage in arm.recipe.stages)
        assert spent == pytest.approx(20, abs=0.25)
    keep_plan(tmp_path, planned.as_json(), extend=False)
    again = plan_study(study, tmp_path, settings=CPU, engine=no_engine)
    assert [trial.id for trial in again.trials] == [trial.id for trial in planned.trials]
    assert again.as_json() == planned.as_json()


def test_what_could_not_be_measured_is_told(tmp_path):
    study = small_study(budget={"rule": "seconds", "amount": 0.1})
    engine, _ = pretending(SECONDS)
    with pytest.raises(RecipeError, match=r"0\.1 seconds are too few for one batch"):
        plan_study(study, tmp_path, settings=CPU, engine=engine)


def test_threads_and_device_stay_what_they_were(tmp_path):
    first = plan_study(small_study(), tmp_path, settings=replace(CPU, threads=3), engine=no_engine)
    keep_plan(tmp_path, first.as_json(), extend=False)
    assert json.loads((tmp_path / "plan.json").read_text())["machine"] == {"accelerator": "cpu", "threads": 3}
    later = plan_study(small_study(), tmp_path, settings=RunSettings(jobs=1), engine=no_engine)
    assert (later.machine.threads, later.machine.accelerator, later.resources.at_once) == (3, "cpu", 1)
    other = plan_study(small_study(), tmp_path, settings=RunSettings(jobs=1, threads=2), engine=no_engine)
    assert other.machine.threads == 2


def test_a_scale_reaches_the_trials(tmp_path):
    planned = plan_study(small_study(), tmp_path, settings=replace(CPU, budget_scale=0.5), engine=no_engine)
    assert {trial.recipe.samples for trial in planned.trials} == {40}


def test_a_trial_on_a_graphics_card_makes_its_batches_beside(tmp_path, monkeypatch):
    monkeypatch.setattr(study_planning, "found_accelerator", lambda: "cuda")
    planned = plan_study(small_study(), tmp_path, settings=RunSettings(jobs=4, threads=2, gpus=0.25), engine=no_engine)
    assert (planned.machine.accelerator, planned.machine.workers, planned.resources.gpus) == ("cuda", 2, 0.25)


def test_jobs_are_as_many_as_cores_while_memory_lasts(monkeypatch):
    monkeypatch.setattr(study_planning, "cores", lambda: 1000)
    assert 1 <= default_jobs(cuda=False) < 1000
    monkeypatch.setattr(study_planning, "cores", lambda: 1)
    assert default_jobs(cuda=False) == 1


def test_arms_are_checked_before_anything_is_measured(tmp_path):
    study = small_study(budget={"rule": "seconds", "amount": 20}, changes=["nonsense=1"])
    with pytest.raises(RecipeError, match=r"arm 'pretrained': .*'nonsense'"):
        checked_arms(study, store_folders(study, tmp_path, None))


def test_pictures_are_as_large_as_the_largest_store_that_is_read(tmp_path):
    stores = small_study().model_dump()["stores"]
    planned = plan_study(small_study(), tmp_path, settings=CPU, engine=no_engine)
    recipe = planned.arms[0].recipe
    assert picture_px(planned.study, recipe) == 64
    assert picture_px(small_study(stores=stores | {"wild": {"path": "x"}}), recipe) == 256
    assert len({step_key(recipe, stage) for stage in recipe.stages}) == 3
