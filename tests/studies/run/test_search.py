"""Tests for the search before a study's trials: without training, by an engine that makes the scores up; once with."""

import io
import json
import math
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from fake_studies import at_once, small_study
from prepose.errors import DataError, RecipeError
from prepose.files import write_json
from prepose.recipes.budget import training_flops
from prepose.specs.reading import study_from
from prepose.studies.engines.local import Failure, Outcome
from prepose.studies.run import dry_run
from prepose.studies.run.conduct import run_study
from prepose.studies.run.dry_run import StepCost
from prepose.studies.run.planning import RunSettings, plan_study
from prepose.studies.run.search import check_search, known_tuning, run_search, search_flops, tuned

RATE = {"*.learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}}
SETTINGS = RunSettings(jobs=2, threads=1, accelerator="cpu")


def searched(budget=80, **search):
    content = small_study(budget={"rule": "images", "amount": budget}).model_dump(mode="json")
    return study_from(content | {"search": {"parameters": RATE, "trials": 6, "at_once": 2, **search}}, "small")


class Scores:
    """An engine that trains nothing: the score is how far the rate is from the arm's best one."""

    def __init__(self, diverges=lambda rate: False, dies_after=math.inf):
        self.orders, self.diverges, self.dies_after = [], diverges, dies_after

    def __call__(self, jobs, *, resources, tick, on_done):
        for job in jobs:
            (order,) = job.arguments
            if len(self.orders) >= self.dies_after:
                on_done(job.name, Outcome(failure=Failure("Killed", "its process was killed")))
                continue
            self.orders.append(order)
            last = order.recipe.stages[-1]
            if self.diverges(last.learning_rate):
                on_done(job.name, Outcome(failure=Failure("TrainingDiverged", "the loss is no longer finite")))
                continue
            best = 3e-2 if last.name == "only-3d" else 3e-3
            away = abs(math.log(last.learning_rate / best))
            order.folder.mkdir(parents=True, exist_ok=True)
            rows = ["stage,samples,loss,train_flops,samples_per_second,validation_mpjpe_mm"]
            rows += [f"{last.name},{4 * i},1,1,1,{400 - 100 * i + away}" for i in (1, 2)]
            (order.folder / "log.csv").write_text("\n".join(rows) + "\n")
            costs = {"train_flops": order.counted_flops, "validation_flops": 5.0, "evaluations": {}}
            write_json(order.folder / "costs.json", costs)
            on_done(job.name, Outcome())
        return {}


def search(study, out, engine):
    planned = plan_study(study, out, settings=SETTINGS)
    return planned, run_search(out, planned, engine=engine, console=Console(file=io.StringIO()))


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_every_arm_gets_the_same_search_and_the_validation_chooses(tmp_path, sampler):
    engine = Scores()
    planned, found = search(searched(sampler=sampler), tmp_path, engine)
    assert [arm.arm for arm in found.tuning.arms] == ["pretrained", "only-3d"]
    for arm in found.tuning.arms:
        assert len(arm.settings) == 6
        assert arm.setting.scores[0] == min(setting.scores[0] for setting in arm.settings)
        assert (arm.metric, arm.store, arm.split) == ("mpjpe_mm", "lab", "validation")
    # No arm loses because its settings were luckier: the first ones are the same.
    first = [[setting.values for setting in arm.settings[:2]] for arm in found.tuning.arms]
    assert first[0] == first[1]
    assert len(engine.orders) == 12 and all(not order.sets for order in engine.orders)
    assert {order.recipe.seed for order in engine.orders} == {1000}
    assert found.tuning.train_flops == pytest.approx(search_flops(planned.study, planned.arms), rel=0.01)
    chosen = tuned(planned, found.tuning)
    rates = {arm.name: arm.recipe.stages[-1].learning_rate for arm in chosen.arms}
    assert rates["pretrained"] < rates["only-3d"]
    assert [training_flops(arm.recipe) for arm in chosen.arms] == [training_flops(arm.recipe) for arm in planned.arms]
    assert known_tuning(tmp_path, planned.study) == found.tuning


def test_a_search_that_was_killed_goes_on_and_ends_as_one_that_was_not(tmp_path):
    whole = search(searched(), tmp_path / "whole", Scores())[1]
    stopped = search(searched(), tmp_path / "stopped", Scores(dies_after=5))[1]
    assert stopped.tuning is None and "Killed" in {failure.kind for failure in stopped.failures.values()}
    assert not (tmp_path / "stopped" / "tuning.json").exists()
    engine = Scores()
    again = search(searched(), tmp_path / "stopped", engine)[1]
    assert again.tuning == whole.tuning and len(engine.orders) == 7
    idle = Scores()
    assert search(searched(), tmp_path / "stopped", idle)[1].tuning == whole.tuning and not idle.orders


def test_halving_trains_the_better_settings_longer(tmp_path):
    study = searched(budget=240, trials=4, halving={"rungs": 2, "factor": 2})
    engine = Scores()
    _, found = search(study, tmp_path, engine)
    for arm in found.tuning.arms:
        went_on = [setting for setting in arm.settings if len(setting.scores) == 2]
        assert len(went_on) == 2 and arm.setting in went_on
        assert max(setting.scores[0] for setting in went_on) <= min(
            setting.scores[0] for setting in arm.settings if setting not in went_on
        )
    assert sorted({order.recipe.samples for order in engine.orders}) == [120, 240]


def test_a_setting_that_diverges_is_the_worst_and_is_not_tried_again(tmp_path):
    engine = Scores(diverges=lambda rate: rate > 2e-2)
    _, found = search(searched(), tmp_path, engine)
    scores = [setting.scores[0] for arm in found.tuning.arms for setting in arm.settings]
    assert None in scores and all(arm.setting.scores[0] is not None for arm in found.tuning.arms)
    again = Scores()
    assert search(searched(), tmp_path, again)[1].tuning == found.tuning and not again.orders
    with pytest.raises(RecipeError, match="arm 'pretrained': every setting of the search diverged"):
        search(searched(), tmp_path / "all", Scores(diverges=lambda rate: True))


def test_choices_and_whole_numbers_are_what_the_recipe_takes(tmp_path):
    parameters = {"*.optimiser": {"choices": ["adamw", "sgd"]}, "batch_size": {"low": 2, "high": 4, "whole": True}}
    _, found = search(searched(parameters=parameters), tmp_path, Scores())
    for setting in found.tuning.arms[0].settings:
        assert setting.values["*.optimiser"] in ("adamw", "sgd")
        assert f"*.optimiser={setting.values['*.optimiser']}" in setting.changes
        assert isinstance(setting.values["batch_size"], int)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parameters": {"*.learning_rat": RATE["*.learning_rate"]}}, r"learning_rat.*did you mean 'learning_rate'"),
        ({"parameters": {"finetune.learning_rate": RATE["*.learning_rate"]}}, "arm 'only-3d'.*'finetune'"),
        ({"parameters": {"*.warm_up": {"low": 0.1, "high": 2.0}}}, "warm_up"),
        ({"trials": 9, "halving": {"rungs": 3, "factor": 3}}, "too few for one batch"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_rendered(changes, message):
    with pytest.raises(RecipeError, match=message):
        check_search(searched(**changes))


def test_an_arm_without_validation_cannot_be_searched():
    study = searched()
    with pytest.raises(RecipeError, match="has no validation, which must choose"):
        check_search(study.model_copy(update={"changes": (*study.changes, "validation=null")}))


def test_optuna_is_needed_and_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(RecipeError, match=r"needs Optuna; run `pip install 'prepose\[search\]'`"):
        check_search(searched())
    check_search(small_study())


def test_a_damaged_tuning_is_named_and_one_of_another_search_is_not_taken(tmp_path):
    search(searched(), tmp_path, Scores())
    assert known_tuning(tmp_path, searched(trials=7)) is None
    (tmp_path / "tuning.json").write_text('{"search": 3}')
    with pytest.raises(DataError, match=r"tuning\.json: is damaged"):
        known_tuning(tmp_path, searched())


def test_the_forecast_counts_the_search(tmp_path):
    def one_second_a_step(jobs, *, resources, tick, on_done):
        return {job.name: Outcome(StepCost(1.0, 10**9)) for job in jobs}

    def forecast():
        return dry_run.forecast(searched(), tmp_path, settings=SETTINGS, engine=one_second_a_step)

    found = forecast()
    assert found.search.trainings == 12 and not found.search.done
    assert found.search.seconds == pytest.approx(6 * sum(arm.seconds for arm in found.arms) / 2)
    console = Console(file=io.StringIO(), width=200)
    dry_run.print_forecast(found, console)
    assert "search: 6 settings for each of 2 arms by tpe: 12 trainings" in console.file.getvalue()
    search(searched(), tmp_path, Scores())
    assert forecast().search.done and forecast().search.seconds == 0


@pytest.mark.slow
def test_a_study_with_a_search_runs_to_its_end_and_resumes(tmp_path):
    study = searched(budget=40, trials=2).model_copy(update={"seeds": (0,)})
    settings = replace(SETTINGS, jobs=1)
    end = run_study(study, tmp_path / "small", settings=settings, engine=at_once)
    assert (end.done, end.failures) == (2, {})
    tuning = json.loads((tmp_path / "small" / "tuning.json").read_text())
    plan = json.loads((tmp_path / "small" / "plan.json").read_text())
    assert len(list((tmp_path / "small" / "tuning").iterdir())) == 4
    for arm, trial in zip(tuning["arms"], plan["trials"], strict=True):
        recipe = json.loads((tmp_path / "small" / "trials" / trial["id"] / "recipe.json").read_text())
        chosen = next(setting for setting in arm["settings"] if setting["number"] == arm["chosen"])
        assert recipe["stages"][-1]["learning_rate"] == chosen["values"]["*.learning_rate"]
    again = run_study(study, tmp_path / "small", settings=settings, engine=lambda *args, **options: {})
    assert again.done == 2
