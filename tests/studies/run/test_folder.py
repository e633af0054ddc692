"""Tests for the files of a study's folder."""

import json
import subprocess
import sys

import pytest

from fake_studies import small_study
from prepose.errors import DataError
from prepose.recipes.builtin import RECIPES
from prepose.studies.engines.local import Failure
from prepose.studies.run.folder import (
    attempts_at,
    claim_folder,
    clear_failure,
    definition,
    keep_plan,
    locked,
    note_failure,
    note_sitting,
    plan_of,
    read_plan,
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


def test_every_sitting_is_kept(tmp_path):
    for number in range(3):
        note_sitting(tmp_path, {"sitting": number})
    assert json.loads((tmp_path / "environment.json").read_text()) == {
        "sitting": 0,
        "resumed": [{"sitting": 1}, {"sitting": 2}],
    }


def test_two_processes_do_not_work_in_one_folder(tmp_path):
    code = (
        "import sys, pathlib; from prepose.studies.run.folder import locked\n"
        "with locked(pathlib.Path(sys.argv[1]), 'works'): print('in', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, tmp_path / ".lock"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"in\n"
        with (
            pytest.raises(
                DataError, match=rf"another process \({other.pid} on .+\) works in it; wait for it, or stop it"
            ),
            locked(tmp_path / ".lock", "works in it"),
        ):
            pass
        other.kill()
    with locked(tmp_path / ".lock", "works in it"):
        pass
