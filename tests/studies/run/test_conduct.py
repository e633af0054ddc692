"""A small study from its definition to its costs: undisturbed, killed, failing, extended."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import pytest
from rich.console import Console

from deaths import killed_again_and_again
from fake_studies import at_once, small_study
from prepose.errors import DataError, RecipeError
from prepose.metrics.evaluation_files import load_evaluation
from prepose.recipes.budget import training_flops
from prepose.recipes.checkpoint import checkpoints
from prepose.recipes.log import read_log
from prepose.recipes.run import environment, open_run
from prepose.studies.engines.local import Outcome, run_jobs
from prepose.studies.run.conduct import run_study
from prepose.studies.run.dry_run import StepCost, forecast
from prepose.studies.run.planning import RunSettings, plan_study
from prepose.studies.trials import arms_of, trials_of

SETS = ("lab", "wild")


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Where the worlds of all studies here are kept."""
    return tmp_path_factory.mktemp("stores")


@pytest.fixture(scope="module")
def settings(stores):
    # A checkpoint after each step: what is killed is killed between two of them.
    return RunSettings(jobs=2, threads=1, accelerator="cpu", stores=stores, checkpoint_seconds=0.0)


@pytest.fixture(scope="module")
def undisturbed(settings, tmp_path_factory):
    """The folder of the small study, run in one go in this process; look, do not touch."""
    out = tmp_path_factory.mktemp("study") / "small"
    end = run_study(small_study(), out, settings=settings, engine=at_once)
    assert (end.done, end.failures) == (4, {})
    return out


def results(out):
    """The bytes of all that a table is made of."""
    folder = out / "trials"
    files = [*folder.glob("*/evaluations/*"), *folder.glob("*/weights/*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def costs(run):
    return json.loads((run / "costs.json").read_text())


def test_the_folder_says_what_was_asked_and_planned(undisturbed):
    described = json.loads((undisturbed / "study.json").read_text())
    assert described["format"] == 1 and described["size"] is None and described["budget_scale"] == 1.0
    assert described["study"]["base"]["stages"], "the base recipe is spelt out"
    plan = json.loads((undisturbed / "plan.json").read_text())
    arms = arms_of(small_study())
    trials = trials_of(small_study(), arms)
    assert plan["trials"] == [{"id": trial.id, "arm": trial.arm, "seed": trial.seed} for trial in trials]
    assert [trial["seed"] for trial in plan["trials"]] == [0, 0, 1, 1]
    for row, arm in zip(plan["arms"], arms, strict=True):
        assert row["train_flops"] == training_flops(arm.recipe) == sum(stage["train_flops"] for stage in row["stages"])
        assert row["images"] == 80 == sum(stage["samples"] for stage in row["stages"])
        assert row["parameters"] > 7e5 and row["levels"] == {"training": arm.name}
    assert "torch" in json.loads((undisturbed / "environment.json").read_text())


def test_every_trial_is_measured_and_says_what_it_cost(undisturbed, stores):
    plan = json.loads((undisturbed / "plan.json").read_text())
    flops = {arm["name"]: arm["train_flops"] for arm in plan["arms"]}
    for trial in plan["trials"]:
        run = undisturbed / "trials" / trial["id"]
        assert open_run(run).finished and open_run(run).recipe.seed == trial["seed"]
        for name in SETS:
            evaluation = load_evaluation(run / "evaluations" / f"{name}.json")
            assert (evaluation.dataset, evaluation.split, len(evaluation)) == (name, "test", 8)
            assert {"mean-pose", "true-2d-flat-depth"} <= evaluation.variants.keys()
        found = costs(run)
        assert found["train_flops"] == pytest.approx(flops[trial["arm"]]) and found["images_seen"] == 80
        assert found["train_seconds"] == pytest.approx(float(read_log(run)[-1]["train_seconds"]), abs=0.01)
        # 16 samples, each with its mirror image.
        assert found["evaluation_flops"] == 32 * found["forward_flops"]
        assert found["wall_seconds"] > found["evaluation_seconds"] > 0
        assert found["threads"] == 1 and found["side_by_side"] == 2 and 1e8 < found["peak_memory_bytes"] < 1e11
        assert not (run / "failure.json").exists() and not checkpoints(run / "checkpoints")


def test_the_same_command_again_does_nothing(undisturbed, settings):
    before = results(undisturbed)
    jobs = []
    end = run_study(small_study(), undisturbed, settings=settings, engine=lambda given, **_: jobs.extend(given))
    assert end.done == 4 and not jobs and results(undisturbed) == before
    assert len(json.loads((undisturbed / "environment.json").read_text())["resumed"]) >= 1


def test_trials_of_another_study_are_not_trained_again(undisturbed, settings, tmp_path):
    jobs = []

    def record(given, **_):
        jobs.extend(given)

    larger = small_study(name="larger", seeds=[0, 1, 2])
    console = Console(file=io.StringIO())
    taking = replace(settings, trials_of=(undisturbed,))
    run_study(larger, tmp_path / "larger", settings=taking, engine=record, console=console)
    assert results(tmp_path / "larger") == results(undisturbed)
    told = console.file.getvalue()
    assert len(jobs) == 2 and "4 of 6 trials copied from other studies" in told
    assert "M parameters" in told and "2 arms x 3 seeds: 6 trials, 4 done; 2 at a time on cpu, 1 thread each" in told
    assert f"next: prepose evaluate {tmp_path / 'larger' / 'trials'}" in told
    forecast_of = forecast(larger, tmp_path / "other", settings=taking, engine=one_second_a_step)
    assert [trial["done"] for trial in forecast_of.trials] == [True] * 4 + [False] * 2


def one_second_a_step(jobs, **_):
    return {job.name: Outcome(StepCost(1.0, 10**9)) for job in jobs}


SCRIPT = """
import sys
from pathlib import Path
from fake_studies import small_study
from prepose.studies.run.conduct import run_study
from prepose.studies.run.planning import RunSettings, plan_study

if __name__ == "__main__":
    stores, out = Path(sys.argv[1]), Path(sys.argv[2])
    settings = RunSettings(jobs=1, threads=1, accelerator="cpu", stores=stores, checkpoint_seconds=0.0)
    run_study(small_study(), out, settings=settings)
"""


@pytest.mark.slow
def test_killed_in_the_middle_and_run_again_it_gives_the_same_to_the_last_bit(undisturbed, settings, stores, tmp_path):
    script, out = tmp_path / "script.py", tmp_path / "out"
    script.write_text(SCRIPT)
    paths = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, script, stores, out], env=paths) as process:
        wait_for(lambda: max(steps(out), default=0) >= 7 or process.poll() is not None)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    stopped = steps(out)
    assert any(0 < each < 20 for each in stopped), "a trial was killed in its middle"
    run_study(small_study(), out, settings=settings, engine=at_once)
    assert results(out) == results(undisturbed)


def steps(out):
    folders = [path for run in out.glob("trials/*") for path in checkpoints(run / "checkpoints")]
    return [int(path.name.split("-")[1]) for path in folders]


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
def test_a_trial_whose_worker_is_killed_fails_alone_and_is_done_by_the_next_session(undisturbed, settings, tmp_path):
    out, victims = tmp_path / "out", []

    def cruel(jobs, *, resources, tick, on_done):
        def kill_one(running):
            tick(running)
            if not victims and any(step >= 5 for step in steps(out)):
                victims.append(active_children()[0].pid)
                os.kill(victims[0], signal.SIGKILL)

        return run_jobs(jobs, resources=resources, tick=kill_one, on_done=on_done)

    console = Console(file=io.StringIO(), width=200)
    end = run_study(small_study(), out, settings=settings, engine=cruel, console=console)
    assert victims and end.done == 3
    [(title, failure)] = end.failures.items()
    assert failure.message == "its process was killed by signal 9; most often the machine ran out of memory"
    assert f"failed  {title}: its process was killed" in console.file.getvalue()
    [file] = out.glob("trials/*/failure.json")
    kept = json.loads(file.read_text())
    assert (kept["kind"], kept["attempts"]) == ("Killed", 1) and not (file.parent / "costs.json").exists()
    end = run_study(small_study(), out, settings=settings, engine=at_once)
    assert (end.done, end.failures) == (4, {}) and not file.exists()
    assert results(out) == results(undisturbed)


def copy_of(undisturbed, tmp_path):
    return shutil.copytree(undisturbed, tmp_path / "moved")


def only(*levels, **changes):
    return small_study(factors=[{"name": "training", "levels": list(levels)}], comparisons=[], **changes)


ONLY_3D = {"name": "only-3d", "recipe": "only-3d"}
BROKEN = {"name": "broken", "recipe": "only-3d", "changes": ["*.learning_rate=1e9", "clip_norm=null"]}


def test_a_changed_study_keeps_the_trials_that_it_still_has(undisturbed, settings, tmp_path):
    """Also: a folder may be moved, a trial that fails stops no other, and is tried again."""
    out = copy_of(undisturbed, tmp_path)
    changed = only(ONLY_3D, BROKEN, seeds=[0], sets={"lab": {"store": "lab"}, "other": {"store": "wild"}})
    with pytest.raises(DataError, match=r"another definition: .*seeds.*; add --extend"):
        run_study(changed, out, settings=settings, engine=at_once)
    before = results(out)
    extend = RunSettings(**{**vars(settings), "extend": True})
    for attempts in (1, 2):
        end = run_study(changed, out, settings=extend, engine=at_once)
        assert end.done == 1
        assert "no longer finite" in end.failures["broken, seed 0"].message
        [failed] = [json.loads(path.read_text()) for path in out.glob("trials/*/failure.json")]
        assert (failed["kind"], failed["attempts"]) == ("TrainingDiverged", attempts)
    after = results(out)
    assert {name: after[name] for name in before} == before, "what was measured stays"
    kept = trials_of(changed, arms_of(changed))[0]
    assert load_evaluation(out / "trials" / kept.id / "evaluations" / "other.json").dataset == "wild"
    found = costs(out / "trials" / kept.id)
    assert set(found["evaluations"]) == {"lab", "other"}
    assert found["train_seconds"] == costs(undisturbed / "trials" / kept.id)["train_seconds"]


def test_a_recipe_that_means_something_else_now_is_told(undisturbed, settings, tmp_path):
    out = copy_of(undisturbed, tmp_path)
    plan = json.loads((out / "plan.json").read_text())
    plan["trials"][0]["id"] = "000000000000"
    (out / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(DataError, match=r"arm 'pretrained' is no longer the training that it was: .*; add --extend"):
        run_study(small_study(), out, settings=settings, engine=at_once)


def test_a_folder_of_something_else_is_refused(settings, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DataError, match=r"holds no study and is not empty \(thesis\.tex\); choose another --out"):
        run_study(small_study(), tmp_path, settings=settings, engine=at_once)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"changes": ["batch_sise=4"]}, r"arm 'pretrained': .*no field or stage 'batch_sise'"),
        ({"budget": {"rule": "images", "amount": 4}}, "too few for one batch in each of its stages"),
        (
            {"stores": small_study().model_dump()["stores"] | {"lab": {"path": "/nowhere"}}},
            "/nowhere: there is no such",
        ),
        ({"stores": small_study().model_dump()["stores"] | {"lab": {"world": "labb", "counts": {"test": 1}}}}, "labb"),
    ],
)
def test_nothing_is_written_for_a_study_that_cannot_be_run(changes, message, settings, tmp_path):
    with pytest.raises((RecipeError, DataError), match=message):
        run_study(small_study(**changes), tmp_path / "out", settings=settings, engine=at_once)
    assert not (tmp_path / "out").exists()


def test_the_environment_is_that_of_a_run():
    assert {"git_commit", "cpu", "packages"} <= environment().keys()


def test_a_cluster_that_cannot_be_reached_is_told_before_anything_is_drawn(settings, tmp_path):
    def unreachable(jobs, **how):
        raise RecipeError(f"no cluster for {len(jobs)} jobs")

    there = replace(settings, cluster=True, stores=tmp_path / "stores")
    with pytest.raises(RecipeError, match="no cluster for 0 jobs"):
        run_study(small_study(), tmp_path / "study", settings=there, engine=unreachable)
    assert not list((tmp_path / "stores").glob("**/*.arrow"))


def no_trials(jobs, *, resources, tick, on_done):
    """An engine that carries nothing out."""
    return {job.name: Outcome() for job in jobs}


def test_killed_before_any_change_of_the_studys_own_files_it_is_run_when_asked_again(
    undisturbed, settings, tmp_path, monkeypatch
):
    # What writes nothing is done once: it costs a second each time.
    planned = plan_study(small_study(), undisturbed, settings=settings)
    monkeypatch.setattr("prepose.studies.run.conduct.plan_study", lambda *_, **__: planned)
    monkeypatch.setattr("prepose.studies.run.conduct.environment", lambda: {"torch": "2"})

    # Until a file has its name nothing of it is there: each death in the first write finds an empty folder.
    out = tmp_path / "out"
    killed = killed_again_and_again(lambda: run_study(small_study(), out, settings=settings, engine=no_trials), step=1)
    assert killed > 5
    for name in ("study.json", "plan.json"):
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes()
    assert sorted(path.name for path in out.iterdir()) == ["environment.json", "plan.json", "study.json"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the dead close no files
def test_killed_again_and_again_it_ends_the_same(undisturbed, settings, tmp_path):
    out, study = tmp_path / "small", small_study(seeds=[0])
    assert killed_again_and_again(lambda: run_study(study, out, settings=settings, engine=at_once), step=11) > 3
    whole, found = results(undisturbed), results(out)
    # TensorBoard's event files are named by their time.
    assert found and all(whole[name] == found[name] for name in found)
    assert run_study(study, out, settings=settings, engine=at_once).done == 2
    assert not [path for path in out.rglob("*") if path.name.endswith((".partial", ".lock"))]


def test_trials_on_cuda_are_refused_before_anything_is_made_where_there_is_none(settings, tmp_path, monkeypatch):
    monkeypatch.setattr("prepose.studies.run.planning.found_accelerator", lambda: "cpu")
    with pytest.raises(RecipeError, match="no GPU that torch can use; pass --accelerator cpu"):
        run_study(small_study(), tmp_path / "out", settings=replace(settings, accelerator="cuda"), engine=at_once)
    assert not (tmp_path / "out").exists()


def test_a_study_begun_on_cuda_is_refused_where_there_is_none(undisturbed, settings, stores, tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    plan = json.loads((undisturbed / "plan.json").read_text())
    plan["machine"]["accelerator"] = "cuda"
    (out / "plan.json").write_text(json.dumps(plan))
    shutil.copy(undisturbed / "study.json", out)
    monkeypatch.setattr("prepose.studies.run.planning.found_accelerator", lambda: "cpu")
    with pytest.raises(RecipeError, match="no GPU"):
        run_study(small_study(), out, settings=replace(settings, accelerator="auto"), engine=at_once)
