import json
import platform
from pathlib import Path

import pytest
import torch

from prepose.errors import DataError, RecipeError
from prepose.recipes.run import (
    create_run,
    discard_unless_begun,
    environment,
    last_step,
    note_environment,
    open_run,
    resume_run,
    saved_so_far,
)
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.overrides import override


def test_a_run_keeps_its_whole_recipe(tmp_path: Path) -> None:
    recipe = RECIPES["pretrain-finetune"]()
    run = create_run(tmp_path / "run", recipe)
    assert open_run(run.folder).recipe == recipe
    assert resume_run(run.folder, recipe) == run
    assert not run.finished and last_step(run) == 0


def test_a_folder_that_holds_a_run_is_refused(tmp_path: Path) -> None:
    create_run(tmp_path / "run", RECIPES["mixed"]())
    with pytest.raises(DataError, match=r"run: already holds a run; .*--resume"):
        create_run(tmp_path / "run", RECIPES["mixed"]())


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DataError, match="is not empty and not a run"):
        create_run(tmp_path, RECIPES["mixed"]())
    with pytest.raises(DataError, match="is not empty and not a run"):
        create_run(tmp_path / "thesis.tex", RECIPES["mixed"]())


def test_there_must_be_a_run_to_resume(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no run \(it has no recipe\.json\)"):
        resume_run(tmp_path, RECIPES["mixed"]())


def test_a_different_recipe_is_refused_by_the_fields_that_differ(tmp_path: Path) -> None:
    recipe = RECIPES["pretrain-finetune"]()
    create_run(tmp_path / "run", recipe)
    other = override(
        recipe, ["seed=3", "finetune.learning_rate=0.5", "finetune.losses.joint_depth=1", "clip_norm=null"]
    )
    with pytest.raises(RecipeError) as caught:
        resume_run(tmp_path / "run", other)
    line = str(caught.value)
    assert "finetune.learning_rate was 0.007 and is now 0.5" in line
    assert "finetune.losses.joint_depth was" in line
    assert "seed was 0 and is now 3; clip_norm was 1.0 and is now null" in line
    assert "geometry" not in line and "\n" not in line


def test_another_arm_is_refused_in_a_short_line(tmp_path: Path) -> None:
    create_run(tmp_path / "run", RECIPES["pretrain-finetune"]())
    with pytest.raises(
        RecipeError, match=r"name was \"pretrain-finetune\" and is now \"mixed\"; .*resume it with the same"
    ):
        resume_run(tmp_path / "run", RECIPES["mixed"]())


def test_each_session_adds_its_facts(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", RECIPES["mixed"]())
    for session in range(3):
        note_environment(run, {"session": session})
    noted = json.loads((run.folder / "environment.json").read_text())
    assert noted == {"session": 0, "resumed": [{"session": 1}, {"session": 2}]}


def test_facts_of_another_type_are_said(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", RECIPES["mixed"]())
    (run.folder / "environment.json").write_text('{"resumed": "twice"}')
    with pytest.raises(DataError, match=r"environment\.json: resumed is a str, expected a list"):
        note_environment(run, {"session": 1})


def test_a_run_that_never_began_is_discarded_and_another_is_kept(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", RECIPES["mixed"]())
    (run.folder / "log.csv").write_text("step,loss\n")
    assert discard_unless_begun(run) and not run.folder.exists()
    run = create_run(tmp_path / "run", RECIPES["mixed"]())
    (run.folder / "notes.txt").write_text("a person's own")
    assert discard_unless_begun(run) and [path.name for path in run.folder.iterdir()] == ["notes.txt"]
    run = create_run(tmp_path / "logged", RECIPES["mixed"]())
    (run.folder / "log.csv").write_text("step,loss\n1,0.5\n")
    assert not discard_unless_begun(run) and (run.folder / "recipe.json").exists()
    run = create_run(tmp_path / "saved", RECIPES["mixed"]())
    (run.checkpoints / "step-000000000-0").mkdir(parents=True)
    assert not discard_unless_begun(run) and (run.folder / "recipe.json").exists()


def test_what_is_saved_is_said_of_the_folder_as_it_is(tmp_path: Path) -> None:
    assert saved_so_far(tmp_path) == "nothing was saved yet"
    (tmp_path / "checkpoints" / "step-000000007-1").mkdir(parents=True)
    assert "saved state is of step 7; rerun with --resume" in saved_so_far(tmp_path)


def test_what_a_process_left_that_died_in_its_first_write_is_no_reason_to_refuse(tmp_path: Path) -> None:
    for name in (".lock", ".recipe.json.partial", "recipe.partial"):
        (tmp_path / name).write_text("half")
    assert create_run(tmp_path, RECIPES["mixed"]()).recipe == RECIPES["mixed"]()


@pytest.mark.parametrize("name", ["checkpoints", "weights", "evaluations", "recipe.json", "environment.json"])
def test_no_link_in_a_run_from_someone_else_is_followed(tmp_path: Path, name: str) -> None:
    """Resuming it would write there, and delete what it took for old checkpoints."""
    folder, elsewhere = create_run(tmp_path / "run", RECIPES["mixed"]()).folder, tmp_path / "elsewhere"
    if (folder / name).exists():
        (folder / name).rename(elsewhere)
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(DataError, match=f"{name} is a link; links are not followed"):
        run = open_run(folder)
        note_environment(run, {})
        assert not [run.checkpoints, run.best_weights, run.last_weights, run.evaluations]


def test_it_says_what_one_needs_to_run_again() -> None:
    facts = json.loads(json.dumps(environment()))
    assert facts["python"] == platform.python_version()
    assert facts["torch"] == torch.__version__ == facts["packages"]["torch"]
    assert facts["threads"] == torch.get_num_threads()
    assert facts["command"] and facts["date"].endswith("+00:00")
    assert len(facts["packages"]) > 10
