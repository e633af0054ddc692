"""Trials of other studies: what is done is copied, what is begun here is left alone."""

import json
import os
from pathlib import Path

import pytest

from fake_studies import small_study
from prepose.errors import DataError
from prepose.recipes.train import Machine
from prepose.studies.engines.local import Failure
from prepose.studies.run.folder import note_failure
from prepose.studies.run.other_studies import check_others, done_elsewhere, take_over
from prepose.studies.run.trial_work import TrialOrder
from prepose.studies.trials import arms_of, on_stores, trials_of

[TRIAL] = trials_of(small_study(seeds=[0]), arms_of(small_study(seeds=[0])))[:1]


def order(folder):
    recipe = on_stores(TRIAL.recipe, {"wild": Path("/here/wild"), "lab": Path("/here/lab")})
    return TrialOrder(recipe, folder, {}, counted_flops=5.0, machine=Machine(), side_by_side=1)


@pytest.fixture
def other(tmp_path):
    """A study's folder with one trial that is done."""
    run = tmp_path / "other" / "trials" / TRIAL.id
    for name, text in (
        ("recipe.json", '{"name": "elsewhere"}'),
        ("environment.json", '{"git_commit": "abc"}'),
        ("costs.json", '{"counted_flops": 3.0, "evaluations": {}, "train_seconds": 7.5}'),
        ("weights/best.safetensors", "weights"),
        ("tensorboard/events", "events"),
    ):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(text)
    (tmp_path / "other" / "plan.json").write_text("{}")
    return tmp_path / "other"


def test_a_trial_that_is_done_elsewhere_is_copied_whole(other, tmp_path):
    run = tmp_path / "mine" / "trials" / TRIAL.id
    assert take_over({TRIAL.id: order(run)}, [other]) == [TRIAL.id]
    assert (run / "weights/best.safetensors").read_text() == "weights"
    assert json.loads((run / "environment.json").read_text()) == {"git_commit": "abc"}
    assert json.loads((run / "costs.json").read_text()) == {
        "counted_flops": 5.0,
        "evaluations": {},
        "train_seconds": 7.5,
    }
    # The stores are those of this study.
    assert json.loads((run / "recipe.json").read_text())["sources"]["wild"]["store"] == "/here/wild"
    assert not (run / "tensorboard").exists()
    assert [path.name for path in run.parent.iterdir()] == [TRIAL.id]


def test_what_is_begun_here_is_left_alone_and_what_failed_before_it_began_is_replaced(other, tmp_path):
    run = tmp_path / "mine" / "trials" / TRIAL.id
    note_failure(run, Failure("MemoryError", "out of memory", ""), 1)
    assert take_over({TRIAL.id: order(run)}, [other]) == [TRIAL.id]
    assert not (run / "failure.json").exists()
    (run / "costs.json").unlink()
    assert take_over({TRIAL.id: order(run)}, [other]) == []


def test_a_trial_that_is_not_done_there_is_not_taken(other, tmp_path):
    (other / "trials" / TRIAL.id / "costs.json").unlink()
    assert done_elsewhere(TRIAL.id, [other]) is None
    run = tmp_path / "mine" / "trials" / TRIAL.id
    assert take_over({TRIAL.id: order(run)}, [other]) == [] and not run.exists()


def test_the_first_study_that_has_a_trial_gives_it(other, tmp_path):
    assert done_elsewhere(TRIAL.id, [tmp_path / "no-such", other]) == other / "trials" / TRIAL.id


def test_a_folder_without_a_study_or_without_trials_is_refused(tmp_path):
    with pytest.raises(DataError, match=f"{tmp_path}: holds no study; --trials-of takes"):
        check_others([tmp_path])
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(DataError, match="without its trials"):
        check_others([tmp_path])


@pytest.mark.parametrize("what", ["environment.json", "weights/best.safetensors", "weights", "evaluations"])
def test_what_a_link_points_to_is_not_copied(other, tmp_path, what):
    secret = tmp_path / "secret"
    secret.write_text("private")
    place = other / "trials" / TRIAL.id / what
    if place.exists():
        place.rename(tmp_path / "moved")
    place.symlink_to(secret)
    run = tmp_path / "mine" / "trials" / TRIAL.id
    with pytest.raises(DataError, match=f"{place} is a link"):
        take_over({TRIAL.id: order(run)}, [other])
    assert not run.parent.exists() or list(run.parent.iterdir()) == []


def test_a_trial_that_is_itself_a_link_is_not_copied(other, tmp_path):
    run = other / "trials" / TRIAL.id
    run.rename(tmp_path / "moved")
    run.symlink_to(tmp_path / "moved")
    with pytest.raises(DataError, match="is a link"):
        done_elsewhere(TRIAL.id, [other])


def test_a_pipe_is_not_copied(other, tmp_path):
    os.mkfifo(other / "trials" / TRIAL.id / "log.csv")
    with pytest.raises(DataError, match=r"log\.csv: is a pipe or a device"):
        take_over({TRIAL.id: order(tmp_path / "mine")}, [other])
