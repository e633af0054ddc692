"""Tests for one trial: what is done is not done again, whatever it was stopped in."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from fake_studies import small_study
from prepose.errors import DataError
from prepose.metrics.evaluation_files import load_evaluation
from prepose.recipes.train import Machine
from prepose.specs.builtin_recipes import recipe_named
from prepose.specs.study import EvaluationSet, StoreSpec
from prepose.studies.engines.local import Failure, Outcome, Resources
from prepose.studies.run.live_table import Expected
from prepose.studies.run.stores import draw_worlds, store_folders
from prepose.studies.run.trial_work import TrialOrder, carry_out, is_done, placed_set, run_orders
from prepose.studies.trials import arms_of, on_stores


@pytest.fixture(scope="module")
def order(tmp_path_factory):
    """The trial of the arm `only-3d`, carried out."""
    folder = tmp_path_factory.mktemp("trial")
    study = small_study(stores=dict.fromkeys(("wild", "lab"), LAB))
    folders = dict.fromkeys(store_folders(study, folder, None), folder / "lab")
    draw_worlds(study, folders, workers=1)
    sets = {name: placed_set(each, study.stores[each.store], folders[each.store]) for name, each in study.sets.items()}
    recipe = on_stores(arms_of(study)[1].recipe, folders)
    machine = Machine(accelerator="cpu", threads=1)
    order = TrialOrder(recipe, folder / "run", sets, counted_flops=1e9, machine=machine, side_by_side=1)
    assert not is_done(order.folder, sets)
    carry_out(order)
    return order


LAB = {"world": "lab", "counts": {"train": 8, "validation": 4, "test": 4}, "size": 32}


def costs(order):
    return json.loads((order.folder / "costs.json").read_text())


def test_a_trial_is_done_when_it_is_measured_on_just_these_sets(order):
    assert is_done(order.folder, order.sets) and is_done(order.folder, {})
    other = replace(order.sets["lab"], key="other")
    assert not is_done(order.folder, {"lab": other}) and not is_done(order.folder, {"more": other})


def test_a_trial_that_was_stopped_before_its_end_is_measured_without_training_again(order):
    weights = (order.folder / "weights" / "last.safetensors").stat().st_mtime_ns
    before, arrays = costs(order), (order.folder / "evaluations" / "lab.npz").read_bytes()
    (order.folder / "costs.json").unlink()
    (order.folder / "evaluations" / "lab.npz").unlink()
    carry_out(order)
    assert (order.folder / "weights" / "last.safetensors").stat().st_mtime_ns == weights
    assert (order.folder / "evaluations" / "lab.npz").read_bytes() == arrays
    assert costs(order)["stages"] == before["stages"]
    assert costs(order)["energy_joules"] is None, "what the first session used is not known"


def test_another_set_is_measured_and_added(order):
    spec = StoreSpec.model_validate(LAB)
    sets = dict(order.sets)
    sets["rescaled"] = placed_set(EvaluationSet(store="lab", protocol="optimal-scale"), spec, sets["lab"].store)
    before = costs(order)
    carry_out(replace(order, sets=sets))
    assert load_evaluation(order.folder / "evaluations" / "rescaled.json").protocol.name == "optimal-scale"
    after = costs(order)
    assert after["evaluations"]["lab"] == before["evaluations"]["lab"]
    assert after["evaluation_flops"] > before["evaluation_flops"]
    assert after["peak_memory_bytes"] == before["peak_memory_bytes"]


def test_a_failure_from_before_the_beginning_is_forgotten(order, tmp_path):
    again = replace(order, folder=tmp_path / "run")
    again.folder.mkdir()
    (again.folder / "failure.json").write_text("{}")
    carry_out(again)
    assert is_done(again.folder, again.sets) and not (again.folder / "failure.json").exists()


def test_a_set_is_known_by_what_it_holds(tmp_path):
    lab = EvaluationSet(store="lab")
    spec = StoreSpec.model_validate(LAB)
    key = placed_set(lab, spec, tmp_path).key
    assert placed_set(lab, spec, tmp_path / "moved").key == key
    assert placed_set(lab, spec.model_copy(update={"seed": 1}), tmp_path).key != key
    assert placed_set(lab.model_copy(update={"protocol": "mean-person"}), spec, tmp_path).key != key
    assert (
        placed_set(lab, StoreSpec(path="x"), tmp_path).key != placed_set(lab, StoreSpec(path="x"), tmp_path / "y").key
    )


@pytest.mark.parametrize("content", ["{", '{"train_flops": 1}', '{"evaluations": {"lab": {"unknown": 1}}}', "[]"])
def test_damaged_costs_are_named_with_what_to_do(tmp_path, content):
    (tmp_path / "costs.json").write_text(content)
    with pytest.raises(DataError, match=r"costs.json: is damaged .*; delete it, or choose another --out"):
        is_done(tmp_path, {})


def test_what_is_not_done_is_carried_out_and_failures_are_noted(tmp_path):
    recipe = recipe_named("only-3d")
    orders = {
        name: TrialOrder(recipe, tmp_path / name, sets={}, counted_flops=1.0, machine=Machine(), side_by_side=1)
        for name in ("done", "good", "bad")
    }
    expected = {name: Expected(name, order.folder, 8, 1.0) for name, order in orders.items()}
    seen = []

    def engine(jobs, *, resources, tick, on_done):
        seen.extend(job.name for job in jobs)
        on_done("good", Outcome())
        on_done("bad", Outcome(failure=Failure("Killed", "gone")))
        return {}

    failures = run_orders(
        orders, expected, ["done"], resources=Resources(1, 1), engine=engine, console=Console(file=io.StringIO())
    )
    assert seen == ["good", "bad"] and failures == {"bad": Failure("Killed", "gone")}
    assert json.loads((tmp_path / "bad" / "failure.json").read_text())["attempts"] == 1
