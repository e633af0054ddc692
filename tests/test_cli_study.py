"""Tests for the verbs about studies: options reach the study, exit codes say how it ended."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fake_studies import small_study
from prepose.cli import app
from prepose.errors import DataError, RecipeError
from prepose.specs import builtin_studies
from prepose.specs.reading import study_from
from prepose.studies.engines.local import Failure, run_jobs
from prepose.studies.quickstart import report as quickstart_report
from prepose.studies.report import write as study_report
from prepose.studies.run import conduct as conduct_study
from prepose.studies.run import dry_run
from prepose.studies.run.conduct import StudyEnd
from prepose.studies.run.planning import RunSettings


@pytest.fixture
def called(monkeypatch):
    """What `run_study` was called with; it ends as the test says."""
    calls = []

    def run(study, out, *, settings, engine, console):
        calls.append((study, out, settings, engine))
        return StudyEnd(out, 4 - len(run.failures), run.failures, {})

    run.failures = {}
    calls.append(run)
    monkeypatch.setattr(conduct_study, "run_study", run)
    monkeypatch.setattr(study_report, "write_study_report", lambda out, stores: out / "report.html")
    monkeypatch.setattr(builtin_studies, "STUDIES", {"small": lambda size: small_study(name=f"small-{size}")})
    return calls


def invoke(*arguments):
    return CliRunner().invoke(app, list(arguments))


def test_a_study_is_run_as_it_comes(called):
    done = invoke("study", "small", "--out", "x")
    assert (done.exit_code, done.stdout) == (0, "x: 4 trials done\nopen x/report.html\n")
    assert called[1] == (small_study(name="small-cpu"), Path("x"), RunSettings(size="cpu"), run_jobs)


def test_options_reach_the_study(called, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(small_study().model_dump_json())
    options = ["--jobs=3", "--threads=2", "--accelerator=cpu", "--stores=s", "--budget-scale=0.5", "--seeds=3"]
    options += ["--extend", "--gpus=0.5"]
    assert invoke("study", str(path), "--out", "x", *options).exit_code == 0
    study, _, settings, _ = called[1]
    assert study.seeds == (0, 1, 2)
    assert settings == RunSettings(
        jobs=3, threads=2, accelerator="cpu", gpus=0.5, stores=Path("s"), budget_scale=0.5, extend=True
    )


def test_failed_trials_are_listed_and_end_with_1(called):
    called[0].failures |= {"mixed, seed 0": Failure("Killed", "by signal 9"), "mixed, seed 1": Failure("X", "y")}
    done = invoke("study", "small", "--out", "x")
    assert done.exit_code == 1
    assert (
        done.stdout
        == "x: 2 trials done, 2 failed\n  mixed, seed 0: by signal 9\n  mixed, seed 1: y\nopen x/report.html\n"
    )


def test_without_a_trial_that_is_done_there_is_no_report(called):
    called[0].failures |= {f"mixed, seed {seed}": Failure("Killed", "by signal 9") for seed in range(4)}
    done = invoke("study", "small", "--out", "x")
    assert done.exit_code == 1 and "report" not in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["nothing"], "no study is named 'nothing'"),
        (["small", "--size", "huge"], "--size huge: expected cpu or gpu"),
        (["small", "--engine", "slurm"], "--engine slurm: expected local or ray"),
        (["small", "--accelerator", "tpu"], "--accelerator tpu: expected auto, cpu or cuda"),
    ],
)
def test_what_does_not_exist_is_told(called, options, message):
    done = invoke("study", *options, "--out", "x")
    assert isinstance(done.exception, RecipeError)
    assert message in str(done.exception)


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("--budget-scale", ["0", "-1", "nan", "inf", "1e309", "1e30"]),
        ("--gpus", ["0", "-1", "nan", "inf", "1e30"]),
        ("--seeds", ["0", "-1", "1e30", "1000000000", "9" * 5000]),
        ("--threads", ["0", "nan", "1000000"]),
        ("--jobs", ["0", "true", "1000000000"]),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused_with_its_option(called, option, values):
    for value in values:
        done = invoke("study", "small", "--out", "x", option, value)
        said = done.output + str(done.exception)
        assert done.exit_code != 0 and len(called) == 1, value
        assert (option in said and "xpected" in said) or "range" in said or "valid" in said, said


def test_a_dry_run_prints_a_forecast(called, monkeypatch, tmp_path):
    asked = []

    class Found:
        def as_json(self):
            return {"arms": []}

    monkeypatch.setattr(dry_run, "forecast", lambda *given, **more: asked.append((given, more)) or Found())
    done = invoke("study", "small", "--out", str(tmp_path / "x"), "--dry-run", "--json")
    assert done.exit_code == 0 and json.loads(done.stdout) == {"arms": []}
    assert len(called) == 1 and len(asked) == 1 and not list(tmp_path.iterdir())


def test_studies_are_listed():
    done = invoke("studies")
    assert done.exit_code == 0 and "label-efficiency" in done.stdout and "15 x 3" in done.stdout


def test_a_study_is_printed_ready_to_edit(called):
    printed = json.loads(invoke("studies", "small", "--size", "gpu").stdout)
    assert printed["seeds"] == [0, 1]
    assert study_from(printed, "x") == small_study(name="small-gpu")


def test_a_report_is_written_and_named(tmp_path, monkeypatch):
    monkeypatch.setattr(quickstart_report, "write_report_of", lambda folder, stores_in: folder / "report.html")
    done = invoke("report", str(tmp_path))
    assert done.exit_code == 0 and done.stdout.strip() == f"open {tmp_path / 'report.html'}"


def test_a_folder_without_anything_to_report_is_refused(tmp_path):
    done = invoke("report", str(tmp_path))
    assert isinstance(done.exception, DataError) and "holds no study (no study.json)" in str(done.exception)
