"""Tests for the files of a study's folder."""

import json

import pytest

from fake_studies import small_study
from prepose.errors import DataError
from prepose.specs.builtin_recipes import RECIPES
from prepose.studies.engines.local import Failure
from prepose.studies.run.folder import (
    attempts_at,
    claim_folder,
    clear_failure,
    definition,
    keep_plan,
    note_failure,
    note_session,
    plan_of,
    read_plan,
    trial_folder,
)
from prepose.studies.trials import arms_of, trials_of


def wanted(**changes):
    return definition(small_study(**changes), RECIPES["pretrain-finetune"](), size="cpu", budget_scale=1.0)


def test_a_folder_is_claimed_once_and_then_known(tmp_path):
    out = tmp_path / "deep" / "out"
    out.mkdir(parents=True)
    for _ in range(2):
        claim_folder(out, wanted(), extend=False)
    assert json.loads((out / "study.json").read_text()) == wanted()


def test_another_definition_is_refused_with_the_fields_that_differ(tmp_path):
    claim_folder(tmp_path, wanted(), extend=False)
    changed = wanted(seeds=[0, 1, 2], question="Why?")
    with pytest.raises(
        DataError, match=r"study\.question was \"Do 2D.*study\.seeds was \[0, 1\] and is now \[0, 1, 2\]"
    ):
        claim_folder(tmp_path, changed, extend=False)
    assert json.loads((tmp_path / "study.json").read_text()) == wanted()
    claim_folder(tmp_path, changed, extend=True)
    assert json.loads((tmp_path / "study.json").read_text()) == changed


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_file_is_said(tmp_path, content):
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(DataError, match=r"study\.json: is damaged"):
        claim_folder(tmp_path, wanted(), extend=True)


def test_the_plan_is_kept_and_must_stay(tmp_path):
    arms = arms_of(small_study())
    plan = plan_of(arms, trials_of(small_study(), arms))
    keep_plan(tmp_path, plan, extend=False)
    keep_plan(tmp_path, plan, extend=False)
    assert read_plan(tmp_path) == plan
    fewer = {**plan, "trials": plan["trials"][1:]}
    with pytest.raises(DataError, match="arm 'pretrained' is no longer the training that it was"):
        keep_plan(tmp_path, fewer, extend=False)
    keep_plan(tmp_path, fewer, extend=True)
    assert read_plan(tmp_path) == fewer


def test_a_folder_named_by_arm_and_seed_is_never_taken_for_another_trainings(tmp_path):
    named = small_study(folders="arm")
    plan = plan_of(arms_of(named), trials_of(named, arms_of(named)))
    assert {trial["folder"] for trial in plan["trials"]} == {
        f"runs/{arm.name}-seed{seed}" for arm in arms_of(named) for seed in named.seeds
    }
    keep_plan(tmp_path, plan, extend=False)
    other = {**plan, "trials": [{**trial, "id": trial["id"][::-1]} for trial in plan["trials"]]}
    with pytest.raises(DataError, match=r"runs/\S+-seed\d is of another training"):
        keep_plan(tmp_path, other, extend=True)


def test_a_study_whose_folders_are_named_by_hash_is_written_as_before_there_was_a_choice():
    assert "folders" not in wanted()["study"]
    study = small_study()
    rows = plan_of(arms_of(study), trials_of(study, arms_of(study)))["trials"]
    assert all(set(row) == {"id", "arm", "seed"} for row in rows)


def test_a_shared_stage_stands_in_the_plan():
    levels = [{"name": "shared", "shared_by": {"pretrain": 4}}]
    study = small_study(factors=[{"name": "training", "levels": levels}], comparisons=[])
    [row] = plan_of(arms_of(study), ())["arms"]
    assert row["shared_by"] == {"pretrain": 4}
    saved = 0.75 * row["stages"][0]["train_flops"]
    assert row["counted_flops"] == pytest.approx(row["train_flops"] - saved)


def test_failures_are_counted_until_they_are_cleared(tmp_path):
    run = tmp_path / "trials" / "x"
    assert attempts_at(run) == 0
    note_failure(run, Failure("Killed", "by signal 9"), 1)
    note_failure(run, Failure("Killed", "by signal 9"), attempts_at(run) + 1)
    kept = json.loads((run / "failure.json").read_text())
    assert (kept["kind"], kept["message"], kept["attempts"]) == ("Killed", "by signal 9", 2)
    clear_failure(run)
    clear_failure(run)
    assert attempts_at(run) == 0


def test_every_session_is_kept(tmp_path):
    for number in range(3):
        note_session(tmp_path, {"session": number})
    assert json.loads((tmp_path / "environment.json").read_text()) == {
        "session": 0,
        "resumed": [{"session": 1}, {"session": 2}],
    }


@pytest.mark.parametrize("left", [".lock", ".study.json.partial", "study.partial", ".study.json.123.part"])
def test_what_a_process_left_that_died_in_its_first_write_is_no_reason_to_refuse(tmp_path, left):
    (tmp_path / left).write_text("half")
    claim_folder(tmp_path, wanted(), extend=False)
    assert json.loads((tmp_path / "study.json").read_text()) == wanted()


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(DataError, match=r"holds no study and is not empty \(thesis\.tex\)"):
        claim_folder(tmp_path, wanted(), extend=False)


@pytest.mark.parametrize("trial", ["../x", "/etc", "a/../../x"])
def test_a_trials_name_leads_nowhere_else(tmp_path, trial):
    with pytest.raises(DataError, match=r"plan\.json: names .* leads out of"):
        trial_folder(tmp_path, trial)


@pytest.mark.parametrize(
    "plan", [{}, {"trials": 3}, {"trials": [3]}, {"trials": [{"id": 3, "arm": "a"}]}, {"trials": [{"id": "a"}]}]
)
def test_a_plan_that_is_none_is_said(tmp_path, plan):
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(DataError, match=r"plan\.json: is damaged \(trials\)"):
        read_plan(tmp_path)


@pytest.mark.parametrize("machine", [3, {"threads": "many"}, {"threads": True}])
def test_a_plan_of_an_odd_machine_is_said(tmp_path, machine):
    (tmp_path / "plan.json").write_text(json.dumps({"trials": [], "machine": machine}))
    with pytest.raises(DataError, match=r"plan\.json: is damaged \(threads\)"):
        read_plan(tmp_path)


def test_attempts_that_are_no_number_are_said(tmp_path):
    (tmp_path / "failure.json").write_text('{"attempts": "many"}')
    with pytest.raises(DataError, match=r"failure\.json: is damaged \(attempts: 'many'\)"):
        attempts_at(tmp_path)
