"""The built-in comparison from its first picture to its page, in a size of its own."""

import hashlib
import json

import numpy as np
import pytest

from deaths import killed_everywhere
from prepose.data.store import describe_store
from prepose.errors import DataError
from prepose.files import write_whole
from prepose.metrics.evaluation_files import load_evaluation
from prepose.recipes.budget import stage_cost, training_flops
from prepose.recipes.run import open_run
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.study import store_name
from prepose.studies.engines.local import Failure
from prepose.studies.quickstart import conduct as quickstart
from prepose.studies.quickstart.conduct import ARMS, SIZES, Size, quickstart_study, run_quickstart
from prepose.studies.run.conduct import StudyEnd
from prepose.studies.trials import arms_of, trials_of

COUNTS = {
    "wild": {"train": 16, "validation": 8, "test": 8},
    "lab": {"train": 16, "validation": 8, "test": 8},
    "occluded": {"test": 8},
}
# Six steps of 32: the fewest with which every stage of every arm has one.
TINY = Size("quick", COUNTS, 64, 192, (0, 1), 10_000)
OTHER = Size("standard", COUNTS, 64, 224, (0, 1), 10_000)
SETS = ("lab", "wild", "occluded")


@pytest.fixture(scope="module")
def sizes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quickstart, "SIZES", {"quick": TINY, "standard": OTHER})
        yield


@pytest.fixture(scope="module")
def folder(sizes, tmp_path_factory):
    """What a whole quickstart leaves."""
    out = tmp_path_factory.mktemp("quickstart") / "out"
    assert run_quickstart(out, "quick", jobs=1) == out / "report.html"
    return out


def digests(folder):
    """Every file that a comparison rests on: its stores and runs."""
    files = [path for part in ("stores", "runs") for path in (folder / part).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)}


def report_of(folder):
    return json.loads((folder / "report.json").read_text())


def test_a_size_that_is_none_is_a_programmers_mistake(tmp_path):
    with pytest.raises(ValueError, match="no quickstart is of size 'huge'; known: quick, standard"):
        run_quickstart(tmp_path / "out", "huge")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_report_has_the_documented_form(folder):
    report = report_of(folder)
    assert [arm["name"] for arm in report["arms"]] == list(ARMS)
    for arm in report["arms"]:
        assert arm["seeds"] == [0, 1]
        assert isinstance(arm["train_flops"], float) and isinstance(arm["seconds"], float) and arm["seconds"] > 0
        assert isinstance(arm["images_seen"], int) and isinstance(arm["parameters"], int)
        for name in SETS:
            for measure in ("mpjpe_mm", "pa_mpjpe_mm", "pck2d"):
                figure = arm["evaluations"][name][measure]
                assert set(figure) == {"mean", "std", "low", "high"}
                assert figure["mean"] >= 0 and figure["std"] >= 0
    assert report["seconds_total"] > 0
    assert {"cpu", "torch", "prepose", "git_commit"} <= report["environment"].keys()
    assert (folder / "report.html").stat().st_size < 3.5e6


@pytest.mark.slow
def test_the_arms_are_trained_at_equal_compute(folder):
    """What the run folders say was trained, not what was planned: within half a batch of the arm's last stage."""
    only_3d = training_flops(open_run(folder / "runs/only-3d-seed0").recipe)
    for arm in report_of(folder)["arms"]:
        recipes = [open_run(folder / "runs" / f"{arm['name']}-seed{seed}").recipe for seed in (0, 1)]
        assert [recipe.seed for recipe in recipes] == [0, 1]
        assert len({recipe.model_copy(update={"seed": 0}).model_dump_json() for recipe in recipes}) == 1
        recipe = recipes[0]
        assert arm["train_flops"] == training_flops(recipe)
        assert arm["images_seen"] == recipe.samples
        half_a_batch = recipe.batch_size * stage_cost(recipe.model, recipe.stages[-1]).training / 2
        assert abs(arm["train_flops"] - only_3d) <= half_a_batch * (1 + 1e-9)


@pytest.mark.slow
def test_the_worlds_have_the_samples_of_the_size(folder):
    for world, counts in COUNTS.items():
        splits = describe_store(folder / "stores" / world).splits
        assert {split: part.samples for split, part in splits.items()} == counts
        assert all(part.complete for part in splits.values())


@pytest.mark.slow
def test_every_run_is_evaluated_on_every_test_set_beside_the_mean_pose(folder):
    for arm in ARMS:
        for seed in (0, 1):
            run = folder / "runs" / f"{arm}-seed{seed}"
            evaluations = {name: load_evaluation(run / "evaluations" / f"{name}.json") for name in SETS}
            assert {name: (each.dataset, each.split, len(each)) for name, each in evaluations.items()} == {
                name: (name, "test", 8) for name in SETS
            }
            assert all({"mean-pose", "true-2d-flat-depth"} <= each.variants.keys() for each in evaluations.values())


@pytest.mark.slow
def test_the_same_command_again_goes_on_and_changes_nothing(folder):
    """As after an interruption: a training's end, the report and the page are gone; all else is there."""
    before, report = digests(folder), report_of(folder)
    run = folder / "runs/mixed-seed1"
    lost = run / "evaluations/wild.json"
    evaluation = load_evaluation(lost)
    for path in (lost, run / "costs.json", folder / "report.json", folder / "report.html"):
        path.unlink()
    run_quickstart(folder, "quick", jobs=1)
    after = digests(folder)
    # A zip archive carries the time of its making, so that of evaluations only the content can be the same.
    remade = {name for name in before if name.startswith(("runs/mixed-seed1/evaluations", "runs/mixed-seed1/costs"))}
    assert {name: digest for name, digest in after.items() if name not in remade} == {
        name: digest for name, digest in before.items() if name not in remade
    }
    np.testing.assert_array_equal(load_evaluation(lost).prediction_mm, evaluation.prediction_mm)
    again = report_of(folder)
    for key in ("arms", "baselines", "sets", "worlds", "command"):
        assert again[key] == report[key]
    assert again["seconds_total"] > report["seconds_total"], "the second session's time is added"
    assert (folder / "report.html").is_file()


@pytest.mark.slow
def test_another_size_in_the_same_folder_is_refused(folder):
    before = digests(folder)
    with pytest.raises(DataError, match=r"holds a quickstart of size 'quick' .* now 'standard' is asked for"):
        run_quickstart(folder, "standard", jobs=1)
    assert digests(folder) == before


def test_other_peoples_files_are_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(DataError, match="is not empty and holds no quickstart"):
        run_quickstart(tmp_path)
    with pytest.raises(DataError, match="is a file"):
        run_quickstart(tmp_path / "thesis.tex")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"study": 3}', '{"study": {"name": "quickstart"}}'])
def test_a_record_that_is_none_is_told(tmp_path, content):
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(DataError, match="choose another --out or delete the folder"):
        run_quickstart(tmp_path)


def test_a_training_that_failed_is_told_and_nothing_is_reported(sizes, tmp_path, monkeypatch):
    failed = StudyEnd(tmp_path, 5, {"mixed, seed 1": Failure("DataError", "lab: a broken sample")}, {})
    monkeypatch.setattr(quickstart, "draw_worlds", lambda *_, **__: None)
    monkeypatch.setattr(quickstart, "run_study", lambda *_, **__: failed)
    with pytest.raises(DataError, match="mixed, seed 1: lab: a broken sample"):
        run_quickstart(tmp_path / "out", "quick")
    assert not (tmp_path / "out/report.json").exists()


def test_killed_before_any_change_of_its_own_files_it_is_run_when_asked_again(sizes, tmp_path, monkeypatch):
    """Worlds and trials have tests of their own for it; here they cost nothing."""
    monkeypatch.setattr(quickstart, "draw_worlds", lambda *_, **__: None)
    monkeypatch.setattr(quickstart, "run_study", lambda study, out, **_: StudyEnd(out, 6, {}, {}))
    monkeypatch.setattr(quickstart, "write_report", lambda out: write_whole(out / "report.html", "page"))

    def check(out):
        names = ["quickstart.json", "report.html", "study.json"]
        assert sorted(path.name for path in out.iterdir()) == names

    assert killed_everywhere(lambda out: run_quickstart(out, "quick"), tmp_path, check) > 10


def recipes_of(size="quick"):
    return {arm.name: arm.recipe for arm in arms_of(quickstart_study(SIZES[size]))}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_every_size_has_what_the_comparison_needs(size):
    assert set(size.counts) == {"wild", "lab", "occluded"}
    assert "train" not in size.counts["occluded"], "evaluation only"
    assert size.stored_px >= RECIPES["mixed"]().model.size
    assert SIZES[size.name] is size


def test_larger_sizes_are_larger():
    for smaller, larger in (("quick", "standard"), ("standard", "full")):
        assert SIZES[smaller].samples < SIZES[larger].samples
        assert len(SIZES[smaller].seeds) < len(SIZES[larger].seeds)
        assert SIZES[smaller].counts["wild"]["train"] < SIZES[larger].counts["wild"]["train"]


@pytest.mark.parametrize("size", SIZES)
def test_all_arms_spend_the_same_to_half_a_batch(size):
    recipes = recipes_of(size)
    assert tuple(recipes) == ARMS
    base = RECIPES["only-3d"]()
    assert recipes["only-3d"].samples == SIZES[size].samples
    budget = training_flops(base) * SIZES[size].samples / base.samples
    for recipe in recipes.values():
        last = recipe.stages[-1]
        half_a_batch = recipe.batch_size * stage_cost(recipe.model, last).training / 2
        assert abs(training_flops(recipe) - budget) <= half_a_batch * (1 + 1e-9)


def test_arms_differ_in_their_stages_alone():
    shared = {
        recipe.model_copy(update={"name": "", "summary": "", "sources": {}, "stages": ()}).model_dump_json()
        for recipe in recipes_of().values()
    }
    assert len(shared) == 1


def test_the_wild_gives_its_2d_labels_alone_and_no_test_set_chooses_a_model():
    for recipe in recipes_of().values():
        assert all(spec.split == "train" for spec in recipe.sources.values())
        assert "wild" not in recipe.sources or recipe.sources["wild"].labels == "2d"
        for stage in recipe.stages:
            validation = recipe.validation_of(stage)
            assert validation is not None
            assert (store_name(validation.store), validation.split) == ("lab", "validation")
            assert validation.every == SIZES["quick"].validate_every
        assert {(name, spec.split) for name, spec in recipe.watched.items()} == {("wild", "validation")}


def test_runs_have_folders_that_people_can_type():
    study = quickstart_study(SIZES["full"])
    assert {trial.folder for trial in trials_of(study, arms_of(study))} == {
        f"runs/{arm}-seed{seed}" for arm in ARMS for seed in (0, 1, 2)
    }
