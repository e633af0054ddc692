import operator
import os
from pathlib import Path

import pytest

from prepose.errors import DataError
from prepose.studies.engine import Trial, run_trials, threads_each


def failing(path):
    raise DataError(f"{path}: is missing")


@pytest.mark.slow
def test_results_come_by_name_in_the_order_of_the_trials():
    trials = [Trial(f"{a}", operator.mul, (a, 2)) for a in (3, 1, 2)]
    ticks = []
    assert list(run_trials(trials, jobs=2, tick=lambda: ticks.append(1)).items()) == [("3", 6), ("1", 2), ("2", 4)]
    assert ticks


@pytest.mark.slow
def test_a_users_mistake_in_a_trial_is_told_with_its_name():
    with pytest.raises(DataError, match=r"^lost: /nowhere: is missing$"):
        run_trials([Trial("lost", failing, ("/nowhere",))], jobs=1)


def writing(path):
    Path(path).write_text("done")


@pytest.mark.slow
def test_a_failed_trial_does_not_stop_the_others(tmp_path):
    trials = [Trial("lost", failing, ("/nowhere",)), Trial("kept", writing, (str(tmp_path / "kept"),))]
    with pytest.raises(DataError, match=r"^lost: "):
        run_trials(trials, jobs=1)
    assert (tmp_path / "kept").read_text() == "done"


def test_jobs_share_the_cores():
    assert threads_each(10_000) == 1
    assert threads_each(1) == len(os.sched_getaffinity(0))
