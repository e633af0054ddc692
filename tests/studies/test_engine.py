import operator
import os

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


def test_jobs_share_the_cores():
    assert threads_each(10_000) == 1
    assert threads_each(1) == len(os.sched_getaffinity(0))
